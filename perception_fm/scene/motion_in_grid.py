"""Obstacles written into the grid: those of motion, which the network may not see; and road where no network is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.path import GroundPath
from perception_fm.types import Obstacle, Provenance, obstacle_corners_m

FloatArray = NDArray[np.float64]

_LEAST_DEPTH_M = 0.5  # of a thing whose length nobody has seen
_STRIP_ODDS = -3.0  # verified road is verified against a false alarm rate of a few percent (docs/motion.md)
_OCCUPIED_ODDS = 4.0
_SUBPIXEL_BITS = 4


def with_obstacles(grid: FreeSpaceGrid, obstacles: Sequence[Obstacle], foot_m: FloatArray) -> FreeSpaceGrid:
    """Marks what is confirmed as occupied, and as unknown what lies behind what motion has seen, from `foot_m` (2,).

    A painted wall looks like free road to the network; nothing behind it may stay free.
    """
    chosen = [item for item in obstacles if _has_place(item)]
    if not chosen:
        return grid
    solid, hidden = np.zeros(grid.cells.shape, np.uint8), np.zeros(grid.cells.shape, np.uint8)
    boxes = obstacle_corners_m(chosen, _LEAST_DEPTH_M)
    _fill(solid, boxes, grid)
    # What the network sees behind its own things it has not called free.
    by_motion = [item.provenance is not Provenance.LEARNED for item in chosen]
    reach = 2.0 * grid.resolution_m * max(grid.cells.shape)
    for corners in boxes[by_motion]:
        away = corners - foot_m
        beyond = foot_m + away * (reach / np.maximum(np.hypot(*away.T), 1e-6))[:, None]
        shadow = cv2.convexHull(np.concatenate([corners, beyond]).astype(np.float32))
        _fill(hidden, shadow[None, :, 0].astype(np.float64), grid)
    cells, odds = grid.cells.copy(), grid.odds.copy()
    beside = cv2.dilate(solid, np.ones((3, 3), np.uint8)) | hidden
    cells[beside.view(np.bool_) & (cells == FREE)] = UNKNOWN
    is_solid = solid.view(np.bool_)
    cells[is_solid], odds[is_solid] = OCCUPIED, _OCCUPIED_ODDS
    return dataclasses.replace(grid, cells=cells, odds=odds)


def with_verified_path(grid: FreeSpaceGrid, path: GroundPath, verified_m: float) -> FreeSpaceGrid:
    """Marks the verified path as free where nothing is known: for a vehicle that has no network."""
    if verified_m <= 0.0:
        return grid
    part = _around(grid, path, verified_m)
    row, column = np.mgrid[part]
    places = np.array(grid.origin_m) + grid.resolution_m * (np.stack([column, row], axis=-1).reshape(-1, 2) + 0.5)
    along, left = path.along_and_left_m(places)
    inside = (along > 0.0) & (along <= verified_m) & (np.abs(left) <= path.half_width_m)
    inside = inside.reshape(row.shape) & (grid.cells[part] == UNKNOWN)
    cells, odds = grid.cells.copy(), grid.odds.copy()
    cells[part][inside], odds[part][inside] = FREE, _STRIP_ODDS
    return dataclasses.replace(grid, cells=cells, odds=odds)


def _around(grid: FreeSpaceGrid, path: GroundPath, length_m: float) -> tuple[slice, slice]:
    """Rows and columns that hold the first part of the path."""
    middle = path.points_m(np.linspace(0.0, length_m, math.ceil(length_m / grid.resolution_m) + 1))
    margin = path.half_width_m + grid.resolution_m
    ends = np.array([middle.min(axis=0) - margin, middle.max(axis=0) + margin]) - np.array(grid.origin_m)
    (left, low), (right, high) = np.clip(ends / grid.resolution_m + [[0.0], [1.0]], 0, grid.cells.shape[::-1])
    return slice(int(low), int(high)), slice(int(left), int(right))


def _has_place(item: Obstacle) -> bool:
    return item.is_confirmed and all(map(math.isfinite, (*item.centre_base_m[:2].tolist(), item.size_m[1])))


def _fill(image: NDArray[np.uint8], corners_m: FloatArray, grid: FreeSpaceGrid) -> None:
    """Sets the cells that convex polygons (P, N, 2) of the base frame touch."""
    cells = (corners_m - np.array(grid.origin_m)) / grid.resolution_m - 0.5
    for polygon in np.rint(cells * (1 << _SUBPIXEL_BITS)).astype(np.int32):
        cv2.fillConvexPoly(image, polygon, 1, shift=_SUBPIXEL_BITS)
