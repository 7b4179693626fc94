"""Import video files. A video knows neither its intrinsics nor any motion of the camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import (
    INTRINSICS_ADVICE,
    RELATIVE_CLOCK_START_NS,
    CameraPose,
    DriveFrame,
    DriveInfo,
    Intrinsics,
)
from perception_fm.errors import BagError

CAMERA_NAME = "front"


class VideoDrive:
    """The first video stream of a file, decoded; stamps are its presentation times after a fixed start.

    `rate_hz` replaces the presentation times, for streams that have none. Raises `BagError` without intrinsics.
    """

    trajectory: tuple[CameraPose, ...] = ()

    def __init__(self, path: Path, intrinsics: Intrinsics, rate_hz: float | None) -> None:
        self.path = path
        self._rate_hz = rate_hz
        first = next(self._pictures(), None)
        if first is None:
            raise BagError(f"{path} holds no picture; give a video file")
        height, width = first[1].shape[:2]
        calibration = intrinsics.calibration(width, height)
        if calibration is None:
            raise BagError(f"{path} is a video of {width}x{height} and has no intrinsics; {INTRINSICS_ADVICE}")
        self.info = DriveInfo(
            source=f"video {path.name}",
            licence="unknown",
            camera_name=CAMERA_NAME,
            calibration=calibration,
            camera_height_m=None,
            frame_count=self._frame_count(),
        )

    def frames(self) -> Iterator[DriveFrame]:
        """All pictures in presentation order, BGR."""
        last_ns = -1
        for index, (time_s, pixels) in enumerate(self._pictures()):
            if self._rate_hz is not None:
                time_s = index / self._rate_hz
            if time_s is None:
                raise BagError(f"{self.path}: picture {index} has no time; give the frame rate with --rate")
            stamp_ns = RELATIVE_CLOCK_START_NS + round(time_s * 1e9)
            if stamp_ns <= last_ns:
                raise BagError(f"{self.path}: the time of picture {index} goes back; give the frame rate with --rate")
            last_ns = stamp_ns
            yield DriveFrame(stamp_ns, pixels)

    def _pictures(self) -> Iterator[tuple[float | None, NDArray[np.uint8]]]:
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise BagError(f"{self.path} has no video stream; give a video file")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for picture in container.decode(stream):
                    pixels = np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
                    time_s = None if picture.time is None else float(picture.time - _start_s(stream))
                    # PyAV before 14 cannot tell; its pictures then come out as they are stored.
                    yield time_s, upright(pixels, getattr(picture, "rotation", 0))
        except (av.FFmpegError, OSError) as error:
            raise BagError(f"cannot read {self.path} as a video: {error.strerror or error}") from error

    def _frame_count(self) -> int | None:
        with av.open(str(self.path)) as container:
            return container.streams.video[0].frames or None


def upright(pixels: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """The picture as a player shows it: phones store it turned and note the turn (degrees, counter-clockwise)."""
    if rotation_deg % 90:
        raise BagError(f"the video is turned by {rotation_deg} degrees; only multiples of 90 can be undone")
    return np.ascontiguousarray(np.rot90(pixels, rotation_deg // 90))


def _start_s(stream: av.VideoStream) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)
