from __future__ import annotations

import threading
import time

import pytest

from perception_fm.ros import worker as worker_module
from perception_fm.ros.newest import NewestSlot
from perception_fm.ros.worker import Arrival, Worker


def test_newest_item_replaces_an_unread_one_which_is_told():
    slot = NewestSlot()
    assert not slot.put(1)
    assert slot.put(2)
    assert slot.take() == 2
    assert not slot.put(3)


def test_closed_slot_gives_nothing_more():
    slot = NewestSlot()
    slot.put(1)
    slot.close()
    assert slot.take() is None


def test_waiting_reader_is_woken_by_close():
    slot = NewestSlot()
    got = []
    reader = threading.Thread(target=lambda: got.append(slot.take()))
    reader.start()
    slot.close()
    reader.join(5.0)
    assert got == [None]


class Busy:
    """A handler that holds its first image until it is let go."""

    def __init__(self):
        self.begun, self.go_on, self.seen = threading.Event(), threading.Event(), []
        self.worker = Worker(self.handle)
        self.worker.start()

    def handle(self, arrival, worker):
        self.seen.append((arrival.message, worker.is_stopping))
        self.begun.set()
        self.go_on.wait(10.0)
        self.seen.append((arrival.message, worker.is_stopping))


def test_busy_worker_gets_the_newest_image_and_every_drop_is_told():
    busy = Busy()
    busy.worker.put(Arrival("first", 0.0))
    busy.begun.wait(5.0)
    drops = [busy.worker.put(Arrival(name, 0.0)) for name in ("second", "third", "fourth")]
    busy.go_on.set()
    while len(busy.seen) < 4:
        time.sleep(0.01)
    assert drops == [False, True, True]
    assert [message for message, _ in busy.seen] == ["first", "first", "fourth", "fourth"]
    assert busy.worker.stop()


def test_stalled_worker_is_told_and_sees_that_it_must_not_publish(monkeypatch):
    monkeypatch.setattr(worker_module, "_STOP_TIMEOUT_S", 0.05)
    busy = Busy()
    busy.worker.put(Arrival("first", 0.0))
    busy.begun.wait(5.0)
    assert not busy.worker.stop()
    busy.go_on.set()
    busy.worker._thread.join(5.0)
    assert busy.seen == [("first", False), ("first", True)]


@pytest.mark.parametrize("image_count", [0, 3])
def test_idle_worker_stops_at_once(image_count):
    done = []
    worker = Worker(lambda arrival, worker: done.append(arrival))
    worker.start()
    for _ in range(image_count):
        worker.put(Arrival("image", 0.0))
    assert worker.stop()
