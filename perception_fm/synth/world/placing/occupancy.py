"""Which ground is taken: a map in plan that things are drawn on before they are placed."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Lanes; any asphalt; something stands here; to be left free; something higher than a crown's foot stands here.
DRIVEN, ASPHALT, SOLID, CLEAR, TALL = 1, 2, 4, 8, 16
_CELL_M = 0.25
_MOST_CELLS = 3e7  # coarser cells on roads of some kilometres, so that the map stays below 30 MB
_SHIFT = 6  # binary digits of cv2's fixed-point corners


class Occupancy:
    """Cells of the ground between two corners of the world, each with the reasons why it is taken."""

    def __init__(self, low_xy_m: FloatArray, high_xy_m: FloatArray) -> None:
        extent = np.asarray(high_xy_m, np.float64) - low_xy_m
        self._cell_m = max(_CELL_M, float(np.sqrt(extent.prod() / _MOST_CELLS)))
        self._low = np.asarray(low_xy_m, np.float64)
        width, height = np.ceil(extent / self._cell_m).astype(int)
        self._taken = np.zeros((height, width), np.uint8)

    def take(self, outline_xy_m: ArrayLike, reason: int) -> None:
        """Marks the inside of an outline (K, 2)."""
        self.take_all([outline_xy_m], reason)

    def take_all(self, outlines_xy_m: Iterable[ArrayLike], reason: int) -> None:
        """Marks the inside of outlines as far as it lies on the map; an outline within another is a hole."""
        outlines = [self._cells(outline) for outline in outlines_xy_m]
        low, high = self._window(np.concatenate(outlines))
        if (high <= low).any():
            return
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline - low) for outline in outlines], int(reason), shift=_SHIFT)
        self._taken[low[1] : high[1], low[0] : high[0]] |= mask

    def is_free(self, outline_xy_m: ArrayLike, reasons: int) -> bool:
        """Whether a convex outline (K, 2) lies on the map and touches no cell taken for one of the reasons."""
        cells = self._cells(outline_xy_m)
        low, high = self._window(cells)
        if (low > cells.min(axis=0)).any() or (high < cells.max(axis=0)).any():
            return False
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(mask, _fixed(cells - low), 1, shift=_SHIFT)
        there = self._taken[low[1] : high[1], low[0] : high[0]]
        return not (there[mask > 0] & reasons).any()

    def at(self, points_xy_m: FloatArray) -> NDArray[np.uint8]:
        """The reasons (N,) for which the ground at points (N, 2) is taken; all of them off the map."""
        column, row = np.floor(self._cells(points_xy_m)).astype(np.int64).T
        height, width = self._taken.shape
        is_on_map = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        found = self._taken[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        return np.where(is_on_map, found, np.uint8(255))

    def _cells(self, outline_xy_m: ArrayLike) -> FloatArray:
        return (np.asarray(outline_xy_m, np.float64) - self._low) / self._cell_m

    def _window(self, cells: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns and rows of the map, from and to, round corners (K, 2)."""
        size = np.array(self._taken.shape[::-1])
        low = np.clip(np.floor(cells.min(axis=0)).astype(np.int64), 0, size)
        return low, np.clip(np.ceil(cells.max(axis=0)).astype(np.int64) + 1, 0, size)


def _fixed(cells: FloatArray) -> NDArray[np.int32]:
    """Corners in cells, cell centres at .5, as cv2's fixed-point numbers with pixel centres at integers."""
    return np.rint((cells - 0.5) * (1 << _SHIFT)).astype(np.int32)
