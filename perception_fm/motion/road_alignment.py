"""The road plane measured directly: the near road of an earlier frame is aligned with the current one, pixel by pixel.

Asphalt has few corners but much weak texture; alignment of the whole patch uses all of it (Irani & Anandan 1999, "About
direct methods"). A pixel's brightness depends on the plane only through its inverse depth rho = m . (x, y, 1), so two extra
warps with rho scaled up and down give the exact derivative, and Gauss-Newton on m is a 3-parameter linear fit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate, tilt_covariance
from perception_fm.motion.warp import LEVELS, GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

NEAR_M, FAR_M = 5.0, 24.0  # beyond, a road may have another grade; the evidence there must come from the boxes
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
_MAX_TRAVEL_M = 2.0  # more, and the nearest road was too far away in the reference to show the same texture


def align_road(
    current: GrayPyramid,
    references: tuple[ReferenceView, ...],
    prior: PlaneEstimate,
    path: PredictedPath,
    clear_m: float,
) -> PlaneEstimate:
    """Posterior road plane; the prior itself where the road shows no texture, no motion, or something covers it.

    `references` are ordered from the shortest window to the longest. `clear_m`: how far the road was last seen free; a
    vehicle beyond it must not pull the plane up.
    """
    view = _choose(references)
    patch = _road_patch(current, prior, path, clear_m)
    if view is None or patch is None:
        return prior
    level, offset, size, inside, rays = patch
    now = _pixels(sample(current.levels[level], offset, size), inside)
    now -= now.mean()
    information = np.linalg.inv(prior.covariance)
    model = tilt_covariance(prior.m, _MODEL_ANGLE_RAD, _MODEL_HEIGHT_SHARE)
    m, normal, correlation = prior.m, information, 0.0
    for _ in range(_ITERATIONS):
        before, up, down = (
            _pixels(sample(view.pyramid.levels[level], view.homography(scale * m, level) @ offset, size), inside)
            for scale in (1.0, 1.0 + _STEP, 1.0 - _STEP)
        )
        before -= before.mean()
        residual = now - before
        correlation = float(now @ before / np.sqrt((now @ now) * (before @ before) + 1e-9))
        noise = float(np.hypot(_NOISE_GRAY, 1.4826 * np.median(np.abs(residual))))
        design = ((up - down) / (2.0 * _STEP * (rays @ m)))[:, None] * rays
        weights = 1.0 / (_CORRELATED_PIXELS * noise**2 * (1.0 + (residual / (3.0 * noise)) ** 2) ** 2)
        measured = np.linalg.inv(design.T @ (weights[:, None] * design) + 1e-9 * information) + model
        normal = information + np.linalg.inv(measured)
        gain = np.linalg.inv(measured) @ (measured - model) @ (design.T @ (weights * residual))
        step = np.linalg.solve(normal, information @ (prior.m - m) + gain)
        m = m + step
        if np.linalg.norm(step) < 1e-4 * np.linalg.norm(m):
            break
    if correlation < _MIN_CORRELATION:
        return prior
    return PlaneEstimate(m, np.linalg.inv(normal), True)


def _choose(references: tuple[ReferenceView, ...]) -> ReferenceView | None:
    """The longest window whose travel still leaves the near road recognisable."""
    usable = [view for view in references if abs(view.travel_m[2]) >= _MIN_TRAVEL_M]
    if not usable:
        return None
    short = [view for view in usable if abs(view.travel_m[2]) <= _MAX_TRAVEL_M]
    return short[-1] if short else usable[0]


def _pixels(patch: NDArray[np.uint8], inside: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(patch[inside], dtype=np.float64)


def _road_patch(
    current: GrayPyramid, road: PlaneEstimate, path: PredictedPath, clear_m: float
) -> tuple[int, FloatArray, tuple[int, int], NDArray[np.bool_], FloatArray] | None:
    """Level, pixel_from_patch offset, size, mask (h, w) of the near road and its rays (N, 3); None where out of view."""
    height0, width0 = current.levels[0].shape
    near = max(NEAR_M, nearest_visible_m(road, current.intrinsics[0], height0))
    far = float(np.clip(clear_m, _MIN_SPAN * near, FAR_M))
    if far < _MIN_SPAN * near:
        return None
    corners = np.array(
        [_ray_on_road(road, path, depth, side) for depth, side in ((far, -1), (far, 1), (near, 1), (near, -1))]
    )
    k = current.intrinsics[0]
    pixels = corners * (k[0, 0], k[1, 1]) + (k[0, 2], k[1, 2])
    low = np.maximum(np.floor(pixels.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=0)), (width0 - 1, height0 - 1)).astype(int)
    if (high - low < 16).any():
        return None
    level = int(np.clip(np.ceil(np.log2((high[0] - low[0]) / _MAX_WIDTH_PX)), 0, LEVELS - 1))
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


def _ray_on_road(road: PlaneEstimate, path: PredictedPath, depth_m: float, side: int) -> tuple[float, float]:
    """Ray (x, y) of the road point at optical depth `depth_m`, half the patch's width beside the path."""
    x = (float(path.centre_x_m(np.array([depth_m]))[0]) + side * _HALF_WIDTH_M) / depth_m
    return x, float((1.0 / depth_m - road.m[0] * x - road.m[2]) / road.m[1])


def nearest_visible_m(road: PlaneEstimate, intrinsics: FloatArray, height_px: int) -> float:
    """Optical depth where the road leaves the image at the bottom of its centre column; inf where it never shows."""
    y = (height_px - 2 - intrinsics[1, 2]) / intrinsics[1, 1]
    inverse = road.m[1] * y + road.m[2]
    return float(1.0 / inverse) if inverse > 0.0 else float("inf")
