"""Road that was seen to be road, kept for a moment on a map that moves with the vehicle.

A stretch counts as verified when the evidence of the last second says so; evidence fades, since what can move may have
moved in. Gaps are bridged only where no obstacle of the least height that matters could hide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import BOX_SPACING

FloatArray = NDArray[np.float64]

CELL_M = 0.5
_MEMORY_S = 1.0  # a pedestrian steps 1.5 m into a lane within this time
_INDEPENDENT_S = 0.1  # every frame compares another pair of images; at most ten looks a second count in full
# 100:1 against an obstacle from the images alone. Fewer than one column in a hundred holds one, so 10,000:1 all told.
_VERIFIED = float(np.log(1e2))
_CEILING = 2.0 * _VERIFIED
_FLOOR = -_CEILING
# A path that swings further aside is another strip of road; far ahead, half a degree of heading noise is allowed for.
_MAX_LATERAL_M, _HEADING_NOISE = 0.3, 0.01


class VerifiedRoad:
    """Evidence per cell along the path, in travelled distance: index 0 is the odometer's cell at reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._start_m = 0.0
        self._evidence = np.zeros((0, COLUMNS))
        self._position_m = np.zeros((0, 2))

    def update(
        self, odometer_m: float, distance_m: FloatArray, road_ratio: FloatArray, position_m: FloatArray, dt_s: float
    ) -> FloatArray:
        """Evidence (K, COLUMNS) after this frame at boxes `distance_m` (K,), ascending.

        `road_ratio` (K, COLUMNS): log likelihood ratio of this frame; `position_m` (K, 2): where the path's centre
        lies there, in a frame fixed to the world (odom), so that a changed path drops what was verified beside it.
        """
        self._advance(odometer_m, float(distance_m[-1]))
        centres = np.asarray(self._start_m + (np.arange(len(self._evidence)) + 0.5) * CELL_M - odometer_m, np.float64)
        inside = (centres >= distance_m[0]) & (centres <= distance_m[-1])
        ratio = _resample(centres, distance_m, road_ratio)
        now = _resample(centres, distance_m, position_m)
        tangent = np.gradient(now, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
        apart = now - self._position_m
        aside = np.abs(tangent[:, 0] * apart[:, 1] - tangent[:, 1] * apart[:, 0])
        moved = inside & ~(aside <= np.hypot(_MAX_LATERAL_M, _HEADING_NOISE * centres))
        self._evidence[moved] = np.minimum(self._evidence[moved], 0.0)
        self._position_m[moved] = now[moved]
        self._evidence *= np.exp(-dt_s / _MEMORY_S)
        self._evidence[inside] += ratio[inside] * min(1.0, dt_s / _INDEPENDENT_S)
        np.clip(self._evidence, _FLOOR, _CEILING, out=self._evidence)
        return _resample(distance_m, centres, self._evidence)

    def _advance(self, odometer_m: float, reach_m: float) -> None:
        """Drop cells behind, add unknown ones ahead."""
        behind = int(np.floor((odometer_m - self._start_m) / CELL_M))
        if behind < 0 or behind > len(self._evidence):
            self.reset()
            self._start_m = odometer_m
        elif behind > 0:
            self._start_m += behind * CELL_M
            self._evidence, self._position_m = self._evidence[behind:], self._position_m[behind:]
        wanted = int(np.ceil((odometer_m + reach_m - self._start_m) / CELL_M)) + 1
        missing = wanted - len(self._evidence)
        if missing > 0:
            self._evidence = np.concatenate([self._evidence, np.zeros((missing, COLUMNS))])
            self._position_m = np.concatenate([self._position_m, np.full((missing, 2), np.nan)])


def _resample(at: FloatArray, known: FloatArray, values: FloatArray) -> FloatArray:
    """Linear interpolation (M, C) at positions `at` (M,) of the columns of `values` (K, C), given at `known` (K,)."""
    return np.column_stack([np.interp(at, known, column) for column in values.T])


def verified_distance_m(
    distance_m: FloatArray,
    evidence: FloatArray,
    nearest_visible_m: float,
    height_m: float,
    min_obstacle_height_m: float,
) -> tuple[float, NDArray[np.bool_]]:
    """How far the road is verified without a gap that could hide an obstacle, and the verified boxes (K,).

    `evidence` (K, COLUMNS): every column of the path must be verified for itself.
    An obstacle of height H at distance Z hides the road from Z to Z h / (h - H). A box at Z looks at just that
    stretch, so boxes at most half of it apart (geometrically) leave no room for one between them. 0 when nothing is
    verified.
    """
    is_free = np.asarray((evidence >= _VERIFIED).all(axis=1))
    hidden = 1.0 / (1.0 - min(0.9, min_obstacle_height_m / height_m))
    # Strips of low obstacles are short; as long as they reach their neighbour, no road lies between them unseen.
    bridge = max(np.sqrt(hidden), 1.001 * BOX_SPACING) if hidden >= BOX_SPACING else np.sqrt(hidden)
    reached, result = max(nearest_visible_m, float(distance_m[0])), 0.0
    for distance, free in zip(distance_m, is_free):
        if distance > reached * bridge:
            break
        if free:
            reached = max(reached, float(distance))
            result = float(distance)
    return result, np.asarray(is_free & (distance_m <= result))
