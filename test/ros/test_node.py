"""The node over real DDS in one process."""

from __future__ import annotations

import array
import dataclasses
import threading
import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import OccupancyGrid
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, LaserScan

from perception_fm.dense import ModelState
from perception_fm.errors import ConfigError, PerceptionError
from perception_fm.ros import outputs, perceiver
from perception_fm.ros.messages import stamp_ns, time_message
from perception_fm.ros.step import unknown_result
from perception_fm.types import Mode, PathState
from perception_fm_msgs.msg import FakeWallReport, FreeSpace, ObstacleArray, PerceptionStatus


class FreeRoad:
    """A pipeline that believes in free road; what a fault must take away is thereby seen."""

    made = 0
    resets = 0
    holds_at = None  # count of processed frames at which it stalls
    fails_at = None

    def __init__(self, config, predictor, refusal):
        FreeRoad.made += 1
        self.config = config
        self.model = ModelState(refusal=refusal)

    def reset(self):
        FreeRoad.resets += 1

    def process(self, frame):
        if FreeRoad.fails_at == FreeRoad.processed:
            FreeRoad.processed += 1
            raise ZeroDivisionError("a bug")
        if FreeRoad.holds_at == FreeRoad.processed:
            FreeRoad.go_on.wait(30.0)
        FreeRoad.processed += 1
        unknown = unknown_result(frame.stamp_ns, frame.frame_id, "")
        return dataclasses.replace(
            unknown, state=PathState.FREE_VERIFIED, mode=Mode.NOMINAL, reasons=(), verified_free_distance_m=50.0
        )


@pytest.fixture
def free_road(monkeypatch):
    """Takes the pipeline's place."""
    FreeRoad.made = FreeRoad.resets = FreeRoad.processed = 0
    FreeRoad.holds_at = FreeRoad.fails_at = None
    FreeRoad.go_on = threading.Event()
    monkeypatch.setattr(perceiver, "PerceptionPipeline", FreeRoad)
    yield FreeRoad
    FreeRoad.go_on.set()


def now_ns():
    return time.time_ns()


def feed(rig, messages, image=None, info=None, age_s=0.0):
    """One camera_info and one image, `age_s` old, and its stamp."""
    stamp = now_ns() - int(age_s * 1e9)
    rig.publish("camera_info", info or messages.camera_info())
    if image is None:
        image = messages.image()
    image.header = messages.header(stamp, image.header.frame_id)
    rig.publish("image", image)
    return stamp


def settle(rig, messages, got):
    """Feeds until the output of one of the images is there, however long a slow machine takes for it."""
    fed = set()

    def try_one():
        fed.add(feed(rig, messages))
        time.sleep(0.05)
        return any(stamp_ns(message.header.stamp) in fed for message in got)

    rig.wait_for(try_one)


def by_stamp(rig, got, stamp):
    """The message of a stamp, once it arrives."""
    return rig.wait_for(lambda: [message for message in got if stamp_ns(message.header.stamp) == stamp])[0]


def status_of(array, name):
    return next(status for status in array.status if status.name == f"perception_node: {name}")


def test_stamps_are_carried_unchanged_to_every_output(make_rig, messages):
    rig = make_rig(mounting__height_m=1.5)
    kinds = {
        "status": PerceptionStatus,
        "free_space": FreeSpace,
        "fake_wall": FakeWallReport,
        "obstacles": ObstacleArray,
        "obstacles/scan": LaserScan,
        "free_space/grid": OccupancyGrid,
        "birds_eye": Image,
        "overlay": Image,
    }
    outputs = {topic: rig.listen(topic, kind) for topic, kind in kinds.items()}
    rig.start()
    for got in outputs.values():
        settle(rig, messages, got)
    stamp = feed(rig, messages)
    for got in outputs.values():
        assert by_stamp(rig, got, stamp).header.stamp == time_message(stamp)


def test_topics_without_subscribers_cost_nothing(make_rig, messages, monkeypatch):
    rig = make_rig()
    status = rig.listen("status", PerceptionStatus)
    def never(*arguments):
        raise AssertionError("nobody listens to the overlay")

    monkeypatch.setattr(outputs, "draw_overlay", never)
    rig.start()
    settle(rig, messages, status)
    assert "internal error, see the log of the node" not in status[-1].reasons


