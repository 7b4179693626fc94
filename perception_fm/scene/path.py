"""The predicted path on the ground of the base frame, and how far the grid shows it free."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import ARC, aside_sigma_m, swing_m, turn_rad
from perception_fm.scene.free_grid import BLIND, FREE, FreeSpaceGrid, places_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GroundPath:
    """It begins at `start_m` (x, y), `heading_rad` to the left of base x; its curvature fades (geometry/path.py).

    `half_width_m`: half the vehicle's width. `curvature_sigma_per_m`: how far the curvature may be from what it is
    taken for.
    """

    start_m: tuple[float, float]
    heading_rad: float
    curvature_per_m: float
    half_width_m: float
    memory_m: float = ARC
    curvature_sigma_per_m: float = 0.0

    def points_m(self, along_m: FloatArray, left_m: FloatArray | float = 0.0) -> FloatArray:
        """Points (..., 2), base x and y, at distances along the path and `left_m` beside it, which broadcast."""
        curvature = self._known_curvature_per_m
        bend = turn_rad(along_m, curvature, self.memory_m)
        x = along_m - left_m * np.sin(bend)
        y = swing_m(along_m, curvature, self.memory_m) + left_m * np.cos(bend)
        cosine, sine = math.cos(self.heading_rad), math.sin(self.heading_rad)
        ahead, left = self.start_m[0] + cosine * x - sine * y, self.start_m[1] + sine * x + cosine * y
        return np.stack(np.broadcast_arrays(ahead, left), axis=-1)

    def along_and_left_m(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance along the path and beside it (N,) of points (N, 2); exact on a straight path, and near any other."""
        away = points_m - np.array(self.start_m)
        cosine, sine = math.cos(self.heading_rad), math.sin(self.heading_rad)
        along = away @ np.array([cosine, sine])
        return along, away @ np.array([-sine, cosine]) - swing_m(along, self._known_curvature_per_m, self.memory_m)

    def lateral_sigma_m(self, along_m: FloatArray) -> FloatArray:
        """How far aside (K,) of the path the vehicle may go, at distances along it (K,)."""
        return aside_sigma_m(along_m, self._known_curvature_per_m, self.memory_m, self.curvature_sigma_per_m)

    @property
    def _known_curvature_per_m(self) -> float:
        return self.curvature_per_m if math.isfinite(self.curvature_per_m) else 0.0


def free_along_m(grid: FreeSpaceGrid, path: GroundPath, max_range_m: float) -> float:
    """How far (m, from the path's start) all cells of the path are free; 0 where the first that is seen is not.

    Ground too near for any camera may be unknown, but not occupied.
    """
    step = grid.resolution_m
    along = np.arange(0.5 * step, max_range_m, step)
    count = 2 * math.ceil(path.half_width_m / step) + 1
    across = np.linspace(-path.half_width_m, path.half_width_m, count)
    places = (path.points_m(along[:, None], across[None, :]) - np.array(grid.origin_m)) / step
    state = grid.at(places_of(places[..., 0], places[..., 1]))
    is_free = (state == FREE).all(axis=1)
    run = np.logical_and.accumulate(((state == FREE) | (state == BLIND)).all(axis=1))
    known = np.flatnonzero(run & is_free)
    return float(along[known[-1]] + 0.5 * step) if len(known) else 0.0
