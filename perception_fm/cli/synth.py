"""`perception-fm synth`: clips with exact ground truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import yaml
from tqdm import tqdm

from perception_fm.cli import synth_dataset, synth_run, synth_sheet
from perception_fm.errors import ConfigError


def _list_settings(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    """Answer `--list`."""
    if not is_given:
        return
    from perception_fm.config import settings
    from perception_fm.synth.planar.drive import DriveConfig

    for item in settings(DriveConfig):
        click.echo(f"{item.name}={item.default}  {item.metadata['help']}")
    ctx.exit()


def _parsed(assignments: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs with YAML values. Raises `ConfigError` for anything else."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not (name and equals):
            raise ConfigError(f"a setting is given as NAME=VALUE, got {assignment!r}")
        try:
            values[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{name}: {text!r} is not a value") from error
    return values


@click.group("synth")
def command() -> None:
    """Make synthetic clips with exact ground truth."""


command.add_command(synth_dataset.dataset)
command.add_command(synth_run.run)
command.add_command(synth_run.cases)
command.add_command(synth_sheet.sheet)


@command.command("composite")
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


@command.command("drive")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Drive folder to write.")
@click.option("-s", "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting; see --list.")
@click.option(
    "--list",
    "is_listing",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_settings,
    help="Show all settings with their defaults and stop.",
)
def drive(output: Path, assignments: tuple[str, ...]) -> None:
    """Render a drive through a procedural street, towards a painted wall, with depth, labels and poses."""
    from perception_fm.config import from_mapping
    from perception_fm.synth.planar.drive import DriveConfig, plan_drive, write_drive

    config = from_mapping(DriveConfig, _parsed(assignments))
    total = len(plan_drive(config).stamps_ns)
    for _ in tqdm(write_drive(config, output), total=total, unit="frame", disable=None):
        pass
    click.echo(f"{output}: {total} frames")


@command.command("demo-clip")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Bag to write.")
@click.option("--overwrite", is_flag=True, help="Replace a bag of that name.")
def demo_clip(output: Path, overwrite: bool) -> None:
    """Make the clip that ships with the package: a street and a painted wall, as an MCAP bag of at most 6 MB."""
    from perception_fm.synth.demo_clip import DEMO_CLIP, write_demo_clip
    from perception_fm.synth.planar.drive import plan_drive

    total = len(plan_drive(DEMO_CLIP).stamps_ns)
    for _ in tqdm(write_demo_clip(output, overwrite=overwrite), total=total, unit="frame", disable=None):
        pass
    size_mb = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    click.echo(f"{output}: {total} frames, {size_mb:.1f} MB")
