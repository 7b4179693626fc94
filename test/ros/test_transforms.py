from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.config import MountingConfig
from perception_fm.errors import TransformError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.transforms import NoTransforms, StaticTransforms, parameter_mounting


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
