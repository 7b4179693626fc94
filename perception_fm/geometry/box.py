"""Boxes that stand on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])


def box_corners_m(centre_m: FloatArray, size_m: FloatArray, yaw_rad: float, least_side_m: float = 0.0) -> FloatArray:
    """Corners (4, 2), x and y, of a box with its centre (2+,), length and width (2+,), turned by `yaw_rad`.

    A side that is not known (NaN) counts as the least.
    """
    half = 0.5 * np.fmax(size_m[:2], least_side_m)
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.asarray(centre_m[:2] + (_SIGNS * half) @ np.array([[cosine, sine], [-sine, cosine]]))
