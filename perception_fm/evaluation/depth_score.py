"""Predicted depth of a whole drive against its truth: in all, per frame, per distance and per class."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError, DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.evaluation.depth_calibration import CalibrationSums
from perception_fm.evaluation.depth_metrics import DepthFigures, DepthSums, mean_of_figures, median_scale
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import LabelMap

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class DepthLimits:
    """True depths that are judged, and where bands of distance begin and end, metres. Raises `ConfigError`."""

    min_m: float = 1.0
    max_m: float = 80.0
    band_edges_m: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0)

    def __post_init__(self) -> None:
        if not 0.0 < self.min_m < self.max_m < math.inf:
            raise ConfigError(f"depth limits are 0 < min < max, got {self.min_m:g} to {self.max_m:g} m")
        if list(self.band_edges_m) != sorted(set(self.band_edges_m)):
            raise ConfigError(f"edges of bands rise, got {', '.join(f'{edge:g}' for edge in self.band_edges_m)}")

    def bands_m(self) -> list[tuple[float, float]]:
        """From and to of each band within the limits."""
        inner = [edge for edge in self.band_edges_m if self.min_m < edge < self.max_m]
        edges = [self.min_m, *inner, self.max_m]
        return list(pairwise(edges))


@dataclass(frozen=True)
class DepthCounts:
    """Where the true pixels went; `in_range` is the sum of the three after it."""

    truth: int = 0
    out_of_range: int = 0
    in_range: int = 0
    outside_grid: int = 0
    invalid: int = 0
    judged: int = 0

    def __add__(self, other: DepthCounts) -> DepthCounts:
        return DepthCounts(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    @property
    def coverage(self) -> float:
        """Share of the true pixels in range that were judged; NaN without any."""
        return self.judged / self.in_range if self.in_range else math.nan

    def document(self) -> dict[str, Any]:
        """With the coverage."""
        return {**dataclasses.asdict(self), "coverage": self.coverage}


@dataclass(frozen=True)
class FrameDepth:
    """One frame. `scale` is what its prediction was multiplied by for `median_scaled`; NaN where nothing was judged."""

    index: int
    frame_id: str
    counts: DepthCounts
    scale: float
    raw: DepthFigures
    median_scaled: DepthFigures


@dataclass
class _Part:
    """A band or a class: what there was to find and how well it was."""

    in_range: int = 0
    sums: DepthSums = dataclasses.field(default_factory=DepthSums)

    def add(self, where: Mask, judged: Mask, predicted: FloatArray, true: FloatArray) -> None:
        self.in_range += int(where.sum())
        both = where & judged
        self.sums = self.sums + DepthSums.of(predicted[both], true[both])

    def document(self) -> dict[str, Any]:
        coverage = self.sums.pixels / self.in_range if self.in_range else math.nan
        return {"in_range": self.in_range, "coverage": coverage, "raw": dataclasses.asdict(self.sums.figures())}


class DepthScore:
    """Collects frames one after the other; `label_map` None: no figures per class."""

    def __init__(self, limits: DepthLimits, label_map: LabelMap | None) -> None:
        self.limits = limits
        self._label_map = label_map
        self._raw = DepthSums()
        self._scaled = DepthSums()
        self._calibration = CalibrationSums()
        self._bands = [_Part() for _ in limits.bands_m()]
        self._classes = [_Part() for _ in label_map.classes] if label_map else []
        self.frames: list[FrameDepth] = []

    def add(self, frame: TruthFrame, prediction: PixelPrediction) -> FrameDepth:
        """One frame. Raises `DatasetError` without true or predicted depth, and for an id that the map lacks."""
        if frame.depth_m is None or prediction.depth_m is None:
            raise DatasetError(
                f"frame {frame.frame_id} has no {'true' if frame.depth_m is None else 'predicted'} depth"
            )
        has_truth = np.isfinite(frame.depth_m)
        in_range = has_truth & (frame.depth_m >= self.limits.min_m) & (frame.depth_m <= self.limits.max_m)
        true = frame.depth_m[in_range].astype(np.float64)
        predicted = prediction.depth_m[in_range].astype(np.float64)
        on_grid = prediction.is_on_grid[in_range]
        judged = on_grid & np.isfinite(predicted) & (predicted > 0.0)
        counts = DepthCounts(
            truth=int(has_truth.sum()),
            out_of_range=int(has_truth.sum()) - true.size,
            in_range=true.size,
            outside_grid=int((~on_grid).sum()),
            invalid=int((on_grid & ~judged).sum()),
            judged=int(judged.sum()),
        )
        self._add_parts(frame, in_range, judged, predicted, true)
        if prediction.depth_std_m is not None:
            std = prediction.depth_std_m[in_range].astype(np.float64)
            known = judged & np.isfinite(std) & (std > 0.0)
            self._calibration.add(predicted[known], std[known], true[known])
        return self._add_figures(frame, counts, predicted[judged], true[judged])

    def _add_figures(
        self, frame: TruthFrame, counts: DepthCounts, predicted: FloatArray, true: FloatArray
    ) -> FrameDepth:
        scale = median_scale(predicted, true)
        raw, scaled = DepthSums.of(predicted, true), DepthSums.of(predicted * scale, true)
        self._raw, self._scaled = self._raw + raw, self._scaled + scaled
        record = FrameDepth(frame.index, frame.frame_id, counts, scale, raw.figures(), scaled.figures())
        self.frames.append(record)
        return record

    def _add_parts(
        self, frame: TruthFrame, in_range: Mask, judged: Mask, predicted: FloatArray, true: FloatArray
    ) -> None:
        """Bands and classes; `in_range` (H, W) chose the pixels of the other arrays (N,)."""
        for part, (low, high) in zip(self._bands, self.limits.bands_m()):
            is_last = high == self.limits.max_m
            part.add((true >= low) & ((true < high) | is_last), judged, predicted, true)
        if self._label_map is None or frame.label is None:
            return
        index = self._label_map.classes_of(frame.label[in_range], f"frame {frame.frame_id}")
        for number, part in enumerate(self._classes):
            part.add(index == number, judged, predicted, true)

    def document(self) -> dict[str, Any]:
        """The summary of all frames. Raises `DatasetError` where no true depth lies within the limits."""
        counts = sum((frame.counts for frame in self.frames), DepthCounts())
        limits = self.limits
        if not counts.in_range:
            raise DatasetError(
                f"none of the {counts.truth} true depths lies between {limits.min_m:g} and {limits.max_m:g} m: "
                "widen --min-depth and --max-depth"
            )
        scales = [frame.scale for frame in self.frames if math.isfinite(frame.scale)]
        calibration = self._calibration.result()
        return {
            "counts": counts.document(),
            "raw": dataclasses.asdict(self._raw.figures()),
            "median_scaled": {**dataclasses.asdict(self._scaled.figures()), **_spread(scales)},
            "mean_of_frames": {
                kind: dataclasses.asdict(mean_of_figures([getattr(frame, kind) for frame in self.frames]))
                for kind in ("raw", "median_scaled")
            },
            "bands": [
                {"from_m": low, "to_m": high, **part.document()}
                for (low, high), part in zip(limits.bands_m(), self._bands)
            ],
            "classes": [
                {"name": name, **part.document()}
                for name, part in zip(self._label_map.classes if self._label_map else (), self._classes)
                if part.in_range
            ],
            "calibration": None if calibration is None else dataclasses.asdict(calibration),
        }

    def frame_documents(self) -> list[dict[str, Any]]:
        """One object per frame."""
        return [
            {
                "index": frame.index,
                "id": frame.frame_id,
                "counts": frame.counts.document(),
                "scale": frame.scale,
                "raw": dataclasses.asdict(frame.raw),
                "median_scaled": dataclasses.asdict(frame.median_scaled),
            }
            for frame in self.frames
        ]


def _spread(scales: Sequence[float]) -> dict[str, float]:
    """Median and standard deviation of the frames' scales."""
    if not scales:
        return {"scale_median": math.nan, "scale_std": math.nan}
    return {"scale_median": float(np.median(scales)), "scale_std": float(np.std(scales))}
