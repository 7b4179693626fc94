"""Glare: light that a lens and a windscreen scatter over the picture.

A share of all light leaves its pixel by a point spread with long tails: bloom close to the sun and lamps, a veil far
from them. The tails follow the glare spread function of Vos & van den Berg (CIE 135/1, 1999), about 1 / angle^2,
here as four Gaussians of growing width; lenses scatter 1 to 3% (ISO 9358), a sunlit dirty windscreen ten times that.
Nothing is thresholded: what glares is bright because its radiance is.

A renderer clips the sun (46,000 times a white wall) and its reflections, so radiance near that limit is expanded again
before it is scattered. It is expanded to less than the sun has, or a tenth of this scatter would already blind.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

SCATTERED_AT_FULL = 0.2  # share of the light that strength 1 scatters
# Standard deviations as fractions of the picture's width with the share of each: equal light per octave of angle, which
# is what 1 / angle^2 means in a plane.
_TAILS = ((0.005, 0.25), (0.02, 0.25), (0.08, 0.25), (0.32, 0.25))
_CLIPPED_AT = 12.0  # radiance at which the renderer stops
_EXPANSION = 600.0  # how much brighter than that the sun counts
_SIGMA_WHEN_SHRUNK_PX = 3.0  # wide Gaussians are made on a picture this much smaller


def add_glare(light: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """Light (H, W, 3), scattered by a glare of `strength` 0 to 1; beyond the border it goes on as there."""
    scattered = strength * SCATTERED_AT_FULL
    glared = light * np.float32(1.0 - scattered)
    sources = _expanded(light)
    for width, share in _TAILS:
        cv2.scaleAdd(wide_blur(sources, width * light.shape[1]), scattered * share, glared, glared)
    return glared


def _expanded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light with the sun as bright as it counts; `light` itself where there is no sun in it."""
    is_source = light.max(axis=2) > 0.25 * _CLIPPED_AT
    if not is_source.any():
        return light
    expanded = light.copy()
    clipped = np.minimum(light[is_source] / np.float32(_CLIPPED_AT), 1.0)
    expanded[is_source] *= 1.0 + np.float32(_EXPANSION - 1.0) * clipped**3
    return expanded


def wide_blur(light: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Light (H, W, 3) behind a Gaussian of standard deviation `sigma_px`; a wide one is made on a smaller picture."""
    height, width = light.shape[:2]
    shrink = max(1, min(math.floor(sigma_px / _SIGMA_WHEN_SHRUNK_PX), height // 4, width // 4))
    small = cv2.resize(light, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
