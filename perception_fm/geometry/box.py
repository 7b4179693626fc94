"""Boxes that stand on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])


def box_corners_m(
    centre_m: FloatArray, size_m: FloatArray, yaw_rad: FloatArray | float, least_side_m: float = 0.0
) -> FloatArray:
    """Corners (..., 4, 2), x and y, of boxes with centres (..., 2+), length and width (..., 2+), turned by `yaw_rad`.

    A side that is not known (NaN) counts as the least.
    """
    sides = 0.5 * np.fmax(size_m[..., None, :2], least_side_m) * _SIGNS
    turned = sides.view(np.complex128) * np.exp(1j * np.asarray(yaw_rad))[..., None, None]
    return np.asarray(centre_m[..., None, :2] + turned.view(np.float64))
