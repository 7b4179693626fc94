"""What a model makes of painted surfaces: their depth, whether it believes the picture, and the painted-surface head.

A pixel of a print believes the picture when its predicted 1 / depth is nearer to the 1 / depth that the print shows
than to that of the surface; 1 / depth, because a print shows sky too. Asked only where the two differ by more than a
factor of 1.25, the first step of the delta figures: below it neither answer says anything.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import DatasetError
from perception_fm.evaluation.depth_metrics import DELTA_BASE, DepthSums
from perception_fm.evaluation.depth_score import DepthLimits
from perception_fm.evaluation.detection_metrics import Counts, detection_figures, no_scores, score_counts
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.segmentation_metrics import Reliability
from perception_fm.evaluation.segmentation_score import reliability_document
from perception_fm.evaluation.shard_frames import ShardFrame

Mask = NDArray[np.bool_]


@dataclass
class _Believed:
    """Pixels of prints: depth against the surface, and how many asked ones believe the picture."""

    depth: DepthSums = field(default_factory=DepthSums)
    asked: int = 0
    believing: int = 0

    @property
    def share(self) -> float:
        return self.believing / self.asked if self.asked else math.nan

    def add(self, where: Mask, asked: Mask, believes: Mask, predicted: NDArray[Any], true: NDArray[Any]) -> None:
        self.depth = self.depth + DepthSums.of(predicted[where], true[where])
        self.asked += int((where & asked).sum())
        self.believing += int((where & asked & believes).sum())

    def document(self) -> dict[str, Any]:
        return {
            "raw": dataclasses.asdict(self.depth.figures()),
            "asked": self.asked,
            "believing_share": self.share,
        }


class PrintDepthScore:
    """Depth on painted surfaces, in all, by distance and by kind of print."""

    def __init__(self, limits: DepthLimits) -> None:
        self._limits = limits
        self._all = _Believed()
        self._bands = [_Believed() for _ in limits.bands_m()]
        self._prints: dict[str, _Believed] = {}
        self._frames = 0

    def add(self, frame: ShardFrame, prediction: PixelPrediction) -> float:
        """Share of the asked pixels that believe the picture; NaN without any. Raises `DatasetError`."""
        true, predicted = frame.truth.depth_m, prediction.depth_m
        if true is None or predicted is None or frame.pictured_m is None or frame.is_painted is None:
            raise DatasetError(f"frame {frame.truth.frame_id} lacks depth, pictured or painted")
        limits = self._limits
        with np.errstate(invalid="ignore"):
            in_range = (true >= limits.min_m) & (true <= limits.max_m)
            judged = frame.is_painted & prediction.is_on_grid & in_range & np.isfinite(predicted) & (predicted > 0.0)
        if not judged.any():
            return math.nan
        self._frames += 1
        t, d, p = (values[judged].astype(np.float64) for values in (true, predicted, frame.pictured_m))
        asked = np.maximum(p / t, t / p) > DELTA_BASE
        believes = np.abs(1.0 / d - 1.0 / p) < np.abs(1.0 / d - 1.0 / t)
        one = _Believed()
        parts = [one, self._all, self._prints.setdefault(frame.print_kind, _Believed())]
        for part in parts:
            part.add(np.ones(t.shape, np.bool_), asked, believes, d, t)
        for band, (low, high) in zip(self._bands, limits.bands_m()):
            band.add((t >= low) & ((t < high) | (high == limits.max_m)), asked, believes, d, t)
        return one.share

    def document(self) -> dict[str, Any] | None:
        """The summary of all frames; None where no print was judged."""
        if not self._frames:
            return None
        return {
            "frames": self._frames,
            **self._all.document(),
            "bands": [
                {"from_m": low, "to_m": high, **band.document()}
                for (low, high), band in zip(self._limits.bands_m(), self._bands)
            ],
            "prints": [{"print": name, **part.document()} for name, part in sorted(self._prints.items())],
        }


class PrintHeadScore:
    """The painted-surface head against where prints are; every kind of print against all surfaces without."""

    def __init__(self) -> None:
        self._negatives = no_scores()
        self._positives: dict[str, Counts] = {}
        self._reliability = Reliability.empty()
        self._invalid = 0

    def add(self, frame: ShardFrame, prediction: PixelPrediction) -> None:
        """One frame. Raises `DatasetError` without truth or prediction."""
        if frame.is_painted is None or prediction.painted is None:
            kind = "true" if frame.is_painted is None else "predicted"
            raise DatasetError(f"frame {frame.truth.frame_id} has no {kind} painted surfaces")
        is_judged = prediction.is_on_grid & np.isfinite(prediction.painted)
        self._invalid += int((prediction.is_on_grid & ~is_judged).sum())
        probability, is_painted = prediction.painted[is_judged], frame.is_painted[is_judged]
        self._negatives = self._negatives + score_counts(probability[~is_painted])
        if is_painted.any():
            known = self._positives.get(frame.print_kind, no_scores())
            self._positives[frame.print_kind] = known + score_counts(probability[is_painted])
        self._reliability = self._reliability + Reliability.of(probability, is_painted)

    def document(self) -> dict[str, Any]:
        """The summary of all frames."""
        return {
            "invalid": self._invalid,
            **self._figures(sum(self._positives.values(), no_scores())),
            "prints": [{"print": name, **self._figures(counts)} for name, counts in sorted(self._positives.items())],
            "calibration": reliability_document(self._reliability),
        }

    def _figures(self, positives: Counts) -> dict[str, Any]:
        return dataclasses.asdict(detection_figures(positives, self._negatives))


class PrintLabelScore:
    """What painted surfaces are taken for: road, car or sky on a print is what a planner would fall for."""

    def __init__(self) -> None:
        self._counts = np.zeros(256, np.int64)

    def add(self, frame: ShardFrame, prediction: PixelPrediction) -> None:
        """One frame. Raises `DatasetError` without truth or prediction."""
        if frame.is_painted is None or prediction.label is None:
            raise DatasetError(f"frame {frame.truth.frame_id} has no painted surfaces or no predicted labels")
        found = prediction.label[frame.is_painted & prediction.is_on_grid]
        self._counts += np.bincount(found, minlength=256)

    def document(self) -> dict[str, Any] | None:
        """Pixels, and the share of each class that is predicted; None where there was no print."""
        total = int(self._counts.sum())
        if not total:
            return None
        shares = {name: float(self._counts[index] / total) for index, name in enumerate(CITYSCAPES_CLASSES)}
        return {"pixels": total, "predicted_share": {name: share for name, share in shares.items() if share > 0.0}}
