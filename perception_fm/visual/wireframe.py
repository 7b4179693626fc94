"""Boxes of obstacles as lines in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.types import CameraFrame, Obstacle, PerceptionResult
from perception_fm.visual.road_frame import project

FloatArray = NDArray[np.float64]

_EDGES = np.array([
    [0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7],
])  # fmt: skip


def box_lines(frame: CameraFrame, result: PerceptionResult, item: Obstacle) -> FloatArray | None:
    """The twelve edges (12, 2, 2) of its box in pixels, those of the floor first; None where a corner is out of view or
    the box not wholly known.
    """
    if result.base_from_camera is None:
        return None
    ground, half = item.corners_m(), 0.5 * item.size_m[2]
    corners = np.concatenate([
        np.column_stack([ground, np.full(4, item.centre_base_m[2] + side * half)]) for side in (-1.0, 1.0)
    ])
    if not (np.isfinite(corners).all() and np.isfinite(item.size_m).all()):
        return None
    pixels = project(frame, result.base_from_camera.inverse().apply(corners))
    return pixels[_EDGES] if np.isfinite(pixels).all() else None
