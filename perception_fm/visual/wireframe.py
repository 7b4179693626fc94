"""Boxes of obstacles as lines in the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.types import CameraFrame, Obstacle, PerceptionResult
from perception_fm.visual.road_frame import project

FloatArray = NDArray[np.float64]

_CORNERS = np.array([
    [1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, -1.0], [-1.0, 1.0, -1.0],
    [1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [-1.0, -1.0, 1.0], [-1.0, 1.0, 1.0],
])  # fmt: skip
_EDGES = np.array([
    [0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7],
])  # fmt: skip


def box_lines(frame: CameraFrame, result: PerceptionResult, items: Sequence[Obstacle]) -> FloatArray:
    """The twelve edges (N, 12, 2, 2) of each box in pixels, those of the floor first; NaN for a box of which a side is
    not known or a corner out of view.
    """
    if result.base_from_camera is None or not items:
        return np.full((len(items), 12, 2, 2), np.nan)
    centres, sizes = (np.stack([getattr(item, name) for item in items]) for name in ("centre_base_m", "size_m"))
    yaw = np.array([item.yaw_rad for item in items])[:, None]
    ahead, left = (0.5 * sizes[:, side, None] * _CORNERS[:, side] for side in (0, 1))
    x = centres[:, 0, None] + np.cos(yaw) * ahead - np.sin(yaw) * left
    y = centres[:, 1, None] + np.sin(yaw) * ahead + np.cos(yaw) * left
    z = centres[:, 2, None] + 0.5 * sizes[:, 2, None] * _CORNERS[:, 2]
    corners = result.base_from_camera.inverse().apply(np.stack([x, y, z], axis=-1).reshape(-1, 3))
    pixels = project(frame, np.nan_to_num(corners, nan=-1.0)).reshape(-1, 8, 2)
    is_known = np.isfinite(corners).reshape(len(items), -1).all(axis=1) & np.isfinite(pixels).all(axis=(1, 2))
    return np.where(is_known[:, None, None], pixels, np.nan)[:, _EDGES]
