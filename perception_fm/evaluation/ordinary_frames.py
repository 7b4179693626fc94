"""A few frames that went as most do, as pictures beside the worst."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.evaluation.worst_frames import WorstFrame

ORDINARY_FRAMES = 4
_CANDIDATES = 60  # drawn before it is known what is ordinary
_JPEG_QUALITY = 85


class OrdinaryFrames:
    """Keeps every so many of `total` frames, and at the end those next to the median badness."""

    def __init__(self, total: int) -> None:
        self._step = max(1, total // _CANDIDATES)
        self._badness: list[float] = []
        self._drawn: list[WorstFrame] = []

    def offer(self, badness: float, caption: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """A frame; NaN badness (nothing could be judged) is not ordinary. `draw` answers a BGR picture."""
        number = len(self._badness)
        self._badness.append(badness)
        if number % self._step == 0 and math.isfinite(badness):
            jpeg = cv2.imencode(".jpg", draw(), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
            self._drawn.append(WorstFrame(number, badness, caption, jpeg))

    def kept(self) -> tuple[WorstFrame, ...]:
        """In the order of the frames."""
        known = [one for one in self._badness if math.isfinite(one)]
        if not known:
            return ()
        median = float(np.median(known))
        nearest = sorted(self._drawn, key=lambda one: abs(one.badness - median))[:ORDINARY_FRAMES]
        return tuple(sorted(nearest, key=lambda one: one.number))
