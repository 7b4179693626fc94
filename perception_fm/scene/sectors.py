"""Free space by bearing: the grid, walked outward from one point until something ends it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import BLIND, FREE, OCCUPIED, FreeSpaceGrid, places_of
from perception_fm.scene.free_sectors import Boundary, FreeSpaceSectors

FloatArray = NDArray[np.float64]

_SECTOR_RAD = math.radians(1.0)
_LEAST_RAYS = 4
_GAP_M, _GAP_SHARE = 0.75, 0.1  # between confirmed road and the thing that ends it: its foot is seldom road for sure


def sectors_of(
    grid: FreeSpaceGrid,
    origin_m: tuple[float, float],
    view_rad: tuple[float, float],
    max_range_m: float,
    has_confidence: bool = True,
) -> FreeSpaceSectors:
    """Sectors between the bearings `view_rad` (right, left). A sector is as free as the least free of its rays.

    OBSTACLE is only where confirmed road reaches up to the nearest occupied cell. Ground too near for any camera may be
    unknown, but not occupied. Without confidence, which costs a third of the
    time, that is NaN.
    """
    right, left = view_rad
    count = max(1, round((left - right) / _SECTOR_RAD))
    width = (left - right) / count
    step = 0.5 * grid.resolution_m
    # Of a sector: no cell, however far, lies between two of them.
    rays = max(_LEAST_RAYS, math.ceil(width * max_range_m / grid.resolution_m))
    places = _walk(grid.resolution_m, grid.origin_m, origin_m, (right, width, count, rays), round(max_range_m / step))
    state = grid.at(places)
    end = _first(state > BLIND)  # of what can be walked, FREE or BLIND, in steps
    number = np.arange(max(end.max(), 1), dtype=np.int16)
    is_known = state[:, : len(number)] == FREE
    is_known &= number < end[:, None]
    first = _first(is_known)
    is_found = first < len(number)
    last = _after_last(is_known, end) * step
    nearest = _first(state == OCCUPIED)
    by_sector = (count, rays)
    near = np.where(is_found, first * step, np.inf).reshape(by_sector).max(axis=1)
    free = last.reshape(by_sector).min(axis=1)
    obstacle = np.where(nearest < places.shape[1], nearest * step, np.inf).reshape(by_sector).min(axis=1)
    is_any = free > 0.0
    is_met = is_any & (obstacle <= free + np.maximum(_GAP_M, _GAP_SHARE * free))
    boundary = np.where(is_met, Boundary.OBSTACLE, Boundary.UNKNOWN)
    boundary = np.where(is_any & ~is_met & (free >= places.shape[1] * step), Boundary.FREE_END, boundary)
    least_odds = np.full(count, np.nan)
    if has_confidence:
        least_odds[is_any] = -_greatest_odds(grid, places[:, : len(number)], is_known, rays)[is_any]
    return FreeSpaceSectors(
        origin_m=origin_m,
        width_rad=width,
        bearing_rad=np.asarray(right + width * (np.arange(count) + 0.5), np.float64),
        near_m=np.where(is_any, near, 0.0),
        free_m=free,
        obstacle_m=obstacle,
        boundary=boundary.astype(np.uint8),
        confidence=1.0 / (1.0 + np.exp(-least_odds)),
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
    columns = (-0.5 - camera.cx) / camera.fx, (camera.width - 0.5 - camera.cx) / camera.fx
    rows = (-0.5 - camera.cy) / camera.fy, (camera.height - 0.5 - camera.cy) / camera.fy
    return _span_of(columns, rows, base_from_camera.rotation.tobytes())


@lru_cache(maxsize=32)
def _span_of(columns: tuple[float, float], rows: tuple[float, float], rotation: bytes) -> tuple[float, float]:
    """Bearings (right, left) of the corners of an image whose rays end at these columns and rows."""
    corners = [(x, y, 1.0) for x in columns for y in rows]
    rays = np.array([*corners, (0.0, 0.0, 1.0)]) @ np.frombuffer(rotation).reshape(3, 3).T
    bearing = np.arctan2(rays[:, 1], rays[:, 0])
    offset = (bearing - bearing[-1] + math.pi) % (2.0 * math.pi) - math.pi
    return float(bearing[-1] + offset.min()), float(bearing[-1] + offset.max())


def _first(mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Index (N,) of the first True of each row of a mask (N, M), M where there is none."""
    first = mask.argmax(axis=1)
    return np.asarray(np.where(mask[np.arange(len(mask)), first], first, mask.shape[1]), np.int16)


def _after_last(mask: NDArray[np.bool_], end: NDArray[np.int16]) -> NDArray[np.intp]:
    """One more than the index (N,) of the last True of each row of a mask (N, M), 0 where there is none; nothing is
    True from `end` (N,) on."""
    last = np.where(mask[np.arange(len(mask)), end - 1], end, 0)
    # A walk mostly ends right behind what it looks for.
    (others,) = np.nonzero((last == 0) | (end == 0))
    rest = mask[others, ::-1]
    last[others] = np.where(rest.any(axis=1), mask.shape[1] - rest.argmax(axis=1), 0)
    return np.asarray(last, np.intp)


def _greatest_odds(
    grid: FreeSpaceGrid, places: NDArray[np.int16], is_chosen: NDArray[np.bool_], rays: int
) -> NDArray[np.float32]:
    """Of the chosen steps (N, M), of all rays of a sector (N / rays,); -inf where none is."""
    odds = np.where(is_chosen, grid.odds_at(places), np.float32(-np.inf))
    return np.asarray(odds.reshape(len(places) // rays, -1).max(axis=1))


@lru_cache(maxsize=8)
def _walk(
    resolution_m: float,
    corner_m: tuple[float, float],
    origin_m: tuple[float, float],
    sectors: tuple[float, float, int, int],
    steps: int,
) -> NDArray[np.int16]:
    """Column and row (rays, steps, 2) of the cell at each step of each ray."""
    right, width, count, rays = sectors
    bearing = right + width / rays * (np.arange(count * rays) + 0.5)
    ranges = (np.arange(steps) + 0.5) * 0.5 * resolution_m
    column = (origin_m[0] + np.cos(bearing)[:, None] * ranges - corner_m[0]) / resolution_m
    row = (origin_m[1] + np.sin(bearing)[:, None] * ranges - corner_m[1]) / resolution_m
    places = places_of(column, row)
    places.setflags(write=False)
    return places
