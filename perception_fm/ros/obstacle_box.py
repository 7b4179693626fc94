"""Boxes of confirmed obstacles as costmaps need them: what faces the vehicle, and where rays meet it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.types import Obstacle, PerceptionResult, obstacle_corners_m

FloatArray = NDArray[np.float64]

_FACE_STEP_M = 0.2  # at most the cell size that costmaps on road vehicles commonly have
_THINNEST_M = 1e-6  # of a side that nobody has seen: rays along it would miss a box without thickness
_PARALLEL = 1e-9  # of a beam along a side: then it is in that slab wholly or not at all


def standing(result: PerceptionResult) -> list[Obstacle]:
    """Confirmed obstacles of known place, width and height that reach ahead of the base's origin."""
    known = [
        item
        for item in result.obstacles
        if item.is_confirmed
        and np.isfinite(item.centre_base_m).all()
        and np.isfinite(item.size_m[1:]).all()
        and math.isfinite(item.yaw_rad)
    ]
    is_ahead = obstacle_corners_m(known)[..., 0].max(axis=1) > 0.0
    return [item for item, is_here in zip(known, is_ahead.tolist()) if is_here]


def face_points_m(item: Obstacle) -> NDArray[np.float32]:
    """Points (N, 3) over the upright sides that face the base's origin, at most one step apart; over all around it."""
    corners = item.corners_m()
    along = np.roll(corners, -1, axis=0) - corners
    middle = corners + 0.5 * along
    # The corners go round clockwise, so outside is to the left of each side.
    is_facing = (middle * np.column_stack([-along[:, 1], along[:, 0]])).sum(axis=1) < 0.0
    height = item.centre_base_m[2] + item.size_m[2] * (_shares(float(item.size_m[2])) - 0.5)
    faces = []
    for index in np.flatnonzero(is_facing if is_facing.any() else ~is_facing):
        share = _shares(math.hypot(*along[index]))
        face = np.empty((len(height), len(share), 3), np.float32)
        face[..., :2] = corners[index] + share[:, None] * along[index]
        face[..., 2] = height[:, None]
        faces.append(face.reshape(-1, 3))
    return np.concatenate(faces)


def ranges_m(items: Sequence[Obstacle], bearing_rad: FloatArray, least_m: float) -> FloatArray:
    """Distance (N, B) from the base's origin to each box along each bearing (B,) or (N, B), inf where it is missed.

    At least `least_m`, also where the origin is inside.
    """
    centres, sizes = (np.stack([getattr(item, name)[:2] for item in items]) for name in ("centre_base_m", "size_m"))
    yaw = np.array([item.yaw_rad for item in items])
    cosine, sine = np.cos(yaw), np.sin(yaw)
    way_x, way_y = np.cos(bearing_rad), np.sin(bearing_rad)
    entry, leave = -np.inf, np.inf
    # Slabs (Kay and Kajiya, SIGGRAPH 1986), in the axes of the box: inside from the last entry to the first exit.
    for axis, (x, y) in enumerate(((cosine, sine), (-sine, cosine))):
        way = x[:, None] * way_x + y[:, None] * way_y
        way = np.where(np.abs(way) < _PARALLEL, _PARALLEL, way)
        centre = x * centres[:, 0] + y * centres[:, 1]
        half = 0.5 * np.fmax(sizes[:, axis], _THINNEST_M)
        first, second = ((centre + side * half)[:, None] / way for side in (-1.0, 1.0))
        entry, leave = np.maximum(entry, np.minimum(first, second)), np.minimum(leave, np.maximum(first, second))
    is_met = (leave >= entry) & (leave > 0.0)
    return np.asarray(np.where(is_met, np.maximum(entry, least_m), np.inf))


def _shares(length_m: float) -> FloatArray:
    """Places from 0 to 1 along a length, at most a step apart."""
    count = max(2, math.ceil(length_m / _FACE_STEP_M) + 1)
    return np.arange(count) / (count - 1)
