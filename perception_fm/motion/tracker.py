"""Feature tracks over several time windows: Shi-Tomasi corners, pyramidal Lucas-Kanade, forward-backward check.

Tracks are chained from frame to frame (Lucas-Kanade follows the slow change of scale that way) and remember where they
were, so that the displacement over any window up to the longest one is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_LK_WINDOW_PX = 15
_LK_LEVELS = 3  # 4 levels reach 8 x 7 px = 56 px between frames: 12 m/s at 10 Hz, 6 m ahead, f = 700 px
_LK_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)
_FORWARD_BACKWARD_PX = 0.5  # Kalal et al., ICPR 2010: a drifting track does not come home
# OpenCV's eigenvalue is lambda/1024 for the mean squared gradient lambda (grey levels^2). A magnified or defocused
# patch slides by a pixel before its gradient of 1.4 grey levels per pixel tells; below that it only adds drift.
_MIN_EIGENVALUE = 2.0 / 1024
_QUALITY = 0.003  # relative, deliberately low: Lucas-Kanade applies the absolute floor above
_REFILL_BELOW = 0.9  # detection is the costly part: it runs when a tenth of the tracks has gone
_BORDER_PX = _LK_WINDOW_PX // 2 + 1
_WINDOW_TOLERANCE = 0.4


@dataclass(frozen=True, eq=False)
class TrackWindow:
    """Tracks that survived one window: pixels (N, 2) at its start and end, and the track's slot (N,)."""

    stamp_ns: int
    pixels_reference: FloatArray
    pixels_current: FloatArray
    slots: NDArray[np.intp]


class FeatureTracker:
    """Keeps up to `max_tracks` tracks alive, spread evenly over the image, each up to `history_s` long.

    `ego_mask` (H, W) uint8 is zero where the vehicle itself is seen.
    """

    def __init__(self, max_tracks: int, history_s: float, ego_mask: NDArray[np.uint8] | None = None) -> None:
        self._max_tracks = max_tracks
        self._history_ns = int(history_s * (1.0 + _WINDOW_TOLERANCE) * 1e9)
        self._ego_mask = ego_mask
        self.reset()

    def reset(self) -> None:
        """Drop all tracks."""
        self._gray: NDArray[np.uint8] | None = None
        self._stamps: list[int] = []
        self._history = np.empty((0, 0, 2), np.float32)  # (tracks, frames newest first, xy), NaN before birth

    @property
    def pixels(self) -> FloatArray:
        """Current pixels (N, 2) of all live tracks, in slot order."""
        if not self._stamps:
            return np.empty((0, 2))
        return self._history[:, 0].astype(np.float64)

    def update(self, gray: NDArray[np.uint8], stamp_ns: int) -> None:
        """Follow all tracks into `gray` (H, W) uint8, then fill up with new corners."""
        if self._gray is not None and len(self._history):
            self._follow(self._gray, gray)
        self._stamps.insert(0, stamp_ns)
        while self._stamps[0] - self._stamps[-1] > self._history_ns:
            self._stamps.pop()
        if self._history.shape[1] >= len(self._stamps):
            self._history = self._history[:, : len(self._stamps)]
        else:
            self._history = np.empty((0, len(self._stamps), 2), np.float32)
        if len(self._history) < _REFILL_BELOW * self._max_tracks:
            self._refill(gray)
        self._gray = gray

    def reference_stamp(self, window_s: float) -> int | None:
        """Stamp of the kept frame nearest to `window_s` ago (within 40%); None where there is none."""
        if len(self._stamps) < 2:
            return None
        ages = (self._stamps[0] - np.asarray(self._stamps[1:])) * 1e-9
        column = int(np.argmin(np.abs(ages - window_s)))
        if abs(ages[column] - window_s) > _WINDOW_TOLERANCE * window_s:
            return None
        return self._stamps[column + 1]

    def window(self, reference_stamp_ns: int) -> TrackWindow:
        """Tracks alive since the frame with that stamp."""
        reference = self._history[:, self._stamps.index(reference_stamp_ns)]
        slots = np.flatnonzero(~np.isnan(reference[:, 0]))
        return TrackWindow(
            reference_stamp_ns,
            reference[slots].astype(np.float64),
            self._history[slots, 0].astype(np.float64),
            slots,
        )

    def _follow(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> None:
        """One forward and one backward pass; the backward one starts at home, so it only has to confirm."""
        last = np.ascontiguousarray(self._history[:, 0])[:, None]
        size = (_LK_WINDOW_PX, _LK_WINDOW_PX)
        here, ok, _ = cv2.calcOpticalFlowPyrLK(
            before, now, last, None, winSize=size, maxLevel=_LK_LEVELS, criteria=_LK_CRITERIA,
            minEigThreshold=_MIN_EIGENVALUE,
        )  # fmt: skip
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
            now, before, here, last.copy(), winSize=size, maxLevel=1, criteria=_LK_CRITERIA,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=_MIN_EIGENVALUE,
        )  # fmt: skip
        keep = (ok[:, 0] & ok_back[:, 0]).astype(bool)
        keep &= np.abs(back - last).max(axis=2)[:, 0] < _FORWARD_BACKWARD_PX
        keep &= _inside(here[:, 0], now.shape)
        self._history = np.concatenate([here[keep], self._history[keep]], axis=1)

    def _refill(self, gray: NDArray[np.uint8]) -> None:
        """New corners, found at half resolution (a quarter of the time; Lucas-Kanade takes any textured point)."""
        half = cv2.pyrDown(gray)
        spacing = 0.7 * np.sqrt(half.size / self._max_tracks)
        mask = np.full(half.shape, 255, np.uint8)
        if self._ego_mask is not None:
            mask[:] = cv2.resize(self._ego_mask, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_NEAREST)
        for x, y in (0.5 * self._history[:, 0]).astype(int).tolist():
            cv2.circle(mask, (x, y), int(spacing), 0, -1)
        wanted = self._max_tracks - len(self._history)
        found = cv2.goodFeaturesToTrack(half, wanted, _QUALITY, spacing, mask=mask, blockSize=5)
        if found is None:
            return
        corners = 2.0 * found[:, 0].astype(np.float32)
        corners = corners[_inside(corners, gray.shape)]
        born = np.full((len(corners), len(self._stamps), 2), np.nan, np.float32)
        born[:, 0] = corners
        self._history = np.concatenate([self._history, born])


def _inside(pixels: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = shape[:2]
    x, y = pixels[:, 0], pixels[:, 1]
    return np.asarray((x >= _BORDER_PX) & (y >= _BORDER_PX) & (x < width - _BORDER_PX) & (y < height - _BORDER_PX))