def break_encoding(messages):
    image = messages.image()
    image.encoding = "32FC1"
    return {"image": image}


def break_step(messages):
    image = messages.image()
    image.step -= 1
    return {"image": image}


def break_size(messages):
    return {"image": messages.image(width=32)}


def break_k_zero(messages):
    info = messages.camera_info()
    info.k = np.zeros(9)
    return {"info": info}


def break_k_nan(messages):
    info = messages.camera_info()
    info.k = np.full(9, np.nan)
    return {"info": info}


def make_empty(messages):
    return {"image": Image(header=messages.header())}


def break_frame_id(messages):
    return {"image": messages.image(frame_id="rear_optical")}


@pytest.mark.parametrize(
    "break_input, refusal",
    [
        (break_encoding, "bad_image"),
        (break_step, "bad_image"),
        (make_empty, "bad_image"),
        (break_size, "size_mismatch"),
        (break_k_zero, "bad_camera_info"),
        (break_k_nan, "bad_camera_info"),
        (break_frame_id, "frame_id_mismatch"),
    ],
)
def test_bad_input_is_named_its_output_is_unknown_and_the_node_lives(
    make_rig, messages, free_road, break_input, refusal
):
    rig = make_rig()
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, free)
    assert free[-1].verified_free_distance_m == 50.0

    def is_refused():
        # The calibration and the image come on two topics; the image may overtake.
        stamp = feed(rig, messages, **break_input(messages))
        verdict = by_stamp(rig, status, stamp)
        return verdict.mode == PerceptionStatus.UNTRUSTED and by_stamp(rig, free, stamp)

    assert rig.wait_for(is_refused).verified_free_distance_m == 0.0
    snapshot = rig.node.health.snapshot()
    assert snapshot.step.refusal == refusal
    assert snapshot.counts.rejected > 0

    def is_accepted():
        stamp = feed(rig, messages)
        return by_stamp(rig, free, stamp).verified_free_distance_m == 50.0

    assert rig.wait_for(is_accepted)


@pytest.mark.parametrize("age_s", [15.0, -15.0])
def test_image_of_another_time_verifies_no_road(make_rig, messages, free_road, age_s):
    """Clock and stamps disagree (no use_sim_time, a camera with its own clock): what was free then is unknown now."""
    rig = make_rig()
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, free)

    def is_untrusted():
        stamp = feed(rig, messages, age_s=age_s)
        return by_stamp(rig, status, stamp).mode == PerceptionStatus.UNTRUSTED and by_stamp(rig, free, stamp)

    assert rig.wait_for(is_untrusted).verified_free_distance_m == 0.0


def test_stamp_going_back_resets_the_pipeline(make_rig, messages, free_road):
    rig = make_rig()
    status = rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, status)
    resets = free_road.resets
    image = messages.image(now_ns() - 60 * messages.second_ns)
    rig.publish("image", image)
    old = by_stamp(rig, status, stamp_ns(image.header.stamp))
    assert free_road.resets == resets + 1
    assert any("went back" in reason for reason in old.reasons)


def test_missing_camera_info_makes_the_output_unknown(make_rig, messages, free_road):
    rig = make_rig()
    status, free = rig.listen("status", PerceptionStatus), rig.listen("free_space", FreeSpace)
    rig.start()

    def is_named():
        rig.publish("image", messages.image(now_ns()))
        time.sleep(0.05)
        return any("no camera_info has arrived" in message.reasons for message in status)

    rig.wait_for(is_named)
    assert rig.node.health.snapshot().step.refusal == "missing_camera_info"
    assert all(message.verified_free_distance_m == 0.0 for message in free)


def test_silent_camera_makes_the_output_unknown_again_and_again(make_rig, messages, free_road):
    rig = make_rig(stale_after_s=0.3)
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, free)
    seen = len(status)
    rig.wait_for(lambda: sum("no image for" in reason for m in status[seen:] for reason in m.reasons) >= 3)
    assert free[-1].verified_free_distance_m == 0.0
    assert status[-1].mode == PerceptionStatus.UNTRUSTED


