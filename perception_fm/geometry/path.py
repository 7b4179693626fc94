"""The predicted path of the vehicle: along its heading, with a curvature that fades.

How a driver steers now says little about where the car is in three seconds. Curvature is taken as an Ornstein-Uhlenbeck
process: its expectation falls as exp(-s / L) over the distance s, with L the speed times two seconds, so that the path
bends as the wheels stand and then goes straight on. For s much shorter than L this is an arc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SERIES_BELOW = 1e-3  # the closed form loses its digits there
ARC = 1e9  # a memory, metres, that makes the path an arc


def swing_m(ahead_m: FloatArray, curvature_per_m: float, memory_m: float = ARC) -> FloatArray:
    """How far left (K,) of the straight line the path is after `ahead_m` (K,); small angles.

    `curvature_per_m` is positive to the left, `memory_m` the distance over which it fades by 1/e.
    """
    s = ahead_m / memory_m
    return np.asarray(
        curvature_per_m * memory_m**2 * np.where(np.abs(s) < _SERIES_BELOW, 0.5 * s * s, s + np.expm1(-s))
    )


def turn_rad(ahead_m: FloatArray, curvature_per_m: float, memory_m: float = ARC) -> FloatArray:
    """How far left (K,) the path has turned after `ahead_m` (K,)."""
    return np.asarray(-curvature_per_m * memory_m * np.expm1(-ahead_m / memory_m))


def aside_sigma_m(
    ahead_m: FloatArray, curvature_per_m: float, memory_m: float, curvature_sigma_per_m: float
) -> FloatArray:
    """How far aside (K,) of the predicted path the vehicle may go within `ahead_m` (K,).

    Two things are not known: how far the curvature is from what it is taken for, and whether it stays (an arc) or
    fades as assumed.
    """
    drift = 0.5 * curvature_sigma_per_m * ahead_m**2
    stays = swing_m(ahead_m, curvature_per_m) - swing_m(ahead_m, curvature_per_m, memory_m)
    return np.asarray(np.hypot(drift, stays))


@dataclass(frozen=True, eq=False)
class PredictedPath:
    """Centre of the path at optical depth Z: x = lateral_m + heading Z - swing(Z) (optical x, right).

    `heading` is dx/dz at the camera (dimensionless), `curvature_per_m` positive to the left (REP 103),
    `half_width_m` half the vehicle's width, `memory_m` how soon the curvature fades. `curvature_sigma_per_m`: how far
    the curvature may be from what it is taken for.
    """

    heading: float
    curvature_per_m: float
    half_width_m: float
    lateral_m: float = 0.0
    memory_m: float = ARC
    curvature_sigma_per_m: float = 0.0

    def centre_x_m(self, depth_m: FloatArray) -> FloatArray:
        """Lateral position (K,), optical x, of the path's centre at optical depths (K,)."""
        bend = swing_m(depth_m, self.curvature_per_m, self.memory_m)
        return np.asarray(self.lateral_m + self.heading * depth_m - bend)

    def slope(self, depth_m: FloatArray) -> FloatArray:
        """dx/dz (K,) of the path's centre at optical depths (K,)."""
        return np.asarray(self.heading - turn_rad(depth_m, self.curvature_per_m, self.memory_m))

    def lateral_sigma_m(self, depth_m: FloatArray) -> FloatArray:
        """How far aside (K,) of the predicted path the vehicle may go, at optical depths (K,)."""
        return aside_sigma_m(depth_m, self.curvature_per_m, self.memory_m, self.curvature_sigma_per_m)
