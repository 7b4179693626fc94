"""H.264 video that browsers play, timed by the stamps of its frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError

_TICKS_PER_S = 1000  # fine enough for any camera, and exact in the 32-bit durations of mp4
_NOMINAL_RATE = Fraction(30)  # only a hint for the encoder's rate control; the stamps give the real times
_CRF = "23"  # x264's own default: text and thin lines of the overlay stay clean


class VideoWriter:
    """An mp4 file (H.264, yuv420p, index first), whole once the `with` block ends without an exception.

    Until then it has the suffix `.partial`. All frames must have the first one's size. Odd sizes are padded by one row
    or column, since yuv420p needs even ones. Raises `PerceptionError` where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._first_ns = 0
        self._last_tick = -1
        self._size: tuple[int, int] | None = None
        self.frame_count = 0
        try:
            self._partial.touch()  # PyAV opens the file only with the first frame
            self._container = av.open(str(self._partial), "w", format="mp4", options={"movflags": "faststart"})
        except OSError as error:
            raise PerceptionError(f"cannot write the video {path}: {error.strerror}") from error
        self._stream = self._container.add_stream("libx264", rate=_NOMINAL_RATE)
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": _CRF, "preset": "veryfast"}
        self._stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)

    def write(self, image: NDArray[np.uint8], stamp_ns: int) -> None:
        """Append one (H, W, 3) BGR image shown from `stamp_ns` on; a stamp that does not advance follows at once."""
        size = (image.shape[1], image.shape[0])
        if self._size is None:
            self._size = size
            self._first_ns = stamp_ns
            self._stream.width, self._stream.height = size[0] + size[0] % 2, size[1] + size[1] % 2
        elif size != self._size:
            raise PerceptionError(f"a video of {self._size} pixels cannot take a frame of {size}")
        if size[0] % 2 or size[1] % 2:
            image = cv2.copyMakeBorder(image, 0, size[1] % 2, 0, size[0] % 2, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        tick = max(self._last_tick + 1, round((stamp_ns - self._first_ns) * _TICKS_PER_S * 1e-9))
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS_PER_S)
        self._last_tick = tick
        self._container.mux(self._stream.encode(frame))
        self.frame_count += 1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.frame_count:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        if kind is None and self.frame_count:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink(missing_ok=True)


def picture_at(path: Path, time_s: float) -> NDArray[np.uint8]:
    """The (H, W, 3) BGR picture that a video shows `time_s` after its first one; beyond its end the last.

    Raises `PerceptionError` for a file that is no video.
    """
    shown = None
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                # A tick of slack: stamps are rounded to ticks when they are written.
                if shown is not None and float(frame.time or 0.0) > time_s + 1.0 / _TICKS_PER_S:
                    break
                shown = frame
    except (av.FFmpegError, OSError, IndexError) as error:
        raise PerceptionError(f"cannot read the video {path}: {error}") from error
    if shown is None:
        raise PerceptionError(f"{path} holds no picture")
    return np.asarray(shown.to_ndarray(format="bgr24"), dtype=np.uint8)
