"""Predicted classes of a whole drive against its truth: in all, per frame and per class, and their confidence."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import IGNORED, NO_LABEL, LabelMap
from perception_fm.evaluation.segmentation_metrics import ECE_BINS, Confusion, Reliability


@dataclass(frozen=True)
class LabelCounts:
    """Where the labelled pixels went; `labelled` is the sum of the three after it.

    `unknown`: of `judged`, those predicted as unknown (255), which count as misses.
    """

    labelled: int = 0
    ignored: int = 0
    outside_grid: int = 0
    judged: int = 0
    unknown: int = 0

    def __add__(self, other: LabelCounts) -> LabelCounts:
        return LabelCounts(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))


@dataclass(frozen=True)
class FrameLabels:
    """One frame; NaN where nothing was judged."""

    index: int
    frame_id: str
    counts: LabelCounts
    accuracy: float
    mean_iou: float


class SegmentationScore:
    """Collects frames one after the other."""

    def __init__(self, label_map: LabelMap) -> None:
        self.label_map = label_map
        self._confusion = Confusion.empty(len(label_map.classes))
        self._reliability: Reliability | None = None
        self.frames: list[FrameLabels] = []

    def add(self, frame: TruthFrame, prediction: PixelPrediction) -> FrameLabels:
        """One frame. Raises `DatasetError` without true or predicted labels, and for an id that the map lacks."""
        if frame.label is None or prediction.label is None:
            raise DatasetError(f"frame {frame.frame_id} has no {'true' if frame.label is None else 'predicted'} labels")
        classes = self.label_map.classes_of(frame.label, f"frame {frame.frame_id}")
        is_labelled = frame.label != NO_LABEL
        is_class = classes != IGNORED
        judged = is_class & prediction.is_on_grid
        true = classes[judged]
        label = prediction.label[judged]
        predicted = self.label_map.prediction_table()[label]
        counts = LabelCounts(
            labelled=int(is_labelled.sum()),
            ignored=int((is_labelled & ~is_class).sum()),
            outside_grid=int((is_class & ~prediction.is_on_grid).sum()),
            judged=true.size,
            unknown=int((label == UNKNOWN_LABEL).sum()),
        )
        if prediction.confidence is not None:
            is_known = label != UNKNOWN_LABEL  # what claims nothing has no confidence in a claim
            part = Reliability.of(prediction.confidence[judged][is_known], (predicted == true)[is_known])
            self._reliability = part if self._reliability is None else self._reliability + part
        confusion = Confusion.of(predicted, true, len(self.label_map.classes))
        self._confusion = self._confusion + confusion
        record = FrameLabels(frame.index, frame.frame_id, counts, confusion.accuracy(), confusion.mean_iou())
        self.frames.append(record)
        return record

    def document(self) -> dict[str, Any]:
        """The summary of all frames. Raises `DatasetError` where no labelled pixel has a class of the map."""
        counts = sum((frame.counts for frame in self.frames), LabelCounts())
        if not counts.labelled - counts.ignored:
            raise DatasetError(
                f"none of the {counts.labelled} labelled pixels has a class of the label map {self.label_map.name}"
            )
        confusion = self._confusion
        accuracies = [frame.accuracy for frame in self.frames if math.isfinite(frame.accuracy)]
        return {
            "counts": dataclasses.asdict(counts),
            "mean_iou": confusion.mean_iou(),
            "pixel_accuracy": confusion.accuracy(),
            "mean_frame_accuracy": float(np.mean(accuracies)) if accuracies else math.nan,
            "classes": self._class_documents(),
            "confusion": {
                "true": list(self.label_map.classes),
                "predicted": [*self.label_map.classes, "none of them"],
                "pixels": confusion.counts.tolist(),
            },
            "calibration": None if self._reliability is None else reliability_document(self._reliability),
        }

    def frame_documents(self) -> list[dict[str, Any]]:
        """One object per frame."""
        return [
            {
                "index": frame.index,
                "id": frame.frame_id,
                "counts": dataclasses.asdict(frame.counts),
                "accuracy": frame.accuracy,
                "mean_iou": frame.mean_iou,
            }
            for frame in self.frames
        ]

    def _class_documents(self) -> list[dict[str, Any]]:
        figures = zip(
            self.label_map.classes,
            self._confusion.true_pixels.tolist(),
            self._confusion.iou().tolist(),
            self._confusion.recall().tolist(),
            self._confusion.precision().tolist(),
        )
        return [
            {"name": name, "true_pixels": pixels, "iou": iou, "recall": recall, "precision": precision}
            for name, pixels, iou, recall, precision in figures
        ]


def reliability_document(reliability: Reliability) -> dict[str, Any]:
    """ECE and the reliability table."""
    confidence, right = reliability.shares()
    return {
        "ece": reliability.ece(),
        "pixels": int(reliability.pixels.sum()),
        "bins": [
            {
                "from": index / ECE_BINS,
                "to": (index + 1) / ECE_BINS,
                "pixels": int(reliability.pixels[index]),
                "confidence": float(confidence[index]),
                "accuracy": float(right[index]),
            }
            for index in range(ECE_BINS)
        ],
    }
