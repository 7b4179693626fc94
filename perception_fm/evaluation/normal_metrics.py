"""Angles between predicted and true surface normals, summed pixel by pixel so that parts add up to the whole.

Mean, median and root mean square of the angle in degrees, and the shares within 11.25, 22.5 and 30 degrees (Fouhey,
Gupta, Hebert, ICCV 2013), over all pixels of all images as Bae and Davison have it (CVPR 2024).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMITS_DEG = (11.25, 22.5, 30.0)
_BIN_DEG = 0.05  # far below the 0.3 degrees to which 8 bits per axis know a normal
_BINS = round(180.0 / _BIN_DEG)
_LEAST_LENGTH = 0.5  # of a stored normal; where there is none it is 0


@dataclass(frozen=True)
class NormalFigures:
    """The figures of the definitions above; degrees and shares, NaN where no pixel was judged."""

    pixels: int
    mean_deg: float
    median_deg: float
    rms_deg: float
    within_11_25: float
    within_22_5: float
    within_30: float


@dataclass(frozen=True, eq=False)
class NormalSums:
    """Sums over pixels; `counts` of the bins of angle. Adding two is judging their pixels together."""

    counts: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.zeros(_BINS, np.int64))
    within: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.zeros(len(LIMITS_DEG), np.int64))
    degrees: float = 0.0
    squared: float = 0.0

    @staticmethod
    def of(angle_deg: NDArray[np.floating]) -> NormalSums:
        """Of finite angles of any shape."""
        angle = np.asarray(angle_deg, np.float64).ravel()
        bins = np.minimum((angle / _BIN_DEG).astype(np.int64), _BINS - 1)
        return NormalSums(
            np.bincount(bins, minlength=_BINS),
            np.array([(angle < limit).sum() for limit in LIMITS_DEG], np.int64),
            float(angle.sum()),
            float((angle**2).sum()),
        )

    def __add__(self, other: NormalSums) -> NormalSums:
        return NormalSums(
            self.counts + other.counts,
            self.within + other.within,
            self.degrees + other.degrees,
            self.squared + other.squared,
        )

    def figures(self) -> NormalFigures:
        """The means; the median is exact to half a bin."""
        pixels = int(self.counts.sum())
        count = pixels if pixels else math.nan
        middle = int(np.searchsorted(np.cumsum(self.counts), 0.5 * pixels))
        shares = (self.within / count).tolist()
        return NormalFigures(
            pixels=pixels,
            mean_deg=self.degrees / count,
            median_deg=(middle + 0.5) * _BIN_DEG if pixels else math.nan,
            rms_deg=math.sqrt(self.squared / count),
            within_11_25=shares[0],
            within_22_5=shares[1],
            within_30=shares[2],
        )


def angles_deg(predicted: NDArray[np.float32], true: NDArray[np.float32]) -> NDArray[np.float64]:
    """Angle (H, W) between normals (H, W, 3) of nearly unit length; NaN where one of them is missing."""
    lengths = [np.linalg.norm(one, axis=-1) for one in (predicted, true)]
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (predicted.astype(np.float64) * true).sum(axis=-1) / (lengths[0] * lengths[1])
    is_known = (lengths[0] > _LEAST_LENGTH) & (lengths[1] > _LEAST_LENGTH)
    return np.degrees(np.arccos(np.where(is_known, np.clip(cosine, -1.0, 1.0), np.nan)))
