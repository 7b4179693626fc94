"""A windscreen wiper: an arm on a pivot below the picture that swings across and back once per period.

Sizes are those of a car whose camera sits behind the mirror: pivot 450 mm below it, blade 12 mm wide, 100 degrees in
0.6 s each way with the sine-like speed of a crank. Near the glass everything is out of focus, so is the blade.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError

SWING_S = 1.2  # there and back
_ANGLE_RAD = math.radians(100.0)
_PIVOT_BELOW_MM, _PIVOT_LEFT_MM, _BLADE_MM = 450.0, 60.0, 12.0
_LEAST_PERIOD_S = 1.5


class Wiper:
    """A wiper before a camera of `size` (width, height) that starts to swing every `period_s`.

    `px_per_mm` is the scale on the glass, `soft_px` the width over which the outline fades. Raises `ConfigError` for a
    period in which the arm cannot swing there and back.
    """

    def __init__(self, size: tuple[int, int], px_per_mm: float, soft_px: float, period_s: float) -> None:
        if period_s < _LEAST_PERIOD_S:
            raise ConfigError(f"effects.wiper_s is 0 (no wiper) or at least {_LEAST_PERIOD_S:g} s, got {period_s:g}")
        width, height = size
        x = np.arange(width) - (0.5 * (width - 1) - _PIVOT_LEFT_MM * px_per_mm)
        y = 0.5 * (height - 1) + _PIVOT_BELOW_MM * px_per_mm - np.arange(height)
        self._angle = np.arctan2(y[:, None], x[None, :]).astype(np.float32)
        self._distance = np.hypot(y[:, None], x[None, :]).astype(np.float32)
        self._half_px, self._soft_px = 0.5 * _BLADE_MM * px_per_mm, soft_px
        swung = np.clip(1.0 - 2.0 * self._angle / _ANGLE_RAD, -1.0, 1.0)
        self._wiped_s = np.arccos(swung) * np.float32(SWING_S / (2.0 * math.pi))

    def is_wiped(self, phase_s: float) -> NDArray[np.bool_]:
        """Where (H, W) the blade has passed, `phase_s` after it started from rest at the right."""
        return np.asarray(self._wiped_s <= phase_s)

    def cover(self, phase_s: float) -> NDArray[np.float32] | None:
        """Share (H, W) of the light that the blade stops, None while it is out of the picture."""
        if phase_s >= SWING_S:
            return None
        angle = 0.5 * _ANGLE_RAD * (1.0 - math.cos(2.0 * math.pi * phase_s / SWING_S))
        off_px = np.abs(self._angle - np.float32(angle)) * self._distance
        cover = np.clip((self._half_px - off_px) / self._soft_px + 0.5, 0.0, 1.0)
        return np.asarray(cover, dtype=np.float32) if cover.any() else None
