"""`perception-fm run`: a bag through the pipeline, frame by frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from perception_fm.cli.progress import progress
from perception_fm.config import NodeConfig, from_mapping, load_config


@click.command(name="run")
@click.argument("bag", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--model", metavar="NAME|FILE",
              help="Model of the zoo or ONNX file; none: geometry only.  [default: from the configuration]")
@click.option("--backend", metavar="NAME", help="auto, onnxruntime, tensorrt or tensorrt_rtx.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="ROS parameter file of the node.")
@click.option("--camera", metavar="NAME", help="Camera to run; needed where the bag has several.")
@click.option("--other-camera", "others", metavar="NAME", multiple=True,
              help="Further camera of the bag that adds to obstacles and free space. May be repeated.")
@click.option("--no-video", is_flag=True, help="Leave overlay.mp4 out.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in that folder.")
def command(
    bag: Path, output: Path, model: str | None, backend: str | None, config_file: Path | None, camera: str | None,
    others: tuple[str, ...], no_video: bool, overwrite: bool,
) -> None:
    """Run every image of BAG through the pipeline, dropping none.

    The output folder gets report.html to look at, result.json to read by program (docs/result_json.md), overlay.mp4,
    and output_bag with the messages that the live node would publish. Two runs of one bag are equal but for latencies.
    """
    from perception_fm.ros.bag_run import run_bag  # ROS is imported only when it is needed, so that --help is instant

    document = run_bag(
        bag, output, configuration(config_file, model=model, backend=backend, other_cameras=others or None),
        camera=camera, has_video=not no_video, overwrite=overwrite, progress=progress,
        on_model=lambda text: click.echo(text, err=True),
    )
    for line in summary_lines(document["summary"]):
        click.echo(line)
    click.echo(f"report: {output / 'report.html'}")


def configuration(file: Path | None, **given: str | tuple[str, ...] | None) -> NodeConfig:
    """The node's configuration from a parameter file (None: the defaults); a given setting wins over the file's."""
    config = NodeConfig() if file is None else load_config(file, NodeConfig)
    chosen = {name: value for name, value in given.items() if value is not None}
    checked = from_mapping(NodeConfig, chosen)
    return dataclasses.replace(config, **{name: getattr(checked, name) for name in chosen})


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """What was seen when, for a terminal."""
    states = ", ".join(f"{name} {count}" for name, count in summary["state_counts"].items())
    lines = [f"frames: {summary['frames']} in {summary['duration_s']:.1f} s; {states}"]
    if summary["moving_frames"]:
        lines.append(f"verified free: median {summary['median_verified_free_distance_moving_m']:.1f} m while moving")
    alarm = summary["alarm"]
    if alarm is None:
        lines.append("obstacles: none confirmed in the path")
    else:
        first, last = alarm["first"], alarm["last"]
        lines.append(
            f"obstacle: first confirmed at {first['distance_m']:.1f} m, time to contact {first['ttc_s']:.1f} s; "
            f"held on {100.0 * alarm['held_share']:.0f}% of the frames until {last['distance_m']:.1f} m"
        )
    by_count = summary["by_camera_count"]
    if max(by_count, default=0) > 1:
        lines += [_camera_line(count, some) for count, some in by_count.items()]
    lines += [f"image refused: {name} x {count}" for name, count in summary["refused_inputs"].items()]
    if "total" in summary["latency_ms"]:
        total = summary["latency_ms"]["total"]
        lines.append(f"latency: median {total['p50']:.1f} ms, 99% below {total['p99']:.1f} ms per frame")
    return lines


def _camera_line(count: int, some: Mapping[str, Any]) -> str:
    stages = {name: one["p50"] for name, one in some["latency_ms"].items()}
    scene = [value for name, value in stages.items() if name.startswith("scene_")]
    times = [("network", stages.get("network")), ("scene", sum(scene) if scene else None), ("all", stages.get("total"))]
    medians = ", ".join(f"{name} {value:.0f} ms" for name, value in times if value is not None)
    return f"cameras in the result: {count} in {some['frames']} frames; medians: {medians or 'none'}"
