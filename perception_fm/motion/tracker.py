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

LK_WINDOW_PX = 15  # a patch that still holds texture on asphalt; twice its half width is what one track vouches for
_LK_LEVELS = 3  # 4 levels reach 8 x 7 px = 60 px between frames: 12 m/s at 10 Hz, 6 m ahead, f = 700 px
_LK_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)
_FORWARD_BACKWARD_PX = 0.5  # Kalal et al., ICPR 2010: a drifting track does not come home
# OpenCV's eigenvalue is lambda/1024 for the mean squared gradient lambda (grey levels^2); sensor noise of 1 grey level
# alone gives lambda = 0.23 through the Scharr kernel. Below four times that a patch is noise, not texture.
_MIN_EIGENVALUE = 4 * 0.23 / 1024
_PATH_SPACING_PX = 5.0  # dense where boxes are swept
_PATH_SHARE = 0.6
_BORDER_PX = LK_WINDOW_PX // 2 + 1


@dataclass(frozen=True, eq=False)
class Region:
    """Where tracks are wanted densely: a mask (H, W) uint8, and its bounding rectangle (x, y, width, height)."""

    mask: NDArray[np.uint8]
    bounds: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class TrackWindow:
    """Tracks that survived one window: pixels (N, 2) at its start and end, and the track's slot (N,)."""

    stamp_ns: int
    pixels_reference: FloatArray
    pixels_current: FloatArray
    slots: NDArray[np.intp]


