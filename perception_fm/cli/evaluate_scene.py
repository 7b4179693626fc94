"""`perception-fm evaluate scene`: obstacles and free space that are made of dense predictions, against the truth."""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perception_fm.cli.progress import phase_progress, progress
from perception_fm.errors import ConfigError

if TYPE_CHECKING:
    from perception_fm.evaluation.scene_evaluation import SceneTruth
    from perception_fm.evaluation.scene_frames import SceneSource

_LOW_M = 0.5  # things below it get lines of their own


@click.command("scene")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option(
    "--model",
    default="bundled",
    show_default=True,
    metavar="FILE|NAME",
    help="Model whose depth and classes are used: an ONNX file, or the name of a model.",
)
@click.option(
    "--backend", default="auto", show_default=True, metavar="NAME", help="auto, onnxruntime, tensorrt or tensorrt_rtx."
)
@click.option(
    "--truth",
    "uses_truth",
    is_flag=True,
    help="Instead of a model: the true depth and classes of rendered frames, on a grid as coarse.",
)
@click.option("--every", "step", type=click.IntRange(min=1), default=1, help="Judge every n-th frame.")
@click.option(
    "--correct-scale",
    is_flag=True,
    help="Also stretch free space where the depth is measured to be too short (scene.corrects_scale).",
)
@click.option("--overwrite", is_flag=True, help="Replace earlier results in that folder.")
def scene(
    folder: Path, output: Path, model: str, backend: str, uses_truth: bool, step: int, correct_scale: bool,
    overwrite: bool,
) -> None:  # fmt: skip
    """Judge obstacles and free space that are made of depth and classes.

    DIR is a dataset of `perception-fm synth dataset`, each of whose frames is judged alone, or a drive folder with
    LiDAR truth (docs/data_format.md), which is run through in order with its ego motion. With --truth the geometry
    alone is judged; what a model adds to its errors is the difference.

    \b
    OUTPUT gets scene.json and report.html:
    - free space: agreement by state, and the two errors that matter: cells called free where something stands
      (dangerous), and road called occupied;
    - obstacles: recall and precision by distance and class, errors of distance, place, size and heading;
    - the metric scale that the stage believes in against the true one;
    - of drives: the nearest obstacle ahead against the measured one;
    - pictures of the worst and of a few ordinary frames, from above. Every definition is in both files.

    \b
    perception-fm evaluate scene datasets/test -o out/scene_truth --truth
    perception-fm evaluate scene datasets/test -o out/scene_test
    perception-fm evaluate scene drives/morning -o out/scene_morning
    """
    from perception_fm.config import SceneConfig
    from perception_fm.evaluation.scene_evaluation import evaluate_scene

    truth = _truth(folder, step, uses_truth)
    with _source(model, backend, uses_truth) as source:
        document = evaluate_scene(
            truth, source, output, SceneConfig(corrects_scale=correct_scale),
            command=_command(folder, output, model, uses_truth, step, correct_scale), overwrite=overwrite,
            progress=progress,
        )  # fmt: skip
    for line in scene_lines(document["summary"]):
        click.echo(line)
    click.echo(f"report: {output / 'report.html'}")


def scene_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    counts = summary["frames"]
    judged = ", ".join(f"{name.replace('_', ' ')} {counts[name]}" for name in ("free_space", "obstacles", "corridor"))
    lines = [f"frames: {counts['frames']}; judged: {judged}"]
    lines += [f"skipped: {count} frames, {reason}" for reason, count in summary["skipped"].items()]
    lines += [f"stage: {count} frames, {reason}" for reason, count in summary["reasons"].items()]
    if summary["free_space"] is not None:
        lines += _free_space_lines(summary["free_space"])
    if summary["obstacles"] is not None:
        lines += _obstacle_lines(summary["obstacles"])
    if summary["scale"] is not None:
        lines.append(
            f"scale: true {summary['scale']['true_scale_median']:.3f}, the stage's error "
            f"{_percent(summary['scale']['ratio_error']['median_abs'])} median"
        )
    for row in summary["corridor"] or ():
        lines.append(
            f"ahead, {row['width_m']:g} m wide, {row['source']}: right {_percent(row['right'])}, too far "
            f"{_percent(row['too_far'])}, too near {_percent(row['too_near'])}, missed {_percent(row['missed'])}, "
            f"invented {_percent(row['invented'])}"
        )
    return lines


