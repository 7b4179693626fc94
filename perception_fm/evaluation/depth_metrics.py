"""Errors of predicted depth against true depth, summed pixel by pixel so that parts add up to the whole.

Definitions, d = predicted, t = true depth in metres along optical z, means over all judged pixels:
AbsRel = mean |d - t| / t, SqRel = mean (d - t)^2 / t, RMSE = sqrt(mean (d - t)^2), RMSE log = sqrt(mean e^2) with
e = ln d - ln t, delta_k = share of pixels with max(d / t, t / d) < 1.25^k (Eigen, Puhrsch, Fergus, NIPS 2014).
SILog = 100 sqrt(mean e^2 - (mean e)^2): their scale-invariant error with lambda = 1, times 100, as the KITTI depth
benchmark has it (Uhrig et al., 3DV 2017). Bias = mean (d - t), and mean (d - t) / t as a share.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

DELTA_BASE = 1.25


@dataclass(frozen=True)
class DepthFigures:
    """The figures of the definitions above; NaN where no pixel was judged.

    `sq_rel`, `rmse_m`, `bias_m` in metres; `silog` in hundredths; the others are shares or natural logarithms.
    """

    pixels: int
    abs_rel: float
    sq_rel_m: float
    rmse_m: float
    rmse_log: float
    silog: float
    delta1: float
    delta2: float
    delta3: float
    bias_m: float
    bias_share: float


@dataclass(frozen=True)
class DepthSums:
    """Sums over pixels; adding two is judging their pixels together."""

    pixels: int = 0
    absolute_share: float = 0.0
    squared_share_m: float = 0.0
    squared_m2: float = 0.0
    squared_log: float = 0.0
    log: float = 0.0
    within1: int = 0
    within2: int = 0
    within3: int = 0
    error_m: float = 0.0
    error_share: float = 0.0

    @staticmethod
    def of(predicted_m: ArrayLike, true_m: ArrayLike) -> DepthSums:
        """Of two arrays of one shape, all values finite and positive, metres."""
        predicted = np.asarray(predicted_m, np.float64)
        true = np.asarray(true_m, np.float64)
        error = predicted - true
        log_error = np.log(predicted / true)
        ratio = np.maximum(predicted / true, true / predicted)
        return DepthSums(
            pixels=true.size,
            absolute_share=float((np.abs(error) / true).sum()),
            squared_share_m=float((error**2 / true).sum()),
            squared_m2=float((error**2).sum()),
            squared_log=float((log_error**2).sum()),
            log=float(log_error.sum()),
            within1=int((ratio < DELTA_BASE).sum()),
            within2=int((ratio < DELTA_BASE**2).sum()),
            within3=int((ratio < DELTA_BASE**3).sum()),
            error_m=float(error.sum()),
            error_share=float((error / true).sum()),
        )

    def __add__(self, other: DepthSums) -> DepthSums:
        return DepthSums(*(mine + its for mine, its in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    def figures(self) -> DepthFigures:
        """The means."""
        count = self.pixels if self.pixels else math.nan
        mean_log = self.log / count
        # The mean of a square is never below the square of the mean but for rounding.
        spread = self.squared_log / count - mean_log**2
        return DepthFigures(
            pixels=self.pixels,
            abs_rel=self.absolute_share / count,
            sq_rel_m=self.squared_share_m / count,
            rmse_m=math.sqrt(self.squared_m2 / count),
            rmse_log=math.sqrt(self.squared_log / count),
            silog=100.0 * math.sqrt(spread if math.isnan(spread) else max(0.0, spread)),
            delta1=self.within1 / count,
            delta2=self.within2 / count,
            delta3=self.within3 / count,
            bias_m=self.error_m / count,
            bias_share=self.error_share / count,
        )


def median_scale(predicted_m: ArrayLike, true_m: ArrayLike) -> float:
    """median(true) / median(predicted), by which a depth of unknown scale is multiplied, image by image, before it is
    judged (Zhou et al., CVPR 2017, section 4.3). NaN of nothing.
    """
    true = np.asarray(true_m, np.float64)
    if not true.size:
        return math.nan
    return float(np.median(true) / np.median(np.asarray(predicted_m, np.float64)))


def mean_of_figures(figures: list[DepthFigures]) -> DepthFigures:
    """The mean of each figure over images that have one (`pixels`: the sum), as most papers report them."""
    judged = [one for one in figures if one.pixels]
    names = [item.name for item in dataclasses.fields(DepthFigures) if item.name != "pixels"]
    means = {name: float(np.mean([getattr(one, name) for one in judged])) if judged else math.nan for name in names}
    return DepthFigures(pixels=sum(one.pixels for one in judged), **means)
