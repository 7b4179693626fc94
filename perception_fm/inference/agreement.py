"""How far two sets of raw outputs are apart, head by head: pure arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from perception_fm.inference.backend import Array
from perception_fm.inference.tolerances import (
    DIFFERS,
    DIFFERS_CLASS,
    DIFFERS_DECIDED,
    DIFFERS_UNDECIDED,
    MEAN,
    NOT_FINITE,
    P99,
    REFERENCE_NOT_FINITE,
    SCALE,
    UNLIKE,
)

Measures = dict[str, float]
Outputs = Mapping[str, Array]
FloatArray = NDArray[np.float64]

_DECIDED = 0.6
"""Confidence from which a label is no near-tie. The margin to the runner-up is not among the outputs, but from one
half on it is at least 2c - 1: here a fifth, a factor of 1.5 between the two probabilities."""
_LEAST_CELLS = 100  # of a class in one frame, below which one cell is a percent
_NO_DIRECTION = 1e-6  # length of a vector below which it points nowhere
_LEAST_VARIATION = 1e-5  # of a head, relative to its size, below which all is rounding and there is no picture
_LEAST_DEPTH = 1e-3  # of the frame's median: an untrained head may come near zero, where a ratio means nothing


def measures_of(head: str, candidate: Outputs, reference: Outputs) -> Measures:
    """Of one frame: every measure of `head` that `tolerances` bounds, by name; 0 is perfect agreement.

    `candidate`, `reference`: raw outputs of one image by head, without the batch axis. Cells where one of the two is
    not finite are left out of the others and counted on their own, as a share; where nothing is left, the others are
    missing.
    """
    mine, theirs = candidate[head], reference[head]
    is_expected, is_finite = np.isfinite(theirs), np.isfinite(theirs) & np.isfinite(mine)
    if head == "normals":
        is_expected, is_finite = is_expected.all(axis=0), is_finite.all(axis=0)
    found = {
        NOT_FINITE: float(np.mean(is_expected & ~is_finite)),
        REFERENCE_NOT_FINITE: float(np.mean(~is_expected)),
    }
    if is_finite.any():
        found.update(_MEASURES[head](mine[..., is_finite], theirs[..., is_finite], reference, is_finite))
    return found


def _depth(mine: Array, theirs: Array, reference: Outputs, used: NDArray[np.bool_]) -> Measures:
    a, b = mine.astype(np.float64), theirs.astype(np.float64)
    floor = max(_LEAST_DEPTH * float(np.median(np.abs(b))), np.finfo(np.float32).tiny)
    size = np.maximum(np.abs(b), floor)
    is_seen = np.abs(b) > floor
    scale = abs(float(np.median(a[is_seen] / b[is_seen])) - 1.0) if is_seen.any() else 0.0
    unlike = _unlike(np.log(np.maximum(a, floor))[None], np.log(np.maximum(b, floor))[None])
    return {**_spread(np.abs(a - b) / size), SCALE: scale, **unlike}


def _log_variance(mine: Array, theirs: Array, reference: Outputs, used: NDArray[np.bool_]) -> Measures:
    """Against the spread of the reference where that is above one: an untrained head may have any scale."""
    b = theirs.astype(np.float64)
    low, high = np.percentile(b, (5.0, 95.0))
    return {**_spread(np.abs(mine - b) / max(1.0, high - low)), **_unlike(mine[None].astype(np.float64), b[None])}


def _probability(mine: Array, theirs: Array, reference: Outputs, used: NDArray[np.bool_]) -> Measures:
    return _spread(np.abs(mine.astype(np.float64) - theirs))


def _normals(mine: Array, theirs: Array, reference: Outputs, used: NDArray[np.bool_]) -> Measures:
    """Angle, degrees; from sine and cosine, since the arc cosine alone is blind below a fraction of a degree."""
    a, b = mine.astype(np.float64), theirs.astype(np.float64)
    has_direction = np.linalg.norm(b, axis=0) > _NO_DIRECTION
    a, b = a[:, has_direction], b[:, has_direction]
    if not a.size:
        return {}
    sine = np.linalg.norm(np.cross(a, b, axis=0), axis=0)
    return {**_spread(np.degrees(np.arctan2(sine, np.sum(a * b, axis=0)))), **_unlike(a, b)}


def _label(mine: Array, theirs: Array, reference: Outputs, used: NDArray[np.bool_]) -> Measures:
    differs = mine != theirs
    if "confidence" not in reference:
        return {DIFFERS: float(np.mean(differs))}
    is_decided = reference["confidence"][used] >= _DECIDED
    found = {DIFFERS_UNDECIDED: float(np.mean(differs & ~is_decided))}
    if not is_decided.any():
        return found
    differs, labels = differs[is_decided], theirs[is_decided]
    _, indices, counts = np.unique(labels, return_inverse=True, return_counts=True)
    wrong = np.bincount(indices, differs) / counts
    return {
        **found,
        DIFFERS_DECIDED: float(np.mean(differs)),
        DIFFERS_CLASS: float(wrong[counts >= _LEAST_CELLS].max(initial=0.0)),
    }


def _unlike(a: FloatArray, b: FloatArray) -> Measures:
    """Of values (C, n): see `tolerances`; nothing where the reference is constant."""
    variance = float(b.var(axis=1).mean())
    if variance <= (_LEAST_VARIATION * max(1.0, float(np.abs(b).max()))) ** 2:
        return {}
    return {UNLIKE: float(np.sqrt(((a - b) ** 2).mean() / variance))}


def _spread(difference: FloatArray) -> Measures:
    return {MEAN: float(difference.mean()), P99: float(np.percentile(difference, 99.0))}


_MEASURES: dict[str, Callable[[Array, Array, Outputs, NDArray[np.bool_]], Measures]] = {
    "depth": _depth,
    "depth_log_variance": _log_variance,
    "label": _label,
    "confidence": _probability,
    "normals": _normals,
    "painted": _probability,
}
