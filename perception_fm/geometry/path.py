"""The predicted path of the vehicle as seen by the camera: an arc of constant curvature along the heading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PredictedPath:
    """Centre of the path at optical depth Z: x = lateral_m + heading Z - curvature Z^2 / 2 (optical x, right).

    `heading` is dx/dz at the camera (dimensionless), `curvature_per_m` positive to the left (REP 103),
    `half_width_m` half the vehicle's width.
    """

    heading: float
    curvature_per_m: float
    half_width_m: float
    lateral_m: float = 0.0

    def centre_x_m(self, depth_m: FloatArray) -> FloatArray:
        """Lateral position (K,), optical x, of the path's centre at optical depths (K,)."""
        return np.asarray(self.lateral_m + self.heading * depth_m - 0.5 * self.curvature_per_m * depth_m**2)
