"""Agreement of predicted with true classes, and of the confidence with how often it is right.

IoU of a class = TP / (TP + FP + FN) over all judged pixels of all images (Everingham et al., IJCV 2010; Cordts et al.,
CVPR 2016). Pixel accuracy is the share of judged pixels whose class is right. ECE: confidences are put into 15 equal
bins (lower, upper]; the mean over bins, weighted by their pixels, of |share that is right - mean confidence| (Guo et
al., ICML 2017, equation 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15
_ROUNDING = 1e-6  # keeps n / 15, which float32 only nearly holds, in the bin that it closes


@dataclass(frozen=True, eq=False)
class Confusion:
    """`counts` (C, C + 1) int64: true class by predicted class; the last column holds predictions of no class."""

    counts: NDArray[np.int64]

    @staticmethod
    def empty(classes: int) -> Confusion:
        """Of nothing."""
        return Confusion(np.zeros((classes, classes + 1), np.int64))

    @staticmethod
    def of(predicted: NDArray[np.integer], true: NDArray[np.integer], classes: int) -> Confusion:
        """Of two arrays of one shape: `true` 0 to `classes` - 1, `predicted` too, or `classes` for none of them."""
        pairs = true.astype(np.int64).ravel() * (classes + 1) + predicted.ravel()
        counts = np.bincount(pairs, minlength=classes * (classes + 1))
        return Confusion(counts.reshape(classes, classes + 1))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def pixels(self) -> int:
        """Judged."""
        return int(self.counts.sum())

    @property
    def true_pixels(self) -> NDArray[np.int64]:
        """(C,) of each true class."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def hits(self) -> NDArray[np.int64]:
        """(C,) true positives."""
        return np.diagonal(self.counts)

    def iou(self) -> NDArray[np.float64]:
        """(C,) per class; NaN for a class that the truth does not hold, which so leaves the mean alone."""
        predicted = self.counts[:, :-1].sum(axis=0)
        union = self.true_pixels + predicted - self.hits
        return np.asarray(np.where(self.true_pixels > 0, self.hits / np.maximum(union, 1), math.nan))

    def mean_iou(self) -> float:
        """Over the classes that the truth holds; NaN where it holds none."""
        iou = self.iou()
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else math.nan

    def accuracy(self) -> float:
        """Share of judged pixels whose class is right."""
        return float(self.hits.sum() / self.pixels) if self.pixels else math.nan

    def recall(self) -> NDArray[np.float64]:
        """(C,) share of the true pixels that are found."""
        return _shares(self.hits, self.true_pixels)

    def precision(self) -> NDArray[np.float64]:
        """(C,) share of the predicted pixels that are right."""
        return _shares(self.hits, self.counts[:, :-1].sum(axis=0))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Per bin of confidence (`ECE_BINS`,): pixels, right ones, and the sum of the confidences."""

    pixels: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @staticmethod
    def empty() -> Reliability:
        """Of nothing."""
        return Reliability(np.zeros(ECE_BINS, np.int64), np.zeros(ECE_BINS, np.int64), np.zeros(ECE_BINS))

    @staticmethod
    def of(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> Reliability:
        """Of two arrays of one shape; confidences 0 to 1."""
        values = np.asarray(confidence, np.float64).ravel()
        bins = np.clip(np.ceil(values * ECE_BINS - _ROUNDING).astype(np.int64) - 1, 0, ECE_BINS - 1)
        return Reliability(
            np.bincount(bins, minlength=ECE_BINS),
            np.bincount(bins[is_right.ravel()], minlength=ECE_BINS),
            np.bincount(bins, weights=values, minlength=ECE_BINS),
        )

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(self.pixels + other.pixels, self.right + other.right, self.confidence + other.confidence)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean confidence and share that is right (`ECE_BINS`,) per bin; NaN in an empty one."""
        return _shares(self.confidence, self.pixels), _shares(self.right, self.pixels)

    def ece(self) -> float:
        """Expected calibration error, 0 to 1; NaN of nothing."""
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum() / total) if total else math.nan


def _shares(part: NDArray[np.number], whole: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), math.nan), np.float64)
