"""Dirt and smears on the lens: out of focus, they absorb light and scatter what falls on them.

Gu et al. 2009, "Removing image artifacts due to dirty camera lenses and thin occluders": the picture is scene times
transmission plus a share of the light from all around. Dried splashes, dust film and wiping smears, fixed over a drive.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.sensor.glare import wide_blur

_STREAM = 21
_COLOUR_BGR = np.array([0.30, 0.36, 0.42], dtype=np.float32)  # reflectance of dried road dirt
_DEFOCUS = 0.008  # standard deviation of its blur as a fraction of the width; a speck is about as wide as the iris
_AROUND = 0.25  # how far scattered light comes from, same unit
_OPACITY = (0.25, 0.9)  # of thin film and of thick crust
_SPLASHES = 260
_CELL_PX = 4  # dirt is drawn this much smaller than the picture, being blurred anyway


class LensDirt:
    """Dirt over the share `coverage` (above 0, at most 1) of a lens, drawn from `seed`."""

    def __init__(self, width: int, height: int, coverage: float, seed: int) -> None:
        rng = np.random.default_rng([seed, _STREAM])
        size = (max(16, width // _CELL_PX), max(16, height // _CELL_PX))
        thickness = _thickness(rng, size)
        is_dirty = thickness >= np.quantile(thickness, 1.0 - coverage)
        thick = np.clip(0.7 * thickness / np.quantile(thickness, 0.95) + 0.3 * _clouds(rng, size, 0.05), 0.0, 1.0)
        opacity = _OPACITY[0] + (_OPACITY[1] - _OPACITY[0]) * thick**2
        drawn = cv2.resize((is_dirty * opacity).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        drawn = cv2.GaussianBlur(drawn, (0, 0), _DEFOCUS * width, borderType=cv2.BORDER_REPLICATE)
        self.opacity: NDArray[np.float32] = np.asarray(drawn, dtype=np.float32)
        self.opacity.setflags(write=False)

    def apply(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Light (H, W, 3) behind the dirt."""
        scattered = wide_blur(light, _AROUND * light.shape[1]) * _COLOUR_BGR
        return np.asarray(cv2.blendLinear(light, scattered, 1.0 - self.opacity, self.opacity), dtype=np.float32)


def _thickness(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Thickness (H, W), no unit: the thickest places are those that a small coverage keeps."""
    width, height = size
    splashes = np.zeros((height, width), np.float32)
    radii = width * 0.004 * (1.0 + rng.pareto(2.0, _SPLASHES))
    centres = rng.uniform((0.0, 0.0), size, (_SPLASHES, 2))
    for (x, y), radius, thick in zip(centres, np.minimum(radii, 0.06 * width), rng.uniform(0.4, 1.0, _SPLASHES)):
        cv2.ellipse(
            splashes, ((float(x), float(y)), (2.0 * radius, radius * rng.uniform(1.4, 3.0)), rng.uniform(-25.0, 25.0)),
            float(thick), -1,
        )  # fmt: skip
    film = _clouds(rng, size, 0.10)
    smears = _smears(rng, size)
    return np.asarray(0.8 * splashes + 0.5 * film + 0.5 * smears + 0.2 * _clouds(rng, size, 0.015), dtype=np.float32)


def _clouds(rng: np.random.Generator, size: tuple[int, int], scale: float) -> NDArray[np.float32]:
    """Smooth noise (H, W) from 0 to 1 with features of `scale` times the width."""
    noise = rng.standard_normal((size[1], size[0]), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), max(0.5, scale * size[0]), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.normalize(smooth, None, 0.0, 1.0, cv2.NORM_MINMAX), dtype=np.float32)


def _smears(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stripes (H, W) from 0 to 1 along one direction, as a cloth leaves them."""
    noise = rng.standard_normal((size[1], size[0]), dtype=np.float32)
    stripes = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.15 * size[0], sigmaY=0.006 * size[0])
    turn = cv2.getRotationMatrix2D((0.5 * size[0], 0.5 * size[1]), float(rng.uniform(-40.0, 40.0)), 1.6)
    turned = cv2.warpAffine(stripes, turn, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.normalize(turned, None, 0.0, 1.0, cv2.NORM_MINMAX), dtype=np.float32)
