"""Playing a bag: what goes out, when by /clock, and with which quality of service."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.interfaces import QosDurability, QosHistory, QosReliability
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

from perception_fm.bags.message_types import message, serialize
from perception_fm.bags.qos import offered_qos
from perception_fm.bags.reader import BagReader
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError, PerceptionError
from perception_fm.ros import replay
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.replay import BagReplay, ReplayOptions, publisher_qos

START_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000
COUNT = 10
LATCHED = "/labels/label_info"  # a name that the writer records as transient local


def text(data):
    return serialize(message("std_msgs/msg/String", data=data))


@pytest.fixture
def bag(tmp_path):
    """A latched message at the start, then ten messages 20 ms apart on each of two topics."""
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(LATCHED, START_NS, text("latched"), "std_msgs/msg/String")
        for index in range(COUNT):
            writer.write("/first", START_NS + index * STEP_NS, text(f"first {index}"), "std_msgs/msg/String")
            writer.write("/second", START_NS + index * STEP_NS + 1, text(f"second {index}"), "std_msgs/msg/String")
    return tmp_path / "bag"


class RecordingNode:
    """Stands for a node; `sent` is what its publishers were given, in order."""

    def __init__(self):
        self.sent = []

    def create_publisher(self, kind, topic, qos):
        return RecordingPublisher(topic, self.sent)


class RecordingPublisher:
    def __init__(self, topic, sent):
        self.topic, self.sent = topic, sent

    def publish(self, item):
        self.sent.append((self.topic, stamp_ns(item.clock) if isinstance(item, Clock) else item))

    def get_subscription_count(self):
        return 0


class FakeTime:
    """Time that passes by sleeping only."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def fake_time(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(replay, "time", fake)
    return fake


def played(bag, **options):
    node = RecordingNode()
    with BagReader(bag) as reader:
        player = BagReplay(node, reader, ReplayOptions(**options))
        player.play()
        return node.sent, player


def test_messages_go_out_in_order_as_they_were_recorded(bag, fake_time):
    sent, player = played(bag)
    with BagReader(bag) as reader:
        recorded = [(topic, cdr) for topic, _, _, cdr in reader.messages()]
    assert [item for item in sent if item[0] != "/clock"] == recorded
    assert player.published == len(recorded) == 2 * COUNT + 1


def test_clock_shows_the_stamp_of_each_message_when_it_is_published(bag, fake_time):
    sent, _ = played(bag)
    clock_ns, seen = None, 0
    for topic, item in sent:
        if topic == "/clock":
            assert clock_ns is None or item >= clock_ns
            clock_ns = item
        elif topic == "/first":
            assert clock_ns == START_NS + seen * STEP_NS
            seen += 1
    assert seen == COUNT


@pytest.mark.parametrize(("rate", "wall_s"), [(1.0, 0.18), (0.5, 0.36), (2.0, 0.09)])
def test_rate_scales_the_wall_time_and_clock_keeps_40_hz(bag, fake_time, rate, wall_s):
    sent, _ = played(bag, rate=rate)
    # 1 us: the stamps of this bag are 1 ns apart, and the fake time is a sum of floats.
    assert fake_time.now_s == pytest.approx(wall_s, abs=1e-6)
    ticks = len({item for topic, item in sent if topic == "/clock"})
    assert ticks >= wall_s / 0.025


def test_start_offset_leaves_out_what_is_before_it_but_for_latched_topics(bag, fake_time):
    sent, player = played(bag, start_offset_s=5 * STEP_NS * 1e-9)
    assert sent[0] == ("/clock", START_NS + 5 * STEP_NS)
    assert sent[1] == (LATCHED, text("latched"))
    assert [deserialize_message(item, String).data for topic, item in sent if topic == "/first"] == [
        f"first {index}" for index in range(5, COUNT)
    ]
    assert player.duration_s == pytest.approx(4 * STEP_NS * 1e-9, abs=1e-8)  # the last message is 1 ns later


def test_start_offset_behind_the_end_is_refused(bag):
    with pytest.raises(BagError, match="nothing at the start offset"):
        played(bag, start_offset_s=1.0)


def test_second_pass_sets_the_clock_back(bag, fake_time):
    node = RecordingNode()
    with BagReader(bag) as reader:
        player = BagReplay(node, reader, ReplayOptions())
        player.play()
        first_pass = len(node.sent)
        player.play()
    assert node.sent[first_pass] == ("/clock", START_NS)
    assert node.sent[first_pass:] == node.sent[:first_pass]


def test_chosen_topics_only(bag, fake_time):
    sent, player = played(bag, topics=("/second",))
    assert {topic for topic, _ in sent} == {"/clock", "/second"}
    assert player.topics == ("/second",)


def test_topic_that_the_bag_lacks_is_refused(bag):
    with pytest.raises(BagError, match="has no topic /third; it has /first"):
        played(bag, topics=("/third",))


