"""`perception-fm evaluate depth` and `evaluate segmentation`: dense predictions against true depth and labels."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from perception_fm.bags.drive import Intrinsics
from perception_fm.cli.progress import phase_progress, progress
from perception_fm.errors import ConfigError

if TYPE_CHECKING:
    from perception_fm.evaluation.dense_drive import DenseDrive, Task
    from perception_fm.evaluation.dense_source import DenseSource

Function = TypeVar("Function", bound=Callable[..., Any])

_SHARED = (
    click.argument("drive", type=click.Path(path_type=Path), metavar="DIR"),
    click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results."),
    click.option("--model", metavar="FILE|NAME", help="Model file (ONNX with its card), or the name of a model."),
    click.option("--backend", default="auto", show_default=True, metavar="NAME",
                 help="Of the model: auto, onnxruntime, tensorrt or tensorrt_rtx."),
    click.option("--predictions", type=click.Path(path_type=Path), metavar="FOLDER",
                 help="Instead of a model: predictions of another system, one PNG or NPY per frame."),
    click.option("--label-map", metavar="NAME|FILE",
                 help="pandaset, camvid, cityscapes, cityscapes_merged or a YAML file.  [default: by class_names]"),
    click.option("--every", "step", type=click.IntRange(min=1), default=1, help="Judge every n-th frame with truth."),
    click.option("--overwrite", is_flag=True, help="Replace earlier results in that folder."),
)  # fmt: skip


def _shared(function: Function) -> Function:
    """The options of both commands."""
    for decorate in reversed(_SHARED):
        function = decorate(function)
    return function


@click.command("depth")
@_shared
@click.option("--min-depth", "min_m", type=float, default=1.0, show_default=True, help="Nearest true depth, m.")
@click.option("--max-depth", "max_m", type=float, default=80.0, show_default=True, help="Farthest true depth, m.")
@click.option("--bands", default="5,10,20,40", show_default=True, help="Edges between bands of distance, m.")
@click.option("--nearest", is_flag=True, help="Take a pixel's depth from its cell instead of interpolating.")
@click.option("--fx", type=float, help="Focal length in pixels of the stored image, where DIR has none.")
@click.option("--fy", type=float, help="Focal length in pixels, vertical.")
@click.option("--cx", type=float, help="Principal point in pixels, column.")
@click.option("--cy", type=float, help="Principal point in pixels, row.")
@click.option("--hfov-deg", type=float, help="Horizontal field of view instead of the four numbers.")
def depth(
    drive: Path, output: Path, model: str | None, backend: str, predictions: Path | None, label_map: str | None,
    step: int, overwrite: bool, min_m: float, max_m: float, bands: str, nearest: bool, fx: float | None,
    fy: float | None, cx: float | None, cy: float | None, hfov_deg: float | None,
) -> None:  # fmt: skip
    """Judge predicted depth by the true depth of a drive folder.

    DIR follows drive-folder/1 (docs/data_format.md); its frames with `depth` are judged at the pixels that have one.
    OUTPUT gets depth.json (docs/result_json.md) and report.html with the worst frames. Raw (metric) and median-scaled
    figures stand apart; what is not predicted is counted.

    \b
    perception-fm evaluate depth drives/morning --model model.onnx -o out/depth
    perception-fm evaluate depth drives/morning --predictions other/depth -o out/other

    FOLDER holds NAME.png (uint16, metres x 256, 0 invalid) or NAME.npy (metres), and NAME_std beside it where a
    standard deviation is predicted; NAME is the frame's id or its image file's name.
    """
    from perception_fm.evaluation.dense_drive import DenseDrive
    from perception_fm.evaluation.dense_evaluation import evaluate_depth
    from perception_fm.evaluation.depth_score import DepthLimits
    from perception_fm.evaluation.label_map import choose_label_map, fitting_label_map

    limits = DepthLimits(min_m, max_m, band_edges(bands))
    folder = DenseDrive(drive, "depth", Intrinsics(fx, fy, cx, cy, hfov_deg), needs_camera=model is not None)
    names = folder.info.class_names
    chosen = fitting_label_map(names) if label_map is None else choose_label_map(label_map, names, str(drive))
    with _source(model, backend, predictions, folder, "depth", step, is_interpolated=not nearest) as source:
        document = evaluate_depth(
            folder, source, output, limits, chosen, step=step, overwrite=overwrite, progress=progress
        )
    for line in (*_notes(document), *depth_lines(document["summary"])):
        click.echo(line)
    click.echo(f"report: {output / 'report.html'}")


@click.command("segmentation")
@_shared
def segmentation(
    drive: Path, output: Path, model: str | None, backend: str, predictions: Path | None, label_map: str | None,
    step: int, overwrite: bool,
) -> None:  # fmt: skip
    """Judge predicted classes by the true labels of a drive folder.

    DIR follows drive-folder/1 (docs/data_format.md); its frames with `label` or `cls` are judged at the labelled
    pixels. The label map says which ids of the truth and which Cityscapes classes of the prediction are the same.
    OUTPUT gets segmentation.json (docs/result_json.md) and report.html with the worst frames. A folder without a focal
    length is taken as it is.

    \b
    perception-fm evaluate segmentation drives/morning --model model.onnx -o out/labels
    perception-fm evaluate segmentation drives/morning --predictions other/labels --label-map mine.yaml -o out/other

    FOLDER holds NAME.png or NAME.npy (uint8 Cityscapes trainIds, 255 unknown), and NAME_confidence (PNG x 255, NPY 0 to
    1) beside it where known; NAME is the frame's id or its image file's name.
    """
    from perception_fm.evaluation.dense_drive import DenseDrive
    from perception_fm.evaluation.dense_evaluation import evaluate_segmentation
    from perception_fm.evaluation.label_map import choose_label_map

    folder = DenseDrive(drive, "segmentation", Intrinsics(), needs_camera=False)
    chosen = choose_label_map(label_map, folder.info.class_names, str(drive))
    with _source(model, backend, predictions, folder, "segmentation", step) as source:
        document = evaluate_segmentation(
            folder, source, output, chosen, step=step, overwrite=overwrite, progress=progress
        )
    for line in (*_notes(document), *segmentation_lines(document["summary"])):
        click.echo(line)
    click.echo(f"report: {output / 'report.html'}")


def depth_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    counts, calibration = summary["counts"], summary["calibration"]
    lines = [
        f"{kind.replace('_', '-')}: AbsRel {one['abs_rel']:.3f}, SqRel {one['sq_rel_m']:.2f} m, "
        f"RMSE {one['rmse_m']:.2f} m, SILog {one['silog']:.1f}, delta1 {one['delta1']:.3f}, "
        f"bias {100.0 * one['bias_share']:+.1f}%"
        for kind in ("raw", "median_scaled")
        for one in [summary[kind]]
    ]
    lines.append(
        f"judged: {counts['judged']} of {counts['in_range']} true pixels in range ({100.0 * counts['coverage']:.1f}%); "
        f"{counts['invalid']} predicted invalid, {counts['outside_grid']} outside the grid"
    )
    if calibration is not None:
        lines.append(
            f"std: {100.0 * calibration['within_1_sigma']:.1f}% within 1 sigma, "
            f"{100.0 * calibration['within_2_sigma']:.1f}% within 2, AUSE {calibration['ause']:.3f}"
        )
    return lines


def segmentation_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    counts = summary["counts"]
    lines = [f"mean IoU {summary['mean_iou']:.3f}, pixel accuracy {summary['pixel_accuracy']:.3f}"]
    lines += [f"{one['name']}: IoU {one['iou']:.3f}" for one in summary["classes"] if one["true_pixels"]]
    lines.append(
        f"judged: {counts['judged']} of {counts['labelled']} labelled pixels; {counts['ignored']} ignored, "
        f"{counts['outside_grid']} outside the grid, {counts['unknown']} predicted unknown"
    )
    if summary["calibration"] is not None:
        lines.append(f"confidence: expected calibration error {summary['calibration']['ece']:.3f}")
    return lines


def _notes(document: Mapping[str, Any]) -> list[str]:
    return [f"note: {note}" for note in document["run"]["notes"]]


def band_edges(text: str) -> tuple[float, ...]:
    """Of `--bands`. Raises `ConfigError`."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(f"--bands is a list of metres such as 5,10,20,40, got {text!r}") from None


@contextlib.contextmanager
def _source(
    model: str | None,
    backend: str,
    predictions: Path | None,
    drive: DenseDrive,
    task: Task,
    step: int,
    *,
    is_interpolated: bool = True,
) -> Iterator[DenseSource]:
    """The model, loaded for as long as it is needed, or the folder. Raises `ConfigError` unless one is given."""
    if model is None and predictions is not None:
        from perception_fm.evaluation.prediction_folder import FolderSource

        yield FolderSource(predictions, drive, task, step)
        return
    if model is None or predictions is not None:
        raise ConfigError("give either --model or --predictions")
    from perception_fm.evaluation.dense_source import ModelSource
    from perception_fm.inference.open_backend import open_backend
    from perception_fm.models.locate import resolve_model

    with phase_progress() as on_progress:
        opened = open_backend(resolve_model(model), runtime=backend, on_progress=on_progress)
    with opened:
        yield ModelSource(opened, drive.camera, task, is_interpolated=is_interpolated)
