"""`perception-fm evaluate shards` and `evaluate depth-error`: a model on rendered frames, and how far to trust it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perception_fm.cli.evaluate_dense import band_edges, depth_lines, segmentation_lines
from perception_fm.cli.progress import phase_progress, progress

if TYPE_CHECKING:
    from perception_fm.depth_error import DepthErrorModel
    from perception_fm.inference.backend import InferenceBackend

_MODEL = click.option("--model", required=True, metavar="FILE|NAME", help="Model file (ONNX), or the name of a model.")
_BACKEND = click.option("--backend", default="auto", show_default=True, metavar="NAME",
                        help="auto, onnxruntime, tensorrt or tensorrt_rtx.")  # fmt: skip
_MIN = click.option("--min-depth", "min_m", type=float, default=1.0, show_default=True, help="Nearest true depth, m.")
_MAX = click.option("--max-depth", "max_m", type=float, default=80.0, show_default=True, help="Farthest true depth, m.")
_EVERY = click.option("--every", "step", type=click.IntRange(min=1), default=1, help="Use every n-th frame.")


@click.command("shards")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DIR")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@_MODEL
@_BACKEND
@_EVERY
@_MIN
@_MAX
@click.option("--bands", default="5,10,20,40", show_default=True, help="Edges between bands of distance, m.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in that folder.")
def shards(
    dataset: Path, output: Path, model: str, backend: str, step: int, min_m: float, max_m: float, bands: str,
    overwrite: bool,
) -> None:  # fmt: skip
    """Judge every head of a model by the exact truth of rendered frames.

    DIR is what `perception-fm synth dataset` wrote (docs/dataset_format.md); config/datasets/validation.yaml and
    test.yaml have worlds that no training frame shows. OUTPUT gets shards.json (docs/result_json.md) and report.html:
    depth, also on painted surfaces and whether the model believes the picture there, classes, normals, the
    painted-surface head, calibration, and the worst frames.

    \b
    perception-fm synth dataset config/datasets/test.yaml -o datasets/test
    perception-fm evaluate shards datasets/test --model bundled -o out/test
    """
    from perception_fm.evaluation.depth_score import DepthLimits
    from perception_fm.evaluation.shard_evaluation import evaluate_shards
    from perception_fm.evaluation.shard_frames import ShardSet
    from perception_fm.evaluation.shard_source import ShardSource

    limits = DepthLimits(min_m, max_m, band_edges(bands))
    frames = ShardSet(dataset)
    with _opened(model, backend) as opened:
        document = evaluate_shards(
            frames, ShardSource(opened), output, limits, step=step, overwrite=overwrite, progress=progress
        )
    for line in shard_lines(document["summary"]):
        click.echo(line)
    click.echo(f"report: {output / 'report.html'}")


@click.command("depth-error")
@click.argument("folders", type=click.Path(path_type=Path), metavar="DIR...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="JSON file for the error model.")
@_MODEL
@_BACKEND
@_EVERY
@_MIN
@_MAX
def depth_error(
    folders: tuple[Path, ...], output: Path, model: str, backend: str, step: int, min_m: float, max_m: float
) -> None:
    """Fit how wrong a model's depth is on normal driving that it was not trained on.

    DIR is a dataset of `synth dataset` or a drive folder with depth; frames that show a painted surface are left out.
    The error is divided into a scale that a whole frame shares, a smooth part with its correlation length, and an
    independent part, by distance and road or not. `perception-fm models attach-error MODEL.onnx FILE` puts it into
    the model file, where the test for fake walls finds it.

    \b
    perception-fm evaluate depth-error datasets/validation drives/held_out --model bundled -o error.json
    """
    from perception_fm.evaluation.depth_error_fit import fit_depth_error
    from perception_fm.evaluation.depth_error_frames import ErrorFrames
    from perception_fm.evaluation.depth_score import DepthLimits
    from perception_fm.models.atomic_file import write_atomically

    limits = DepthLimits(min_m, max_m)
    with _opened(model, backend) as opened:
        sources = [ErrorFrames(folder, opened, limits, step) for folder in folders]
        every = progress((one for source in sources for one in source.errors()), sum(one.count for one in sources))
        found = [one for one in every if one is not None]
        card = opened.card
    names = ", ".join(source.name for source in sources)
    fitted = fit_depth_error(found, model=card.name, weights_sha256=card.weights_sha256, source=names)
    write_atomically(output, fitted.to_json().encode())
    for line in error_lines(fitted):
        click.echo(line)
    click.echo(f"written: {output}")


def shard_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    lines = [f"frames: {summary['frames']} of {summary['worlds']} worlds"]
    if summary["depth"] is not None:
        lines += [f"depth, {line}" for line in depth_lines(summary["depth"])]
    prints = summary["painted_surfaces"]
    if prints is not None:
        lines.append(
            f"painted surfaces: AbsRel {prints['raw']['abs_rel']:.3f} to the surface, "
            f"{100.0 * prints['believing_share']:.1f}% believe the picture"
        )
    head = summary["painted_head"]
    if head is not None:
        lines.append(
            f"painted-surface head: AUROC {head['auroc']:.4f}, average precision {head['average_precision']:.4f}, "
            f"FPR at 95% recall {100.0 * head['fpr_at_95_recall']:.2f}%"
        )
    if summary["normals"] is not None:
        every = summary["normals"]["all"]
        lines.append(
            f"normals: median {every['median_deg']:.1f} deg, mean {every['mean_deg']:.1f} deg, within 11.25, 22.5, 30: "
            + ", ".join(f"{100.0 * every[key]:.1f}%" for key in ("within_11_25", "within_22_5", "within_30"))
        )
    if summary["segmentation"] is not None:
        lines += segmentation_lines(summary["segmentation"])
    return lines


def error_lines(error: DepthErrorModel) -> list[str]:
    """The error model for a terminal."""
    lines = [
        f"frames: {error.frames}, {error.points} points",
        f"scale of a frame: {100.0 * math.sqrt(error.scale_variance):.1f}%",
        f"of the rest smooth: {100.0 * error.smooth_share:.0f}%, over {error.correlation_length:.2f} image widths",
    ]
    for index, (low, high) in enumerate(pairwise([0.0, *error.band_edges_m, math.inf])):
        parts = [
            f"{name} {100.0 * math.sqrt(variance[index]):.1f}% (bias {100.0 * bias[index]:+.1f}%)"
            for name, variance, bias in (
                ("road", error.variance_road, error.bias_road),
                ("other", error.variance_other, error.bias_other),
            )
        ]
        lines.append(f"{low:g} to {high:g} m: {', '.join(parts)}")
    if error.log_variance_slope is not None:
        lines.append(f"of predicted variance w: {error.log_variance_offset:.2f} + {error.log_variance_slope:.2f} ln w")
    return lines


@contextlib.contextmanager
def _opened(model: str, backend: str) -> Iterator[InferenceBackend]:
    """The model, loaded for as long as it is needed."""
    from perception_fm.inference.open_backend import open_backend
    from perception_fm.models.locate import resolve_model

    with phase_progress() as on_progress:
        opened = open_backend(resolve_model(model), runtime=backend, on_progress=on_progress)
    with opened:
        yield opened
