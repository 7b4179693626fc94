"""Free, occupied and unknown cells around the vehicle: sectors of many frames, remembered while it moves.

Each cell holds log odds of being occupied; a frame adds its inverse sensor model (Thrun, Burgard, Fox, Probabilistic
Robotics, 2005, chapter 9). Cells stay where they are in the odometry frame, which drifts but is continuous, so nothing
is resampled from frame to frame. What is not seen again fades back to unknown: free space soon, as something can move
in; what is occupied later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.polar import STEP_M, PolarFreeSpace

FloatArray = NDArray[np.float64]

FREE, OCCUPIED, UNKNOWN = 0, 100, -1
"""Values of `nav_msgs/OccupancyGrid`."""

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


def unknown_grid(range_m: float, resolution_m: float, foot_m: FloatArray) -> FreeSpaceGrid:
    """A grid of which nothing is known, around a camera above `foot_m` (x, y)."""
    half = math.ceil(range_m / resolution_m) + 2
    start = -half * resolution_m
    place = start + (np.arange(2 * half) + 0.5) * resolution_m
    is_blind = np.hypot(place[None, :] - foot_m[0], place[:, None] - foot_m[1]) < _vehicle_m(foot_m)
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
        odds = np.zeros_like(self._odds)
        for polar, foot_m in views:
            self._add(odds, polar, foot_m, odom_from_base)
        self._odds = np.clip(self._odds + odds, -_LIMIT, _LIMIT)
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
        free, occupied = (np.float32(math.exp(-dt_s / one)) for one in (_FREE_MEMORY_S, _OCCUPIED_MEMORY_S))
        self._odds *= np.where(self._odds < 0.0, free, occupied)

    def _add(
        self, odds: NDArray[np.float32], polar: PolarFreeSpace, foot_m: FloatArray, odom_from_base: RigidTransform
    ) -> None:
        """Adds the inverse sensor model of one camera's sectors; an occupied cell wins over a free one."""
        assert self._corner is not None
        count = self._odds.shape[0]
        turn = odom_from_base.rotation[:2, :2]
        place = (np.arange(count) + 0.5) * self._resolution_m
        x = place + self._corner[0] * self._resolution_m - odom_from_base.translation_m[0]
        y = place + self._corner[1] * self._resolution_m - odom_from_base.translation_m[1]
        ahead = (turn[0, 0] * x[None, :] + turn[1, 0] * y[:, None] - foot_m[0]).astype(np.float32)
        left = (turn[0, 1] * x[None, :] + turn[1, 1] * y[:, None] - foot_m[1]).astype(np.float32)
        ranges, bearings = cv2.cartToPolar(ahead, left)
        offset = bearings - np.float32(polar.bearing_rad[0] - 0.5 * polar.width_rad)
        offset -= np.float32(2.0 * math.pi) * np.floor(offset / np.float32(2.0 * math.pi))
        sector = (offset / np.float32(polar.width_rad)).astype(np.intp)
        # One more sector, of which nothing is known, takes all that the camera does not see.
        sector = np.minimum(sector, len(polar.bearing_rad))
        free = np.append(polar.free_m, 0.0).astype(np.float32)[sector]
        near = np.append(polar.near_m, np.inf).astype(np.float32)[sector]
        obstacle = np.append(polar.obstacle_m, np.inf).astype(np.float32)[sector]
        share = np.nan_to_num(np.append(polar.confidence, 0.0), nan=0.0).clip(0.5, 0.999)
        gain = np.minimum(np.log(share / (1.0 - share)), _MOST_FREE_ODDS).astype(np.float32)[sector]
        is_free = (ranges >= near - 0.5 * STEP_M) & (ranges <= free)
        is_occupied = (ranges >= obstacle - 0.5 * self._resolution_m) & (ranges < obstacle + _DEPTH_OF_OBSTACLE_M)
        odds -= np.where(is_free, gain, np.float32(0.0))
        odds[is_occupied] = _OCCUPIED_ODDS

    def _blind(self, views: list[tuple[PolarFreeSpace, FloatArray]]) -> NDArray[np.bool_]:
        """Cells of the base frame that lie nearer to a camera than the ground it shows, and that no other shows."""
        count = 2 * self._half
        is_blind, is_shown = np.zeros((count, count), bool), np.zeros((count, count), bool)
        for polar, foot_m in views:
            seen = polar.near_m[np.isfinite(polar.near_m)]
            if not len(seen):
                continue
            reach = int(np.ceil(max(seen.max(), *np.abs(foot_m)) / self._resolution_m)) + 2
            part = slice(max(0, self._half - 2 * reach), self._half + 2 * reach)
            place = (np.arange(count)[part] - self._half + 0.5) * self._resolution_m
            ahead, left = place[None, :] - foot_m[0], place[:, None] - foot_m[1]
            offset = np.arctan2(left, ahead) - (polar.bearing_rad[0] - 0.5 * polar.width_rad)
            sector = ((offset % (2.0 * math.pi)) / polar.width_rad).astype(np.intp)
            beside = max(float(seen.min()), _vehicle_m(foot_m))
            near = np.append(polar.near_m, beside)[np.minimum(sector, len(polar.near_m))]
            is_near = np.hypot(ahead, left) < near
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
        cells = np.full(odds.shape, UNKNOWN, np.int8)
        is_occupied = odds >= _DECISION
        # An obstacle's edge lies anywhere in its cell, and the grids of odometry and vehicle half a cell askew.
        margin = cv2.dilate(is_occupied.view(np.uint8), np.ones((3, 3), np.uint8))
        cells[(odds <= -_DECISION) & (margin == 0)] = FREE
        cells[is_occupied] = OCCUPIED
        return FreeSpaceGrid(cells, odds, is_blind, resolution, (start, start))
