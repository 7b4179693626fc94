"""The frames of a run that a person should see: the first alarm, the nearest obstacle, where depth and motion differ
most, some spread over time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.evaluation.results import ALARM_STATES, in_the_way

_JPEG_QUALITY = 88
_MOST_SPREAD = 8  # kept while the length of the run is unknown: between half of these and all remain


@dataclass(frozen=True)
class KeyFrame:
    """A picture (JPEG bytes) with the index and record of its frame and why it was chosen."""

    index: int
    record: Mapping[str, Any]
    why: str
    jpeg: bytes


class KeyFrames:
    """Chooses while the run goes on, so that no picture has to be kept or decoded twice."""

    def __init__(self) -> None:
        self._first: KeyFrame | None = None
        self._nearest: KeyFrame | None = None
        self._nearest_m = np.inf
        self._denied: KeyFrame | None = None
        self._denied_ratio = 0.0
        self._spread: list[KeyFrame] = []
        self._stride = 1

    def offer(self, index: int, record: Mapping[str, Any], picture: Callable[[], NDArray[np.uint8]]) -> None:
        """Look at frame `index`; `picture` gives its (H, W, 3) BGR image and is called only if the frame is kept."""
        if self._first is None and record["state"] in ALARM_STATES:
            self._first = self._frame(index, record, "first alarm", picture)
        distances_m = [item["distance_m"] for item in in_the_way(record)]
        if distances_m and min(distances_m) < self._nearest_m:
            self._nearest_m = min(distances_m)
            self._nearest = self._frame(index, record, "nearest obstacle", picture)
        wall = record.get("wall")
        if wall is not None and np.isfinite(wall["learned_depth_m"]) and wall["log_ratio"] > self._denied_ratio:
            self._denied_ratio = wall["log_ratio"]
            self._denied = self._frame(index, record, "depth and measurement differ most", picture)
        if index % self._stride == 0:
            self._spread.append(self._frame(index, record, "", picture))
            if len(self._spread) > _MOST_SPREAD:
                self._spread = self._spread[::2]
                self._stride *= 2

    def chosen(self) -> list[KeyFrame]:
        """The frames in the order of time, each once."""
        by_index = {frame.index: frame for frame in self._spread}
        for special in (self._nearest, self._denied, self._first):
            if special is not None:
                by_index[special.index] = special
        return [by_index[index] for index in sorted(by_index)]

    @staticmethod
    def _frame(index: int, record: Mapping[str, Any], why: str, picture: Callable[[], NDArray[np.uint8]]) -> KeyFrame:
        _, jpeg = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return KeyFrame(index, record, why, jpeg.tobytes())
