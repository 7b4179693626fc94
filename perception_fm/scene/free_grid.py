"""Free, occupied and unknown cells around the vehicle: sectors of many frames, remembered while it moves.

Each cell holds log odds of being occupied; a frame adds its inverse sensor model (Thrun, Burgard, Fox, Probabilistic
Robotics, 2005, chapter 9). Cells stay where they are in the odometry frame, which drifts but is continuous, so nothing
is resampled from frame to frame. What is not seen again fades back to unknown: free space soon, as something can move
in; what is occupied later.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.polar import STEP_M, PolarFreeSpace

FloatArray = NDArray[np.float64]

FREE, OCCUPIED, UNKNOWN = 0, 100, -1
"""Values of `nav_msgs/OccupancyGrid`."""
BLIND, OUTSIDE = 1, 255
"""Further values of `FreeSpaceGrid.at`: unknown, but too near for any camera, and off the grid or unknown."""

_OCCUPIED_ODDS = 2.2  # 90%: a standing point is seldom none
_MOST_FREE_ODDS = 2.2
_LIMIT = 4.0  # log odds, 98%: what turned out wrong can be unlearned within two frames
_DECISION = 1.4  # log odds, 80%
_FREE_MEMORY_S = 1.0
_OCCUPIED_MEMORY_S = 3.0
_VEHICLE_M = 0.5
_DEPTH_OF_OBSTACLE_M = 0.5  # of the strip behind a first standing point that counts as occupied


@dataclass(frozen=True, eq=False)
class FreeSpaceGrid:
    """Cells (rows, columns) int8 of `FREE`, `OCCUPIED`, `UNKNOWN` in the base frame: rows rise with y (left), columns
    with x (forward), as in `nav_msgs/OccupancyGrid`. `origin_m`: x, y of the corner of the first cell. `odds` float32:
    logarithm, of being occupied. `is_blind`: ground too near for any camera."""

    cells: NDArray[np.int8]
    odds: NDArray[np.float32]
    is_blind: NDArray[np.bool_]
    resolution_m: float
    origin_m: tuple[float, float]

    def __post_init__(self) -> None:
        for one in (self.cells, self.odds, self.is_blind):
            one.setflags(write=False)

    def at(self, places: NDArray[np.int16]) -> NDArray[np.uint8]:
        """State (H, W) of the cells at places (H, W, 2), column and row: `FREE`, `OCCUPIED`, `BLIND` or `OUTSIDE`."""
        return _looked_up(self._states, places, OUTSIDE)

    @cached_property
    def _states(self) -> NDArray[np.uint8]:
        is_unseen = (self.cells == UNKNOWN) & self.is_blind
        return np.asarray((self.cells + is_unseen.view(np.int8) * np.int8(BLIND - UNKNOWN)).view(np.uint8))

    def without_free(self) -> FreeSpaceGrid:
        """The grid with nothing free: for what came too late to be true."""
        is_free = self.cells == FREE
        cells, odds = np.where(is_free, np.int8(UNKNOWN), self.cells), np.where(is_free, np.float32(0.0), self.odds)
        return dataclasses.replace(self, cells=cells, odds=odds)

    def odds_at(self, places: NDArray[np.int16]) -> NDArray[np.float32]:
        """Odds (H, W) at places (H, W, 2), column and row; 0 off the grid."""
        return _looked_up(self.odds, places, 0.0)


def _looked_up(values: NDArray[Any], places: NDArray[np.int16], otherwise: float) -> NDArray[Any]:
    return np.asarray(cv2.remap(values, places, None, cv2.INTER_NEAREST, borderValue=otherwise))


def places_of(column: NDArray[np.floating], row: NDArray[np.floating]) -> NDArray[np.int16]:
    """Cells (H, W, 2) as `FreeSpaceGrid.at` takes them, of columns and rows (H, W) that may have a fraction."""
    cells = np.floor(np.stack(np.broadcast_arrays(column, row), axis=-1))
    return np.asarray(np.clip(cells, -1, np.iinfo(np.int16).max), np.int16)


def unknown_grid(range_m: float, resolution_m: float, foot_m: FloatArray) -> FreeSpaceGrid:
    """A grid of which nothing is known, around a camera above `foot_m` (x, y)."""
    return _unknown_grid(range_m, resolution_m, (float(foot_m[0]), float(foot_m[1])))


@lru_cache(maxsize=8)
def _unknown_grid(range_m: float, resolution_m: float, foot_m: tuple[float, float]) -> FreeSpaceGrid:
    half = math.ceil(range_m / resolution_m) + 2
    start = -half * resolution_m
    place = start + (np.arange(2 * half) + 0.5) * resolution_m
    is_blind = np.hypot(place[None, :] - foot_m[0], place[:, None] - foot_m[1]) < _vehicle_m(np.array(foot_m))
    cells = np.full(is_blind.shape, UNKNOWN, np.int8)
    return FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), is_blind, resolution_m, (start, start))


def _vehicle_m(foot_m: FloatArray) -> float:
    """How far around a camera the vehicle itself may reach: to the base's origin at least."""
    return float(np.hypot(*foot_m[:2])) + _VEHICLE_M


