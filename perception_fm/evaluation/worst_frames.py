"""The few frames that went worst, as pictures; only those that belong among them so far are ever drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORST_FRAMES = 6
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class WorstFrame:
    """A picture and what it shows."""

    badness: float
    caption: str
    jpeg: bytes


class WorstFrames:
    """Keeps the `WORST_FRAMES` of the highest badness; of equals the earlier."""

    def __init__(self) -> None:
        self._kept: list[WorstFrame] = []

    def offer(self, badness: float, caption: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """A frame; NaN badness (nothing could be judged) is worse than any. `draw` answers a BGR picture."""
        badness = math.inf if math.isnan(badness) else badness
        if len(self._kept) == WORST_FRAMES and badness <= self._kept[-1].badness:
            return
        jpeg = cv2.imencode(".jpg", draw(), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        self._kept = sorted([*self._kept, WorstFrame(badness, caption, jpeg)], key=lambda one: -one.badness)
        del self._kept[WORST_FRAMES:]

    def kept(self) -> tuple[WorstFrame, ...]:
        """The worst first."""
        return tuple(self._kept)
