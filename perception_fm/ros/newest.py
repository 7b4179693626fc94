"""A queue of one: the newest item replaces an unread one, which is counted as dropped."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestSlot(Generic[T]):
    """Between one producer that must never wait and one consumer that only wants the newest."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._is_closed = False

    def put(self, item: T) -> bool:
        """Leaves an item; True where an unread one was dropped for it."""
        with self._condition:
            is_dropped = self._item is not None
            self._item = item
            self._condition.notify()
            return is_dropped

    def take(self) -> T | None:
        """Waits for an item and takes it; None once the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._is_closed)
            if self._is_closed:
                return None
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wakes the consumer for the last time; an unread item is forgotten."""
        with self._condition:
            self._is_closed = True
            self._item = None
            self._condition.notify_all()
