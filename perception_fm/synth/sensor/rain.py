"""Rain in the air: distance loses contrast, and near drops draw streaks.

Contrast: extinction 0.312 R^0.67 per km at R mm/h (Halder et al. 2019, "Physics-based rendering for improving
robustness to rain", after Weber et al. 2015), with the air as bright as the sky above the horizon. Streaks: drop sizes
of Marshall & Palmer 1948, falling speeds of Atlas et al. 1973, and a drop during its exposure as bright as 0.94 of the
surroundings, weighted by the time it covers a pixel (Garg & Nayar 2007, "Vision and rain").
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.render.frame import View

_STREAM = 31
HEAVY_MM_PER_H = 50.0  # strength 1: a cloudburst
_DROP_LIGHT = 0.94  # Garg & Nayar: share of the surrounding light that a drop shows
_LEAST_DIAMETER_MM = 1.6  # smaller drops are part of the haze
_NEAR_M, _FAR_M = 0.5, 3.0  # streaks are drawn here; farther ones cover less than a hundredth of their pixels
_RAIN_EXPOSURE_S = 0.0015  # of a wet day at f/2, where the configuration leaves motion blur out
_SHIFT = 4  # binary digits of a pixel in which OpenCV takes line ends
_MAX_STREAKS = 4000


class RainInAir:
    """Rain of `strength` (above 0; 1: heavy) before the windscreen; streaks follow `seed` and the frame's number."""

    def __init__(self, strength: float, exposure_s: float, seed: int) -> None:
        self._rate = strength * HEAVY_MM_PER_H
        self._exposure_s = exposure_s if exposure_s > 0.0 else _RAIN_EXPOSURE_S
        self._seed = seed

    def veil(self, radiance: NDArray[np.float32], depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Radiance (H, W, 3) seen through the rain; `depth_m` (H, W), inf: sky, which stays as it is."""
        extinction = np.float32(0.312e-3 * self._rate**0.67)
        is_far = ~np.isfinite(depth_m)
        seen = cv2.exp(np.where(is_far, np.float32(0.0), -extinction * depth_m).astype(np.float32))
        air = np.empty_like(radiance)
        air[:] = _sky_light(radiance, is_far)
        return np.asarray(cv2.blendLinear(radiance, air, seen, np.float32(1.0) - seen), dtype=np.float32)

    def add_streaks(self, light: NDArray[np.float32], view: View, number: int) -> NDArray[np.float32]:
        """Light (H, W, 3) of the delivered picture with the streaks of frame `number`.

        `view` gives focal length and motion; the picture is its middle (lens distortion of streaks is left out).
        """
        cover = self._cover(light.shape[:2], view, number)
        drops = np.empty_like(light)
        upper = light[: max(1, len(light) // 2)]  # a drop gathers 165 degrees, mostly sky
        drops[:] = _DROP_LIGHT * np.asarray(cv2.mean(upper)[:3], dtype=np.float32)
        return np.asarray(cv2.blendLinear(light, drops, np.float32(1.0) - cover, cover), dtype=np.float32)

    def _cover(self, shape: tuple[int, int], view: View, number: int) -> NDArray[np.float32]:
        """Share (H, W) of the exposure during which a drop covers each pixel."""
        focal = float(view.intrinsics[0, 0])
        rng = np.random.default_rng([self._seed, _STREAM, number])
        points, diameters = self._drops(rng, shape, focal)
        fall = view.world_from_camera.rotation.T @ np.array([0.0, 0.0, -1.0])  # world up is z
        relative = _falling_mps(diameters)[:, None] * fall - np.asarray(view.velocity_mps)
        after = points + relative * self._exposure_s
        is_ahead = after[:, 2] > 0.3 * _NEAR_M
        points, after, diameters = points[is_ahead], after[is_ahead], diameters[is_ahead]
        middle = 0.5 * (np.array(shape[::-1]) - 1.0)
        ends = [focal * one[:, :2] / one[:, 2:] + middle for one in (points, after)]
        width_px = 1e-3 * diameters * focal / points[:, 2]
        length_px = np.linalg.norm(ends[1] - ends[0], axis=1)
        share = np.minimum(1.0, width_px) * width_px / (width_px + length_px)
        drawn = np.zeros(shape, np.uint8)
        first, last = ((1 << _SHIFT) * np.clip(one, -2e3, 1e4) for one in ends)
        for a, b, wide, value in zip(first.astype(int), last.astype(int), np.round(width_px), 255.0 * share):
            cv2.line(drawn, a.tolist(), b.tolist(), float(value), max(1, int(wide)), cv2.LINE_AA, _SHIFT)
        return np.asarray(drawn, dtype=np.float32) / np.float32(255.0)

    def _drops(
        self, rng: np.random.Generator, shape: tuple[int, int], focal: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions (N, 3) in the optical frame, metres, and diameters (N,), mm, in the visible air."""
        slope = 4.1 * self._rate**-0.21  # per mm, Marshall & Palmer
        per_cubic_metre = 8000.0 / slope * np.exp(-slope * _LEAST_DIAMETER_MM)
        half_width, half_height = 0.6 * shape[1] / focal, 0.6 * shape[0] / focal  # a fifth more than is seen
        volume = 4.0 * half_width * half_height * (_FAR_M**3 - _NEAR_M**3) / 3.0
        count = min(_MAX_STREAKS, int(rng.poisson(per_cubic_metre * volume)))
        depth = (rng.uniform(_NEAR_M**3, _FAR_M**3, count)) ** (1.0 / 3.0)
        x, y = rng.uniform(-half_width, half_width, count), rng.uniform(-half_height, half_height, count)
        diameters = _LEAST_DIAMETER_MM + rng.exponential(1.0 / slope, count)
        return np.column_stack([x * depth, y * depth, depth]), np.minimum(diameters, 5.0)


def _falling_mps(diameters_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terminal speed, Atlas et al. 1973."""
    return 9.65 - 10.3 * np.exp(-0.6 * diameters_mm)


def _sky_light(radiance: NDArray[np.float32], is_far: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean radiance (3,) of the lowest sky, into which distance fades, or of everything where no sky is seen."""
    rows = np.flatnonzero(is_far.any(axis=1))
    if not len(rows):
        return np.asarray(cv2.mean(radiance)[:3], dtype=np.float32)
    lowest = slice(max(0, rows[-1] - len(radiance) // 8), rows[-1] + 1)
    return np.asarray(cv2.mean(radiance[lowest], is_far[lowest].astype(np.uint8))[:3], dtype=np.float32)
