"""A model on a dataset of rendered frames; figures and report into one folder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from perception_fm.evaluation.dense_evaluation import versions
from perception_fm.evaluation.dense_report import write_shards_report
from perception_fm.evaluation.depth_score import DepthLimits
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import choose_label_map
from perception_fm.evaluation.output_folder import output_folder
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.shard_frames import ShardFrame, ShardSet
from perception_fm.evaluation.shard_score import ShardScore
from perception_fm.evaluation.shard_source import ShardSource
from perception_fm.evaluation.worst_frames import WorstFrames
from perception_fm.visual.dense_panels import depth_mosaic, label_mosaic, surface_mosaic

SCHEMA_VERSION = 1
SHARDS_NAME = "shards.json"
LABEL_MAP = choose_label_map("cityscapes", {}, "the dataset")
"""Rendered frames have Cityscapes classes."""


class Progress(Protocol):
    """How long work is shown; `cli.progress.progress` is one."""

    def __call__(self, items: Iterable[ShardFrame], total: int | None) -> Iterable[ShardFrame]:
        """The items."""


def evaluate_shards(
    shards: ShardSet,
    source: ShardSource,
    output: Path,
    limits: DepthLimits,
    *,
    step: int = 1,
    overwrite: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """The document of shards.json, written into `output` with report.html.

    Raises `PerceptionError` at the first frame that cannot be judged; nothing is left then.
    """
    count = -(-shards.frame_count // step)
    score = ShardScore(tuple(shards.index["channels"]), source.heads, limits, LABEL_MAP)
    worst, believed = WorstFrames(count), WorstFrames(count)
    with output_folder(output, overwrite=overwrite, mark=SHARDS_NAME) as folder:
        for frame in progress(shards.frames(step), count):
            prediction = source.predict(frame)
            record = score.add(frame, prediction)
            badness = record.get("abs_rel", -record.get("accuracy", -record.get("normal_median_deg", 0.0)))
            worst.offer(badness, _caption(record), lambda f=frame, p=prediction: _picture(f, p, limits))
            if math.isfinite(record.get("believing_share", math.nan)):
                share = record["believing_share"]
                believed.offer(share, _caption(record), lambda f=frame, p=prediction: _picture(f, p, limits))
        document = {
            "schema_version": SCHEMA_VERSION,
            "run": _run(shards, source, step, limits),
            "summary": score.document(),
            "frames": score.frames,
        }
        write_shards_report(folder, document, worst.kept(), believed.kept())
        write_json(folder / SHARDS_NAME, document)
    return document


def _run(shards: ShardSet, source: ShardSource, step: int, limits: DepthLimits) -> dict[str, Any]:
    """What was compared with what."""
    spec = shards.index["spec"]
    return {
        "dataset": shards.name,
        "split": shards.index["split"],
        "identity": shards.index["identity"],
        "dataset_version": shards.index["version"],
        "image_width_px": spec["width_px"],
        "image_height_px": spec["height_px"],
        "frames": shards.frame_count,
        "every": step,
        "limits": dataclasses.asdict(limits),
        "predictions": source.document(),
        "versions": versions(),
    }


def _caption(record: dict[str, Any]) -> str:
    parts = [f"{record['id']} ({record['scenario']}, seed {record['seed']})"]
    if "abs_rel" in record:
        parts.append(f"AbsRel {100 * record['abs_rel']:.1f}%")
    if math.isfinite(record.get("believing_share", math.nan)):
        parts.append(f"{100 * record['believing_share']:.0f}% of the print {record['print']} believed")
    if "accuracy" in record:
        parts.append(f"pixel accuracy {100 * record['accuracy']:.1f}%")
    if "normal_median_deg" in record:
        parts.append(f"normals {record['normal_median_deg']:.1f}° median")
    return ", ".join(parts)


def _picture(frame: ShardFrame, prediction: PixelPrediction, limits: DepthLimits) -> Any:
    """Everything that was judged, one block below the other."""
    truth, blocks = frame.truth, []
    if truth.depth_m is not None and prediction.depth_m is not None:
        with np.errstate(invalid="ignore"):
            in_range = (truth.depth_m >= limits.min_m) & (truth.depth_m <= limits.max_m)
        true_m = np.where(in_range, truth.depth_m, np.float32(np.nan))
        blocks.append(depth_mosaic(truth.image, true_m, prediction.depth_m, (limits.min_m, limits.max_m)))
    if truth.label is not None and prediction.label is not None:
        true = LABEL_MAP.classes_of(truth.label, truth.frame_id)
        predicted = LABEL_MAP.prediction_table()[prediction.label]
        judged = (true >= 0) & prediction.is_on_grid
        blocks.append(label_mosaic(truth.image, true, predicted, judged, LABEL_MAP.colour_ids()))
    normals = painted = None
    if frame.normals is not None and prediction.normals is not None:
        normals = (frame.normals, prediction.normals)
    if frame.is_painted is not None and prediction.painted is not None:
        painted = (frame.is_painted, prediction.painted)
    if normals is not None or painted is not None:
        blocks.append(surface_mosaic(normals, painted))
    return np.vstack(blocks)
