"""Detections and Autoware objects, tested with stand-ins of exactly their fields: the real ones come with ROS."""

from __future__ import annotations

import dataclasses
import math
import sys
from types import ModuleType

import foreign_messages
import numpy as np
import pytest
from foreign_messages import DetectedObjectKinematics as Kinematics
from foreign_messages import ObjectClassification as Label
from scene_results import STAMP_NS, scene_result, thing

from perception_fm.config import NodeConfig
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.ros.foreign_objects import LEAST_SIDE_M, UNKNOWN_SIGMA, autoware_objects, detections, installed
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.step import unknown_result
from perception_fm.types import PathState, Provenance

CONFIG = NodeConfig()
NAN = np.full(3, math.nan)


def vision(*items):
    return detections(scene_result(obstacles=items), CONFIG, foreign_messages.vision)


def autoware(*items, package=foreign_messages.autoware, **changes):
    return autoware_objects(scene_result(obstacles=items, **changes), CONFIG, package)


def of_class(name, **changes):
    return thing(20.0, 0.0, class_id=CITYSCAPES_CLASSES.index(name), **changes)


def all_numbers(message):
    """Every number in a message, however deep."""
    if isinstance(message, (float, int)):
        yield float(message)
    elif isinstance(message, (list, tuple, np.ndarray)):
        for one in message:
            yield from all_numbers(one)
    elif dataclasses.is_dataclass(message):
        for one in dataclasses.fields(message):
            yield from all_numbers(getattr(message, one.name))
    elif hasattr(message, "get_fields_and_field_types"):
        for name in message.get_fields_and_field_types():
            yield from all_numbers(getattr(message, name))


def test_detection_has_name_score_box_and_id():
    message = vision(thing(20.0, 3.0, yaw_rad=0.5))
    assert (stamp_ns(message.header.stamp), message.header.frame_id) == (STAMP_NS, "base_link")
    (detection,) = message.detections
    hypothesis = detection.results[0].hypothesis
    assert (hypothesis.class_id, detection.id) == ("car", "7")
    assert hypothesis.score == pytest.approx(0.9 * 0.8)
    box = detection.bbox
    assert (box.center.position.x, box.center.position.y) == (20.0, 3.0)
    assert 2.0 * math.atan2(box.center.orientation.z, box.center.orientation.w) == pytest.approx(0.5)
    assert (box.size.x, box.size.y, box.size.z) == (4.0, 1.8, 1.5)


def test_covariance_is_that_of_the_sigmas_and_wide_where_they_are_not_known():
    covariance = np.reshape(vision(thing(20.0, 3.0)).detections[0].results[0].pose.covariance, (6, 6))
    np.testing.assert_allclose(np.diag(covariance)[:3], [0.25, 0.09, UNKNOWN_SIGMA**2])
    assert covariance[5, 5] == pytest.approx(0.01)
    assert covariance[3, 3] == pytest.approx(math.pi**2)


def test_thing_without_a_class_is_unknown_and_as_sure_as_it_exists():
    hypothesis = vision(thing(20.0, 3.0, class_id=255, class_probability=math.nan)).detections[0].results[0].hypothesis
    assert hypothesis.class_id == "unknown"
    assert hypothesis.score == pytest.approx(0.9)


@pytest.mark.parametrize("build", [vision, autoware])
def test_no_number_is_nan_whatever_is_unknown(build):
    bare = thing(
        20.0, 0.0, size_m=np.array([math.nan, 2.0, math.nan]), position_sigma_m=NAN, velocity_mps=NAN,
        velocity_sigma_mps=NAN, distance_sigma_m=math.nan, yaw_sigma_rad=math.nan, yaw_rad=math.nan,
        class_probability=math.nan, provenance=Provenance.MOTION,
    )  # fmt: skip
    numbers = list(all_numbers(build(bare, thing(9.0, 1.0, velocity_sigma_mps=NAN))))
    assert len(numbers) > 50
    assert np.isfinite(numbers).all()
    assert LEAST_SIDE_M in numbers


@pytest.mark.parametrize("build", [vision, autoware])
def test_suspected_and_unplaced_obstacles_are_left_out(build):
    message = build(thing(20.0, 0.0, is_confirmed=False), thing(20.0, 0.0, centre_base_m=NAN))
    assert not getattr(message, "detections", None)
    assert not getattr(message, "objects", None)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("car", Label.CAR), ("truck", Label.TRUCK), ("bus", Label.BUS), ("person", Label.PEDESTRIAN),
        ("rider", Label.BICYCLE), ("bicycle", Label.BICYCLE), ("motorcycle", Label.MOTORCYCLE),
        ("wall", Label.HAZARD), ("pole", Label.HAZARD), ("train", Label.HAZARD),
    ],
)  # fmt: skip
def test_classes_of_autoware(name, label):
    assert autoware(of_class(name)).objects[0].classification[0].label == label


def test_fake_wall_is_a_hazard_even_where_it_shows_a_car():
    wall, other = thing(20.0, 0.0), thing(30.0, 0.0, obstacle_id=8)
    labels = [item.classification[0].label for item in autoware(wall, other, state=PathState.FAKE_WALL).objects]
    assert labels == [Label.HAZARD, Label.CAR]


def test_hazard_is_unknown_where_the_messages_are_too_old_for_it():
    old = foreign_messages.old_autoware
    for name, label in (("wall", Label.UNKNOWN), ("car", Label.CAR)):
        assert autoware(of_class(name), package=old).objects[0].classification[0].label == label


def test_twist_is_along_the_axes_of_the_object():
    across = thing(20.0, 0.0, yaw_rad=math.radians(90.0), velocity_mps=np.array([0.0, 5.0, math.nan]),
                   velocity_sigma_mps=np.array([0.5, 1.0, math.nan]))  # fmt: skip
    kinematics = autoware(across).objects[0].kinematics
    twist = kinematics.twist_with_covariance
    assert (twist.twist.linear.x, twist.twist.linear.y) == pytest.approx((5.0, 0.0), abs=1e-9)
    np.testing.assert_allclose(np.diag(np.reshape(twist.covariance, (6, 6)))[:2], [1.0, 0.25])
    assert (kinematics.has_twist, kinematics.has_twist_covariance) == (True, True)


def test_what_is_not_known_of_motion_and_heading_is_said():
    kinematics = autoware(thing(20.0, 0.0, velocity_mps=NAN, yaw_sigma_rad=math.nan)).objects[0].kinematics
    assert (kinematics.has_twist, kinematics.orientation_availability) == (False, Kinematics.UNAVAILABLE)
    assert autoware(thing(20.0, 0.0)).objects[0].kinematics.orientation_availability == Kinematics.SIGN_UNKNOWN


def test_nothing_seen_gives_empty_messages():
    nothing = unknown_result(1, "front_optical", "no image")
    assert detections(nothing, CONFIG, foreign_messages.vision).detections == []
    assert autoware_objects(nothing, CONFIG, foreign_messages.autoware).objects == []


def test_first_installed_package_is_taken(monkeypatch):
    package, messages = ModuleType("older_messages"), ModuleType("older_messages.msg")
    monkeypatch.setitem(sys.modules, "older_messages", package)
    monkeypatch.setitem(sys.modules, "older_messages.msg", messages)
    assert installed("not_there_at_all", "older_messages") is messages
    assert installed("not_there_at_all") is None
