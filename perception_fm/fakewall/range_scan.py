"""`RangeScan`: what a range sensor has met at the instant of one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RangeScan:
    """Where a range sensor has met something: points (N, 3), finite, metres, base frame of the image's stamp.

    No points: it looked and met nothing. `sigma_m`: standard deviation along its rays. `spread_m`: of a single point
    that lies anywhere in a cone, the cone's radius there; None where every point is a ray.
    """

    points_base_m: FloatArray
    sigma_m: float
    spread_m: float | None = None

    def __post_init__(self) -> None:
        view: FloatArray = self.points_base_m.view()
        view.setflags(write=False)
        object.__setattr__(self, "points_base_m", view)
