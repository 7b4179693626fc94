"""Free, occupied and unknown cells around the vehicle, as one frame has them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FREE, OCCUPIED, UNKNOWN = 0, 100, -1
"""Values of `nav_msgs/OccupancyGrid`."""
BLIND, OUTSIDE = 1, 255
"""Further values of `FreeSpaceGrid.at`: unknown, but too near for any camera, and off the grid or unknown."""

_VEHICLE_M = 0.5


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
    is_blind = np.hypot(place[None, :] - foot_m[0], place[:, None] - foot_m[1]) < vehicle_m(foot_m)
    cells = np.full(is_blind.shape, UNKNOWN, np.int8)
    return FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), is_blind, resolution_m, (start, start))


def vehicle_m(foot_m: tuple[float, float]) -> float:
    """How far around a camera the vehicle itself may reach: to the base's origin at least."""
    return math.hypot(*foot_m) + _VEHICLE_M
