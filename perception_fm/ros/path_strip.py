"""The predicted path on the ground of the base frame; it begins below the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.scene.path import GroundPath
from perception_fm.types import PerceptionResult

FloatArray = NDArray[np.float64]


def path_points_m(result: PerceptionResult, along_m: FloatArray, left_m: float = 0.0) -> FloatArray:
    """Points (N, 2), base x and y, at distances (N,) from the camera along the path and `left_m` beside its centre.

    The path follows the vehicle's centre line. An unknown curvature counts as straight, an unknown mounting as a camera
    above the base.
    """
    start_x_m = 0.0 if result.base_from_camera is None else float(result.base_from_camera.translation_m[0])
    path = GroundPath(
        (start_x_m, 0.0), result.path_heading_rad, result.path_curvature_per_m, 0.0, result.path_memory_m
    )
    return path.points_m(along_m, left_m)
