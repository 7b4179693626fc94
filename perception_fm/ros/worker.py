"""The thread that does the work, so that no callback waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from perception_fm.ros.newest import NewestSlot

SWITCH_INTERVAL_S = 1e-4
"""`sys.setswitchinterval` of a process with a worker, which gives up the GIL at every call into OpenCV, hundreds of
times a frame. With Python's default of 5 ms it waits that long for a busy executor each time: a frame takes seconds.
"""
_STOP_TIMEOUT_S = 2.0  # far longer than a frame takes; a worker that needs more is stalled


@dataclass(frozen=True, eq=False)
class Arrival:
    """An image message and when it arrived (steady clock, s)."""

    message: Image | CompressedImage
    arrived_s: float


class Worker:
    """Calls `handle` with the newest image, one at a time, until it is stopped. `handle` must not raise."""

    def __init__(self, handle: Callable[[Arrival, Worker], None]) -> None:
        self._handle = handle
        self._slot: NewestSlot[Arrival] = NewestSlot()
        self._thread = threading.Thread(target=self._run, name="perception_worker", daemon=True)
        self.is_stopping = False

    def start(self) -> None:
        """Begins to wait for images."""
        self._thread.start()

    def put(self, arrival: Arrival) -> bool:
        """Leaves an image; True where an unread one was dropped for it."""
        return self._slot.put(arrival)

    def stop(self) -> bool:
        """Ends the thread; False where it is stalled. A stalled one sees `is_stopping` and must not publish."""
        self.is_stopping = True
        self._slot.close()
        self._thread.join(_STOP_TIMEOUT_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (arrival := self._slot.take()) is not None:
            self._handle(arrival, self)
