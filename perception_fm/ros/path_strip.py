"""The predicted path on the ground of the base frame; it begins below the camera."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import swing_m, turn_rad
from perception_fm.types import PerceptionResult

FloatArray = NDArray[np.float64]


def path_points_m(result: PerceptionResult, along_m: FloatArray, left_m: float = 0.0) -> FloatArray:
    """Points (N, 2), base x and y, at distances (N,) from the camera along the path and `left_m` beside its centre.

    The path follows the vehicle's centre line. An unknown curvature counts as straight, an unknown mounting as a camera
    above the base.
    """
    curvature = result.path_curvature_per_m if math.isfinite(result.path_curvature_per_m) else 0.0
    start_x_m = 0.0 if result.base_from_camera is None else float(result.base_from_camera.translation_m[0])
    bend_rad = turn_rad(along_m, curvature, result.path_memory_m)
    x = along_m - left_m * np.sin(bend_rad)
    y = swing_m(along_m, curvature, result.path_memory_m) + left_m * np.cos(bend_rad)
    cosine, sine = math.cos(result.path_heading_rad), math.sin(result.path_heading_rad)
    return np.column_stack((start_x_m + cosine * x - sine * y, sine * x + cosine * y))
