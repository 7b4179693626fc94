"""What a texture is drawn as before it is packed: linear reflectance, height and roughness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import TEXTURE_SIZE, Colour, Texture

FloatMap = NDArray[np.float32]
SIZE = TEXTURE_SIZE
_LEVELS = 4096  # steps of linear reflectance: finer than one sRGB level even where sRGB is steepest


@dataclass(eq=False)
class Maps:
    """A picture that is being drawn, row 0 at its top.

    `albedo` (N, N, 3) linear RGB, `height_m` and `roughness` (N, N).

    Mutable on purpose: windows, lines and lettering are drawn into it. A height or roughness that is the same along
    rows or columns may be given as (N, 1) or (1, N).
    """

    albedo: FloatMap
    height_m: FloatMap
    roughness: FloatMap

    def __post_init__(self) -> None:
        shape = (SIZE, SIZE)
        self.albedo = np.asarray(self.albedo, np.float32)
        self.height_m = np.array(np.broadcast_to(self.height_m, shape), np.float32)
        self.roughness = np.array(np.broadcast_to(self.roughness, shape), np.float32)


def plain(colour: Colour, roughness: float) -> Maps:
    """An even, flat coat of paint."""
    albedo = np.empty((SIZE, SIZE, 3), np.float32)
    albedo[:] = colour
    return Maps(albedo, np.zeros((SIZE, SIZE), np.float32), np.full((SIZE, SIZE), roughness, np.float32))


def shaded(colour: Colour, factor: FloatMap) -> FloatMap:
    """A colour times a grey map (N, N): (N, N, 3)."""
    return np.asarray(factor[..., None] * np.array(colour, np.float32), dtype=np.float32)


def blended(first: FloatMap | Colour, second: FloatMap | Colour, share: FloatMap) -> FloatMap:
    """`first` where `share` (N, N) is 0, `second` where it is 1: (N, N, 3)."""
    weight = np.clip(share, 0.0, 1.0)[..., None].astype(np.float32)
    start, end = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return np.asarray(start + weight * (end - start), dtype=np.float32)


def bake(maps: Maps, width_m: float, height_m: float) -> Texture:
    """The texture of maps that cover `width_m` by `height_m`.

    Its row 0 is the bottom of the picture, so that v grows upwards on a wall; the normals follow from the heights by
    central differences, across the border too because textures repeat.
    """
    height = maps.height_m[::-1]
    slope_u = _difference(height, axis=1) * np.float32(0.5 * SIZE / width_m)
    slope_v = _difference(height, axis=0) * np.float32(0.5 * SIZE / height_m)
    length = np.sqrt(1.0 + slope_u**2 + slope_v**2)
    normal = np.stack([-slope_u / length, -slope_v / length], axis=-1)
    return Texture(
        np.ascontiguousarray(encoded(maps.albedo[::-1])),
        np.rint(127.0 * normal).astype(np.int8),
        np.rint(255.0 * np.clip(maps.roughness[::-1], 0.0, 1.0)).astype(np.uint8),
    )


def _difference(height: FloatMap, axis: int) -> FloatMap:
    return np.roll(height, -1, axis) - np.roll(height, 1, axis)


@lru_cache(maxsize=1)
def _srgb_of_level() -> NDArray[np.uint8]:
    linear = np.linspace(0.0, 1.0, _LEVELS)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return np.rint(255.0 * srgb).astype(np.uint8)


def encoded(linear: FloatMap) -> NDArray[np.uint8]:
    """Linear reflectance as sRGB."""
    level = np.clip(linear * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.uint16)
    return _srgb_of_level()[level]


def decoded(srgb: NDArray[np.uint8]) -> FloatMap:
    """Linear reflectance of sRGB values."""
    value = np.arange(256) / 255.0
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[srgb]
