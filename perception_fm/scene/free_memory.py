"""The free-space grid over time: sectors of many frames, remembered while the vehicle moves.

Each cell holds log odds of being occupied; a frame adds its inverse sensor model (Thrun, Burgard, Fox, Probabilistic
Robotics, 2005, chapter 9). Cells stay where they are in the odometry frame, which drifts but is continuous, so nothing
is resampled from frame to frame. What is not seen again fades back to unknown: free space soon, as something can move
in; what is occupied later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid, vehicle_m
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.polar import STEP_M

FloatArray = NDArray[np.float64]

_OCCUPIED_ODDS = 2.2  # 90%: a standing point is seldom none
_MOST_FREE_ODDS = 2.2
_LIMIT = 4.0  # log odds, 98%: what turned out wrong can be unlearned within two frames
_DECISION = 1.4  # log odds, 80%
_FREE_MEMORY_S = 1.0
_OCCUPIED_MEMORY_S = 3.0
_DEPTH_OF_OBSTACLE_M = 0.5  # of the strip behind a first standing point that counts as occupied
_REACH_STEP = 16  # cells: what is computed once for all frames does not change with every pitch of the camera


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
        views: Sequence[FreeSpaceSectors],
        odom_from_base: RigidTransform | None,
        dt_s: float,
    ) -> FreeSpaceGrid:
        """Takes the sectors of one or several cameras, each around the foot of its camera."""
        if odom_from_base is None:
            self.reset()
            odom_from_base = RigidTransform.identity()
        self._move_and_fade(odom_from_base.translation_m, dt_s)
        for polar in views:
            self._add(polar, odom_from_base)
        return self._snapshot(odom_from_base, self._blind(views))

    def _move_and_fade(self, position_m: FloatArray, dt_s: float) -> None:
        """Keeps the vehicle in the middle; cells that leave the window are forgotten, the others fade."""
        corner = tuple(math.floor(float(one) / self._resolution_m) - self._half for one in position_m[:2])
        before, moved = self._odds, np.zeros_like(self._odds)
        (to_x, from_x), (to_y, from_y) = (
            _kept(now - then, len(moved)) for now, then in zip(corner, self._corner or corner)
        )
        free, occupied = (math.exp(-dt_s / one) for one in (_FREE_MEMORY_S, _OCCUPIED_MEMORY_S))
        kept = before[from_y, from_x]
        if kept.size:
            # What is positive fades with the one factor, what is negative with the other.
            moved[to_y, to_x] = cv2.addWeighted(kept, free, np.maximum(kept, 0.0), occupied - free, 0.0)
        self._odds, self._corner = moved, (corner[0], corner[1])

    def _add(self, polar: FreeSpaceSectors, odom_from_base: RigidTransform) -> None:
        """Adds the inverse sensor model of one camera's sectors; an occupied cell wins over a free one."""
        assert self._corner is not None
        foot = odom_from_base.translation_m[:2] + odom_from_base.rotation[:2, :2] @ polar.origin_m
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
        place = offset.ravel() * np.float32(1.0 / polar.width_rad)
        seen = np.flatnonzero(place < len(polar.bearing_rad))
        window = self._odds[rows, columns]
        odds = window.ravel()
        odds[seen] = self._with_evidence(odds[seen], polar, ranges.ravel()[seen], place[seen].astype(np.intp))
        window[...] = odds.reshape(window.shape)

    def _with_evidence(
        self,
        before: NDArray[np.float32],
        polar: FreeSpaceSectors,
        ranges_m: NDArray[np.float32],
        sector: NDArray[np.intp],
    ) -> NDArray[np.float32]:
        """Odds (N,) after a frame, of cells that were `before` (N,), at ranges (N,) in sectors (N,)."""
        share = np.where(polar.confidence > 0.5, np.minimum(polar.confidence, 0.999), 0.5)
        gain = np.minimum(np.log(share / (1.0 - share)), _MOST_FREE_ODDS)
        near, free, obstacle = polar.near_m - 0.5 * STEP_M, polar.free_m, polar.obstacle_m
        strip = (obstacle - 0.5 * self._resolution_m, obstacle + _DEPTH_OF_OBSTACLE_M)
        table = np.array([near, free, *strip, -gain], np.float32)
        near, free, first, last, odds = table.take(sector, axis=1)
        is_hidden = ranges_m >= first
        # Behind the first thing that stands nothing is seen: it was free, but something has come in between.
        least = is_hidden * np.float32(_LIMIT) - np.float32(_LIMIT)
        odds *= (ranges_m >= near) & (ranges_m <= free)
        np.copyto(odds, np.float32(_OCCUPIED_ODDS), where=is_hidden & (ranges_m < last))
        odds += np.maximum(before, least, out=least)
        return np.asarray(np.clip(odds, -_LIMIT, _LIMIT, out=odds))

    def _window(self, polar: FreeSpaceSectors, foot: FloatArray, odom_from_base: RigidTransform) -> tuple[slice, slice]:
        """Rows and columns that the sectors reach from a foot (x, y) in cells."""
        # Behind something that stands all is hidden, as far as the window goes.
        is_any_hidden = bool(np.isfinite(polar.obstacle_m).any())
        reach = math.inf if is_any_hidden else float(polar.free_m.max(initial=0.0)) / self._resolution_m + 1.0
        sides = np.append(polar.bearing_rad - 0.5 * polar.width_rad, polar.bearing_rad[-1] + 0.5 * polar.width_rad)
        away = odom_from_base.rotation[:2, :2] @ np.array([np.cos(sides), np.sin(sides)])
        with np.errstate(divide="ignore", invalid="ignore"):
            leaving = np.where(away > 0.0, self._odds.shape[0] - foot[:, None], -foot[:, None]) / away
        # A ray leaves the window where it meets the first border; sectors are far narrower than its corners.
        ends = away * np.minimum(np.where(away == 0.0, math.inf, leaving).min(axis=0), reach)
        low, high = np.minimum(ends.min(axis=1), 0.0), np.maximum(ends.max(axis=1), 0.0)
        low, high = np.floor(foot + low - 1.0), np.ceil(foot + high + 2.0)
        low, high = (np.clip(one, 0, self._odds.shape[0]).astype(int) for one in (low, high))
        return slice(low[1], high[1]), slice(low[0], high[0])

    def _blind(self, views: Sequence[FreeSpaceSectors]) -> NDArray[np.bool_]:
        """Cells of the base frame that lie nearer to a camera than the ground it shows, and that no other shows."""
        count = 2 * self._half
        is_blind, is_shown = np.zeros((count, count), bool), np.zeros((count, count), bool)
        for polar in views:
            seen = polar.near_m[np.isfinite(polar.near_m)]
            if not len(seen):
                continue
            beside = max(float(seen.min()), vehicle_m(polar.origin_m))
            farthest = (max(float(seen.max()), beside) + float(np.abs(polar.origin_m).max())) / self._resolution_m
            reach = min(self._half, _REACH_STEP * math.ceil((farthest + 1.0) / _REACH_STEP))
            part = slice(self._half - reach, self._half + reach)
            right = float(polar.bearing_rad[0]) - 0.5 * polar.width_rad
            ranges, sector = _around(
                reach, self._resolution_m, polar.origin_m, right, polar.width_rad, len(polar.near_m)
            )
            is_near = ranges < np.append(polar.near_m, beside)[sector]
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


def _kept(shift: int, count: int) -> tuple[slice, slice]:
    """Where those of `count` cells in a row stay that a window keeps when it moves on by `shift`, and were before."""
    to_start, from_start = max(-shift, 0), max(shift, 0)
    kept = max(count - abs(shift), 0)
    return slice(to_start, to_start + kept), slice(from_start, from_start + kept)


@lru_cache(maxsize=8)
def _around(
    reach: int, resolution_m: float, foot_m: tuple[float, float], right_rad: float, width_rad: float, sectors: int
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Range from a foot, and number of the sector, of each of the `reach` cells around the base's origin; beyond the
    last sector is one number more."""
    place = (np.arange(-reach, reach) + 0.5) * resolution_m
    ahead, left = place - foot_m[0], (place - foot_m[1])[:, None]
    offset = (np.arctan2(left, ahead) - right_rad) % (2.0 * math.pi)
    ranges, sector = np.hypot(ahead, left), np.minimum(offset / width_rad, sectors).astype(np.intp)
    for one in (ranges, sector):
        one.setflags(write=False)
    return ranges, sector
