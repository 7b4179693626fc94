"""The road plane measured directly: the near road of an earlier frame is aligned with the current one, pixel by pixel.

Asphalt has few corners but much weak texture; alignment of the whole patch uses all of it (Irani & Anandan 1999, "About
direct methods"). A pixel's brightness depends on the plane only through its inverse depth rho = m . (x, y, 1), so two
extra warps with rho scaled up and down give the exact derivative, and Gauss-Newton on m is a 3-parameter linear fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate, tilt_covariance
from perception_fm.motion.robust import median
from perception_fm.motion.warp import LEVELS, GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

FAR_FROM_M = 15.0  # from here on the far plane holds
_NEAR_M, _NEAR_REACH_M, _FAR_REACH_M = 5.0, 24.0, 70.0
_MIN_DEPTH_PER_TRAVEL = 2.0  # nearer, the reference saw the texture more than 1.5 times smaller
_GRADE_CHANGE_RAD = np.radians(0.3)  # crest or sag: 0.5% change of grade within some 20 m
_GRADE_HEIGHT_SHARE = 0.03
_MIN_SPAN = 1.4  # ratio of far to near edge: less road does not tell pitch from height
_MODEL_ANGLE_RAD, _MODEL_HEIGHT_SHARE = np.radians(0.1), 0.01  # a real road is a plane to about this
_HALF_WIDTH_M = 1.6  # a lane is at least 2.75 m wide: inside it there is road, not kerb
_MAX_WIDTH_PX = 160  # enough pixels (some 8,000) to pin three parameters; the pyramid level is chosen for it
_STEP = 0.02  # relative change of inverse depth for the numerical derivative
_ITERATIONS = 3
_NOISE_GRAY = 1.5  # sensor noise, quantisation and JPEG after blurring, grey levels
_CORRELATED_PIXELS = 6.0  # blur and resampling tie neighbours together: this many pixels count as one
_MIN_CORRELATION = 0.4  # below this the aligned patches do not show the same road
_MIN_TRAVEL_M = 0.15  # less baseline moves the near road by under 2 px at f = 500 px


@dataclass(frozen=True, eq=False)
class RoadAlignment:
    """The near plane, the plane beyond `FAR_FROM_M`, and the references they were aligned with."""

    near: PlaneEstimate
    far: PlaneEstimate
    references: tuple[ReferenceView, ...]

    def road_at(self, depth_m: float) -> PlaneEstimate:
        """The plane that holds at an optical depth."""
        return self.near if depth_m < FAR_FROM_M else self.far


def align_roads(
    current: GrayPyramid,
    references: tuple[ReferenceView, ...],
    prior: PlaneEstimate,
    path: PredictedPath,
    clear_m: float,
) -> RoadAlignment:
    """Near and far road plane; what shows no texture, no motion or is covered keeps its prior.

    `references` are ordered from the shortest window to the longest: the short ones see the near road, the longest
    the far one. `clear_m`: how far the road was last seen free; a vehicle beyond it must not pull the plane up.
    """
    near, far = prior, prior
    is_near_measured = False
    visible = max(_NEAR_M, nearest_visible_m(prior, current.intrinsics[0], current.levels[0].shape[0]))
    if not np.isfinite(visible):
        return RoadAlignment(near, far, references)
    for view in references:
        start = max(visible, _MIN_DEPTH_PER_TRAVEL * abs(float(view.travel_m[2])))
        if start > visible and is_near_measured:
            guess = _loosened(near, _GRADE_CHANGE_RAD, _GRADE_HEIGHT_SHARE)
            plane = _align(current, view, guess, path, start, min(clear_m, _FAR_REACH_M))
        else:
            reach = max(min(clear_m, _NEAR_REACH_M), _MIN_SPAN * start)
            plane = _align(current, view, near, path, start, reach)
            if plane.is_measured:
                near, is_near_measured = plane, True
        far = plane if plane.is_measured else near
    return RoadAlignment(near, far, references)


def _align(
    current: GrayPyramid, view: ReferenceView, prior: PlaneEstimate, path: PredictedPath, near_m: float, far_m: float
) -> PlaneEstimate:
    """Posterior plane from one window; the prior where the alignment fails."""
    patch = road_patch(current, prior, path, near_m, far_m)
    if patch is None or abs(view.travel_m[2]) < _MIN_TRAVEL_M:
        return prior
    level, offset, size, inside, rays = patch
    rays_from_patch = np.linalg.inv(current.intrinsics[level]) @ offset
    now = _pixels(sample(current.levels[level], offset, size), inside)
    now -= now.mean()
    information = np.linalg.inv(prior.covariance)
    model = tilt_covariance(prior.m, _MODEL_ANGLE_RAD, _MODEL_HEIGHT_SHARE)
    m, normal, correlation, spread = prior.m, information, 0.0, 0.0
    for _ in range(_ITERATIONS):
        before, up, down = (
            _pixels(
                sample(view.pyramid.levels[level], view.pixels_from_patch(rays_from_patch, scale * m, level), size),
                inside,
            )
            for scale in (1.0, 1.0 + _STEP, 1.0 - _STEP)
        )
        before -= before.mean()
        residual = now - before
        correlation = float(now @ before / np.sqrt((now @ now) * (before @ before) + 1e-9))
        spread = median(np.abs(residual))
        noise = float(np.hypot(_NOISE_GRAY, 1.4826 * spread))
        design = ((up - down) / (2.0 * _STEP * np.maximum(rays @ m, 1e-6)))[:, None] * rays
        weights = 1.0 / (_CORRELATED_PIXELS * noise**2 * (1.0 + (residual / (3.0 * noise)) ** 2) ** 2)
        # The alignment alone, loosened by how far a real road is from a plane, then weighed against the prior.
        precise = design.T @ (weights[:, None] * design) + 1e-9 * information
        shift = np.linalg.solve(precise, design.T @ (weights * residual))
        loose = np.linalg.inv(np.linalg.inv(precise) + model)
        normal = information + loose
        step = np.linalg.solve(normal, information @ (prior.m - m) + loose @ shift)
        m = m + step
        if np.linalg.norm(step) < 1e-4 * np.linalg.norm(m):
            break
    if correlation < _MIN_CORRELATION or float(m[1]) <= 0.0:
        return prior
    still = view.pixels_from_patch(rays_from_patch, np.zeros(3), level)
    unmoved = _pixels(sample(view.pyramid.levels[level], still, size), inside)
    left = now - unmoved + unmoved.mean()
    if median(np.abs(left)) <= spread:
        return prior  # drops on the windscreen, or a picture that does not move
    return PlaneEstimate(m, np.linalg.inv(normal), True)


def _loosened(plane: PlaneEstimate, angle_rad: float, height_share: float) -> PlaneEstimate:
    """The same plane, less certain: the prior of a neighbouring stretch of road."""
    return PlaneEstimate(plane.m, plane.covariance + tilt_covariance(plane.m, angle_rad, height_share), False)


def _pixels(patch: NDArray[np.uint8], inside: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(patch[inside], dtype=np.float64)


def road_patch(
    current: GrayPyramid, road: PlaneEstimate, path: PredictedPath, near_m: float, far_m: float
) -> tuple[int, FloatArray, tuple[int, int], NDArray[np.bool_], FloatArray] | None:
    """Level, pixel_from_patch offset, size, mask (h, w) of the road and its rays (N, 3); None where out of view."""
    height0, width0 = current.levels[0].shape
    if far_m < 0.99 * _MIN_SPAN * near_m:
        return None
    corners = _corners(road, path, near_m, far_m)
    k = current.intrinsics[0]
    pixels = corners * (k[0, 0], k[1, 1]) + (k[0, 2], k[1, 2])
    low = np.maximum(np.floor(pixels.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=0)), (width0 - 1, height0 - 1)).astype(int)
    if (high - low < 10).any():
        return None
    level = min(max(math.ceil(math.log2((high[0] - low[0]) / _MAX_WIDTH_PX)), 0), LEVELS - 1)
    scale = 2.0**level
    low, size = np.floor(low / scale).astype(int), ((high - low) / scale).astype(int)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.round(pixels / scale - low).astype(np.int32), 1)
    inside = mask > 0
    rows, columns = np.nonzero(inside)
    k = current.intrinsics[level]
    rays = np.column_stack([
        (columns + low[0] - k[0, 2]) / k[0, 0],
        (rows + low[1] - k[1, 2]) / k[1, 1],
        np.ones(len(rows)),
    ])  # fmt: skip
    offset = np.array([[1.0, 0.0, low[0]], [0.0, 1.0, low[1]], [0.0, 0.0, 1.0]])
    return level, offset, (int(size[0]), int(size[1])), inside, rays


def _corners(road: PlaneEstimate, path: PredictedPath, near_m: float, far_m: float) -> FloatArray:
    """Rays (x, y) of the corners (4, 2) of the road between two optical depths, from far left to near left."""
    depth_m, side = np.array([far_m, far_m, near_m, near_m]), np.array([-1, 1, 1, -1])
    x = (path.centre_x_m(depth_m) + side * _HALF_WIDTH_M) / depth_m
    return np.stack([x, (1.0 / depth_m - road.m[0] * x - road.m[2]) / road.m[1]], axis=1)


def nearest_visible_m(road: PlaneEstimate, intrinsics: FloatArray, height_px: int) -> float:
    """Optical depth where the road leaves the image at the bottom of its centre column; inf where it never shows."""
    y = (height_px - 2 - intrinsics[1, 2]) / intrinsics[1, 1]
    inverse = road.m[1] * y + road.m[2]
    return float(1.0 / inverse) if inverse > 0.0 else float("inf")
