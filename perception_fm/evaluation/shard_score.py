"""Every head of a model against the truth of a dataset: what the dataset or the model lacks is left out."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from perception_fm.errors import DatasetError
from perception_fm.evaluation.depth_score import DepthLimits, DepthScore
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import LabelMap
from perception_fm.evaluation.normal_score import NormalScore
from perception_fm.evaluation.print_score import PrintDepthScore, PrintHeadScore, PrintLabelScore
from perception_fm.evaluation.segmentation_score import SegmentationScore
from perception_fm.evaluation.shard_frames import ShardFrame


class ShardScore:
    """Collects frames one after the other; `channels` of the dataset, `heads` of the model.

    Raises `DatasetError` where the two have nothing in common.
    """

    def __init__(
        self, channels: tuple[str, ...], heads: tuple[str, ...], limits: DepthLimits, label_map: LabelMap
    ) -> None:
        has = {
            "depth": "depth" in channels and "depth" in heads,
            "segmentation": "label" in channels and "label" in heads,
            "normals": "normal" in channels and "normals" in heads,
            "painted_head": "painted" in channels and "painted" in heads,
        }
        if not any(has.values()):
            raise DatasetError(
                f"nothing to judge: the dataset has {', '.join(channels)}, the model predicts {', '.join(heads)}"
            )
        has_prints = "painted" in channels
        self.depth = DepthScore(limits, label_map if "label" in channels else None) if has["depth"] else None
        self.segmentation = SegmentationScore(label_map) if has["segmentation"] else None
        self.normals = NormalScore() if has["normals"] else None
        self.painted_head = PrintHeadScore() if has["painted_head"] else None
        self.print_depth = PrintDepthScore(limits) if has["depth"] and has_prints and "pictured" in channels else None
        self.print_labels = PrintLabelScore() if has["segmentation"] and has_prints else None
        self.frames: list[dict[str, Any]] = []
        self._worlds: Counter[tuple[str, int]] = Counter()

    def add(self, frame: ShardFrame, prediction: PixelPrediction) -> dict[str, Any]:
        """The figures of one frame, as in the file; what is not judged is NaN."""
        truth = frame.truth
        record: dict[str, Any] = {
            "index": truth.index,
            "id": truth.frame_id,
            "scenario": frame.scenario,
            "seed": frame.seed,
            "print": frame.print_kind,
            "painted_share": math.nan if frame.is_painted is None else float(np.mean(frame.is_painted)),
        }
        if self.depth is not None:
            record["abs_rel"] = self.depth.add(truth, prediction).raw.abs_rel
        if self.print_depth is not None:
            record["believing_share"] = self.print_depth.add(frame, prediction)
        if self.segmentation is not None:
            record["accuracy"] = self.segmentation.add(truth, prediction).accuracy
        if self.normals is not None:
            record["normal_median_deg"] = self.normals.add(frame, prediction).median_deg
        if self.painted_head is not None:
            self.painted_head.add(frame, prediction)
        if self.print_labels is not None:
            self.print_labels.add(frame, prediction)
        self._worlds[frame.scenario, frame.seed] += 1
        self.frames.append(record)
        return record

    def document(self) -> dict[str, Any]:
        """The summary of all frames."""
        parts = {
            "depth": self.depth,
            "painted_surfaces": self.print_depth,
            "segmentation": self.segmentation,
            "painted_labels": self.print_labels,
            "normals": self.normals,
            "painted_head": self.painted_head,
        }
        return {
            "frames": len(self.frames),
            "worlds": len(self._worlds),
            **{name: None if part is None else part.document() for name, part in parts.items()},
            "scenarios": self._scenarios(),
        }

    def _scenarios(self) -> list[dict[str, Any]]:
        """Means of the frames' figures, by scenario."""
        keys = ("abs_rel", "believing_share", "accuracy", "normal_median_deg")
        documents = []
        for name in sorted({scenario for scenario, _ in self._worlds}):
            frames = [record for record in self.frames if record["scenario"] == name]
            means = {key: _mean([record[key] for record in frames if key in record]) for key in keys}
            worlds = sum(scenario == name for scenario, _ in self._worlds)
            documents.append({"scenario": name, "frames": len(frames), "worlds": worlds, **means})
        return documents


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