class FreeSpaceMemory:
    """Gathers sectors over frames. Without poses each frame stands for itself."""

    def __init__(self, range_m: float, resolution_m: float) -> None:
        self._resolution_m = resolution_m
        self._half = math.ceil(range_m / resolution_m) + 2
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        count = 2 * self._half
        self._odds = np.zeros((count, count), np.float32)
        self._corner: tuple[int, int] | None = None  # of the window, in cells of the odometry frame

    def update(
        self,
        views: list[tuple[PolarFreeSpace, FloatArray]],
        odom_from_base: RigidTransform | None,
        dt_s: float,
    ) -> FreeSpaceGrid:
        """Takes the sectors of one or several cameras, each with the camera's foot (x, y) in the base frame."""
        if odom_from_base is None:
            self.reset()
            odom_from_base = RigidTransform.identity()
        self._move_window(odom_from_base.translation_m)
        self._fade(dt_s)
        for polar, foot_m in views:
            self._add(polar, foot_m, odom_from_base)
        return self._snapshot(odom_from_base, self._blind(views))

    def _move_window(self, position_m: FloatArray) -> None:
        """Keeps the vehicle in the middle; cells that leave are forgotten."""
        corner = tuple(math.floor(float(one) / self._resolution_m) - self._half for one in position_m[:2])
        if self._corner is not None and corner != self._corner:
            dx, dy = corner[0] - self._corner[0], corner[1] - self._corner[1]
            matrix = np.array([[1.0, 0.0, -dx], [0.0, 1.0, -dy]])
            size = self._odds.shape[::-1]
            self._odds = np.asarray(cv2.warpAffine(self._odds, matrix, size, flags=cv2.INTER_NEAREST), np.float32)
        self._corner = (corner[0], corner[1])

    def _fade(self, dt_s: float) -> None:
        free, occupied = (math.exp(-dt_s / one) for one in (_FREE_MEMORY_S, _OCCUPIED_MEMORY_S))
        # What is positive fades with the one factor, what is negative with the other.
        self._odds = cv2.addWeighted(self._odds, free, cv2.max(self._odds, 0.0), occupied - free, 0.0)

    def _add(self, polar: PolarFreeSpace, foot_m: FloatArray, odom_from_base: RigidTransform) -> None:
        """Adds the inverse sensor model of one camera's sectors; an occupied cell wins over a free one."""
        assert self._corner is not None
        foot = odom_from_base.translation_m[:2] + odom_from_base.rotation[:2, :2] @ foot_m
        foot = foot / self._resolution_m - np.array(self._corner) - 0.5  # in cells of the window
        right = float(polar.bearing_rad[0] - 0.5 * polar.width_rad)
        first = np.array([math.cos(right), math.sin(right)])
        rows, columns = self._window(polar, foot, odom_from_base)
        x = ((np.arange(columns.start, columns.stop) - foot[0]) * self._resolution_m).astype(np.float32)
        y = ((np.arange(rows.start, rows.stop) - foot[1]) * self._resolution_m).astype(np.float32)[:, None]
        # Turned so that the first sector begins at the angle 0.
        turn = odom_from_base.rotation[:2, :2] @ np.array([[first[0], -first[1]], [first[1], first[0]]])
        turn = turn.astype(np.float32)
        ranges, offset = cv2.cartToPolar(turn[0, 0] * x + turn[1, 0] * y, turn[0, 1] * x + turn[1, 1] * y)
        sector = (offset * np.float32(1.0 / polar.width_rad)).astype(np.int32)
        is_seen = sector < len(polar.bearing_rad)
        ranges, sector = ranges[is_seen], sector[is_seen]
        share = np.nan_to_num(polar.confidence, nan=0.0).clip(0.5, 0.999)
        gain = np.minimum(np.log(share / (1.0 - share)), _MOST_FREE_ODDS).astype(np.float32)
        near, free, obstacle = (
            one.astype(np.float32)[sector] for one in (polar.near_m, polar.free_m, polar.obstacle_m)
        )
        is_free = (ranges >= near - np.float32(0.5 * STEP_M)) & (ranges <= free)
        is_occupied = (ranges >= obstacle - np.float32(0.5 * self._resolution_m)) & (
            ranges < obstacle + np.float32(_DEPTH_OF_OBSTACLE_M)
        )
        odds = np.where(is_occupied, np.float32(_OCCUPIED_ODDS), np.where(is_free, -gain[sector], np.float32(0.0)))
        window = self._odds[rows, columns]
        before = window[is_seen]
        # Behind the first thing that stands nothing is seen: it was free, but something has come in between.
        before = np.where(ranges >= obstacle - np.float32(0.5 * self._resolution_m), np.maximum(before, 0.0), before)
        window[is_seen] = np.clip(before + odds, -_LIMIT, _LIMIT)

    def _window(self, polar: PolarFreeSpace, foot: FloatArray, odom_from_base: RigidTransform) -> tuple[slice, slice]:
        """Rows and columns that the sectors reach from a foot (x, y) in cells."""
        # Behind something that stands all is hidden, as far as the window goes.
        is_any_hidden = bool(np.isfinite(polar.obstacle_m).any())
        reach = 2.0 * self._half if is_any_hidden else float(polar.free_m.max(initial=0.0)) / self._resolution_m + 1.0
        sides = np.append(polar.bearing_rad - 0.5 * polar.width_rad, polar.bearing_rad[-1] + 0.5 * polar.width_rad)
        ends = odom_from_base.rotation[:2, :2] @ np.array([np.cos(sides), np.sin(sides)]) * reach
        low, high = np.minimum(ends.min(axis=1), 0.0), np.maximum(ends.max(axis=1), 0.0)
        low, high = np.floor(foot + low - 1.0), np.ceil(foot + high + 2.0)
        low, high = (np.clip(one, 0, self._odds.shape[0]).astype(int) for one in (low, high))
        return slice(low[1], high[1]), slice(low[0], high[0])

    def _blind(self, views: list[tuple[PolarFreeSpace, FloatArray]]) -> NDArray[np.bool_]:
        """Cells of the base frame that lie nearer to a camera than the ground it shows, and that no other shows."""
        count = 2 * self._half
        is_blind, is_shown = np.zeros((count, count), bool), np.zeros((count, count), bool)
        for polar, foot_m in views:
            seen = polar.near_m[np.isfinite(polar.near_m)]
            if not len(seen):
                continue
            reach = int(np.ceil((max(seen.max(), _vehicle_m(foot_m)) + np.abs(foot_m).max()) / self._resolution_m)) + 2
            part = slice(max(0, self._half - reach), self._half + reach)
            place = ((np.arange(count)[part] - self._half + 0.5) * self._resolution_m).astype(np.float32)
            ahead, left = np.meshgrid(place - np.float32(foot_m[0]), place - np.float32(foot_m[1]))
            ranges, bearing = cv2.cartToPolar(ahead, left)
            offset = bearing - np.float32(polar.bearing_rad[0] - 0.5 * polar.width_rad)
            sector = ((offset % np.float32(2.0 * math.pi)) / np.float32(polar.width_rad)).astype(np.int32)
            beside = max(float(seen.min()), _vehicle_m(foot_m))
            near = np.append(polar.near_m, beside)[np.minimum(sector, len(polar.near_m))]
            is_near = ranges < near
            is_blind[part, part] |= is_near
            is_shown[part, part] |= ~is_near & (sector < len(polar.near_m))
        return is_blind & ~is_shown

    def _snapshot(self, odom_from_base: RigidTransform, is_blind: NDArray[np.bool_]) -> FreeSpaceGrid:
        """The cells as the base frame has them."""
        assert self._corner is not None
        count, resolution = self._odds.shape[0], self._resolution_m
        turn = odom_from_base.rotation[:2, :2]
        start = -self._half * resolution
        # Pixel (column, row) of the output -> of the window: both count cell centres.
        shift = turn @ np.full(2, start + 0.5 * resolution) + odom_from_base.translation_m[:2]
        shift = shift / resolution - np.array(self._corner) - 0.5
        matrix = np.column_stack([turn, shift])
        odds = cv2.warpAffine(
            self._odds, matrix, (count, count), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderValue=0.0
        )
        is_occupied = odds >= _DECISION
        # An obstacle's edge lies anywhere in its cell, and the grids of odometry and vehicle half a cell askew.
        margin = cv2.dilate(is_occupied.view(np.uint8), np.ones((3, 3), np.uint8))
        is_free = (odds <= -_DECISION) & (margin == 0)
        cells = np.int8(UNKNOWN) + np.int8(FREE - UNKNOWN) * is_free.view(np.int8)
        cells += np.int8(OCCUPIED - UNKNOWN) * is_occupied.view(np.int8)
        return FreeSpaceGrid(cells, odds, is_blind, resolution, (start, start))
