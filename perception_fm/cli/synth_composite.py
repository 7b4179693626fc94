"""`perception-fm synth composite`: painted walls in recordings with known poses."""

from __future__ import annotations

import math
from pathlib import Path

import click
from tqdm import tqdm


@click.command("composite")
@click.argument("drive_folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Drive folder to write.")
@click.option("--width", "width_m", default=6.0, show_default=True, help="Canvas width, m.")
@click.option("--height", "height_m", default=4.0, show_default=True, help="Canvas height, m.")
@click.option(
    "--distance",
    "distance_m",
    default=70.0,
    show_default=True,
    help="Along the path from the sweet spot to the canvas, m.",
)
@click.option("--lateral", "lateral_m", default=0.0, show_default=True, help="Offset from the path, left positive, m.")
@click.option("--slant", "slant_deg", default=0.0, show_default=True, help="Turn about the vertical, degrees.")
@click.option("--lean", "lean_deg", default=0.0, show_default=True, help="Top away from the camera, degrees.")
@click.option("--sweet-spot", default=0, show_default=True, help="Index of the frame that is printed on the canvas.")
@click.option("--picture", type=click.Path(path_type=Path), help="Print this image instead of the clip's own frame.")
@click.option(
    "--eye-up", "eye_up_m", default=0.0, show_default=True, help="The print is for a higher eye, by this much, m."
)
@click.option(
    "--eye-left",
    "eye_left_m",
    default=0.0,
    show_default=True,
    help="The print is for an eye this much further left, m.",
)
@click.option("--gain", default=1.0, show_default=True, help="Brightness of the print against the scene.")
@click.option("--blur", "blur_m", default=0.0, show_default=True, help="Softness of the print on the canvas, m.")
@click.option(
    "--detail", default=1.0, show_default=True, help="Sharpness of the enlarged print: 1 as the clip, 0 soft."
)
@click.option("--camera-height", "camera_height_m", type=float, help="Over the road, m; default: the folder's.")
@click.option(
    "--road-pitch",
    "road_pitch_deg",
    default=0.0,
    show_default=True,
    help="Grade on top of the driven path, uphill positive, degrees.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the sensor noise.")
def composite(
    drive_folder: Path,
    output: Path,
    width_m: float,
    height_m: float,
    distance_m: float,
    lateral_m: float,
    slant_deg: float,
    lean_deg: float,
    sweet_spot: int,
    picture: Path | None,
    eye_up_m: float,
    eye_left_m: float,
    gain: float,
    blur_m: float,
    detail: float,
    camera_height_m: float | None,
    road_pitch_deg: float,
    seed: int,
) -> None:
    """Paste a painted wall, fixed in the world, into a drive folder with known poses.

    The canvas shows the clip's own frame at the sweet spot, so that it cannot be seen from there. Writes a complete
    drive folder; its meta.json says where the wall stands and how far it is in every frame.
    """
    from perception_fm.synth.composite.composite_drive import composite_drive, read_image, read_meta
    from perception_fm.synth.composite.compositor import PrintOptions
    from perception_fm.synth.painted.painted_wall import WallPlacement

    placement = WallPlacement(width_m, height_m, distance_m, lateral_m, math.radians(slant_deg), math.radians(lean_deg))
    frames = composite_drive(
        drive_folder,
        output,
        placement,
        PrintOptions(eye_up_m, eye_left_m, gain, blur_m, detail),
        sweet_spot=sweet_spot,
        picture=read_image(picture) if picture else None,
        camera_height_m=camera_height_m,
        road_pitch_rad=math.radians(road_pitch_deg),
        seed=seed,
    )
    count = 0
    for _ in tqdm(frames, total=len(read_meta(drive_folder)["frames"]), unit="frame", disable=None):
        count += 1
    click.echo(
        f"{output}: {count} frames with a {width_m:g} x {height_m:g} m wall {distance_m:g} m after frame {sweet_spot}"
    )
