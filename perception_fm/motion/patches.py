"""What all patch comparisons share: sizes, noise model, block statistics, choice of window and pyramid level.

The comparison of two hypotheses over a block of n independent pixels with mean squared residuals s and s_rival is the
likelihood ratio of Gaussian residuals with unknown variance, n/2 ln(s_rival / s).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.motion.warp import LEVELS, GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]
Stack = NDArray[np.float32]

BLOCK_PX = 8
COLUMNS = 4  # blocks across the path: a quarter of 1.9 m is about the width of a person
# Grey levels^2: 8-bit quantisation, JPEG and sensor noise after blurring; a textureless block ties.
NOISE_VARIANCE = 1.0
# Rolling shutter, lens residue, ego motion: no two views align better; times the gradient it is noise.
MISALIGNMENT_PX = 0.12
_MAX_GAIN = 1.5
CORRELATED_PIXELS = 4.0  # pixels that count as one: blurring (sigma 0.7) and bilinear sampling
_MAX_INDEPENDENT = 40.0
_WANTED_PARALLAX_PX = 2.0
_MOST_EXPANSION = 0.35  # blur and sampling differ with scale: more growth pulls distances off
SHORT_S = 0.6  # windows up to here are about half a second
_WANTED_AT_HEIGHT = 0.7  # of the camera height: there obstacle and road differ by this share of the flow


def exposed_alike(before: NDArray[Any], now: NDArray[Any]) -> NDArray[Any]:
    """Patches `before` (..., H, W), which are overwritten, with mean zero and the contrast of `now` (..., H, W), which
    has mean zero.

    Between two frames the exposure changes: a tenth of contrast within half a second looks like misalignment. The ratio
    of standard deviations holds whether the patches are aligned or not.
    """
    before -= before.mean(axis=(-2, -1), keepdims=True)
    power = np.einsum("...ij,...ij->...", before, before)
    gain = np.sqrt(np.einsum("...ij,...ij->...", now, now) / np.maximum(power, 1e-6))
    limited = np.clip(gain, 1.0 / _MAX_GAIN, _MAX_GAIN)
    before *= limited[..., None, None].astype(before.dtype)
    return before


def alike(before: FloatArray, power: float) -> FloatArray:
    """`exposed_alike` of one patch (H, W), which is overwritten, to one whose squares add up to `power`."""
    before -= before.sum() / before.size
    gain = math.sqrt(power / max(float(np.vdot(before, before)), 1e-6))
    before *= min(max(gain, 1.0 / _MAX_GAIN), _MAX_GAIN)
    return before


def block_means(values: Stack) -> Stack:
    """Means over blocks of 8 x 8: (..., 8 R, 8 C) to (..., R, C)."""
    *stack, height, width = values.shape
    tower = values.reshape(-1, width)
    size = width // BLOCK_PX, len(tower) // BLOCK_PX
    means = cv2.resize(tower, size, interpolation=cv2.INTER_AREA)
    return np.asarray(means.reshape(*stack, height // BLOCK_PX, size[0]))


def block_variances(values: Stack) -> Stack:
    """Variances over blocks; a whole block's brightness depends on the angle of view (asphalt) and is no evidence."""
    return np.asarray(np.maximum(block_means(values * values) - block_means(values) ** 2, 0.0))


def gradients(patch: Stack) -> tuple[Stack, Stack]:
    """Central differences (K, H, W) per patch pixel, zero at the border."""
    dx, dy = np.zeros_like(patch), np.zeros_like(patch)
    dx[:, :, 1:-1] = 0.5 * (patch[:, :, 2:] - patch[:, :, :-2])
    dy[:, 1:-1] = 0.5 * (patch[:, 2:] - patch[:, :-2])
    return dx, dy


def remove_shift(dx: Stack, dy: Stack, error: Stack, sigma: FloatArray) -> Stack:
    """`error` (M, K, H, W) of M hypotheses, less what a small shift of each whole patch explains (MAP).

    `sigma` (K,) is the prior in patch pixels. Pitch and yaw shift a patch as a whole; only what grows across it is
    expansion, so every hypothesis is granted the shift that suits it best.
    """
    xx, xy, yy = (np.einsum("kij,kij->k", a, b) for a, b in ((dx, dx), (dx, dy), (dy, dy)))
    bx, by = np.einsum("kij,mkij->mk", dx, error), np.einsum("kij,mkij->mk", dy, error)
    prior = CORRELATED_PIXELS * NOISE_VARIANCE / sigma**2
    xx, yy = xx + prior, yy + prior
    determinant = np.maximum(xx * yy - xy * xy, 1e-6)
    sx, sy = (yy * bx - xy * by) / determinant, (xx * by - xy * bx) / determinant
    sx, sy = (np.clip(s, -2 * sigma, 2 * sigma)[:, :, None, None].astype(np.float32) for s in (sx, sy))
    left = np.asarray(error - sx * dx)
    left -= sy * dy
    return left


def choose_views(
    references: tuple[ReferenceView, ...], distance_m: FloatArray, height_m: float, focal_px: float
) -> list[ReferenceView]:
    """The shortest window for each distance (K,) over which obstacle and road behind part by 2 px, else the longest.

    One of over half a second only if the picture grows in it by no more than blur and sampling bear.
    """
    part = _WANTED_AT_HEIGHT * (1.0 - _WANTED_AT_HEIGHT) * focal_px * height_m / distance_m**2
    wanted = _WANTED_PARALLAX_PX / part
    travel = np.array([abs(float(view.travel_m[2])) for view in references])
    is_short = np.array([view.window_s <= SHORT_S for view in references])
    is_fit = is_short | (travel <= _MOST_EXPANSION * distance_m[:, None])
    is_fit[:, 0] = True
    longest = len(references) - 1 - is_fit[:, ::-1].argmax(axis=1)
    is_enough = is_fit & (travel >= wanted[:, None])
    first = np.where(is_enough.any(axis=1), is_enough.argmax(axis=1), longest)
    return [references[index] for index in first]


def patch_levels(current: GrayPyramid, distance_m: FloatArray, width_m: float) -> NDArray[np.intp]:
    """Pyramid levels (K,) at which `width_m` spans at least the patch's 32 pixels, or 0."""
    ratio = current.intrinsics[0][0, 0] * width_m / (distance_m * COLUMNS * BLOCK_PX)
    return np.asarray(np.clip(np.floor(np.log2(np.maximum(ratio, 1.0))), 0, LEVELS - 1), dtype=np.intp)


def patch_level(current: GrayPyramid, distance_m: float, width_m: float) -> int:
    """`patch_levels` of one patch."""
    return int(patch_levels(current, np.array([distance_m]), width_m)[0])


def patch_per_pixel(current: GrayPyramid, distance_m: FloatArray, width_m: float) -> FloatArray:
    """Patch pixels per image pixel (K,), across."""
    return np.asarray(COLUMNS * BLOCK_PX * distance_m / (width_m * current.intrinsics[0][0, 0]))


def independent_pixels(
    current: GrayPyramid, distance_m: FloatArray, block_width_m: float, block_height_m: float
) -> FloatArray:
    """How many independent pixels (K,) a block of the cross-section holds at its pyramid level."""
    pixels_per_m = current.intrinsics[0][0, 0] / distance_m
    level = np.floor(np.log2(np.maximum(pixels_per_m * block_width_m / BLOCK_PX, 1.0)))
    area = block_width_m * block_height_m * (pixels_per_m / 2.0 ** np.minimum(level, LEVELS - 1)) ** 2
    return np.asarray(np.clip(area / CORRELATED_PIXELS, 0.5, _MAX_INDEPENDENT))
