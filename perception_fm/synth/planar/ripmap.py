"""Textures filtered in advance for every pair of reductions along their two axes ("RIP maps").

A road at a grazing angle so stays sharp across and does not shimmer along. Described in Akenine-Moeller et al.,
Real-Time Rendering, 4th ed., section 6.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError

Samples = NDArray[np.float32]

_PAD = 2  # texels repeated round each level, so that bilinear sampling never reaches into the neighbouring level
_REMAP_COLUMNS = 1024  # cv2.remap wants sides below 32768, so a long list of points is folded into rows


@dataclass(frozen=True, eq=False)
class RipMap:
    """Texture over a rectangle, addressed in metres: u along its columns, v along its rows.

    `atlas` holds level (i, j), reduced by 2^i along u and 2^j along v, at (`left[i]`, `top[j]`). `is_periodic`: it
    repeats in both directions; otherwise its border texels continue.
    """

    atlas: NDArray[np.uint8]
    left: Samples
    top: Samples
    columns: Samples
    rows: Samples
    texel_u_m: float
    texel_v_m: float
    is_periodic: bool

    @staticmethod
    def build(image: NDArray[np.uint8], texel_u_m: float, texel_v_m: float, *, is_periodic: bool) -> RipMap:
        """From an image (H, W) or (H, W, C) uint8. Raises `PerceptionError` for texels without size."""
        if not (texel_u_m > 0.0 and texel_v_m > 0.0 and image.size > 0):
            raise PerceptionError("a texture needs texels of positive size")
        pixels = image if image.ndim == 3 else image[..., None]
        columns, rows = _halvings(pixels.shape[1]), _halvings(pixels.shape[0])
        left = np.concatenate([[0], np.cumsum(columns + 2 * _PAD)[:-1]]) + _PAD
        top = np.concatenate([[0], np.cumsum(rows + 2 * _PAD)[:-1]]) + _PAD
        shape = (int((rows + 2 * _PAD).sum()), int((columns + 2 * _PAD).sum()), pixels.shape[2])
        atlas = np.zeros(shape, dtype=np.uint8)
        border = cv2.BORDER_WRAP if is_periodic else cv2.BORDER_REPLICATE
        narrowed: NDArray[Any] = pixels
        for i, width in enumerate(columns.tolist()):
            narrowed = cv2.resize(narrowed, (width, pixels.shape[0]), interpolation=cv2.INTER_AREA)
            level: NDArray[Any] = narrowed
            for j, height in enumerate(rows.tolist()):
                level = cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA)
                padded = cv2.copyMakeBorder(level, _PAD, _PAD, _PAD, _PAD, border)
                y, x = int(top[j]) - _PAD, int(left[i]) - _PAD
                atlas[y : y + height + 2 * _PAD, x : x + width + 2 * _PAD] = padded.reshape(*padded.shape[:2], -1)
        return RipMap(
            atlas,
            left.astype(np.float32),
            top.astype(np.float32),
            columns.astype(np.float32),
            rows.astype(np.float32),
            texel_u_m,
            texel_v_m,
            is_periodic,
        )

    def sample(self, u_m: Samples, v_m: Samples, footprint_u_m: Samples, footprint_v_m: Samples) -> Samples:
        """Colours (N, C) in grey levels at N points, each averaged over about its footprint."""
        x = self._address(u_m, footprint_u_m, self.texel_u_m, self.columns, self.left)
        y = self._address(v_m, footprint_v_m, self.texel_v_m, self.rows, self.top)
        count = len(x)
        if not count:
            return np.empty((0, self.atlas.shape[2]), dtype=np.float32)
        padding = -count % _REMAP_COLUMNS
        folded = [np.pad(part, (0, padding)).reshape(-1, _REMAP_COLUMNS) for part in (x, y)]
        colours = cv2.remap(self.atlas, folded[0], folded[1], cv2.INTER_LINEAR)
        return np.asarray(colours.reshape(count + padding, -1)[:count], dtype=np.float32)

    def _address(
        self, position_m: Samples, footprint_m: Samples, texel_m: float, lengths: Samples, origins: Samples
    ) -> Samples:
        """Coordinate in the atlas along one axis."""
        # frexp's exponent of x sqrt(2) is floor(log2(x) + 0.5) + 1: the level whose texel is nearest the footprint.
        exponent = np.frexp(footprint_m * np.float32(np.sqrt(2.0) / texel_m))[1] - 1
        level = np.clip(exponent, 0, len(lengths) - 1)
        position = position_m / np.float32(texel_m * float(lengths[0]))
        position = position - np.floor(position) if self.is_periodic else np.clip(position, 0.0, 1.0)
        return np.asarray(position * lengths[level] + (origins[level] - np.float32(0.5)), dtype=np.float32)


def _halvings(length: int) -> NDArray[np.int64]:
    sizes = [length]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return np.array(sizes, dtype=np.int64)
