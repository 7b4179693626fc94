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
_SCENES = 12  # a drive is taken as so many scenes; of each one picture says enough


@dataclass(frozen=True)
class WorstFrame:
    """A picture and what it shows."""

    number: int
    badness: float
    caption: str
    jpeg: bytes


class WorstFrames:
    """Keeps the `WORST_FRAMES` of the highest badness: of equals the earlier, of frames close to each other the worst.

    `total`: how many frames will be offered.
    """

    def __init__(self, total: int) -> None:
        self._distance = max(1, total // _SCENES)
        self._offered = 0
        self._kept: list[WorstFrame] = []

    def offer(self, badness: float, caption: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """A frame; NaN badness (nothing could be judged) is worse than any. `draw` answers a BGR picture."""
        badness = math.inf if math.isnan(badness) else badness
        number = self._offered
        self._offered += 1
        others = [one for one in self._kept if number - one.number >= self._distance]
        is_full = len(others) == len(self._kept) == WORST_FRAMES
        rivals = self._kept[-1:] if is_full else [one for one in self._kept if one not in others]
        if any(badness <= one.badness for one in rivals):
            return
        jpeg = cv2.imencode(".jpg", draw(), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        self._kept = sorted([*others, WorstFrame(number, badness, caption, jpeg)], key=lambda one: -one.badness)
        del self._kept[WORST_FRAMES:]

    def kept(self) -> tuple[WorstFrame, ...]:
        """The worst first."""
        return tuple(self._kept)
