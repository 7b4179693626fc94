"""Is this stretch of the path road? Proof by parallax, strip by strip.

Each strip is what a box of the least obstacle height that matters would cover: the road behind its foot. The strip must
move like the road, better than like something upright at the box, and better than like something that does not move (a
vehicle ahead at our own speed, a reflection). A strip without texture proves nothing; a textured one that fits none of
them shows something that moves by itself, and is no road.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.motion.patches import (
    BLOCK_PX,
    COLUMNS,
    MISALIGNMENT_PX,
    NOISE_VARIANCE,
    block_means,
    block_variances,
    choose_views,
    gradients,
    independent_pixels,
    patch_levels,
    patch_per_pixel,
    remove_shift,
)
from perception_fm.motion.path_boxes import box_geometries
from perception_fm.motion.road_alignment import RoadAlignment
from perception_fm.motion.warp import GrayPyramid, plane_warps, sample

FloatArray = NDArray[np.float64]

_WIDTH = COLUMNS * BLOCK_PX
_HEIGHT = 2 * BLOCK_PX  # the upper half is judged; the lower half, road nearer by, only helps to register the strip
_CLIP = 6.0
_FINER_LEVELS = 1  # asphalt's texture is fine: averaged to the patch's scale it is gone
_MIN_CORRELATION = 0.3  # a hypothesis must explain the block, not merely beat its rivals
_SHIFT_SIGMA_PX = 0.5
_FOREIGN = 9.0  # times the variance of noise and misalignment: three times as far off as a hypothesis that holds


def road_strips(
    current: GrayPyramid,
    aligned: RoadAlignment,
    path: PredictedPath,
    distance_m: FloatArray,
    least_height_m: float,
) -> FloatArray:
    """Log likelihood ratios (K, COLUMNS), left to right: positive where the strip behind `distance_m` (K,) is road."""
    count, size = len(distance_m), (_WIDTH, _HEIGHT)
    width_m = 2.0 * path.half_width_m
    roads = [aligned.road_at(float(distance)) for distance in distance_m]
    views = choose_views(aligned.references, distance_m, aligned.near.height_m, current.intrinsics[0][1, 1])
    rays_from_patch, upright = box_geometries(
        distance_m, path, roads, -least_height_m, least_height_m, width_m, size
    )
    levels = np.maximum(patch_levels(current, distance_m, width_m) - _FINER_LEVELS, 0)
    road = np.stack([plane.m for plane in roads])
    warps = plane_warps(views, levels, rays_from_patch, np.stack([road, np.zeros_like(road), upright]))
    now = np.empty((count, _HEIGHT, _WIDTH), np.uint8)
    predicted = np.empty((len(warps), count, _HEIGHT, _WIDTH), np.uint8)
    pixel_from_patch = np.array([current.intrinsics[level] for level in levels]) @ rays_from_patch
    for index, level in enumerate(levels):
        sample(current.levels[level], pixel_from_patch[index], size, now[index])
        for row in range(len(warps)):
            sample(views[index].pyramid.levels[level], warps[row, index], size, predicted[row, index])
    foot = pixel_from_patch @ np.array([0.5 * _WIDTH, _HEIGHT - 1.0, 1.0])
    is_whole = foot[:, 1] / foot[:, 2] < np.array([current.levels[level].shape[0] for level in levels]) - 1
    per_pixel = patch_per_pixel(current, distance_m, width_m)
    independent = independent_pixels(current, distance_m, width_m / COLUMNS, least_height_m)
    return _compare(now, predicted, independent, per_pixel, is_whole)


def _compare(
    now: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    independent: FloatArray,
    per_pixel: FloatArray,
    is_whole: NDArray[np.bool_],
) -> FloatArray:
    observed = now.astype(np.float32)
    error = predicted.astype(np.float32) - observed
    dx, dy = gradients(observed)
    sigma = np.where(is_whole, _SHIFT_SIGMA_PX * per_pixel, 1e-3)
    centred = error[:1] - error[:1].mean(axis=3, keepdims=True)
    shift = remove_shift(dx, dy, centred, sigma) - centred  # what registering the strip as road takes away
    upper = slice(0, BLOCK_PX)
    residual = block_variances((error + shift)[:, :, upper])[:, :, 0]
    variance = block_variances(observed[:, upper])[:, 0]
    texture = block_means((dx * dx + dy * dy)[:, upper])[:, 0]
    floor = NOISE_VARIANCE + (MISALIGNMENT_PX * per_pixel[:, None]) ** 2 * texture
    noisy = residual + floor
    rivals = noisy[1:].min(axis=0)
    ratio = np.clip(0.5 * independent[:, None] * np.log(rivals / noisy[0]), -_CLIP, _CLIP)
    unexplained = (1.0 - _MIN_CORRELATION) * np.maximum(variance, 1e-6)
    ratio = np.where(residual[0] < unexplained, ratio, np.minimum(ratio, 0.0))
    ratio = np.where(residual[1:].min(axis=0) < unexplained, ratio, np.maximum(ratio, 0.0))
    least = residual.min(axis=0)
    is_foreign = (least >= unexplained) & (least > _FOREIGN * floor)  # textured, and nothing that stands still fits
    return np.asarray(np.where(is_foreign, -_CLIP, ratio), dtype=np.float64)
