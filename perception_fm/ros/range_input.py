"""The range sensor: its messages wait until an image asks for what was met at its stamp."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from perception_fm.config import NodeConfig
from perception_fm.errors import RangeSensorError
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.range_points import RANGE_TYPES, RangeMessage, range_points
from perception_fm.ros.transforms import MountingSource

_KEPT = 4  # messages: at 20 Hz as old as the oldest that is taken
_SAME_INSTANT_NS = 10_000_000  # without odometry: at 30 m/s the vehicle moves 0.3 m, the depth of a surface


class RangeInput:
    """Its methods may be called from any thread."""

    def __init__(self, config: NodeConfig, mounting: MountingSource) -> None:
        self._type = RANGE_TYPES.get(config.range_source)
        self._base_frame = config.base_frame
        self._max_age_ns, self._sigma_m = round(config.range_max_age_s * 1e9), config.range_sigma_m
        self._mounting = mounting
        self._messages: deque[RangeMessage] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def take(self, message: RangeMessage) -> None:
        """A message; it is read when an image needs it."""
        with self._lock:
            self._messages.append(message)

    def clear(self) -> None:
        """Forget the messages, as after a clock jump."""
        with self._lock:
            self._messages.clear()

    def scan(self, stamp: int, ego_at: Callable[[int], EgoState | None]) -> RangeScan | None:
        """What was met, in the base frame of an image's stamp (ns); None without a sensor.

        Raises `RangeSensorError` where nothing usable is near enough, and `TransformError` where nobody knows where the
        sensor sits.
        """
        if self._type is None:
            return None
        message = self._nearest(stamp)
        found = range_points(message)
        base_from_sensor = RigidTransform.identity()
        frame_id = message.header.frame_id
        if frame_id != self._base_frame:
            base_from_sensor = self._mounting.base_from_sensor(frame_id, stamp_ns(message.header.stamp))
        now_from_then = _moved(stamp, found.stamp_ns, ego_at)
        points = (now_from_then @ base_from_sensor).apply(found.points_m)
        return RangeScan(points, self._sigma_m if found.sigma_m is None else found.sigma_m, found.spread_m)

    def _nearest(self, stamp: int) -> RangeMessage:
        with self._lock:
            messages = list(self._messages)
        if not messages:
            raise RangeSensorError("no message has arrived")
        message = min(messages, key=lambda one: abs(stamp_ns(one.header.stamp) - stamp))
        away = abs(stamp_ns(message.header.stamp) - stamp)
        if away > self._max_age_ns:
            raise RangeSensorError(f"the nearest message is {away * 1e-9:.2f} s away")
        return message


def _moved(now_ns: int, then_ns: int, ego_at: Callable[[int], EgoState | None]) -> RigidTransform:
    """How the vehicle has moved between a range and the image; raises `RangeSensorError` where nobody knows."""
    now, then = ego_at(now_ns), ego_at(then_ns)
    if now is not None and then is not None and now.has_translation and then.has_translation:
        return now.odom_from_base.inverse() @ then.odom_from_base
    if abs(now_ns - then_ns) > _SAME_INSTANT_NS:
        away_s = abs(now_ns - then_ns) * 1e-9
        raise RangeSensorError(f"no odometry tells how the vehicle moved in the {away_s:.2f} s to the image")
    return RigidTransform.identity()
