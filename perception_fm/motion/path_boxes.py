"""Cross-sections of the path, upright on the road: where they stand, and how patches of the image map to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.patches import BLOCK_PX, COLUMNS

FloatArray = NDArray[np.float64]

BOX_SPACING = 1.06  # ratio of neighbouring distances
ROWS = 5
PATCH_WIDTH, PATCH_HEIGHT = COLUMNS * BLOCK_PX, ROWS * BLOCK_PX


@dataclass(frozen=True, eq=False)
class BoxGeometry:
    """One cross-section: optical distance along the path, and the patch's homography to current rays (3, 3).

    `upright` is m of the plane 1/Z = m . (x, y, 1) that the cross-section lies in.
    """

    distance_m: float
    rays_from_patch: FloatArray
    upright: FloatArray


def box_distances(nearest_m: float, farthest_m: float) -> FloatArray:
    """Geometric distances (K,) from nearest to farthest, neighbours 6% apart."""
    count = max(2, 1 + int(np.floor(np.log(farthest_m / nearest_m) / np.log(BOX_SPACING))))
    return np.asarray(nearest_m * BOX_SPACING ** np.arange(count))


def box_geometries(
    distance_m: FloatArray,
    path: PredictedPath,
    roads: Sequence[PlaneEstimate],
    low_m: float,
    high_m: float,
    width_m: float,
    size: tuple[int, int] = (PATCH_WIDTH, PATCH_HEIGHT),
) -> tuple[FloatArray, FloatArray]:
    """Cross-sections of the path at distances (K,), upright on the road, from `low_m` to `high_m` above it.

    Returns their patches' homographies to rays (K, 3, 3) and upright planes m (K, 3). `roads` (K,) holds at each
    distance; `size` is the patch's (width, height) in patch pixels.
    """
    m = np.array([road.m for road in roads])
    down = m / _lengths(m)
    foot = np.empty_like(m)
    foot[:, 0], foot[:, 2] = path.centre_x_m(distance_m), distance_m
    foot[:, 1] = (1.0 - m[:, 0] * foot[:, 0] - m[:, 2] * distance_m) / m[:, 1]
    ahead = np.zeros_like(foot)
    ahead[:, 0], ahead[:, 2] = path.slope(distance_m), 1.0
    ahead -= down * _dots(ahead, down)
    ahead /= _lengths(ahead)
    right = _cross(down, ahead)
    step_x, step_y = width_m / size[0], (high_m - low_m) / size[1]
    origin = foot - right * (0.5 * width_m - 0.5 * step_x) - down * (high_m - 0.5 * step_y)
    rays_from_patch = np.stack([right * step_x, down * step_y, origin], axis=2)
    return rays_from_patch, ahead / _dots(ahead, foot)


def box_geometry(
    distance_m: float, path: PredictedPath, road: PlaneEstimate, low_m: float, high_m: float, width_m: float
) -> BoxGeometry:
    """`box_geometries` of one box."""
    rays_from_patch, upright = box_geometries(np.array([distance_m]), path, [road], low_m, high_m, width_m)
    return BoxGeometry(distance_m, rays_from_patch[0], upright[0])


def _dots(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products (K, 1) of vectors (K, 3)."""
    return np.asarray(np.einsum("ki,ki->k", a, b)[:, None])


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector products (K, 3); NumPy's own takes several times as long for a few of them."""
    following, last = [1, 2, 0], [2, 0, 1]
    return np.asarray(a[:, following] * b[:, last] - a[:, last] * b[:, following])


def _lengths(a: FloatArray) -> FloatArray:
    """Lengths (K, 1) of vectors (K, 3)."""
    return np.asarray(np.sqrt(_dots(a, a)))