@pytest.mark.parametrize(
    "options", [{"rate": 0.0}, {"rate": float("nan")}, {"start_offset_s": -1.0}, {"start_offset_s": float("inf")}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(PerceptionError):
        ReplayOptions(**options)


def test_unknown_message_types_are_named_and_left_out(bag, fake_time, monkeypatch):
    monkeypatch.setattr(
        BagReader, "topics", property(lambda reader: {"/first": "std_msgs/msg/String", "/odd": "odd_msgs/msg/Odd"})
    )
    monkeypatch.setattr(BagReader, "offered_qos", property(lambda reader: {"/first": (), "/odd": ()}))
    _, player = played(bag)
    assert player.topics == ("/first",)
    assert player.skipped == ["/odd: message type odd_msgs/msg/Odd is not installed"]


def test_bag_of_unknown_messages_alone_is_refused(bag, monkeypatch):
    monkeypatch.setattr(BagReader, "topics", property(lambda reader: {"/odd": "odd_msgs/msg/Odd"}))
    with pytest.raises(BagError, match=r"nothing to play: /odd: message type odd_msgs/msg/Odd is not installed"):
        played(bag)


def test_recorded_clock_gives_way_to_the_replays_own(tmp_path, fake_time):
    with BagWriter(tmp_path / "bag") as writer:
        clock = message("rosgraph_msgs/msg/Clock", clock=message("builtin_interfaces/msg/Time", sec=1, nanosec=0))
        writer.write("/clock", START_NS, serialize(clock), "rosgraph_msgs/msg/Clock")
        writer.write("/first", START_NS, text("only"), "std_msgs/msg/String")
    sent, player = played(tmp_path / "bag")
    assert sent == [("/clock", START_NS), ("/first", text("only"))]
    assert player.skipped == ["/clock: the replay publishes its own"]


def test_nobody_listening_is_an_error_after_the_time_out(bag, fake_time):
    with BagReader(bag) as reader:
        player = BagReplay(RecordingNode(), reader, ReplayOptions())
        with pytest.raises(PerceptionError, match="nobody subscribed within 3 s"):
            player.wait_for_subscribers(3.0)


def test_quality_of_service_is_the_recorded_one():
    sensor = offered_qos("/camera")._replace(reliability=QosReliability.BEST_EFFORT, depth=7)
    profile = publisher_qos("/camera", (sensor,))
    assert (profile.reliability, profile.durability, profile.depth) == (
        ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 7,
    )
    latched = offered_qos("/map")._replace(durability=QosDurability.TRANSIENT_LOCAL, history=QosHistory.KEEP_ALL)
    profile = publisher_qos("/map", (latched,))
    assert (profile.reliability, profile.durability, profile.history) == (
        ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, HistoryPolicy.KEEP_ALL,
    )


def test_several_recorded_publishers_are_all_covered():
    weak = offered_qos("/camera")._replace(reliability=QosReliability.BEST_EFFORT, depth=1)
    profile = publisher_qos("/camera", (weak, offered_qos("/camera")))
    assert (profile.reliability, profile.depth) == (ReliabilityPolicy.RELIABLE, 5)


def test_bag_without_quality_of_service_still_latches_static_transforms():
    assert publisher_qos("/tf_static", ()).durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert publisher_qos("/odometry", ()).durability == DurabilityPolicy.VOLATILE


class Listener:
    """A node of its own context that collects strings and clock values while it spins."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("listener", context=self.context)
        self.received = {}
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def listen(self, topic, kind=String, durability=DurabilityPolicy.VOLATILE):
        self.received[topic] = []
        qos = QoSProfile(reliability=ReliabilityPolicy.RELIABLE, durability=durability, depth=1000)
        self.node.create_subscription(kind, topic, self.received[topic].append, qos)

    def texts(self, topic):
        return [item.data for item in self.received[topic]]

    def close(self):
        self._executor.shutdown()
        self._thread.join(5.0)
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def listener():
    one = Listener()
    yield one
    one.close()


def command(bag, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "perception_fm.cli", "replay", str(bag), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )


def test_every_message_reaches_another_process(bag, listener):
    for topic, kind in (("/first", String), ("/second", String), ("/clock", Clock)):
        listener.listen(topic, kind)
    process = command(bag, "--wait-for-subscribers", "30")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert output == f"played {2 * COUNT + 1} messages on 3 topics\n"
    assert listener.texts("/first") == [f"first {index}" for index in range(COUNT)]
    assert listener.texts("/second") == [f"second {index}" for index in range(COUNT)]
    clock_ns = [stamp_ns(item.clock) for item in listener.received["/clock"]]
    assert clock_ns == sorted(clock_ns)
    assert clock_ns[0] >= START_NS
    assert clock_ns[-1] == START_NS + (COUNT - 1) * STEP_NS + 1


def test_late_listener_receives_latched_messages(bag, listener):
    listener.listen("/second")
    process = command(bag, "--loop", "--wait-for-subscribers", "30")
    wait_until(lambda: listener.texts("/second"))
    listener.listen(LATCHED, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    wait_until(lambda: listener.texts(LATCHED))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert set(listener.texts(LATCHED)) == {"latched"}


def test_loop_jumps_back_and_ctrl_c_ends_it_cleanly(bag, listener):
    listener.listen("/first")
    listener.listen("/clock", Clock)
    process = command(bag, "--loop", "--rate", "4", "--wait-for-subscribers", "30")
    wait_until(lambda: len(listener.texts("/first")) > 2 * COUNT)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert re.fullmatch(r"stopped after \d+ messages on 3 topics\n", output)
    clock_ns = [stamp_ns(item.clock) for item in listener.received["/clock"]]
    assert any(later < earlier for earlier, later in itertools.pairwise(clock_ns))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--topics", "/third"), "has no topic /third"),
        (("--start-offset", "9"), "nothing at the start offset"),
        (("--wait-for-subscribers", "0.1"), "nobody subscribed within 0.1 s"),
    ],
)
def test_refusals_are_one_line_with_status_2(bag, options, line):
    process = command(bag, *options)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert line in errors
    assert errors.count("\n") == 1


def wait_until(condition, timeout_s=30.0):
    """Returns when the condition holds; fails the test where it does not come."""
    waiter = threading.Event()
    for _ in range(round(timeout_s / 0.05)):
        if condition():
            return
        waiter.wait(0.05)
    pytest.fail(f"nothing happened within {timeout_s} s")
