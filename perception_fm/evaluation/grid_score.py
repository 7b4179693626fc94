"""Free space against the truth: how well states agree, and the two errors that matter."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.evaluation.seen_things import class_name
from perception_fm.evaluation.true_cells import TrueCells
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid

BANDS_M = (0.0, 10.0, 20.0, 30.0, 50.0)
NEAR_M = 30.0
"""Up to where the dangerous error is counted."""
STATES = {"free": FREE, "occupied": OCCUPIED, "unknown": UNKNOWN}
_NEAR_BANDS = BANDS_M.index(NEAR_M)
_TOLERANCE_M = 0.5
_GUARD_M = 1.0
GRID_DEFINITION = (
    "dangerous_share: of the truly occupied cells within 30 m, those called free; unguarded_share: of them, those "
    "farther than 1 m from any cell called occupied. road_blocked_share: of the truly free cells within 30 m, those "
    "called occupied; road_free_share: called free. iou: of each state, over all judged cells up to the range. "
    "occupied_recall_tolerant: truly occupied cells with a cell called occupied within 0.5 m; "
    "occupied_precision_tolerant: cells called occupied with a truly occupied one within 0.5 m."
)


class GridScore:
    """Collects frames; counts cells by distance, true and predicted state."""

    def __init__(self) -> None:
        self._confusion = np.zeros((len(BANDS_M) - 1, 3, 3), np.int64)
        self._tolerant = np.zeros(4, np.int64)
        self._unguarded = 0
        self._dangerous: Counter[int] = Counter()
        self._occupied: Counter[int] = Counter()

    def add(self, grid: FreeSpaceGrid, truth: TrueCells) -> dict[str, Any]:
        """The figures of one frame within 30 m."""
        confusion = _confusion(grid.cells, truth)
        self._confusion += confusion
        is_near = truth.is_judged & (truth.range_m < NEAR_M)
        is_called, is_true = grid.cells == OCCUPIED, truth.state == OCCUPIED
        called_near = _widened(is_called, _TOLERANCE_M / grid.resolution_m)
        true_near = _widened(is_true, _TOLERANCE_M / grid.resolution_m)
        found, stands = is_near & is_true & called_near, is_near & is_true
        right, called = is_near & is_called & true_near, is_near & is_called
        self._tolerant += [np.count_nonzero(one) for one in (found, stands, right, called)]
        dangerous = stands & (grid.cells == FREE)
        unguarded = dangerous & ~_widened(is_called, _GUARD_M / grid.resolution_m)
        self._unguarded += np.count_nonzero(unguarded)
        self._dangerous.update(truth.label[dangerous].tolist())
        self._occupied.update(truth.label[stands].tolist())
        return _near_figures(confusion) | {"unguarded_cells": int(np.count_nonzero(unguarded))}

    def document(self) -> dict[str, Any]:
        """The figures of all frames."""
        near = _near_figures(self._confusion)
        found, stands, right, called = (int(one) for one in self._tolerant)
        return near | {
            "unguarded_cells": self._unguarded,
            "unguarded_share": _ratio(self._unguarded, near["dangerous_cells"]),
            "occupied_recall_tolerant": _ratio(found, stands),
            "occupied_precision_tolerant": _ratio(right, called),
            "iou_30_m": _ious(self._confusion[:_NEAR_BANDS].sum(axis=0)),
            "iou_50_m": _ious(self._confusion.sum(axis=0)),
            "bands": [
                {"from_m": low, "to_m": high, **_shares(counts)}
                for (low, high), counts in zip(pairwise(BANDS_M), self._confusion)
            ],
            "classes": [
                {
                    "name": class_name(label),
                    "occupied_cells": count,
                    "dangerous_cells": self._dangerous[label],
                    "dangerous_share": _ratio(self._dangerous[label], count),
                }
                for label, count in self._occupied.most_common()
            ],
        }


def _confusion(cells: NDArray[np.int8], truth: TrueCells) -> NDArray[np.int64]:
    """Judged cells (bands, true, predicted), states in the order of `STATES`."""
    band = np.searchsorted(BANDS_M, truth.range_m, side="right") - 1
    is_judged = truth.is_judged & (band < len(BANDS_M) - 1)
    place = np.zeros(256, np.intp)
    place[[state % 256 for state in STATES.values()]] = range(3)
    true, called = (place[one[is_judged].view(np.uint8)] for one in (truth.state, cells))
    flat = (band[is_judged] * 3 + true) * 3 + called
    return np.bincount(flat, minlength=(len(BANDS_M) - 1) * 9).reshape(-1, 3, 3)


def _near_figures(confusion: NDArray[np.int64]) -> dict[str, Any]:
    return _shares(confusion[:_NEAR_BANDS].sum(axis=0))


def _shares(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Of counts (true, predicted)."""
    free, occupied = counts[0], counts[1]
    return {
        "occupied_cells": int(occupied.sum()),
        "dangerous_cells": int(occupied[0]),
        "dangerous_share": _ratio(occupied[0], occupied.sum()),
        "occupied_found_share": _ratio(occupied[1], occupied.sum()),
        "road_cells": int(free.sum()),
        "road_free_share": _ratio(free[0], free.sum()),
        "road_blocked_share": _ratio(free[1], free.sum()),
        "road_unknown_share": _ratio(free[2], free.sum()),
    }


def _ious(counts: NDArray[np.int64]) -> dict[str, float]:
    return {
        name: _ratio(counts[index, index], counts[index].sum() + counts[:, index].sum() - counts[index, index])
        for index, name in enumerate(STATES)
    }


def _widened(cells: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Cells within `radius`, in cells, of a marked one."""
    reach = int(radius)
    offsets = np.arange(-reach, reach + 1)
    disk = (np.hypot(offsets[:, None], offsets[None]) <= radius).astype(np.uint8)
    return np.asarray(cv2.dilate(cells.astype(np.uint8), disk) > 0)


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan
