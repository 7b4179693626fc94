"""Predicted surface normals of a whole dataset against the true ones: in all, on prints and per class."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import DatasetError
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.normal_metrics import NormalFigures, NormalSums, angles_deg
from perception_fm.evaluation.shard_frames import ShardFrame


class NormalScore:
    """Collects frames one after the other."""

    def __init__(self) -> None:
        self._all = NormalSums()
        self._painted = NormalSums()
        self._classes: dict[int, NormalSums] = {}
        self._invalid = 0

    def add(self, frame: ShardFrame, prediction: PixelPrediction) -> NormalFigures:
        """The figures of one frame. Raises `DatasetError` without true or predicted normals."""
        if frame.normals is None or prediction.normals is None:
            kind = "true" if frame.normals is None else "predicted"
            raise DatasetError(f"frame {frame.truth.frame_id} has no {kind} normals")
        angle = angles_deg(prediction.normals, frame.normals)
        is_judged = np.isfinite(angle)
        has_truth = np.linalg.norm(frame.normals, axis=-1) > 0.0
        self._invalid += int((has_truth & prediction.is_on_grid & ~is_judged).sum())
        sums = NormalSums.of(angle[is_judged])
        self._all = self._all + sums
        if frame.is_painted is not None:
            self._painted = self._painted + NormalSums.of(angle[is_judged & frame.is_painted])
        if frame.truth.label is not None:
            for index in np.unique(frame.truth.label[is_judged]).tolist():
                of_class = NormalSums.of(angle[is_judged & (frame.truth.label == index)])
                self._classes[index] = self._classes.get(index, NormalSums()) + of_class
        return sums.figures()

    def document(self) -> dict[str, Any]:
        """The summary of all frames."""
        return {
            "invalid": self._invalid,
            "all": dataclasses.asdict(self._all.figures()),
            "painted": dataclasses.asdict(self._painted.figures()),
            "classes": [
                {"name": CITYSCAPES_CLASSES[index], **dataclasses.asdict(sums.figures())}
                for index, sums in sorted(self._classes.items())
                if 0 <= index < len(CITYSCAPES_CLASSES)
            ],
        }
