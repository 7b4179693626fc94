"""Noise of an image sensor: photon shot noise, read noise and a little fixed pattern, in electrons.

EMVA Standard 1288 (release 4, linear model): the variance of a pixel in electrons is that of the read noise plus the
number of electrons itself (Poisson, here by its normal limit), and each pixel has its own gain (PRNU) and offset
(DSNU). Gain makes fewer electrons a full picture: the same brightness holds more noise.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from perception_fm.synth.sensor.tone import SATURATION

# Of a 3 um automotive HDR sensor whose 1920x1208 pixels are binned 2x2 or more (data sheets: 10 to 12 ke- and 2 to 4 e-
# a pixel, PRNU and DSNU below 1%).
FULL_WELL_E = 40_000.0
READ_NOISE_E = 8.0
GAIN_SPREAD = 0.004  # PRNU, standard deviation
OFFSET_SPREAD_E = 2.0  # DSNU
_STREAM_PATTERN, _STREAM_FRAME = 11, 12


class SensorNoise:
    """Noise of `strength` (1: a usual automotive sensor; scales standard deviations) on pictures (H, W, 3).

    The fixed pattern follows `seed`; the noise of a frame follows `seed` and the frame's number.
    """

    def __init__(self, size: tuple[int, int], strength: float, gain_db: float, seed: int) -> None:
        self._strength, self._seed = strength, seed
        self._gain = 10.0 ** (gain_db / 20.0)
        shape = (size[1], size[0], 3)
        rng = np.random.default_rng([seed, _STREAM_PATTERN])
        self._gains = 1.0 + _normal(rng, shape) * np.float32(strength * GAIN_SPREAD)
        self._offsets = _normal(rng, shape) * np.float32(strength * OFFSET_SPREAD_E * SATURATION / FULL_WELL_E)

    def add(self, light: NDArray[np.float32], number: int, amplification: float = 1.0) -> NDArray[np.float32]:
        """Sensor light (H, W, 3), 1 = diffuse white, with the noise of frame `number`; may be negative.

        `amplification` is gain on top of the configured one, at least 1.
        """
        light_per_electron = self._gain * amplification * SATURATION / FULL_WELL_E
        collected = np.clip(light, 0.0, np.float32(SATURATION))
        spread = collected * np.float32(light_per_electron * self._strength**2)
        spread += np.float32((READ_NOISE_E * light_per_electron * self._strength) ** 2)
        spread = cv2.sqrt(spread)
        noise = _normal(np.random.default_rng([self._seed, _STREAM_FRAME, number]), light.shape)
        noise *= spread
        collected *= self._gains
        collected += self._offsets * np.float32(self._gain * amplification)
        collected += noise
        return np.minimum(collected, np.float32(SATURATION), out=collected)


@cache
def _quantiles() -> NDArray[np.float32]:
    """Normal quantiles of 16-bit numbers: sampling by inversion, five times as fast as the ziggurat; ends at 4.3."""
    return ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.take(_quantiles(), rng.integers(0, 1 << 16, size=shape, dtype=np.uint16))
