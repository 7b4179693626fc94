"""Cheap checks of the picture itself: frozen, black, over-exposed, glare on the road, blurred, blocked.

They look for a camera that no longer shows the world, not for bad weather as such. Every threshold is far from all
frames of eight real cameras (KITTI, PandaSet, CamVid; their range stands beside it) and far from the fault it names.
"""

from __future__ import annotations

import zlib
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ImageError

FROZEN = "image frozen"
BLACK = "image black"
OVER_EXPOSED = "image over-exposed"
GLARE = "glare on the road"
BLURRED = "image blurred"
BLOCKED = "camera blocked"

_SAMPLE_STRIDE = 4  # 57,600 of the pixels of a 1280x720 image: enough for any share below

# Sensor noise never repeats, so equality is a repeated buffer; the longest driver ring buffer seen has 8 entries.
_REMEMBERED_FRAMES = 8

# Video black is 16 and a dark sensor's noise adds a few levels; one lit lamp or lane mark in a hundred pixels ends it.
_BLACK_LEVEL = 24
_BLACK_SHARE = 0.99

_SATURATED_LEVEL = 250  # below 255 because averaging and JPEG pull saturated pixels down a little
_OVER_EXPOSED_SHARE = 0.6  # of the image: a burnt-out sky alone reached 0.30
_GLARE_SHARE = 0.25  # of the lower half, where the road is: real frames reached 0.05

# Mean difference of pixels 2 apart over that of pixels 16 apart: 1/8 for anything smooth at 16 px, 0.29 to 0.69 on
# sharp real frames, at most 0.18 once blurred by a Gaussian of 4 px (defocus, droplets, dirt, hard motion blur).
_FINE_PX = 1
_COARSE_PX = 8
_ROW_STRIDE = 8
_BLURRED_RATIO = 0.18
_LEAST_CONTRAST = 2.0  # grey levels at the coarse distance: with less there is nothing to be sharp

# Blocks of a thumbnail, each compared with its best plane. A cover (tape, mud, a hand) is smooth; noise averages out
# below 1 grey level.
_THUMBNAIL = (80, 48)
_BLOCKS = (8, 6)
_FLAT_STD = 1.5
_FLAT_SHARE = 0.6  # of all blocks: a plain sky is at most the upper half, real frames reached 0.27
_FLAT_ROAD_SHARE = 0.9  # of the lower half's blocks: real frames reached 0.25; a road has an edge or a mark somewhere


class IntegrityMonitor:
    """Names what is wrong with a camera's images, one after the other. One monitor per camera."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_REMEMBERED_FRAMES)

    def reset(self) -> None:
        """Forget the last frames: after a clock jump a replayed bag shows the same images again."""
        self._recent.clear()

    def check(self, gray: NDArray[np.uint8]) -> tuple[str, ...]:
        """Reasons not to trust this grey image (H, W), in fixed order; empty when it looks sound.

        `FROZEN` is an exact repeat of one of the last eight images. Also a simulator or a still video at standstill
        repeats itself; who knows the speed may excuse that. Raises `ImageError` for anything but uint8 (H, W).
        """
        if gray.ndim != 2 or gray.dtype != np.uint8 or gray.size == 0:
            raise ImageError(f"integrity needs a grey uint8 image (H, W), got {gray.dtype} {gray.shape}")
        sample = np.ascontiguousarray(gray[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE])
        is_black = _share(sample <= _BLACK_LEVEL) >= _BLACK_SHARE
        saturated = sample >= _SATURATED_LEVEL
        is_over_exposed = _share(saturated) >= _OVER_EXPOSED_SHARE
        has_glare = not is_over_exposed and _share(saturated[len(saturated) // 2 :]) >= _GLARE_SHARE
        # A black or burnt-out image is flat and has no edges: that is named once.
        is_empty = is_black or is_over_exposed
        found = {
            FROZEN: self._is_repeat(sample),
            BLACK: is_black,
            OVER_EXPOSED: is_over_exposed,
            GLARE: has_glare,
            BLURRED: not is_empty and _is_blurred(gray),
            BLOCKED: not is_empty and _is_blocked(sample),
        }
        return tuple(reason for reason, is_found in found.items() if is_found)

    def _is_repeat(self, sample: NDArray[np.uint8]) -> bool:
        checksum = zlib.crc32(sample.data)
        is_repeat = checksum in self._recent
        self._recent.append(checksum)
        return is_repeat


def _share(mask: NDArray[np.bool_]) -> float:
    return np.count_nonzero(mask) / mask.size


def _is_blurred(gray: NDArray[np.uint8]) -> bool:
    """Whether fine detail is missing along x or along y (motion blur takes only one of them)."""
    height, width = gray.shape
    margin = 2 * _COARSE_PX
    if height <= 2 * margin or width <= 2 * margin:
        return False
    fine_x, coarse_x = (_difference(gray, margin, 0, shift) for shift in (_FINE_PX, _COARSE_PX))
    fine_y, coarse_y = (_difference(gray, margin, shift, 0) for shift in (_FINE_PX, _COARSE_PX))
    return any(
        coarse >= _LEAST_CONTRAST and fine < _BLURRED_RATIO * coarse
        for fine, coarse in ((fine_x, coarse_x), (fine_y, coarse_y))
    )


def _difference(gray: NDArray[np.uint8], margin: int, down: int, right: int) -> float:
    """Mean absolute difference, on every eighth row, of pixels shifted forth and back."""
    height, width = gray.shape

    def shifted(sign: int) -> NDArray[np.uint8]:
        y, x = margin + sign * down, margin + sign * right
        return gray[y : y + height - 2 * margin : _ROW_STRIDE, x : x + width - 2 * margin]

    return float(cv2.mean(cv2.absdiff(shifted(1), shifted(-1)))[0])


def _is_blocked(sample: NDArray[np.uint8]) -> bool:
    thumbnail = cv2.resize(sample, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    columns, rows = _BLOCKS
    blocks = thumbnail.reshape(rows, _THUMBNAIL[1] // rows, columns, _THUMBNAIL[0] // columns)
    is_flat = _plane_residual(blocks) < _FLAT_STD
    return bool(is_flat.mean() >= _FLAT_SHARE or is_flat[rows // 2 :].mean() >= _FLAT_ROAD_SHARE)


def _plane_residual(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of each block (rows, height, columns, width) about its best plane: covers are lit unevenly."""
    y = np.linspace(-1.0, 1.0, blocks.shape[1], dtype=np.float32)[None, :, None, None]
    x = np.linspace(-1.0, 1.0, blocks.shape[3], dtype=np.float32)[None, None, None, :]
    # On a full grid 1, x and y are orthogonal, so that each explains its own part of the variance.
    variance = blocks.var(axis=(1, 3))
    for axis in (x, y):
        variance -= (blocks * axis).mean(axis=(1, 3)) ** 2 / np.mean(axis**2)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float32)
