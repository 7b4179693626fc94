"""`ObstacleArray` as the bytes that go over the wire.

A street has a hundred obstacles, each a message of nine parts. To make them in Python and to have them converted takes
3 ms a frame; to pack their numbers takes a tenth of that.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

import numpy as np

from perception_fm.config import NodeConfig
from perception_fm.ros.cdr import ENCAPSULATION
from perception_fm.ros.messages import time_message
from perception_fm.ros.results import anomaly_flags, by_distance, half_yaw_rad
from perception_fm.types import Obstacle, PerceptionResult
from perception_fm.visual.thing_colours import obstacle_name

_LARGEST = float(np.finfo(np.float32).max)
_BLOCK = 8  # bytes: what is aligned to the largest number is aligned to all
# Of `Obstacle.msg` after its class_name: numbers of one size, with the count of them.
_FIELDS = (("f", 2), ("B", 3), ("d", 7 + 3), ("f", 1), ("d", 4 * 3), ("f", 9), ("I", 1), ("f", 1))


def obstacle_bytes(result: PerceptionResult, config: NodeConfig) -> bytes:
    """What serialising `obstacle_array` of the same result gives, but for the bytes between fields, which are 0."""
    stamp, frame = time_message(result.stamp_ns), config.base_frame.encode() + b"\x00"
    head = struct.pack(f"<iII{len(frame)}s", stamp.sec, stamp.nanosec, len(frame), frame)
    head += struct.pack(f"<{-len(head) % 4}xI", len(result.obstacles))
    parts, length = [ENCAPSULATION, head], len(head)
    for item in by_distance(result.obstacles):
        name = obstacle_name(item).encode() + b"\x00"
        layout = _layout(len(name), length % _BLOCK)
        numbers = _numbers(item)
        try:
            packed = layout.pack(item.obstacle_id, item.class_id, len(name), name, *numbers)
        except OverflowError:
            packed = layout.pack(item.obstacle_id, item.class_id, len(name), name, *map(_narrowed, numbers))
        parts.append(packed)
        length += layout.size
    return b"".join(parts)


@lru_cache(maxsize=128)
def _layout(name_length: int, offset: int) -> struct.Struct:
    """Of an obstacle that begins `offset` bytes after a whole block; each number lies at a multiple of its size."""
    layout = "<IB"
    for kind, count in (("I", 1), (f"{name_length}s", 1), *_FIELDS):
        size = 1 if kind.endswith("s") else struct.calcsize(kind)
        gap = -(offset + struct.calcsize(layout)) % size
        layout += f"{gap}x" + (kind if kind.endswith("s") else f"{count}{kind}")
    # The next one begins with a number of four bytes.
    return struct.Struct(layout + f"{-(offset + struct.calcsize(layout)) % 4}x")


def _narrowed(number: float) -> float:
    """A number that is too large for 32 bits as infinite."""
    return number if not math.isfinite(number) or abs(number) <= _LARGEST else math.copysign(math.inf, number)


def _numbers(item: Obstacle) -> tuple[float, ...]:
    """Those of the message after the name, in its order."""
    half = half_yaw_rad(item)
    sigma_x, *sigma_yz = item.position_sigma_m.tolist()
    return (
        item.class_probability, item.existence_probability,
        item.is_confirmed, item.is_in_path, item.provenance,
        *item.centre_base_m.tolist(), 0.0, 0.0, math.sin(half), math.cos(half),
        sigma_x if math.isfinite(sigma_x) else item.distance_sigma_m, *sigma_yz,
        item.yaw_sigma_rad,
        *item.size_m.tolist(), *item.size_sigma_m.tolist(),
        *item.velocity_mps.tolist(), *item.velocity_sigma_mps.tolist(),
        item.distance_m, item.distance_sigma_m, item.ttc_s, item.ttc_sigma_s,
        item.ground_distance_m, item.ground_distance_sigma_m, item.slope_rad, item.slope_sigma_rad, item.planarity,
        anomaly_flags(item), item.anomaly_score,
    )  # fmt: skip
