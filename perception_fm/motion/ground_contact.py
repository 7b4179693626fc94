"""Where an obstacle meets the road: a distance from camera height alone, independent of expansion and speed.

Below the contact, image rows move like the road; above it, like the obstacle's plane. The change point of the two
likelihoods down the path gives the row, the road plane turns the row into a distance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.patches import CORRELATED_PIXELS, NOISE_VARIANCE, patch_level
from perception_fm.motion.path_boxes import PATCH_HEIGHT, PATCH_WIDTH, box_geometry
from perception_fm.motion.warp import GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

# Under half a pixel of parallax obstacle and road look alike: that close to the contact no row can tell.
_BLIND_PX = 0.5
_BLIND_SHARE = 0.1
_ABOVE_SHARE, _BELOW_SHARE = 0.6, 0.4  # of the camera height: the strip reaches from there to there
_ROW_CLIP = 1.0  # one row may not decide
_MIN_EVIDENCE = 6.0  # log likelihood by which the split must beat "no contact in the strip"; e^-6 = 0.25%


def ground_contact_m(
    current: GrayPyramid,
    references: tuple[ReferenceView, ...],
    depth_m: float,
    path: PredictedPath,
    road: PlaneEstimate,
) -> tuple[float, float] | None:
    """Optical distance and its standard deviation, metres; None where no change point shows.

    `references` run from the shortest window to the longest, at least one. `depth_m` is where motion put the obstacle;
    the search covers road from about 0.7 to 2.5 times that distance.
    """
    view = _shortest_that_tells(references, depth_m, road.height_m, float(current.intrinsics[0][1, 1]))
    width_m = 2.0 * path.half_width_m
    high, low = _ABOVE_SHARE * road.height_m, -_BELOW_SHARE * road.height_m
    box = box_geometry(depth_m, path, road, low, high, width_m)
    level = patch_level(current, depth_m, width_m)
    k = current.intrinsics[level]
    pixel_from_patch = k @ box.rays_from_patch
    bottom = pixel_from_patch @ np.array([PATCH_WIDTH / 2, PATCH_HEIGHT - 1, 1.0])
    if bottom[1] / bottom[2] > current.levels[level].shape[0] - 2:
        return None
    size, image = (PATCH_WIDTH, PATCH_HEIGHT), view.pyramid.levels[level]
    now = sample(current.levels[level], pixel_from_patch, size).astype(np.float64)
    gradient = np.gradient(now, axis=0) ** 2 + np.gradient(now, axis=1) ** 2
    row_px = (high - low) * k[1, 1] / depth_m / PATCH_HEIGHT
    floor = NOISE_VARIANCE + (_BLIND_PX / 2.0**level / row_px) ** 2 * gradient.mean(axis=1)
    error = [
        np.mean((sample(image, view.pixels_from_patch(box.rays_from_patch, m, level), size) - now) ** 2, axis=1)
        for m in (box.upright, road.m)
    ]
    independent = width_m * k[0, 0] / depth_m * row_px / CORRELATED_PIXELS
    favour_road = np.clip(
        0.5 * independent * np.log((error[0] + floor) / (error[1] + floor)), -_ROW_CLIP, _ROW_CLIP
    )
    # score[i]: rows from i downwards are road, those above are obstacle
    below = np.concatenate([np.cumsum(favour_road[::-1])[::-1], [0.0]])
    score = 2.0 * below - below[0]
    best = int(np.argmax(score))
    if not 0 < best < PATCH_HEIGHT or score[best] - max(score[0], score[-1]) < _MIN_EVIDENCE:
        return None
    weight = np.exp(np.clip(score - score[best], -50.0, 0.0))
    weight /= weight.sum()
    rows = np.arange(PATCH_HEIGHT + 1) - 0.5
    row = float(weight @ rows)
    blind_m = _BLIND_PX * depth_m**2 / (max(abs(float(view.travel_m[2])), 1e-3) * k[1, 1] * 2.0**level)
    blind_rows = min(blind_m, road.height_m) / (high - low) * PATCH_HEIGHT
    spread = float(np.sqrt(weight @ (rows - row) ** 2 + blind_rows**2))
    ray = box.rays_from_patch @ np.array([(PATCH_WIDTH - 1) / 2, row, 1.0])
    ray = ray / ray[2]
    inverse = float(road.m @ ray)
    if inverse <= 0.0:
        return None
    ray_sigma = spread * (high - low) / PATCH_HEIGHT / depth_m
    variance = (road.m[1] * ray_sigma) ** 2 + float(ray @ road.covariance @ ray)
    return 1.0 / inverse, float(np.sqrt(variance)) / inverse**2


def _shortest_that_tells(
    references: tuple[ReferenceView, ...], depth_m: float, height_m: float, focal_px: float
) -> ReferenceView:
    """The shortest window whose blind zone is at most a tenth of the camera height, else the longest."""
    wanted_m = _BLIND_PX * depth_m**2 / (_BLIND_SHARE * height_m * focal_px)
    return next((view for view in references if abs(float(view.travel_m[2])) >= wanted_m), references[-1])
