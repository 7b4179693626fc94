"""Automatic exposure: how much light the camera lets in.

Metering is that of a driving camera: centre-weighted on the lower half (road and traffic, little sky), and it aims at a
mean of the finished picture, highlights therefore counting as the white that they become (ISO 12232 calls the level
that such metering gives the recommended exposure). A metered exposure depends on one radiance only: it is a pure
function, so that a frame never depends on having made others.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.synth.sensor.tone import encoded

# Mean of the metered picture, 0 to 1. KITTI's colour pictures have 0.37, Cityscapes' 0.32, phone cameras about 0.45.
_TARGET_MEAN = 0.40
_LUMINANCE_BGR = np.array([0.0722, 0.7152, 0.2126], dtype=np.float32)  # Rec. 709
_GRID = (80, 48)  # of the metering, columns x rows
_CENTRE_ROW, _SPREAD = 0.6, 0.35  # of the metering weight, as fractions of the picture
_FLOOR_WEIGHT = 0.25  # the rim counts too: a bright sky must not wash out altogether
# Exposure 1 puts a white wall in full daylight at white. A sensor that does this in 0.25 ms has 16 ms before a picture
# taken at walking pace smears: 6 stops; amplifiers give four more. Down to -6 stops it closes for snow and sun.
MIN_EXPOSURE, MAX_UNAMPLIFIED, MAX_EXPOSURE = 2.0**-6, 2.0**6, 2.0**10
_BISECTIONS = 18  # of a range of 16 stops: to 1/16000 stop


def meter(radiance: NDArray[np.float32]) -> float:
    """The factor on radiance (H, W, 3), linear BGR, that gives a well exposed picture.

    1 puts a white wall in daylight at white. Between `MIN_EXPOSURE` and `MAX_EXPOSURE`: in deep night pictures stay
    dark. Raises `PerceptionError` for NaN.
    """
    luminance = cv2.transform(cv2.resize(radiance, _GRID, interpolation=cv2.INTER_AREA), _LUMINANCE_BGR[None, :])
    if not np.isfinite(luminance).all():
        raise PerceptionError("the radiance of a picture holds NaN or infinity")
    weight = _weight()
    low, high = np.log2(MIN_EXPOSURE), np.log2(MAX_EXPOSURE)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        mean = float((weight * encoded(luminance * np.float32(2.0**middle))).sum())
        low, high = (middle, high) if mean < _TARGET_MEAN else (low, middle)
    return float(2.0 ** (0.5 * (low + high)))


def amplification(exposure: float) -> float:
    """The sensor gain, at least 1, by which an exposure exceeds what the longest exposure time gives."""
    return max(1.0, exposure / MAX_UNAMPLIFIED)


@cache
def _weight() -> NDArray[np.float32]:
    """Weight (48, 80) of the metering, sum 1."""
    columns = (np.arange(_GRID[0]) + 0.5) / _GRID[0] - 0.5
    rows = (np.arange(_GRID[1]) + 0.5) / _GRID[1] - _CENTRE_ROW
    bell = np.exp(-0.5 * (columns[None, :] ** 2 + rows[:, None] ** 2) / _SPREAD**2)
    weight = (_FLOOR_WEIGHT + bell).astype(np.float32)
    weight /= weight.sum()
    weight.setflags(write=False)
    return weight
