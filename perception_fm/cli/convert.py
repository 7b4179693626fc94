"""`perception-fm convert`: drive folders, a video or a KITTI folder become a bag."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from tqdm import tqdm

from perception_fm.bags.convert import DriveConversion, MountingOptions, SourceOptions, open_drive
from perception_fm.bags.drive import Intrinsics
from perception_fm.bags.writer import BagWriter

_QUIET_S = 10.0  # without a terminal, progress is shown only for work longer than this, and as seldom


@click.command(name="convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("others", nargs=-1, type=click.Path(path_type=Path), metavar="[OTHER]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the bag to make.")
@click.option("--overwrite", is_flag=True, help="Replace a bag of that name.")
@click.option("--storage", type=click.Choice(["mcap", "sqlite3"]), default="mcap", show_default=True)
@click.option("--compress", is_flag=True, help="Pack the chunks of an mcap bag with zstd.")
@click.option("--raw", "is_raw", is_flag=True, help="Store decoded images instead of JPEG or PNG.")
@click.option("--rate", "rate_hz", type=click.FloatRange(min=0.0, min_open=True), metavar="HZ",
              help="Frames per second, where the source has no stamps.")
@click.option("--camera", metavar="NAME", help="Image folder of a KITTI drive, such as image_02 or image_0.")
@click.option("--poses", "poses_file", type=click.Path(path_type=Path), help="Poses file of a KITTI odometry sequence.")
@click.option("--fx", type=float, help="Focal length in pixels of the stored image, horizontal.")
@click.option("--fy", type=float, help="Focal length in pixels, vertical.")
@click.option("--cx", type=float, help="Principal point in pixels, column.")
@click.option("--cy", type=float, help="Principal point in pixels, row.")
@click.option("--hfov-deg", type=float, help="Horizontal field of view instead of the four numbers.")
@click.option("--height-m", type=click.FloatRange(0.1, 10.0), help="Height of the camera above the road.")
@click.option("--pitch-deg", type=click.FloatRange(-45.0, 45.0), help="How far the camera looks down.")
def command(
    source: Path,
    others: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    storage: str,
    compress: bool,
    is_raw: bool,
    rate_hz: float | None,
    camera: str | None,
    poses_file: Path | None,
    fx: float | None,
    fy: float | None,
    cx: float | None,
    cy: float | None,
    hfov_deg: float | None,
    height_m: float | None,
    pitch_deg: float | None,
) -> None:
    """Turn SOURCE into a rosbag2 recording with images, camera_info, odometry and transforms.

    SOURCE is a drive folder (drive-folder/1, docs/data_format.md), a KITTI odometry sequence, a KITTI raw drive, or a
    video file. Ground truth that the source has goes below /ground_truth.

    OTHER are further cameras of the same vehicle, with poses in the same world and stamps of the same clock; odometry
    comes from SOURCE, which looks along the path, and all options about a source or its mounting are about that one.
    """
    options = SourceOptions(Intrinsics(fx, fy, cx, cy, hfov_deg), rate_hz, camera, poses_file)
    drive = open_drive(source, options)
    beside = [open_drive(other, SourceOptions()) for other in others]
    conversion = DriveConversion(drive, MountingOptions(height_m, pitch_deg), beside, is_raw=is_raw)
    quiet_s = 0.0 if sys.stderr.isatty() else _QUIET_S
    with BagWriter(
        output, storage, overwrite=overwrite, compress=compress, custom_data=conversion.custom_data()
    ) as writer:
        stamps_ns = list(
            tqdm(
                conversion.write(writer),
                total=conversion.image_count,
                unit="image",
                delay=quiet_s,
                mininterval=max(quiet_s, 0.1),
            )
        )
    for note in conversion.notes:
        click.echo(f"note: {note}")
    for topic, count in sorted(writer.counts.items()):
        click.echo(f"{count:7d}  {topic}")
    size_mb = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    duration_s = (stamps_ns[-1] - stamps_ns[0]) * 1e-9
    frames = f"{len(stamps_ns)} images of {1 + len(others)} cameras" if others else f"{len(stamps_ns)} frames"
    click.echo(f"{output}: {frames}, {duration_s:.1f} s, {size_mb:.1f} MB, {storage}")
