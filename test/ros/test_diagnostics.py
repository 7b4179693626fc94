from __future__ import annotations

import dataclasses

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from perception_fm.config import NodeConfig
from perception_fm.ros.diagnostics import diagnostic_array
from perception_fm.ros.health import CameraState, NodeHealth
from perception_fm.ros.results import FrameCounts
from perception_fm.ros.step import Step, unknown_result
from perception_fm.types import Mode

CONFIG = NodeConfig(stale_after_s=0.5, latency_warn_s=0.15, latency_error_s=0.4)
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
GOOD = Step(dataclasses.replace(unknown_result(1, "front_optical", ""), mode=Mode.NOMINAL, reasons=()))
REFUSED = Step(unknown_result(1, "front_optical", "the image is empty"), refusal="bad_image")


class Hand:
    """A clock that a test moves."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def health(clock):
    return NodeHealth(clock)


def diagnostics(health):
    array = diagnostic_array(health.snapshot(), CONFIG, "perception_node", Time(sec=5))
    assert array.header.stamp.sec == 5
    return {status.name.removeprefix("perception_node: "): status for status in array.status}


def see(health, clock, step, seconds=0.01):
    health.on_image(False)
    health.on_work()
    clock.now_s += seconds
    health.on_step(step)
    health.on_published(seconds)
    health.on_idle()


def test_inactive_node_is_no_error(health):
    statuses = diagnostics(health)
    assert {status.level for status in statuses.values()} == {OK}
    assert statuses["lifecycle"].message == "unconfigured"


def test_camera_waits_until_the_first_image(health, clock):
    health.on_activated()
    clock.now_s += 3.0
    status = diagnostics(health)["camera front"]
    assert status.level == WARN
    assert status.message == "waiting: no image since activation 3.0 s ago"


def test_camera_is_active_with_images_and_stale_without(health, clock):
    health.on_activated()
    see(health, clock, GOOD)
    assert diagnostics(health)["camera front"].level == OK
    clock.now_s += 0.6
    status = diagnostics(health)["camera front"]
    assert status.level == ERROR
    assert status.message == "stale: no image for 0.6 s"


def test_refused_images_are_rejected_with_their_name(health, clock):
    health.on_activated()
    see(health, clock, REFUSED)
    status = diagnostics(health)["camera front"]
    values = {item.key: item.value for item in status.values}
    assert status.level == ERROR
    assert status.message == "rejected: the image is empty"
    assert (values["refusal"], values["rejected"], values["processed"]) == ("bad_image", "1", "0")


@pytest.mark.parametrize("seconds, level", [(0.1, OK), (0.2, WARN), (0.45, ERROR)])
def test_slow_processing_warns_and_then_is_an_error(health, clock, seconds, level):
    health.on_activated()
    see(health, clock, GOOD, seconds)
    assert diagnostics(health)["processing"].level == level


def test_stalled_worker_is_an_error(health, clock):
    health.on_activated()
    health.on_image(False)
    health.on_work()
    clock.now_s += 2.0
    health.on_image(False)
    status = diagnostics(health)["processing"]
    assert status.level == ERROR
    assert "stalled" in status.message
    assert diagnostics(health)["camera front"].level == OK


def test_untrusted_output_is_an_error_with_its_reasons(health, clock):
    health.on_activated()
    see(health, clock, Step(unknown_result(1, "front_optical", "clock jumped")))
    status = diagnostics(health)["processing"]
    assert (status.level, status.message) == (ERROR, "clock jumped")


def test_failed_transition_is_an_error(health):
    health.on_lifecycle("configuring: engine refused", has_failed=True)
    status = diagnostics(health)["lifecycle"]
    assert (status.level, status.message) == (ERROR, "configuring: engine refused")


def test_counts_add_up_and_begin_anew_with_activation(health, clock):
    health.on_activated()
    for is_dropped in (False, True, True):
        health.on_image(is_dropped)
    health.on_work()
    health.on_step(GOOD)
    see(health, clock, REFUSED)
    assert health.snapshot().counts == FrameCounts(received=4, processed=1, dropped=2, rejected=1)
    health.on_activated()
    assert health.snapshot().counts == FrameCounts()


def test_silence_is_counted_from_activation_and_then_from_the_last_output(health, clock):
    health.on_activated()
    clock.now_s += 1.0
    assert health.snapshot().silent_s == pytest.approx(1.0)
    see(health, clock, GOOD)
    clock.now_s += 0.25
    assert health.snapshot().silent_s == pytest.approx(0.25)


def test_camera_state_of_an_inactive_node_is_inactive(health, clock):
    health.on_activated()
    see(health, clock, GOOD)
    health.on_deactivated()
    assert health.snapshot().camera_state(0.5) is CameraState.INACTIVE
