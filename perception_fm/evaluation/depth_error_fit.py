"""`DepthErrorModel` from frames of normal driving: moments of the log error, and its covariance over distance.

Between two points of one frame E[r_i r_j] holds the scale that the frame shares and the smooth part, but nothing of
what is independent; over growing distance only the scale is left. Both are fitted to the mean products in rings of
distance (the method of moments: Matheron, Economic Geology 58, 1963; Cressie, 1993, section 2.4, with products in place
of squared differences, because the scale is wanted and differences lose it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from perception_fm.depth_error import DepthErrorModel, FloatArray
from perception_fm.errors import DatasetError

BAND_EDGES_M = (5.0, 10.0, 20.0, 40.0)
LEAST_FRAMES = 20  # the variance of a scale that n frames tell has the relative error sqrt(2 / n): 32%
LEAST_POINTS = 100  # of a frame
LEAST_OF_GROUP = 500  # points of all frames, below which a group takes the moments of its whole band or of everything
MOST_OF_FRAME = 1_000
_PAIRED = 300  # points of a frame whose products are taken: pairs grow with the square
_RINGS = np.concatenate([[0.0], np.geomspace(0.01, 0.8, 15)])  # image widths
_LENGTHS = np.geomspace(0.01, 1.0, 93)  # image widths, 5% apart
_ROUNDS = 5  # of variance and scale in turn; each changes the other by less than a tenth
_LEAST_LOCAL = 0.01  # of a group's variance: below it the division between scale and local part says nothing
_LEAST_VARIANCE = 1e-8  # 0.01% of the depth: finer than the steps of any stored truth
_VARIANCE_BINS = 12


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Where one frame predicted which depth, and how wrong it was.

    `position` (N, 2): column and row over the image width. `depth_m` (N,): predicted; `true_m` (N,). `is_road` (N,)
    bool as predicted, None where the model has no classes. `log_variance` (N,): as predicted, None likewise. Raises
    `DatasetError` for what is not finite or positive, or of another length.
    """

    position: FloatArray
    depth_m: FloatArray
    true_m: FloatArray
    is_road: NDArray[np.bool_] | None = None
    log_variance: FloatArray | None = None

    def __post_init__(self) -> None:
        count = len(self.depth_m)
        others = [one for one in (self.true_m, self.is_road, self.log_variance) if one is not None]
        if self.position.shape != (count, 2) or any(one.shape != (count,) for one in others):
            raise DatasetError(f"errors of a frame: {count} depths need as many positions and true depths")
        floats = [self.position, self.depth_m, self.true_m]
        floats += [] if self.log_variance is None else [self.log_variance]
        is_positive = all((one > 0.0).all() for one in (self.depth_m, self.true_m))
        if not is_positive or not all(np.isfinite(one).all() for one in floats):
            raise DatasetError("errors of a frame: depths are finite and positive; leave out what is NaN")

    def thinned(self, most: int, rng: np.random.Generator) -> FrameErrors:
        """At most so many points, drawn evenly, in any order."""
        chosen = rng.permutation(len(self.depth_m))[:most]
        road, variance = self.is_road, self.log_variance
        return FrameErrors(
            self.position[chosen],
            self.depth_m[chosen],
            self.true_m[chosen],
            None if road is None else road[chosen],
            None if variance is None else variance[chosen],
        )


@dataclass(frozen=True, eq=False)
class _Pooled:
    """Points of all frames, one after the other."""

    group: NDArray[np.intp]
    error: FloatArray
    log_variance: FloatArray | None


def fit_depth_error(
    frames: Sequence[FrameErrors],
    *,
    model: str,
    weights_sha256: str = "",
    source: str = "",
    band_edges_m: tuple[float, ...] = BAND_EDGES_M,
    seed: int = 0,
) -> DepthErrorModel:
    """The error model of these frames. Frames should be of many drives: those of one share more than their scale.

    Raises `DatasetError` for fewer than `LEAST_FRAMES` frames of `LEAST_POINTS` points.
    """
    rng = np.random.default_rng(seed)
    used = [one.thinned(MOST_OF_FRAME, rng) for one in frames if len(one.depth_m) >= LEAST_POINTS]
    if len(used) < LEAST_FRAMES:
        raise DatasetError(
            f"an error model needs {LEAST_FRAMES} frames with {LEAST_POINTS} judged points each, got {len(used)}"
        )
    bands = len(band_edges_m) + 1
    pooled = _pool(used, band_edges_m)
    bias = _group_moments(pooled.error, pooled.group, bands)
    centred = pooled.error - bias[pooled.group]
    total = np.maximum(_group_moments(centred**2, pooled.group, bands), _LEAST_VARIANCE)
    rings = _Rings.of(used)
    offset = slope = None
    scale, share, length = 0.0, 0.0, 1.0
    for _ in range(_ROUNDS):
        by_group = np.maximum(total - scale, _LEAST_LOCAL * total)
        local = by_group[pooled.group]
        if pooled.log_variance is not None:
            offset, slope = _variance_line(centred**2, pooled.log_variance, scale)
            local = np.exp(offset + slope * pooled.log_variance)
        scale, share, length = _fit_covariance(rings, centred, local)
    by_group = np.maximum(total - scale, _LEAST_LOCAL * total)
    return DepthErrorModel(
        model=model,
        weights_sha256=weights_sha256,
        source=source,
        frames=len(used),
        points=len(centred),
        band_edges_m=tuple(band_edges_m),
        variance_road=tuple(by_group[:bands].tolist()),
        variance_other=tuple(by_group[bands:].tolist()),
        bias_road=tuple(bias[:bands].tolist()),
        bias_other=tuple(bias[bands:].tolist()),
        scale_variance=scale,
        smooth_share=share,
        correlation_length=length,
        log_variance_offset=offset,
        log_variance_slope=slope,
    )


