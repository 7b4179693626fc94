"""The tone curve: from linear light on the sensor to the numbers of a picture.

Linear up to a knee, then a filmic shoulder that rolls highlights off to the sensor's saturation (the exponential
saturation of film, Tessendorf and others; slope continuous at the knee), then the transfer function of sRGB
(IEC 61966-2-1). The curve is a table over the sensor's 14-bit numbers, as in an image signal processor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Light at which the sensor is full, in units of diffuse white: two stops of highlights, as automotive HDR sensors give
# after their exposures are merged.
SATURATION = 4.0
_KNEE = 0.6  # linear light up to which the curve is a straight line
_LEVELS = 1 << 14  # one step near black is 0.8 of an 8-bit level after sRGB's slope of 12.9


def shoulder(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Display light 0 to 1 of sensor light 0 to `SATURATION`; the identity below the knee."""
    room = 1.0 - _KNEE
    full = 1.0 - np.exp(-(SATURATION - _KNEE) / room)
    rolled = _KNEE + room * (1.0 - np.exp(-(light - _KNEE) / room)) / full
    return np.where(light <= _KNEE, light, rolled).astype(np.float32)


def srgb(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sRGB value 0 to 1 of display light 0 to 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def _table() -> NDArray[np.float32]:
    steps = np.linspace(0.0, SATURATION, _LEVELS, dtype=np.float32)
    return srgb(shoulder(steps)).astype(np.float32)


_ENCODED = _table()
_BYTES = np.round(255.0 * _ENCODED).astype(np.uint8)
_STEPS_PER_LIGHT = np.float32((_LEVELS - 1) / SATURATION)


def _digital(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Sensor numbers of light of any shape; outside 0 to `SATURATION` it is clipped there."""
    steps = light * _STEPS_PER_LIGHT
    steps += np.float32(0.5)
    np.clip(steps, 0.0, _LEVELS - 1, out=steps)
    return steps.astype(np.uint16)


def encoded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture's value 0 to 1 of sensor light, any shape."""
    return _ENCODED[_digital(light)]


def picture(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8 of sensor light (H, W, 3), 1 = diffuse white."""
    return np.take(_BYTES, _digital(light))
