from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped

from perception_fm.config import MountingConfig
from perception_fm.errors import TransformError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.transforms import NoTransforms, StaticTransforms, open_transforms, parameter_mounting


def shift(x_m, y_m=0.0, z_m=0.0):
    return RigidTransform(np.eye(3), np.array([x_m, y_m, z_m]))


def test_static_chain_is_followed_through_its_parents():
    transforms = StaticTransforms("base_link")
    transforms.add("base_link", "mast", shift(1.0))
    transforms.add("mast", "camera", shift(0.0, 0.0, 2.0))
    np.testing.assert_allclose(transforms.base_from_sensor("camera", 0).translation_m, [1.0, 0.0, 2.0])


def test_static_chain_is_followed_over_a_common_parent():
    transforms = StaticTransforms("base_link")
    transforms.add("chassis", "base_link", shift(1.0))
    transforms.add("chassis", "/camera", shift(3.0))
    np.testing.assert_allclose(transforms.base_from_sensor("camera", 0).translation_m, [2.0, 0.0, 0.0])


def test_frame_without_a_way_to_the_base_is_refused():
    transforms = StaticTransforms("base_link")
    transforms.add("map", "camera", shift(1.0))
    with pytest.raises(TransformError, match="no static transform"):
        transforms.base_from_sensor("camera", 0)


def test_loop_is_refused():
    transforms = StaticTransforms("base_link")
    transforms.add("a", "b", shift(1.0))
    transforms.add("b", "a", shift(1.0))
    with pytest.raises(TransformError, match="loop"):
        transforms.base_from_sensor("a", 0)


def test_no_transforms_never_answers():
    with pytest.raises(TransformError, match="tf2_ros"):
        NoTransforms().base_from_sensor("camera", 0)


def test_mounting_without_height_is_unknown():
    assert parameter_mounting(MountingConfig(pitch_rad=0.1)) is None


def test_mounting_of_parameters_looks_along_the_pitch():
    mounting = parameter_mounting(MountingConfig(height_m=1.5, pitch_rad=math.pi / 6.0, forward_m=2.0, left_m=0.5))
    np.testing.assert_allclose(mounting.translation_m, [2.0, 0.5, 1.5])
    # A camera that looks 30 degrees down meets the ground at twice its height along the optical axis.
    np.testing.assert_allclose(mounting.apply(np.array([0.0, 0.0, 3.0]))[2], 0.0, atol=1e-12)


class TransformException(Exception):  # noqa: N818 - the name that tf2 has
    pass


class Buffer:
    """Stands for tf2_ros.Buffer, which no registry has; it answers from the second question on."""

    def __init__(self):
        self.questions = []
        self.is_cleared = False

    def lookup_transform(self, target, source, time):
        self.questions.append((target, source, time.nanoseconds))
        if len(self.questions) < 2 or source == "nowhere":
            raise TransformException(f"{source} does not exist")
        message = TransformStamped()
        message.transform.translation.z = 1.5
        message.transform.rotation.w = 1.0
        return message

    def clear(self):
        self.is_cleared = True


class Listener:
    def __init__(self, buffer, node):
        self.is_open = True

    def unregister(self):
        self.is_open = False


@pytest.fixture
def tf2(monkeypatch):
    module = types.ModuleType("tf2_ros")
    module.Buffer, module.TransformListener, module.TransformException = Buffer, Listener, TransformException
    monkeypatch.setitem(sys.modules, "tf2_ros", module)


def test_tf_is_asked_at_the_image_stamp_and_waited_for(tf2):
    transforms = open_transforms(None, "base_link")
    mounting = transforms.base_from_sensor("camera", 1_700_000_000_123_456_789, timeout_s=5.0)
    assert mounting.translation_m[2] == 1.5
    assert transforms._buffer.questions == [("base_link", "camera", 1_700_000_000_123_456_789)] * 2


def test_missing_tf_is_refused_after_the_time_out_never_identity(tf2):
    with pytest.raises(TransformError, match="nowhere does not exist"):
        open_transforms(None, "base_link").base_from_sensor("nowhere", 0, timeout_s=0.02)


def test_tf_is_not_waited_for_without_a_time_out(tf2):
    transforms = open_transforms(None, "base_link")
    with pytest.raises(TransformError):
        transforms.base_from_sensor("camera", 0)
    assert len(transforms._buffer.questions) == 1


def test_tf_is_forgotten_after_a_clock_jump_and_closed_at_the_end(tf2):
    transforms = open_transforms(None, "base_link")
    transforms.clear()
    transforms.close()
    assert transforms._buffer.is_cleared
    assert not transforms._listener.is_open


def test_without_tf2_there_are_no_transforms(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    assert isinstance(open_transforms(None, "base_link"), NoTransforms)
