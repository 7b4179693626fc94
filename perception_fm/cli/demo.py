"""`perception-fm demo`: the shipped clip through the live node over DDS, then a report of the same clip."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from tqdm import tqdm

from perception_fm.cli import EXIT_CHECK_FAILED
from perception_fm.cli.progress import progress
from perception_fm.cli.run import configuration, summary_lines

if TYPE_CHECKING:
    from perception_fm.ros.live_demo import LiveAnswers

CLIP = Path(__file__).resolve().parents[1] / "demo_data" / "painted_wall"


@click.command(name="demo")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("out/demo"), show_default=True,
              help="Folder for the report.")
@click.option("--bag", type=click.Path(path_type=Path), default=CLIP, help="Another bag than the shipped clip.")
@click.option("--model", metavar="NAME|FILE", help="Another model than the bundled one; none: geometry only.")
@click.pass_context
def command(ctx: click.Context, output: Path, bag: Path, model: str | None) -> None:
    """Play the shipped clip to the live node over DDS, check its answers, and write a report of the clip.

    A car drives at a wall that is painted as the street behind it; from afar the bundled model's depth believes the
    picture, the geometry does not: the report shows both. Exit status 1 when the node answered nothing, or claimed
    something at a time that no image has.
    """
    # A demo must not publish images and a clock into a vehicle's own ROS graph.
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    from perception_fm.ros.bag_run import run_bag  # ROS is imported only when it is needed, so that --help is instant
    from perception_fm.ros.live_demo import play_to_live_node

    config = configuration(None, model=model)
    click.echo(f"playing {bag.name} to perception_node over DDS, domain {os.environ['ROS_DOMAIN_ID']}")
    with tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}", disable=None) as bar:

        def show(elapsed_s: float, total_s: float) -> None:
            bar.update(min(1.0, elapsed_s / total_s if total_s > 0.0 else 1.0) - bar.n)

        answers = play_to_live_node(bag, config.model, show)
    click.echo("live node:")
    for line in live_lines(answers):
        click.echo(f"  {line}")
    document = run_bag(bag, output, config, overwrite=True, progress=progress)
    click.echo("lock-step run of the same clip:")
    for line in summary_lines(document["summary"]):
        click.echo(f"  {line}")
    for line in contradiction_lines(document["summary"]["contradiction"]):
        click.echo(f"  {line}")
    click.echo(f"report: {(output / 'report.html').resolve()}")
    if not answers.answered_ns or answers.foreign_claims:
        ctx.exit(EXIT_CHECK_FAILED)


def contradiction_lines(contradiction: Mapping[str, Any] | None) -> list[str]:
    """What the network's depth and the motion say of the thing in the path where they differ most, for a terminal."""
    if contradiction is None:
        return ["depth at the obstacle: the network says none"]
    known = contradiction
    measured = f"{known['distance_m']:.1f} +- {known['distance_sigma_m']:.1f} m, {known['ttc_s']:.1f} s away"
    ratio = f"log ratio {known['log_ratio']:.1f}, named FAKE_WALL from {known['named_from']:.1f} on"
    return [
        f"depth at the obstacle: the network says {known['learned_depth_m']:.0f} m, measured {measured}",
        f"state there: {known['state']} ({ratio}); both stop the vehicle",
    ]


def live_lines(answers: LiveAnswers) -> list[str]:
    """What the live node did, for a terminal."""
    answered = answers.answered_ns
    played = f"{len(answers.image_stamps_ns)} played, {answers.received} received"
    lines = [f"images: {played}, {len(answered)} answered, {answers.dropped} dropped for a newer one"]
    if not answered:
        return [*lines, "FAILED: no image got all of its outputs"]
    if answers.foreign_claims:
        lines.append(f"FAILED: {answers.foreign_claims} outputs claim something at stamps that no image has")
    else:
        lines.append("stamps: every output that claims something carries the stamp of its image")
    first = answers.first_confirmed()
    if first is None:
        lines.append("obstacles: none confirmed in the path")
    else:
        stamp, obstacle = first
        after_s = (stamp - min(answers.image_stamps_ns)) * 1e-9
        lines.append(
            f"obstacle: first confirmed at {obstacle.distance_m:.1f} +- {obstacle.distance_sigma_m:.1f} m, "
            f"time to contact {obstacle.ttc_s:.1f} s, {after_s:.1f} s into the clip"
        )
    lines += [f"wall: {words}" for words in answers.strongest_claim()]
    lines.append(f"network: {answers.network()}")
    free_m = [answers.outputs["free_space"][stamp].verified_free_distance_m for stamp in answered]
    lines.append(f"verified free: median {np.median(free_m):.1f} m")
    lines.append(f"latency: stamp to publish, median {1e3 * np.nanmedian(answers.ages_s):.0f} ms")
    return lines
