"""`perception-fm evaluate`: results against the truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perception_fm.cli import evaluate_dense, evaluate_fakewall, evaluate_scenarios, evaluate_scene, evaluate_shards

if TYPE_CHECKING:
    from perception_fm.evaluation.wall import Sighting, WallFigures


@click.group("evaluate")
def command() -> None:
    """Compare the results of a run, a model's depth and labels, or what is made of them, with the truth."""


command.add_command(evaluate_dense.depth)
command.add_command(evaluate_dense.segmentation)
command.add_command(evaluate_shards.shards)
command.add_command(evaluate_shards.depth_error)
command.add_command(evaluate_scene.scene)
command.add_command(evaluate_scenarios.command)
command.add_command(evaluate_fakewall.fakewall)


@command.command("wall")
@click.argument("result_folder", type=click.Path(path_type=Path))
@click.argument("drive", type=click.Path(path_type=Path))
@click.option("--near", "near_m", type=click.FloatRange(min=0.0), default=10.0, show_default=True,
              help="Judge down to this true distance of the wall, m.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="File for the figures.  [default: wall.json in RESULT_FOLDER]")
def wall(result_folder: Path, drive: Path, near_m: float, output: Path | None) -> None:
    """How well a run found the wall that stands in a drive.

    RESULT_FOLDER is what `perception-fm run` wrote; DRIVE the bag that `perception-fm synth run` wrote, or the drive
    folder that the bag was converted from, with the wall's distance in every frame (`synth composite` writes it). A
    confirmed obstacle within 10% of the true distance is the wall, any other is something else.
    """
    from perception_fm.evaluation.results import write_json
    from perception_fm.evaluation.wall import judge_wall, read_frames, wall_distances
    from perception_fm.evaluation.wall_in_bag import bag_wall_distances
    from perception_fm.synth.composite.composite_drive import read_meta

    is_bag = drive.is_file() or (drive / "metadata.yaml").is_file()
    truth = bag_wall_distances(drive) if is_bag else wall_distances(read_meta(drive))
    figures = judge_wall(read_frames(result_folder / "result.json"), truth, near_m)
    for line in wall_lines(figures):
        click.echo(line)
    target = output if output is not None else result_folder / "wall.json"
    write_json(target, figures.document())
    click.echo(f"written: {target}")


def wall_lines(figures: WallFigures) -> list[str]:
    """The figures for a terminal."""
    lines = [f"frames: {figures.frames}, wall from {figures.farthest_m:.1f} m to {figures.nearest_m:.1f} m"]
    first = figures.first_confirmed
    if first is None:
        lines.append("first confirmed: never")
    else:
        lines.append(f"first confirmed: wall at {first.true_distance_m:.1f} m, seen at {first.claimed_m:.1f} m")
    if not math.isnan(figures.held_share):
        lines.append(
            f"held: {100.0 * figures.held_share:.1f}% of the {figures.held_frames} frames from there to "
            f"{figures.near_m:g} m"
        )
    if not math.isnan(figures.error_median):
        lines.append(f"|dZ|/Z: median {100.0 * figures.error_median:.1f}%, max {100.0 * figures.error_max:.1f}%")
    lines.append(_count("verified beyond the wall", figures.verified_beyond))
    lines.append(_count("confirmed elsewhere", figures.confirmed_elsewhere))
    return lines


def _count(name: str, sightings: tuple[Sighting, ...]) -> str:
    """How many, and the one that is farthest from the wall."""
    if not sightings:
        return f"{name}: none"
    worst = max(sightings, key=lambda item: abs(item.claimed_m - item.true_distance_m))
    return f"{name}: {len(sightings)}, worst {worst.claimed_m:.1f} m with the wall at {worst.true_distance_m:.1f} m"
