"""The clip that ships with the package: a street, a painted wall across it, as a small bag."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from perception_fm.bags.convert import DriveConversion, MountingOptions, SourceOptions, open_drive
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError
from perception_fm.synth.composite.composite_drive import read_meta
from perception_fm.synth.planar.drive import DriveConfig, write_drive

MAX_BYTES = 6_000_000  # the clip lives in the repository and in every installation
DEMO_CLIP = DriveConfig(seed=7, stop_before_wall_m=6.0, noise_levels=1.2, jpeg_quality=82, has_depth=False)


def write_demo_clip(target: Path, *, overwrite: bool = False, config: DriveConfig = DEMO_CLIP) -> Iterator[int]:
    """Write the bag `target`; yields the number of each rendered frame.

    The wall's truth is in the bag's metadata under `wall`. Raises `BagError` when the bag exists, or its
    images take more than 6 MB.
    """
    if target.exists() and not overwrite:  # told before half a minute of rendering, not after
        raise BagError(f"{target} exists already; choose another output or ask to overwrite it")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "drive"
        yield from write_drive(replace(config, has_depth=False), folder)
        meta = read_meta(folder)
        conversion = DriveConversion(open_drive(folder, SourceOptions()), MountingOptions(), is_raw=False)
        truth = {"wall": json.dumps(meta["wall"])} if "wall" in meta else {}
        data = conversion.custom_data() | truth
        size = sum(file.stat().st_size for file in (folder / "rgb").iterdir())
        if size > MAX_BYTES:
            limit = f"{MAX_BYTES / 1e6:g}"
            raise BagError(f"the clip's images take {size / 1e6:.1f} MB, more than {limit}: lower jpeg_quality")
        with BagWriter(target, overwrite=overwrite, custom_data=data) as writer:
            for _ in conversion.write(writer):
                pass
