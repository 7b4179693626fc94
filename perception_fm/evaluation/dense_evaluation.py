"""All frames with truth of one drive through one source of predictions; figures and report into one folder."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from perception_fm import __version__
from perception_fm.evaluation.dense_drive import DenseDrive, TruthFrame
from perception_fm.evaluation.dense_report import write_depth_report, write_segmentation_report
from perception_fm.evaluation.dense_source import DenseSource
from perception_fm.evaluation.depth_score import DepthLimits, DepthScore
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import LabelMap
from perception_fm.evaluation.output_folder import output_folder
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.segmentation_score import SegmentationScore
from perception_fm.evaluation.worst_frames import WorstFrames
from perception_fm.visual.dense_panels import depth_mosaic, label_mosaic

SCHEMA_VERSION = 1
DEPTH_NAME = "depth.json"
SEGMENTATION_NAME = "segmentation.json"


class Progress(Protocol):
    """How long work is shown; `cli.progress.progress` is one."""

    def __call__(self, items: Iterable[TruthFrame], total: int | None) -> Iterable[TruthFrame]:
        """The items."""


def evaluate_depth(
    drive: DenseDrive,
    source: DenseSource,
    output: Path,
    limits: DepthLimits,
    label_map: LabelMap | None,
    *,
    step: int = 1,
    overwrite: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """The document of depth.json, written into `output` with report.html.

    Raises `PerceptionError` at the first frame that cannot be judged; nothing is left then.
    """
    score, worst = DepthScore(limits, label_map), WorstFrames(_count(drive, step))
    with output_folder(output, overwrite=overwrite, mark=DEPTH_NAME) as folder:
        for frame in progress(drive.frames(step), _count(drive, step)):
            prediction = source.predict(frame)
            result = score.add(frame, prediction)
            caption = (
                f"frame {frame.frame_id}: AbsRel {100 * result.raw.abs_rel:.1f}% raw, "
                f"{100 * result.median_scaled.abs_rel:.1f}% median-scaled, coverage {100 * result.counts.coverage:.0f}%"
            )
            worst.offer(result.raw.abs_rel, caption, lambda f=frame, p=prediction: _depth_picture(f, p, limits))
        document = {
            "schema_version": SCHEMA_VERSION,
            "run": {
                **_run(drive, source, step),
                "limits": dataclasses.asdict(limits),
                "label_map": None if label_map is None else label_map.document(),
            },
            "summary": score.document(),
            "frames": score.frame_documents(),
        }
        write_depth_report(folder, document, worst.kept())
        write_json(folder / DEPTH_NAME, document)
    return document


def evaluate_segmentation(
    drive: DenseDrive,
    source: DenseSource,
    output: Path,
    label_map: LabelMap,
    *,
    step: int = 1,
    overwrite: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """The document of segmentation.json, written into `output` with report.html.

    Raises `PerceptionError` at the first frame that cannot be judged; nothing is left then.
    """
    score, worst = SegmentationScore(label_map), WorstFrames(_count(drive, step))
    with output_folder(output, overwrite=overwrite, mark=SEGMENTATION_NAME) as folder:
        for frame in progress(drive.frames(step), _count(drive, step)):
            prediction = source.predict(frame)
            result = score.add(frame, prediction)
            caption = (
                f"frame {frame.frame_id}: pixel accuracy {100 * result.accuracy:.1f}%, "
                f"mean IoU {100 * result.mean_iou:.1f}%"
            )
            worst.offer(-result.accuracy, caption, lambda f=frame, p=prediction: _label_picture(f, p, label_map))
        document = {
            "schema_version": SCHEMA_VERSION,
            "run": {**_run(drive, source, step), "label_map": label_map.document()},
            "summary": score.document(),
            "frames": score.frame_documents(),
        }
        write_segmentation_report(folder, document, worst.kept())
        write_json(folder / SEGMENTATION_NAME, document)
    return document


def _count(drive: DenseDrive, step: int) -> int:
    return len(drive.indices[::step])


def _run(drive: DenseDrive, source: DenseSource, step: int) -> dict[str, Any]:
    """What was compared with what."""
    return {
        "drive": drive.name,
        "source": drive.info.source,
        "licence": drive.info.licence,
        "image_width_px": drive.camera.width,
        "image_height_px": drive.camera.height,
        "frames": drive.frame_count,
        "frames_with_truth": len(drive.indices),
        "notes": list(drive.info.notes),
        "every": step,
        "predictions": source.document(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {
        "perception_fm": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def _depth_picture(frame: TruthFrame, prediction: PixelPrediction, limits: DepthLimits) -> Any:
    true = np.where((frame.depth_m >= limits.min_m) & (frame.depth_m <= limits.max_m), frame.depth_m, np.nan)
    return depth_mosaic(frame.image, true, prediction.depth_m, (limits.min_m, limits.max_m))


def _label_picture(frame: TruthFrame, prediction: PixelPrediction, label_map: LabelMap) -> Any:
    true = label_map.classes_of(frame.label, frame.frame_id)
    predicted = label_map.prediction_table()[prediction.label]
    return label_mosaic(frame.image, true, predicted, (true >= 0) & prediction.is_on_grid, label_map.colour_ids())
