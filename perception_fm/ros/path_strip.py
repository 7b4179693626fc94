"""The predicted path on the ground of the base frame: an arc of constant curvature that begins below the camera."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.types import PerceptionResult

FloatArray = NDArray[np.float64]


def path_points_m(result: PerceptionResult, along_m: FloatArray, left_m: float = 0.0) -> FloatArray:
    """Points (N, 2), base x and y, at distances (N,) from the camera along the path and `left_m` beside its centre.

    The path follows the vehicle's centre line. An unknown curvature counts as straight, an unknown mounting as a camera
    above the base.
    """
    curvature = result.path_curvature_per_m if math.isfinite(result.path_curvature_per_m) else 0.0
    start_x_m = 0.0 if result.base_from_camera is None else float(result.base_from_camera.translation_m[0])
    heading_rad = curvature * along_m
    # sinc keeps the straight path free of 0/0.
    x = along_m * np.sinc(heading_rad / np.pi)
    y = 0.5 * heading_rad * along_m * np.sinc(0.5 * heading_rad / np.pi) ** 2
    return np.column_stack((start_x_m + x - left_m * np.sin(heading_rad), y + left_m * np.cos(heading_rad)))