def _free_space_lines(figures: Mapping[str, Any]) -> list[str]:
    iou = figures["iou_30_m"]
    return [
        (
            f"occupied cells within 30 m called free: {figures['dangerous_cells']} of {figures['occupied_cells']} "
            f"({_percent(figures['dangerous_share'], 2)}), {figures['unguarded_cells']} with nothing occupied near"
        ),
        (
            f"road within 30 m: {_percent(figures['road_free_share'])} called free, "
            f"{_percent(figures['road_blocked_share'], 2)} occupied, {_percent(figures['road_unknown_share'])} unknown"
        ),
        (
            f"IoU within 30 m: free {_percent(iou['free'])}, occupied {_percent(iou['occupied'])}, "
            f"unknown {_percent(iou['unknown'])}"
        ),
    ]


def _obstacle_lines(figures: Mapping[str, Any]) -> list[str]:
    rows = [("all", figures["all"])]
    rows += [(f"{row['from_m']:g} to {row['to_m']:g} m", row) for row in figures["bands"]]
    lines = [
        f"obstacles, {name}: recall {_percent(row['recall'])} of {row['things']}, precision "
        f"{_percent(row['precision'])}, false {_percent(row['false_share'])} of all, nearest point off by "
        f"{row['errors']['near_error_m']['median_abs']:.2f} m median"
        for name, row in rows
    ]
    lines += [
        f"obstacles {low['from_m']:g} to {low['to_m']:g} m high, {row['from_m']:g} to {row['to_m']:g} m: recall "
        f"{_percent(row['recall'])} of {row['things']}, called free {_percent(row['called_free_share'])}"
        for low in figures["heights"]
        if low["to_m"] <= _LOW_M
        for row in low["bands"]
        if row["things"]
    ]
    return lines


def _percent(share: float, digits: int = 1) -> str:
    return "unknown" if math.isnan(share) else f"{100.0 * share:.{digits}f}%"


def _truth(folder: Path, step: int, uses_truth: bool) -> SceneTruth:
    """The dataset or drive. Raises `ConfigError` for a folder that is neither, or lacks what --truth needs."""
    if (folder / "dataset.json").is_file():
        from perception_fm.evaluation.scene_shards import SceneShards
        from perception_fm.evaluation.shard_frames import ShardSet

        return SceneShards(ShardSet(folder), step)
    if not (folder / "meta.json").is_file():
        raise ConfigError(f"{folder} holds neither dataset.json of a dataset nor meta.json of a drive folder")
    if uses_truth:
        raise ConfigError(f"--truth needs truth at every pixel, which the drive {folder} lacks: leave it out")
    from perception_fm.evaluation.scene_drive import SceneDrive

    return SceneDrive(folder, step)


@contextlib.contextmanager
def _source(model: str, backend: str, uses_truth: bool) -> Iterator[SceneSource]:
    """The truth, or the model, loaded for as long as it is needed."""
    from perception_fm.evaluation.scene_frames import ModelScene, TruthScene

    if uses_truth:
        yield TruthScene()
        return
    from perception_fm.inference.open_backend import open_backend
    from perception_fm.models.locate import resolve_model

    with phase_progress() as on_progress:
        opened = open_backend(resolve_model(model), runtime=backend, on_progress=on_progress)
    with opened:
        yield ModelScene(opened)


def _command(folder: Path, output: Path, model: str, uses_truth: bool, step: int, correct_scale: bool) -> str:
    """What gives the same result again."""
    words = ["perception-fm", "evaluate", "scene", str(folder), "-o", str(output)]
    words += ["--truth"] if uses_truth else ["--model", model]
    words += ["--every", str(step)] if step > 1 else []
    words += ["--correct-scale"] if correct_scale else []
    return shlex.join(words)
