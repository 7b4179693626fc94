"""Play a bag on its topics with `/clock`, where `ros2 bag play` is not installed."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosReliability
from rosgraph_msgs.msg import Clock

from perception_fm.bags.qos import offered_qos
from perception_fm.bags.reader import BagReader
from perception_fm.errors import BagError, PerceptionError
from perception_fm.ros.messages import time_message

CLOCK_TOPIC = "/clock"
_CLOCK_PERIOD_S = 0.025  # 40 Hz, as ros2 bag play; and exactly at every message
_SUBSCRIBER_POLL_S = 0.05
_SUBSCRIBERS_SETTLED_S = 0.5  # a node opens its subscriptions within this time, one after the other
_FLUSH_S = 2.0


@dataclass(frozen=True)
class ReplayOptions:
    """How to play. `rate`: bag seconds per second; `start_offset_s`: bag time left out; `topics`: empty means all."""

    rate: float = 1.0
    start_offset_s: float = 0.0
    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise PerceptionError(f"a replay rate is a positive number, got {self.rate}")
        if not (math.isfinite(self.start_offset_s) and self.start_offset_s >= 0.0):
            raise PerceptionError(f"a start offset is zero or more seconds, got {self.start_offset_s}")


class BagReplay:
    """The publishers of one bag on a node. The node needs no executor.

    Every topic is published with its recorded quality of service; `skipped` gives the reason for each topic that is not
    played, `published` the number of messages so far, `duration_s` the bag time of one pass. Raises `BagError` where
    nothing is left to play or the offset lies behind the end.
    """

    def __init__(self, node: Node, reader: BagReader, options: ReplayOptions) -> None:
        self._reader = reader
        self._rate = options.rate
        self._start_ns = reader.start_ns + round(options.start_offset_s * 1e9)
        end_ns = reader.start_ns + reader.duration_ns
        if self._start_ns > end_ns:
            raise BagError(f"{reader.path} lasts {reader.duration_ns * 1e-9:.1f} s, it has nothing at the start offset")
        types, self.skipped = _playable(reader, options.topics)
        if not types:
            raise BagError(f"{reader.path} has nothing to play: {'; '.join(self.skipped) or 'it is empty'}")
        offered = reader.offered_qos
        profiles = {topic: publisher_qos(topic, offered[topic]) for topic in types}
        self._latched = {topic for topic, qos in profiles.items() if qos.durability == DurabilityPolicy.TRANSIENT_LOCAL}
        self._publishers = {topic: node.create_publisher(types[topic], topic, profiles[topic]) for topic in types}
        # Reliable, so that it reaches every kind of subscription; depth 1, so that nobody gets an old time.
        qos = QoSProfile(reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST, depth=1)
        self._clock: Publisher = node.create_publisher(Clock, CLOCK_TOPIC, qos)
        self._began_s = 0.0
        self.published = 0
        self.duration_s = (end_ns - self._start_ns) * 1e-9

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are played."""
        return tuple(self._publishers)

    def wait_for_subscribers(self, timeout_s: float) -> None:
        """Waits for a subscription, and until no more come; raises `PerceptionError` after `timeout_s` without any."""
        deadline_s = time.monotonic() + timeout_s
        count, since_s = 0, time.monotonic()
        while count == 0 or time.monotonic() - since_s < _SUBSCRIBERS_SETTLED_S:
            if count == 0 and time.monotonic() >= deadline_s:
                raise PerceptionError(f"nobody subscribed within {timeout_s:g} s to any of {', '.join(self.topics)}")
            time.sleep(_SUBSCRIBER_POLL_S)
            found = sum(publisher.get_subscription_count() for publisher in self._publishers.values())
            if found != count:
                count, since_s = found, time.monotonic()

    def play(self, on_time: Callable[[float], None] = lambda elapsed_s: None) -> None:
        """One pass through the bag at the chosen rate.

        `on_time` hears the bag time that has passed, in seconds. A publisher that is too slow delays what follows and
        `/clock` with it: no message is dropped and none is overtaken by the time. Latched messages from before the
        start offset (`/tf_static`) are published first.
        """
        self._began_s = time.monotonic()
        self._publish_clock(self._start_ns)
        for topic, _, stamp_ns, cdr in self._reader.messages(self._publishers):
            if stamp_ns < self._start_ns and topic not in self._latched:
                continue
            if stamp_ns > self._start_ns:
                self._run_clock(stamp_ns, on_time)
            self._publishers[topic].publish(cdr)
            self.published += 1

    def flush(self) -> None:
        """Gives reliable subscribers the time to receive the last messages."""
        deadline_s = time.monotonic() + _FLUSH_S
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, deadline_s - time.monotonic())))

    def _run_clock(self, until_ns: int, on_time: Callable[[float], None]) -> None:
        """Publishes `/clock` until the bag's time is `until_ns`; the last value is exactly that."""
        while True:
            now_ns = self._start_ns + round((time.monotonic() - self._began_s) * self._rate * 1e9)
            if now_ns >= until_ns:
                break
            self._publish_clock(now_ns)
            on_time((now_ns - self._start_ns) * 1e-9)
            time.sleep(min(_CLOCK_PERIOD_S, (until_ns - now_ns) * 1e-9 / self._rate))
        self._publish_clock(until_ns)
        on_time((until_ns - self._start_ns) * 1e-9)

    def _publish_clock(self, stamp_ns: int) -> None:
        self._clock.publish(Clock(clock=time_message(stamp_ns)))


def publisher_qos(topic: str, offered: tuple[Qos, ...]) -> QoSProfile:
    """A profile that reaches every subscriber that the recorded publishers reached.

    Deadline, lifespan and liveliness are left at their defaults: promises about the time between messages do not hold
    at another rate. A topic of which the bag says nothing gets what this package itself records.
    """
    profiles = offered or (offered_qos(topic),)
    # Best effort only where all say so: a reliable offer serves every subscription.
    is_best_effort = all(one.reliability is QosReliability.BEST_EFFORT for one in profiles)
    is_latched = any(one.durability is QosDurability.TRANSIENT_LOCAL for one in profiles)
    keeps_all = any(one.history is QosHistory.KEEP_ALL for one in profiles)
    return QoSProfile(
        reliability=ReliabilityPolicy.BEST_EFFORT if is_best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
        history=HistoryPolicy.KEEP_ALL if keeps_all else HistoryPolicy.KEEP_LAST,
        depth=max(1, *(one.depth for one in profiles)),
    )


def _playable(reader: BagReader, wanted: Collection[str]) -> tuple[dict[str, type], list[str]]:
    """Message class by topic, and one line for every topic that is left out although it was not unwanted."""
    missing = sorted(set(wanted) - set(reader.topics))
    if missing:
        raise BagError(f"{reader.path} has no topic {missing[0]}; it has {', '.join(sorted(reader.topics)) or 'none'}")
    types: dict[str, type] = {}
    skipped: list[str] = []
    for topic, name in reader.topics.items():
        if wanted and topic not in wanted:
            continue
        message_type = _message_type(name)
        if topic == CLOCK_TOPIC:
            skipped.append(f"{topic}: the replay publishes its own")
        elif message_type is None:
            skipped.append(f"{topic}: message type {name} is not installed")
        else:
            types[topic] = message_type
    return types, skipped


def _message_type(name: str) -> type | None:
    """The class of `package/msg/Name`, None where the environment lacks it."""
    package, _, message = name.partition("/msg/")
    try:
        found: Any = getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError, ValueError):  # ValueError: a name without a package
        return None
    return found if isinstance(found, type) else None
