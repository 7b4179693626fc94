"""How well a probability tells two kinds of pixels apart, collected image by image.

AUROC: probability that a positive scores higher than a negative, ties half (Fawcett, Pattern Recognition Letters 2006).
Average precision: sum over falling thresholds of (recall step) x precision, without interpolation. FPR at 95% recall:
share of the negatives above the highest threshold that keeps 95% of the positives (Hendrycks, Gimpel, ICLR 2017).
Scores are kept in bins of their logit, fine enough that what shares a bin shares four digits of its odds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALL = 0.95
_LARGEST_LOGIT = 16.0  # float32 has no probability nearer to 1
_BINS = 8192

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class DetectionFigures:
    """The figures of the definitions above, shares; NaN where one of the kinds is missing. Pixels are judged ones."""

    positives: int
    negatives: int
    auroc: float
    average_precision: float
    fpr_at_95_recall: float


def score_counts(probability: NDArray[np.floating]) -> Counts:
    """(bins,) how many of the finite probabilities, 0 to 1, lie in each bin, from low to high."""
    values = np.asarray(probability, np.float64).ravel()
    with np.errstate(divide="ignore"):
        logit = np.log(values) - np.log1p(-values)
    place = (np.clip(logit, -_LARGEST_LOGIT, _LARGEST_LOGIT) / _LARGEST_LOGIT + 1.0) * (_BINS / 2)
    return np.bincount(np.minimum(place.astype(np.int64), _BINS - 1), minlength=_BINS)


def no_scores() -> Counts:
    """(bins,) zeros."""
    return np.zeros(_BINS, np.int64)


def detection_figures(positives: Counts, negatives: Counts) -> DetectionFigures:
    """From the counts of both kinds."""
    total, others = int(positives.sum()), int(negatives.sum())
    if not total or not others:
        return DetectionFigures(total, others, math.nan, math.nan, math.nan)
    # From high scores to low: what lies at or above each bin.
    hits, alarms = (np.cumsum(counts[::-1]) for counts in (positives, negatives))
    steps = positives[::-1]
    below = others - alarms + 0.5 * negatives[::-1]
    precision = hits / np.maximum(hits + alarms, 1)
    first = int(np.searchsorted(hits, RECALL * total))
    return DetectionFigures(
        positives=total,
        negatives=others,
        auroc=float((steps * below).sum() / (total * others)),
        average_precision=float((steps * precision).sum() / total),
        fpr_at_95_recall=float(alarms[first] / others),
    )
