"""How wrong a learned depth is, and how its errors hang together over one image: what a test of many points must know.

The error of a predicted depth d of the true depth t is r = ln d - ln t, which is to first order the relative error of
1 / d with the opposite sign. Its second moments between two points i and j of one image (positions in image widths):

    E[r_i r_j] = b_i b_j + s^2 + sqrt(v_i v_j) (q exp(-h_ij / L) + (1 - q) [i = j])

b: mean of a group, s: scale that a whole frame shares, v: local variance, of which the share q is smooth with the
correlation length L (the exponential model of geostatistics: Cressie, Statistics for Spatial Data, 1993, section 2.3)
and the rest independent from point to point. Groups: bands of predicted depth, road and anything else. Where the model
predicts the variance w of ln d, v = exp(offset + slope ln w) instead of the group's. b stands as a second moment, not
as a correction: a model that is off by the same share everywhere is not to be trusted more for it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.errors import ModelError

FloatArray = NDArray[np.float64]

MOST_POINTS = 4_000
"""Of one covariance: its matrix has the square of it; a box of more points is thinned by its maker."""


@dataclass(frozen=True, eq=False)
class DepthPoints:
    """Predicted depths of N points of one image.

    `position` (N, 2): column and row over the image width. `depth_m` (N,): finite, positive. `is_road` (N,) bool, or
    None where nothing tells. `log_variance` (N,): predicted variance of ln(depth), its natural logarithm, or None.
    Raises `ModelError` for other shapes, no points, more than `MOST_POINTS`, and what is not finite or not positive.
    """

    position: FloatArray
    depth_m: FloatArray
    is_road: NDArray[np.bool_] | None = None
    log_variance: FloatArray | None = None

    def __post_init__(self) -> None:
        count = len(self.depth_m)
        if not 0 < count <= MOST_POINTS or self.position.shape != (count, 2) or self.depth_m.ndim != 1:
            raise ModelError(
                f"depth points are 1 to {MOST_POINTS} with positions (N, 2), got {self.position.shape} "
                f"for {self.depth_m.shape}"
            )
        for values in (self.is_road, self.log_variance):
            if values is not None and values.shape != (count,):
                raise ModelError(f"each of {count} depth points has one value, got {values.shape}")
        floats = [self.position, self.depth_m, *([] if self.log_variance is None else [self.log_variance])]
        if not all(np.isfinite(values).all() for values in floats) or not (self.depth_m > 0.0).all():
            raise ModelError("depth points are finite and their depths positive: leave out what is NaN")


@dataclass(frozen=True)
class DepthErrorModel:
    """The moments above, fitted on normal driving that the network has not seen.

    `band_edges_m`: K - 1 rising depths between the K bands; `variance_road`, `variance_other` (K,): v; `bias_road`,
    `bias_other` (K,): b. `scale_variance`: s^2. `smooth_share`: q, 0 to 1. `correlation_length`: L, image widths.
    `log_variance_offset`, `log_variance_slope`: None for a model without predicted variance. `model`, `weights_sha256`:
    whose errors these are. `source`: the drives; `frames`, `points`: how many. Raises `ModelError` when made with what
    is not finite, negative or of another length.
    """

    model: str
    weights_sha256: str
    source: str
    frames: int
    points: int
    band_edges_m: tuple[float, ...]
    variance_road: tuple[float, ...]
    variance_other: tuple[float, ...]
    bias_road: tuple[float, ...]
    bias_other: tuple[float, ...]
    scale_variance: float
    smooth_share: float
    correlation_length: float
    log_variance_offset: float | None = None
    log_variance_slope: float | None = None

    def __post_init__(self) -> None:
        for wrong, message in self._refusals():
            if wrong:
                raise ModelError(f"the depth error of model {self.model}: {message}")

    def _refusals(self) -> list[tuple[bool, str]]:
        tables = (self.variance_road, self.variance_other, self.bias_road, self.bias_other)
        slope = (self.log_variance_offset, self.log_variance_slope)
        numbers = [self.scale_variance, self.smooth_share, self.correlation_length, *self.band_edges_m]
        numbers += [one for table in tables for one in table] + [one for one in slope if one is not None]
        edges = list(self.band_edges_m)
        return [
            (not all(math.isfinite(one) for one in numbers), "its numbers are finite"),
            (edges != sorted(set(edges)) or min(edges, default=1.0) <= 0.0, f"edges of bands rise from 0, got {edges}"),
            (any(len(one) != len(edges) + 1 for one in tables), f"{len(edges)} edges make {len(edges) + 1} bands"),
            (min((*self.variance_road, *self.variance_other), default=0.0) <= 0.0, "local variances are positive"),
            (self.scale_variance < 0.0, "the variance of the scale is not negative"),
            (not 0.0 <= self.smooth_share <= 1.0, f"the smooth share is 0 to 1, got {self.smooth_share}"),
            (self.correlation_length <= 0.0, "the correlation length is positive"),
            ((slope[0] is None) != (slope[1] is None), "offset and slope of the predicted variance belong together"),
        ]

    def local_variance(
        self, depth_m: ArrayLike, is_road: NDArray[np.bool_] | None = None, log_variance: ArrayLike | None = None
    ) -> FloatArray:
        """v of predicted depths of any shape; NaN where the depth is. Where the model's own variance was not fitted, it
        is not used.
        """
        if log_variance is not None and self.log_variance_offset is not None and self.log_variance_slope is not None:
            with np.errstate(over="ignore"):
                return np.exp(self.log_variance_offset + self.log_variance_slope * np.asarray(log_variance, np.float64))
        return self._of_group(self.variance_road, self.variance_other, depth_m, is_road)

    def bias(self, depth_m: ArrayLike, is_road: NDArray[np.bool_] | None = None) -> FloatArray:
        """b of predicted depths of any shape; NaN where the depth is."""
        return self._of_group(self.bias_road, self.bias_other, depth_m, is_road)

    def std_m(self, depth_m: NDArray[np.floating], is_road: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """Standard deviation in metres of predicted depths of any shape, from their groups; NaN where the depth is."""
        moment = self.bias(depth_m, is_road) ** 2 + self.scale_variance + self.local_variance(depth_m, is_road)
        return np.asarray(depth_m * np.sqrt(moment), np.float32)

    def inverse_depth_covariance(self, points: DepthPoints) -> FloatArray:
        """(N, N) second moments of the errors of 1 / depth, 1/m^2, of points that all differ from each other."""
        moments = self._log_moments(points, points)
        moments[np.diag_indices_from(moments)] += (1.0 - self.smooth_share) * self._variance_of(points)
        return moments / np.outer(points.depth_m, points.depth_m)

    def mean_inverse_depth_covariance(self, boxes: Sequence[DepthPoints]) -> FloatArray:
        """(M, M) second moments of the errors of the mean 1 / depth of M boxes of one image, 1/m^2.

        Boxes share no point with each other. Raises `ModelError` for none.
        """
        if not boxes:
            raise ModelError("the covariance of boxes needs at least one box")
        result = np.empty((len(boxes), len(boxes)))
        for row, first in enumerate(boxes):
            result[row, row] = self.inverse_depth_covariance(first).mean()
            for column, second in enumerate(boxes[:row]):
                moments = self._log_moments(first, second) / np.outer(first.depth_m, second.depth_m)
                result[row, column] = result[column, row] = moments.mean()
        return result

    def to_json(self) -> str:
        """For a file."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @staticmethod
    def from_json(text: str, where: str) -> DepthErrorModel:
        """What `to_json` wrote; `where` names the file in messages. Raises `ModelError` for anything else."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{where} is no depth error model: not JSON: {error}") from error
        return DepthErrorModel.from_document(values, where)

    @staticmethod
    def from_document(values: Any, where: str) -> DepthErrorModel:
        """From plain values as JSON gives them. Raises `ModelError`."""
        fields = {item.name: item for item in dataclasses.fields(DepthErrorModel)}
        required = {name for name, item in fields.items() if item.default is dataclasses.MISSING}
        if not isinstance(values, Mapping) or not required <= values.keys() <= fields.keys():
            keys = ", ".join(map(str, values)) if isinstance(values, Mapping) else type(values).__name__
            raise ModelError(f"{where} is no depth error model: expected {', '.join(fields)}; got {keys}")
        return DepthErrorModel(
            **{name: _typed(value, str(fields[name].type), name, where) for name, value in values.items()}
        )

    def _of_group(
        self, road: Sequence[float], other: Sequence[float], depth_m: ArrayLike, is_road: NDArray[np.bool_] | None
    ) -> FloatArray:
        depth = np.asarray(depth_m, np.float64)
        band = np.searchsorted(self.band_edges_m, depth, side="right")
        band = np.minimum(band, len(self.band_edges_m))  # NaN is sorted behind all
        values = np.asarray(other)[band]
        if is_road is not None:
            values = np.where(is_road, np.asarray(road)[band], values)
        return np.where(np.isnan(depth), np.nan, values)

    def _log_moments(self, first: DepthPoints, second: DepthPoints) -> FloatArray:
        """(N, M) second moments of r between points that differ from each other."""
        apart = first.position[:, None, :] - second.position[None, :, :]
        correlation = np.exp(-np.sqrt((apart**2).sum(axis=2)) / self.correlation_length)
        local = np.outer(*(np.sqrt(self._variance_of(one)) for one in (first, second)))
        bias = np.outer(*(self.bias(one.depth_m, one.is_road) for one in (first, second)))
        moments: FloatArray = bias + self.scale_variance + self.smooth_share * local * correlation
        return moments

    def _variance_of(self, points: DepthPoints) -> FloatArray:
        return self.local_variance(points.depth_m, points.is_road, points.log_variance)


def _typed(value: Any, hint: str, name: str, where: str) -> Any:
    """`value` from JSON in the type of the field; raises `ModelError` for another."""
    if hint == "str":
        if isinstance(value, str):
            return value
    elif hint == "int":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif hint.startswith("tuple"):
        if isinstance(value, list):
            return tuple(_typed(one, "float", name, where) for one in value)
    elif value is None and hint.endswith("None"):
        return None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise ModelError(f"{where} is no depth error model: {name} is {hint}, got {value!r}")