def test_camera_that_never_came_is_said(make_rig):
    rig = make_rig(stale_after_s=0.3)
    status = rig.listen("status", PerceptionStatus)
    rig.start()
    rig.wait_for(lambda: any("no image since activation" in reason for m in status for reason in m.reasons))


def test_stalled_worker_is_named_and_its_late_result_claims_no_free_road(make_rig, messages, free_road):
    rig = make_rig(stale_after_s=0.3)
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    diagnostics = rig.listen("/diagnostics", DiagnosticArray, absolute=True)
    rig.start()
    settle(rig, messages, free)
    free_road.holds_at = free_road.processed
    stamp = feed(rig, messages)
    rig.wait_for(lambda: any("worker is stalled" in reason for m in status for reason in m.reasons))
    seen = len(diagnostics)
    rig.wait_for(lambda: len(diagnostics) >= seen + 2)
    processing = status_of(diagnostics[-1], "processing")
    assert processing.level == DiagnosticStatus.ERROR
    assert "stalled" in processing.message
    free_road.go_on.set()
    assert by_stamp(rig, free, stamp).verified_free_distance_m == 0.0
    settle(rig, messages, free)
    assert free[-1].verified_free_distance_m == 50.0


def test_frames_that_a_busy_worker_cannot_take_are_dropped_and_counted(make_rig, messages, free_road):
    rig = make_rig(stale_after_s=10.0)
    status = rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, status)
    before = rig.node.health.snapshot().counts
    free_road.holds_at = free_road.processed
    for sent in range(1, 6):
        stamp = feed(rig, messages)
        rig.wait_for(lambda sent=sent: rig.node.health.snapshot().counts.received == before.received + sent)
        rig.wait_for(lambda: rig.node.health.snapshot().busy_s > 0.0)
    free_road.go_on.set()
    by_stamp(rig, status, stamp)
    counts = rig.node.health.snapshot().counts
    assert counts.dropped == before.dropped + 3
    assert counts.processed == before.processed + 2
    assert counts.received == counts.processed + counts.dropped + counts.rejected


def test_bug_in_the_pipeline_gives_an_unknown_output_and_a_new_pipeline(make_rig, messages, free_road):
    rig = make_rig()
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    rig.start()
    settle(rig, messages, free)
    made = free_road.made
    free_road.fails_at = free_road.processed
    stamp = feed(rig, messages)
    assert by_stamp(rig, status, stamp).mode == PerceptionStatus.UNTRUSTED
    assert by_stamp(rig, free, stamp).verified_free_distance_m == 0.0
    assert free_road.made == made + 1
    settle(rig, messages, free)


def test_diagnostics_go_on_during_a_long_configure(make_rig, monkeypatch, free_road):
    begun, go_on = threading.Event(), threading.Event()

    def slow(*arguments):
        begun.set()
        go_on.wait(30.0)
        return FreeRoad(*arguments)

    monkeypatch.setattr(perceiver, "PerceptionPipeline", slow)
    # Simulated time without a clock: a timer of the node's own clock would never tick.
    rig = make_rig(use_sim_time=True)
    diagnostics = rig.listen("/diagnostics", DiagnosticArray, absolute=True)
    client = rig.client.create_client(ChangeState, "/perception_node/change_state")
    assert client.wait_for_service(10.0)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    future = client.call_async(request)
    assert begun.wait(10.0)
    seen = len(diagnostics)
    rig.wait_for(lambda: len(diagnostics) >= seen + 2)
    assert not future.done()
    assert status_of(diagnostics[-1], "lifecycle").message == "configuring: building the pipeline"
    go_on.set()
    rig.wait_for(future.done)
    assert future.result().success


def test_lifecycle_cycles_twice_over_its_services(make_rig, messages, free_road):
    rig = make_rig()
    free = rig.listen("free_space", FreeSpace)
    change = rig.client.create_client(ChangeState, "/perception_node/change_state")
    get = rig.client.create_client(GetState, "/perception_node/get_state")
    assert change.wait_for_service(10.0)
    assert get.wait_for_service(10.0)

    def call(client, request):
        future = client.call_async(request)
        rig.wait_for(future.done)
        return future.result()

    def go(transition, label):
        assert call(change, ChangeState.Request(transition=Transition(id=transition))).success
        assert call(get, GetState.Request()).current_state.label == label

    for _ in range(2):
        go(Transition.TRANSITION_CONFIGURE, "inactive")
        go(Transition.TRANSITION_ACTIVATE, "active")
        settle(rig, messages, free)
        go(Transition.TRANSITION_DEACTIVATE, "inactive")
        # The last word of a node that stops is that nothing is known.
        rig.wait_for(lambda: free[-1].verified_free_distance_m == 0.0)
        go(Transition.TRANSITION_CLEANUP, "unconfigured")
    go(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "finalized")