def _pool(frames: Sequence[FrameErrors], edges_m: tuple[float, ...]) -> _Pooled:
    """Groups are numbered road by band, then everything else by band."""
    bands = len(edges_m) + 1
    groups = []
    for one in frames:
        road = np.zeros(len(one.depth_m), np.bool_) if one.is_road is None else one.is_road
        groups.append(np.searchsorted(edges_m, one.depth_m, side="right") + np.where(road, 0, bands))
    has_variance = all(one.log_variance is not None for one in frames)
    return _Pooled(
        np.concatenate(groups),
        np.concatenate([np.log(one.depth_m / one.true_m) for one in frames]),
        np.concatenate([one.log_variance for one in frames if one.log_variance is not None]) if has_variance else None,
    )


def _group_moments(values: FloatArray, group: NDArray[np.intp], bands: int) -> FloatArray:
    """(2 bands,) means; a group of few points takes that of its band, a band of few points that of everything."""
    counts = np.bincount(group, minlength=2 * bands)
    sums = np.bincount(group, weights=values, minlength=2 * bands)
    band_counts, band_sums = (one.reshape(2, bands).sum(axis=0) for one in (counts, sums))
    of_band = np.where(band_counts >= LEAST_OF_GROUP, band_sums / np.maximum(band_counts, 1), values.mean())
    return np.where(counts >= LEAST_OF_GROUP, sums / np.maximum(counts, 1), np.tile(of_band, 2))


def _variance_line(squared: FloatArray, log_variance: FloatArray, scale: float) -> tuple[float, float]:
    """Offset and slope of ln(local variance) over the predicted one, through the means of bins of equal size."""
    order = np.argsort(log_variance, kind="stable")
    bins = np.array_split(order, _VARIANCE_BINS)
    mean = np.maximum([squared[one].mean() for one in bins], _LEAST_VARIANCE)
    found = np.log(np.maximum(mean - scale, _LEAST_LOCAL * mean))
    predicted = np.array([log_variance[one].mean() for one in bins])
    spread = predicted.var()
    # A slope below 0 would trust most what the network trusts least.
    slope = 0.0 if spread < 1e-12 else max(0.0, float(np.cov(predicted, found, bias=True)[0, 1] / spread))
    return float(found.mean() - slope * predicted.mean()), slope


@dataclass(frozen=True, eq=False)
class _Rings:
    """Pairs of the points of each frame by their distance; what lies farther apart is in one ring more, unused.

    `part`: of a frame, its points among all. `ring`: of its pairs, in the order of `np.triu_indices`, uint8.
    `count`, `distance` (rings,): pairs of all frames and the mean distance of them, image widths.
    """

    part: list[slice]
    ring: list[NDArray[np.uint8]]
    count: FloatArray
    distance: FloatArray

    @staticmethod
    def of(frames: Sequence[FrameErrors]) -> _Rings:
        rings = len(_RINGS)
        count, distance = np.zeros((2, rings))
        parts, found, start = [], [], 0
        for one in frames:
            size = min(_PAIRED, len(one.depth_m))
            first, second = np.triu_indices(size, 1)
            apart = np.hypot(*(one.position[first] - one.position[second]).T)
            ring = (np.searchsorted(_RINGS, apart, side="right") - 1).astype(np.uint8)
            count += np.bincount(ring, minlength=rings)
            distance += np.bincount(ring, apart, rings)
            parts.append(slice(start, start + size))
            found.append(ring)
            start += len(one.depth_m)
        return _Rings(parts, found, count, distance / np.maximum(count, 1.0))

    def means(self, values: FloatArray) -> FloatArray:
        """(rings,) mean product of the values of two points of a pair."""
        sums = np.zeros(len(_RINGS))
        for part, ring in zip(self.part, self.ring):
            of_frame = values[part]
            first, second = np.triu_indices(len(of_frame), 1)
            sums += np.bincount(ring, of_frame[first] * of_frame[second], len(_RINGS))
        return np.asarray(sums / np.maximum(self.count, 1.0))


def _fit_covariance(rings: _Rings, centred: FloatArray, local: FloatArray) -> tuple[float, float, float]:
    """Variance of the scale, smooth share and correlation length, by least squares over rings of distance.

    With z = r / sqrt(v) the mean product in a ring is s^2 mean(1 / sqrt(v_i v_j)) + q exp(-h / L): linear but for L.
    """
    used = rings.count > 0
    used[-1] = False
    root = np.sqrt(local)
    products, inverse = rings.means(centred / root)[used], rings.means(1.0 / root)[used]
    # Pairs of one frame are far from independent, so their number only says which rings hardly exist.
    weight = np.sqrt(np.minimum(1.0, used.sum() * rings.count[used] / rings.count[used].max()))
    best = (np.inf, 0.0, 0.0, 1.0)
    for length in _LENGTHS:
        design = np.column_stack([inverse, np.exp(-rings.distance[used] / length)]) * weight[:, None]
        (scale, share), misfit = nnls(design, products * weight)
        if misfit < best[0]:
            best = (misfit, float(scale), float(share), float(length))
    _, scale, share, length = best
    # Removing the mean over F frames took 1 / F of the scale's variance with it.
    frames = len(rings.part)
    return scale * frames / (frames - 1), min(1.0, share), length
