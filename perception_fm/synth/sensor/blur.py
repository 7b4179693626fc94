"""Blur in linear light: by motion while the shutter is open, and by a lens out of focus.

Motion: every pixel moves by the instantaneous motion field of a rigid scene (Longuet-Higgins & Prazdny 1980), so its
light is the mean over the pixels it came from during the exposure, which is centred on the view's time. Objects that
move by themselves are blurred as if they stood. Defocus: a Gaussian, the usual approximation of a lens's point spread.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.render.frame import View

_LEAST_SAMPLES, _MAX_SAMPLES = 3, 12  # along a pixel's motion; 12 are 1 px apart at 30 m/s and 5 ms, nearest road
_LEAST_MOTION_PX = 0.05  # less than any feature tracker's noise
_LONGEST_PERCENTILE = 99.5  # of the motion, which decides how many samples are needed
_EVERY = 4  # rows and columns of the picture that are looked at for that
_MAX_REACH_PX = 15  # how far a near object's motion is spread over the background beside it


def motion_during(
    depth_m: NDArray[np.float32], view: View, exposure_s: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far each pixel of a standing scene moves during the exposure: columns (H, W) and rows (H, W), px.

    `depth_m` (H, W) inf or NaN: far away. Signs of the camera's motion as in `rolling_shutter`.
    """
    return _motion(_inverse_depth(depth_m), view, exposure_s)


def motion_blur(
    radiance: NDArray[np.float32], depth_m: NDArray[np.float32], view: View, exposure_s: float
) -> NDArray[np.float32]:
    """Radiance (H, W, 3) as it is with the shutter open for `exposure_s`; `radiance` itself where nothing moves.

    Pixels beside a near object take its motion, so that its blurred outline reaches over the background (after McGuire
    et al. 2012, "A reconstruction filter for plausible motion blur", with the nearest for the fastest neighbour).
    """
    nearness = _inverse_depth(depth_m)
    longest = _longest_px(nearness, view, exposure_s)
    if longest < _LEAST_MOTION_PX:
        return radiance
    reach = min(_MAX_REACH_PX, round(0.5 * longest))
    if reach > 0:
        nearness = cv2.dilate(nearness, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    samples = min(_MAX_SAMPLES, max(_LEAST_SAMPLES, math.ceil(longest)))
    step_x, step_y = (one * np.float32(1.0 / samples) for one in _motion(nearness, view, exposure_s))
    rows, columns = np.indices(depth_m.shape, dtype=np.float32)
    columns -= np.float32(0.5 * (samples - 1)) * step_x
    rows -= np.float32(0.5 * (samples - 1)) * step_y
    total, seen = np.zeros_like(radiance), np.empty_like(radiance)
    for _ in range(samples):
        cv2.remap(radiance, columns, rows, cv2.INTER_LINEAR, dst=seen, borderMode=cv2.BORDER_REPLICATE)
        total += seen
        columns += step_x
        rows += step_y
    total *= np.float32(1.0 / samples)
    return total


def _inverse_depth(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / depth, 0 where the depth is infinite, NaN or not in front of the camera."""
    is_known = np.isfinite(depth_m) & (depth_m > 0.0)
    return np.divide(np.float32(1.0), depth_m, out=np.zeros_like(depth_m, dtype=np.float32), where=is_known)


def _motion(
    nearness: NDArray[np.float32], view: View, exposure_s: float, every: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Motion in px of pixels of inverse depth `nearness`, 1/m, which holds each `every`-th row and column."""
    k = view.intrinsics
    x = ((np.arange(0, view.width, every) - k[0, 2]) / k[0, 0]).astype(np.float32)[None, :]
    y = ((np.arange(0, view.height, every) - k[1, 2]) / k[1, 1]).astype(np.float32)[:, None]
    across_px, down_px = k[0, 0] * exposure_s, k[1, 1] * exposure_s
    (vx, vy, vz), (wx, wy, wz) = view.velocity_mps, view.turn_rate_rps

    def scaled(values: NDArray[np.float32], by: float) -> NDArray[np.float32]:
        return values * np.float32(by)

    columns = nearness * (scaled(x, vz * across_px) - np.float32(vx * across_px))
    columns += scaled(x, wx * across_px) * y
    columns -= scaled(1.0 + x * x, wy * across_px)
    columns += scaled(y, wz * across_px)
    rows = nearness * (scaled(y, vz * down_px) - np.float32(vy * down_px))
    rows -= scaled(x, wy * down_px) * y
    rows += scaled(1.0 + y * y, wx * down_px)
    rows -= scaled(x, wz * down_px)
    return columns, rows


def _longest_px(nearness: NDArray[np.float32], view: View, exposure_s: float) -> float:
    """The motion that nearly no pixel exceeds."""
    columns, rows = _motion(nearness[::_EVERY, ::_EVERY], view, exposure_s, _EVERY)
    return float(np.percentile(cv2.magnitude(columns, rows), _LONGEST_PERCENTILE))


def defocus(radiance: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Radiance (H, W, 3) behind a lens whose point spread is a Gaussian of standard deviation `sigma_px` > 0."""
    blurred = cv2.GaussianBlur(radiance, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)
