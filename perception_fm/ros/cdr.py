"""Messages as the bytes that go over the wire: OMG CDR, version 1, little endian, which every RMW takes.

A message made of Python objects is walked through field by field when it is published, and its arrays are copied twice
more; for large messages that costs more than what they say.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header

ENCAPSULATION = b"\x00\x01\x00\x00"  # CDR_LE; offsets count from its end


class CdrWriter:
    """Puts fields one after the other, each number at a multiple of its size."""

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = [ENCAPSULATION]
        self._length = 0

    def numbers(self, kind: str, *values: float) -> None:
        """Numbers of one kind, as `struct` names it."""
        packed = struct.pack(f"<{-self._length % struct.calcsize(kind)}x{len(values)}{kind}", *values)
        self._parts.append(packed)
        self._length += len(packed)

    def text(self, text: str) -> None:
        """A string."""
        encoded = text.encode() + b"\x00"
        self.numbers("I", len(encoded))
        self._parts.append(encoded)
        self._length += len(encoded)

    def array(self, values: NDArray[np.generic], count: int) -> None:
        """A sequence of `count` items that these numbers, or records as the wire has them, are."""
        self.numbers("I", count)
        if not values.size:
            return
        gap = b"\x00" * (-self._length % values.dtype.alignment)
        content = memoryview(np.ascontiguousarray(values).view(np.uint8)).cast("B")
        self._parts += [gap, content]
        self._length += len(gap) + len(content)

    def header(self, header: Header) -> None:
        """A `std_msgs/Header`."""
        self.numbers("i", header.stamp.sec)
        self.numbers("I", header.stamp.nanosec)
        self.text(header.frame_id)

    def message(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)