class FeatureTracker:
    """Keeps up to `max_tracks` tracks alive, `history_s` long."""

    def __init__(self, max_tracks: int, history_s: float, ego_mask: NDArray[np.uint8] | None = None) -> None:
        self._max_tracks = max_tracks
        self._history_ns = int(history_s * 1.3e9)
        self._ego_mask = ego_mask
        self.reset()

    def reset(self) -> None:
        """Drop all tracks."""
        self._gray: NDArray[np.uint8] | None = None
        self._stamps: list[int] = []
        self._history = np.empty((0, 0, 2), np.float32)  # (tracks, frames newest first, xy), NaN before birth

    def update(self, gray: NDArray[np.uint8], stamp_ns: int, region: Region | None) -> None:
        """Follow all tracks into `gray` (H, W) uint8, then fill up with new corners (densely inside `region`)."""
        if self._gray is not None and len(self._history):
            self._follow(self._gray, gray)
        self._stamps.insert(0, stamp_ns)
        while self._stamps[0] - self._stamps[-1] > self._history_ns:
            self._stamps.pop()
        self._history = self._history[:, : len(self._stamps)]
        self._detect(gray, region)
        self._gray = gray

    def window(self, window_s: float) -> TrackWindow | None:
        """Tracks over the window nearest to `window_s` (within 40%); None where no frame is that old."""
        if len(self._stamps) < 2:
            return None
        ages = (self._stamps[0] - np.asarray(self._stamps[1:])) * 1e-9
        column = int(np.argmin(np.abs(ages - window_s)))
        if abs(ages[column] - window_s) > 0.4 * window_s:
            return None
        reference = self._history[:, column + 1]
        slots = np.flatnonzero(~np.isnan(reference[:, 0]))
        return TrackWindow(
            self._stamps[column + 1],
            reference[slots].astype(np.float64),
            self._history[slots, 0].astype(np.float64),
            slots,
        )

    def _follow(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> None:
        """One forward and one backward pass, started from where each track's last step would take it."""
        last = np.ascontiguousarray(self._history[:, 0])[:, None]
        flags, options = 0, {"winSize": (LK_WINDOW_PX, LK_WINDOW_PX), "maxLevel": _LK_LEVELS, "criteria": _LK_CRITERIA}
        here, ok, _ = cv2.calcOpticalFlowPyrLK(
            before, now, last, None, flags=flags, minEigThreshold=_MIN_EIGENVALUE, **options
        )
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
            now, before, here, last.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=_MIN_EIGENVALUE,
            winSize=(LK_WINDOW_PX, LK_WINDOW_PX), maxLevel=1, criteria=_LK_CRITERIA,
        )
        height, width = now.shape
        xy = here[:, 0]
        keep = (ok[:, 0] & ok_back[:, 0]).astype(bool)
        keep &= np.abs(back - last).max(axis=2)[:, 0] < _FORWARD_BACKWARD_PX
        keep &= (xy >= _BORDER_PX).all(axis=1) & (xy[:, 0] < width - _BORDER_PX) & (xy[:, 1] < height - _BORDER_PX)
        self._history = np.concatenate([xy[keep, None], self._history[keep]], axis=1)

    def _detect(self, gray: NDArray[np.uint8], region: Region | None) -> None:
        frames = len(self._stamps)
        if self._history.shape[1] != frames:
            self._history = np.full((len(self._history), frames, 2), np.nan, np.float32)
        fresh = []
        if region is not None:
            fresh.append(self._detect_dense(gray, region))
        fresh.append(self._detect_coarse(gray, region))
        corners = np.concatenate(fresh)
        if len(corners):
            born = np.full((len(corners), frames, 2), np.nan, np.float32)
            born[:, 0] = corners
            self._history = np.concatenate([self._history, born])

    def _detect_dense(self, gray: NDArray[np.uint8], region: Region) -> NDArray[np.float32]:
        x, y, w, h = region.bounds
        mask = region.mask[y : y + h, x : x + w].copy()
        alive = self._history[:, 0] - (x, y)
        inside = ((alive >= 0) & (alive < (w, h))).all(axis=1)
        alive = alive[inside]
        alive = alive[mask[alive[:, 1].astype(int), alive[:, 0].astype(int)] > 0]
        wanted = int(self._max_tracks * _PATH_SHARE) - len(alive)
        if wanted <= 0 or min(w, h) < LK_WINDOW_PX:
            return np.empty((0, 2), np.float32)
        _blot(mask, alive, _PATH_SPACING_PX)
        if self._ego_mask is not None:
            mask &= self._ego_mask[y : y + h, x : x + w]
        return _corners(np.ascontiguousarray(gray[y : y + h, x : x + w]), wanted, _PATH_SPACING_PX, mask) + np.float32((x, y))

    def _detect_coarse(self, gray: NDArray[np.uint8], region: Region | None) -> NDArray[np.float32]:
        """The rest of the image at half resolution: there the tracks only have to pin down the rotation."""
        wanted = int(self._max_tracks * (1.0 - _PATH_SHARE if region is not None else 1.0))
        spacing = 0.5 * np.sqrt(gray.size / (2.0 * wanted))
        half = cv2.pyrDown(gray)
        mask = np.full(half.shape, 255, np.uint8)
        alive = self._history[:, 0]
        if region is not None:
            outside = cv2.resize(region.mask, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_NEAREST)
            mask[outside > 0] = 0
            alive = alive[region.mask[alive[:, 1].astype(int), alive[:, 0].astype(int)] == 0]
        wanted -= len(alive)
        if wanted <= wanted // 8 or wanted <= 0:
            return np.empty((0, 2), np.float32)
        if self._ego_mask is not None:
            mask &= cv2.resize(self._ego_mask, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_NEAREST)
        _blot(mask, 0.5 * alive, spacing)
        found = 2.0 * _corners(half, wanted, spacing, mask)
        height, width = gray.shape
        return found[(found[:, 0] < width - _BORDER_PX) & (found[:, 1] < height - _BORDER_PX)]


def _blot(mask: NDArray[np.uint8], points: NDArray[np.floating], radius_px: float) -> None:
    """Zero a disc around every live track, so that no second one is born on it."""
    for x, y in points.astype(int):
        cv2.circle(mask, (int(x), int(y)), int(radius_px), 0, -1)


def _corners(gray: NDArray[np.uint8], count: int, spacing_px: float, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shi-Tomasi corners (N, 2); a low relative quality, since Lucas-Kanade applies the absolute floor."""
    found = cv2.goodFeaturesToTrack(gray, count, 0.003, spacing_px, mask=mask, blockSize=5)
    if found is None:
        return np.empty((0, 2), np.float32)
    xy: NDArray[np.float32] = found[:, 0].astype(np.float32)
    height, width = gray.shape
    inside = (xy >= _BORDER_PX).all(axis=1) & (xy[:, 0] < width - _BORDER_PX) & (xy[:, 1] < height - _BORDER_PX)
    return xy[inside]
