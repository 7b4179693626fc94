"""Free space by bearing: the grid, walked outward from one point until something ends it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.polar import Boundary

FloatArray = NDArray[np.float64]

_SECTOR_RAD = math.radians(1.0)
_RAYS = 4  # in a sector: a quarter of a degree is less than a cell as far as the grid reaches
_GAP_M, _GAP_SHARE = 0.75, 0.1  # between confirmed road and the thing that ends it: its foot is seldom road for sure


@dataclass(frozen=True, eq=False)
class FreeSpaceSectors:
    """Sectors (B,) from right to left around `origin_m` (x, y) in the base frame; arrays become read-only.

    `bearing_rad`: middle of the sector, positive left; each `width_rad` wide. Free is what lies between `near_m`, where
    the image begins to show the ground, and `free_m`; `free_m` is 0 where nothing is. `obstacle_m`: nearest occupied
    cell, inf where there is none. `boundary`: of `Boundary`; OBSTACLE only where confirmed road reaches up to the
    nearest occupied cell. `confidence`: probability of the least certain free cell, NaN where there is none.
    """

    origin_m: tuple[float, float]
    width_rad: float
    bearing_rad: FloatArray
    near_m: FloatArray
    free_m: FloatArray
    obstacle_m: FloatArray
    boundary: NDArray[np.uint8]
    confidence: FloatArray

    def __post_init__(self) -> None:
        for name in ("bearing_rad", "near_m", "free_m", "obstacle_m", "boundary", "confidence"):
            getattr(self, name).setflags(write=False)


def sectors_of(
    grid: FreeSpaceGrid, origin_m: tuple[float, float], view_rad: tuple[float, float], max_range_m: float
) -> FreeSpaceSectors:
    """Sectors between the bearings `view_rad` (right, left). A sector is as free as the least free of its rays.

    Ground too near for any camera may be unknown, but not occupied.
    """
    right, left = view_rad
    count = max(1, round((left - right) / _SECTOR_RAD))
    width = (left - right) / count
    step = 0.5 * grid.resolution_m
    cells, is_inside = _walk(grid.cells.shape, grid.resolution_m, grid.origin_m, origin_m, (right, width, count),
                             round(max_range_m / step))  # fmt: skip
    state = np.where(is_inside, grid.cells.ravel()[cells], np.int8(UNKNOWN))
    is_blind = grid.is_blind.ravel()[cells] & is_inside
    ranges = (np.arange(state.shape[1]) + 1.0) * step
    is_free, is_occupied = state == FREE, state == OCCUPIED
    run = np.logical_and.accumulate(is_free | (is_blind & ~is_occupied), axis=1)
    is_known = run & is_free
    first = np.where(is_known.any(axis=1), ranges[np.argmax(is_known, axis=1)] - step, np.inf)
    last = np.where(is_known, ranges, 0.0).max(axis=1)
    nearest = np.where(is_occupied.any(axis=1), ranges[np.argmax(is_occupied, axis=1)] - step, np.inf)
    least_odds = np.where(is_known, -grid.odds.ravel()[cells], np.inf).min(axis=1)
    by_sector = (count, _RAYS)
    free, obstacle = last.reshape(by_sector).min(axis=1), nearest.reshape(by_sector).min(axis=1)
    is_any = free > 0.0
    is_met = is_any & (obstacle <= free + np.maximum(_GAP_M, _GAP_SHARE * free))
    boundary = np.where(is_met, Boundary.OBSTACLE, Boundary.UNKNOWN)
    boundary = np.where(is_any & ~is_met & (free >= ranges[-1]), Boundary.FREE_END, boundary)
    odds = np.where(is_any, least_odds.reshape(by_sector).min(axis=1), np.nan)
    return FreeSpaceSectors(
        origin_m=origin_m,
        width_rad=width,
        bearing_rad=np.asarray(right + width * (np.arange(count) + 0.5), np.float64),
        near_m=np.where(is_any, first.reshape(by_sector).max(axis=1), 0.0),
        free_m=free,
        obstacle_m=obstacle,
        boundary=boundary.astype(np.uint8),
        confidence=1.0 / (1.0 + np.exp(-odds)),
    )


def view_rad(cameras: Sequence[tuple[CameraModel, RigidTransform]]) -> tuple[float, float]:
    """Bearings (right, left) in the base frame between which undistorted cameras with these mountings see."""
    spans = [_span_rad(camera, mounting) for camera, mounting in cameras]
    first = sum(spans[0]) / 2.0
    turned = []
    for right, left in spans:
        shift = 2.0 * math.pi * round((first - 0.5 * (right + left)) / (2.0 * math.pi))
        turned.append((right + shift, left + shift))
    right, left = min(one for one, _ in turned), max(one for _, one in turned)
    return (right, left) if left - right < 2.0 * math.pi else (first - math.pi, first + math.pi)


def _span_rad(camera: CameraModel, base_from_camera: RigidTransform) -> tuple[float, float]:
    x, y = np.array([-0.5, camera.width - 0.5]) - camera.cx, np.array([-0.5, camera.height - 0.5]) - camera.cy
    corners = np.stack(np.broadcast_arrays(x[:, None] / camera.fx, y / camera.fy, 1.0), axis=-1).reshape(-1, 3)
    rays = np.vstack([corners, [[0.0, 0.0, 1.0]]]) @ base_from_camera.rotation.T
    bearing = np.arctan2(rays[:, 1], rays[:, 0])
    offset = (bearing - bearing[-1] + math.pi) % (2.0 * math.pi) - math.pi
    return float(bearing[-1] + offset.min()), float(bearing[-1] + offset.max())


@lru_cache(maxsize=8)
def _walk(
    shape: tuple[int, int],
    resolution_m: float,
    corner_m: tuple[float, float],
    origin_m: tuple[float, float],
    sectors: tuple[float, float, int],
    steps: int,
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Flat index of the cell at each step of each ray (rays, steps), and whether the grid has it."""
    right, width, count = sectors
    bearing = right + width / _RAYS * (np.arange(count * _RAYS) + 0.5)
    ranges = (np.arange(steps) + 0.5) * 0.5 * resolution_m
    column = np.floor((origin_m[0] + np.cos(bearing)[:, None] * ranges - corner_m[0]) / resolution_m).astype(np.intp)
    row = np.floor((origin_m[1] + np.sin(bearing)[:, None] * ranges - corner_m[1]) / resolution_m).astype(np.intp)
    is_inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    cells = np.where(is_inside, row * shape[1] + column, 0)
    for one in (cells, is_inside):
        one.setflags(write=False)
    return cells, is_inside
