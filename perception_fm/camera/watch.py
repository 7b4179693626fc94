"""One camera over time: rectification maps made once, and whether its pictures can be used."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.integrity import BLACK, BLOCKED, FROZEN, OVER_EXPOSED, IntegrityMonitor
from perception_fm.camera.rectification import Rectifier
from perception_fm.geometry.transform import RigidTransform
from perception_fm.types import CameraFrame

# A picture with one of these faults shows no road: nothing in it may verify or clear anything.
UNUSABLE = frozenset({FROZEN, BLACK, OVER_EXPOSED, BLOCKED})
_STANDING_MPS = 0.2  # a simulator or a video repeats frames exactly while nothing moves: that is no fault


@dataclass(frozen=True, eq=False)
class WatchedFrame:
    """A frame with its grey rectified picture (H, W), the mounting of the rectified optical frame, and its faults."""

    frame: CameraFrame
    rectifier: Rectifier
    gray: NDArray[np.uint8]
    base_from_camera: RigidTransform | None
    faults: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether the picture shows anything."""
        return UNUSABLE.isdisjoint(self.faults)


class CameraWatch:
    """Not thread-safe; frames in the order of their stamps."""

    def __init__(self) -> None:
        self._rectifier: Rectifier | None = None
        self._integrity = IntegrityMonitor()
        self._last: tuple[int, tuple[str, ...]] | None = None

    def reset(self) -> None:
        """Forget the pictures that came before."""
        self._integrity.reset()
        self._last = None

    def take(self, frame: CameraFrame) -> WatchedFrame:
        """The next frame; a changed calibration gives a new rectifier. Raises `CameraError`, `ImageError`."""
        if self._rectifier is None or not self._rectifier.source.equals(frame.camera):
            self._rectifier = Rectifier(frame.camera)
        rectifier, image = self._rectifier, frame.image
        gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        gray = rectifier.rectify(gray)
        mounting = frame.base_from_camera
        if mounting is not None:
            turn = rectifier.source.rectification.T  # stored optical from rectified optical
            mounting = RigidTransform(mounting.rotation @ turn, mounting.translation_m)
        return WatchedFrame(frame, rectifier, gray, mounting, self._faults(frame, gray))

    def _faults(self, frame: CameraFrame, gray: NDArray[np.uint8]) -> tuple[str, ...]:
        """Names of what is wrong with the picture itself; one that is taken a second time is not frozen for that."""
        if self._last is not None and self._last[0] == frame.stamp_ns:
            return self._last[1]
        faults = self._integrity.check(gray)
        ego = frame.ego
        if ego is not None and ego.has_translation and abs(ego.speed_mps) < _STANDING_MPS:
            faults = tuple(fault for fault in faults if fault != FROZEN)
        self._last = frame.stamp_ns, faults
        return faults
