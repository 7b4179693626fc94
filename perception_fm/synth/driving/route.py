"""The path that a vehicle drives: along a lane, with the wander of a human driver, rounded as steering rounds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

_STEP_M = 0.5
_STEERING_M = 1.2  # standard deviation of the rounding: a wheel is not turned at once, a bend of 9 m is cut by 8 cm
_MARGIN_M = 8.0  # rounding and splines need neighbours
# Drivers wander with 0.1 to 0.2 Hz; slow ones within some car lengths.
_WANDER_S = (5.0, 9.0)
_WANDER_LEAST_M = (45.0, 80.0)


@dataclass(frozen=True, eq=False)
class DrivenPath:
    """Where base_link goes. `way_m` (N,) along the path, 0 at its first sample; `station_m` (N,) of the road there.

    Outside of its samples a path cannot be asked.
    """

    way_m: FloatArray
    station_m: FloatArray
    spline: CubicSpline

    def points(self, way_m: ArrayLike) -> FloatArray:
        """World points (..., 3) on the road."""
        return np.asarray(self.spline(way_m), dtype=np.float64)

    def heading(self, way_m: ArrayLike) -> FloatArray:
        """Direction (...,) in rad, anticlockwise from world x, within +-pi."""
        tangent = self.spline(way_m, 1)
        return np.asarray(np.arctan2(tangent[..., 1], tangent[..., 0]), dtype=np.float64)

    def curvature(self, way_m: ArrayLike) -> FloatArray:
        """Seen from above, 1/m, left positive."""
        first, second = self.spline(way_m, 1), self.spline(way_m, 2)
        cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
        return np.asarray(cross / np.hypot(first[..., 0], first[..., 1]) ** 3, dtype=np.float64)

    def way_at(self, station_m: ArrayLike) -> FloatArray:
        """Way at stations of the road; constant beyond the ends."""
        return np.asarray(np.interp(station_m, self.station_m, self.way_m), dtype=np.float64)

    def station_at(self, way_m: ArrayLike) -> FloatArray:
        """Station of the road at ways."""
        return np.asarray(np.interp(way_m, self.way_m, self.station_m), dtype=np.float64)


def drive_path(
    road: RoadLine, lane_offset_m: float, config: DriveConfig, seed: int, from_m: float, to_m: float
) -> DrivenPath:
    """The path between two stations, `lane_offset_m` being the lane's middle left of the reference line."""
    count = math.ceil((to_m - from_m + 2.0 * _MARGIN_M) / _STEP_M)
    station = np.linspace(from_m - _MARGIN_M, to_m + _MARGIN_M, count + 1)
    lateral = lane_offset_m + config.lateral_m + _wander(station, config, seed)
    _refuse_tight_bend(road, station, lateral)
    points = gaussian_filter1d(road.points(station, lateral), _STEERING_M / (station[1] - station[0]), axis=0)
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return DrivenPath(way, station, CubicSpline(way, points))


def _wander(station_m: FloatArray, config: DriveConfig, seed: int) -> FloatArray:
    """Offset (N,) to the left, at most `wander_m`."""
    rng = np.random.default_rng([seed, 11])
    shares = rng.dirichlet([2.0, 2.0])
    offset = np.zeros_like(station_m)
    for share, period_s, least_m in zip(shares, _WANDER_S, _WANDER_LEAST_M):
        wavelength_m = max(least_m, period_s * config.speed_mps)
        offset += share * np.sin(2.0 * math.pi * (station_m / wavelength_m + rng.uniform()))
    return config.wander_m * offset


def _refuse_tight_bend(road: RoadLine, station_m: FloatArray, lateral_m: FloatArray) -> None:
    """A path on the inner side of a bend has a shorter radius than the road; at zero it would turn back on itself."""
    bend = np.gradient(road.heading(station_m), station_m)
    radius_left_m = 1.0 - bend * lateral_m
    if radius_left_m.min() < 0.1:
        at = float(station_m[radius_left_m.argmin()])
        raise ConfigError(
            f"drive: the bend at {at:.0f} m is too tight for a path {lateral_m.max():.1f} m beside the road"
        )
