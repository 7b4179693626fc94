"""Free space by bearing, around one point: of one camera's frame, or of the whole grid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Boundary(IntEnum):
    """What ends the free range. Values are those of `FreeSpaceSector.msg`."""

    UNKNOWN = 0
    FREE_END = 1
    OBSTACLE = 2


@dataclass(frozen=True, eq=False)
class FreeSpaceSectors:
    """Sectors (B,) from right to left around `origin_m` (x, y) in the base frame; arrays become read-only.

    `bearing_rad`: middle of the sector, positive left; each `width_rad` wide. Free is what lies between `near_m` and
    `free_m`; `free_m` is 0 where nothing is. `near_m`: nearest ground that the image shows; where none is shown, inf of
    a frame and 0 of the grid. `obstacle_m`: the nearest that stands, inf where nothing does. `boundary`: of `Boundary`,
    what ends the free range. `confidence`: of the free cells, the mean in a frame and the least in the grid, NaN where
    there is none.
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