def test_what_cannot_be_built_fails_the_configure_and_is_named(make_rig, monkeypatch):
    def refuse(*arguments):
        raise PerceptionError("the engine is of another GPU")

    monkeypatch.setattr(perceiver, "PerceptionPipeline", refuse)
    rig = make_rig()
    assert rig.node.trigger_configure() == TransitionCallbackReturn.FAILURE
    snapshot = rig.node.health.snapshot()
    assert snapshot.has_failed
    assert "another GPU" in snapshot.lifecycle
    assert rig.node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_clock_jump_resets_the_pipeline(make_rig, messages, free_road):
    rig = make_rig(use_sim_time=True)
    status = rig.listen("status", PerceptionStatus)
    clock = rig.client.create_publisher(Clock, "/clock", 10)
    rig.start()
    rig.wait_for(lambda: clock.get_subscription_count() > 0)

    def tick(nanoseconds):
        clock.publish(Clock(clock=time_message(nanoseconds)))
        rig.wait_for(lambda: rig.node.get_clock().now().nanoseconds == nanoseconds)

    tick(messages.start_ns)
    settle(rig, messages, status)
    resets = free_road.resets
    tick(messages.start_ns - 5 * messages.second_ns)
    stamp = feed(rig, messages)
    assert "the clock jumped" in by_stamp(rig, status, stamp).reasons
    assert free_road.resets == resets + 1


def test_live_parameter_takes_effect_and_an_invalid_one_does_not(make_rig, messages, free_road):
    rig = make_rig()
    free = rig.listen("free_space", FreeSpace)
    rig.start()
    settle(rig, messages, free)
    assert rig.node.set_parameters([Parameter("vehicle.width_m", value=2.5)])[0].successful
    assert not rig.node.set_parameters([Parameter("vehicle.width_m", value=50.0)])[0].successful
    stamp = feed(rig, messages)
    assert by_stamp(rig, free, stamp).path_width_m == 2.5


def test_unknown_parameter_refuses_the_start_up(make_rig):
    with pytest.raises(ConfigError, match="did you mean"):
        make_rig(stale_after=1.0)


@pytest.mark.parametrize("offered", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_image_subscription_adopts_the_reliability_of_its_publisher(make_rig, messages, free_road, offered):
    rig = make_rig(image_reliability="auto")
    rig.start()
    publisher = rig.client.create_publisher(Image, "/perception_node/image", QoSProfile(depth=5, reliability=offered))

    def is_adopted():
        infos = rig.client.get_subscriptions_info_by_topic("/perception_node/image")
        return [info.qos_profile.reliability for info in infos] == [offered]

    rig.wait_for(is_adopted)
    rig.publish("camera_info", messages.camera_info())

    def is_received():
        publisher.publish(messages.image(now_ns()))
        return rig.node.health.snapshot().counts.received > 0

    rig.wait_for(is_received)


@pytest.mark.parametrize("transport", ["compressed", "auto"])
def test_compressed_transport_is_read_below_the_image_topic(make_rig, messages, free_road, transport):
    rig = make_rig(image_transport=transport)
    free = rig.listen("free_space", FreeSpace)
    rig.start()
    _, stream = cv2.imencode(".png", np.zeros((messages.height, messages.width, 3), np.uint8))

    def is_free():
        stamp = now_ns()
        rig.publish("camera_info", messages.camera_info())
        data = array.array("B", stream.tobytes())
        rig.publish("image/compressed", CompressedImage(header=messages.header(stamp), format="png", data=data))
        time.sleep(0.05)
        return any(m.verified_free_distance_m == 50.0 for m in free)

    rig.wait_for(is_free)
