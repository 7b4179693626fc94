"""A drive folder as dense truth: the frames that have depth or labels, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import Calibration, DriveFrame, DriveInfo, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage, decode
from perception_fm.camera.model import CameraModel
from perception_fm.errors import BagError
from perception_fm.evaluation.label_map import NO_LABEL
from perception_fm.synth.composite.composite_drive import read_meta

Task = Literal["depth", "segmentation"]
_ANY_INTRINSICS = Intrinsics(hfov_deg=60.0)  # where no figure depends on them
_ANY_RATE_HZ = 10.0  # stamps are not used
_NONE_MEASURED = 0  # id of `cls` where no point was measured


@dataclass(frozen=True, eq=False)
class TruthFrame:
    """One image (H, W) or (H, W, 3) uint8 with its truth, all of the stored size.

    `depth_m` (H, W) float32, NaN none. `label` (H, W) int16, ids of the source, `NO_LABEL` where none was given.
    """

    index: int
    frame_id: str
    stem: str
    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32] | None
    label: NDArray[np.int16] | None


class DenseDrive:
    """The truth of one task in a drive folder.

    `needs_camera`: whether a focal length must be known; else a folder without one is taken as it is. Raises `BagError`
    for a folder that does not follow the format or lacks the truth of the task. Truth files that are named and do not
    exist are told in `info.notes`.
    """

    def __init__(self, folder: Path, task: Task, intrinsics: Intrinsics, *, needs_camera: bool) -> None:
        meta = read_meta(folder)
        frames = meta["frames"] if isinstance(meta["frames"], list) else []
        self._metas: list[dict[str, Any]] = [one for one in frames if isinstance(one, dict)]
        is_timed = any(one.get("stamp_ns") is not None for one in self._metas)
        has_camera = not isinstance(meta["camera"], dict) or meta["camera"].get("K") is not None
        if not (has_camera or needs_camera) and intrinsics == Intrinsics():
            intrinsics = _ANY_INTRINSICS
        self._folder = folder
        self._drive = DriveFolder(folder, intrinsics, None if is_timed else _ANY_RATE_HZ)
        self._task = task
        self.name = folder.resolve().name
        self.indices = tuple(index for index in range(len(self._metas)) if self._has_truth(index))
        if not self.indices:
            wanted = "depth" if task == "depth" else "label or cls"
            notes = "".join(f" ({note})" for note in self.info.notes)
            raise BagError(f"{folder}: no frame has {wanted}, so there is nothing to compare with{notes}")

    @property
    def info(self) -> DriveInfo:
        """Origin, licence, class names."""
        return self._drive.info

    @property
    def camera(self) -> CameraModel:
        """Of the stored images."""
        return camera_of(self.info.calibration)

    @property
    def frame_count(self) -> int:
        """All frames, also those without truth."""
        return len(self._metas)

    def key_of(self, index: int) -> tuple[str, str]:
        """`id` of a frame as text (its place where it has none), and the name of its image file without ending."""
        meta = self._metas[index]
        return str(meta.get("id", index)), Path(str(meta["image"])).stem

    def frames(self, step: int = 1) -> Iterator[TruthFrame]:
        """Every `step`-th frame with truth. Raises `BagError` at a file that cannot be read or has another size."""
        wanted = set(self.indices[::step])
        for index, frame in enumerate(self._drive.frames()):
            if index in wanted:
                yield self._truth(index, frame)

    def _truth(self, index: int, frame: DriveFrame) -> TruthFrame:
        frame_id, stem = self.key_of(index)
        image = frame.image
        pixels = decode(image, str(self._metas[index]["image"])) if isinstance(image, EncodedImage) else image
        label = None
        if frame.label is not None:
            label = frame.label.astype(np.int16)
            if not self._metas[index].get("label"):
                label[label == _NONE_MEASURED] = NO_LABEL
        return TruthFrame(index, frame_id, stem, pixels, frame.depth_m, label)

    def _has_truth(self, index: int) -> bool:
        keys = ("depth",) if self._task == "depth" else ("label", "cls")
        names = [self._metas[index].get(key) for key in keys]
        return any(isinstance(name, str) and (self._folder / name).is_file() for name in names)


def camera_of(calibration: Calibration) -> CameraModel:
    """The same camera for the maths."""
    (fx, fy), (cx, cy) = calibration.focal_px, calibration.principal_px
    return CameraModel(
        calibration.width,
        calibration.height,
        np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]),
        calibration.distortion_model,
        np.array(calibration.distortion),
    )
