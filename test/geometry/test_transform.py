"""`RigidTransform` and the mounting of a camera: known answers, frames that cancel, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from perception_fm.errors import TransformError
from perception_fm.geometry.transform import RigidTransform, base_from_camera

QUARTER_LEFT = [0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)]  # a quarter turn to the left about z


def random_transform(seed: int) -> RigidTransform:
    random = np.random.default_rng(seed)
    return RigidTransform(Rotation.from_rotvec(random.normal(size=3)).as_matrix(), random.uniform(-50.0, 50.0, 3))


def test_a_quarter_turn_and_a_shift() -> None:
    odom_from_base = RigidTransform.from_quaternion(QUARTER_LEFT, [10.0, 20.0, 0.0])
    np.testing.assert_allclose(odom_from_base.apply(np.array([[1.0, 0.0, 0.5]])), [[10.0, 21.0, 0.5]], atol=1e-12)


def test_frames_cancel_on_the_line() -> None:
    a_from_b, b_from_c = random_transform(1), random_transform(2)
    points_c_m = np.random.default_rng(3).normal(size=(4, 5, 3))
    np.testing.assert_allclose(
        (a_from_b @ b_from_c).apply(points_c_m), a_from_b.apply(b_from_c.apply(points_c_m)), atol=1e-10
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31))
def test_inverse_and_quaternion_return(seed: int) -> None:
    transform = random_transform(seed)
    nothing = transform @ transform.inverse()
    np.testing.assert_allclose(nothing.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(nothing.translation_m, 0.0, atol=1e-12)
    again = RigidTransform.from_quaternion(transform.quaternion_xyzw(), transform.translation_m)
    np.testing.assert_allclose(again.rotation, transform.rotation, atol=1e-12)


def test_interpolation_halves_a_turn_and_extrapolates_at_constant_twist() -> None:
    start = RigidTransform.identity()
    end = RigidTransform.from_quaternion(QUARTER_LEFT, [4.0, 0.0, 0.0])
    half = start.interpolate(end, 0.5)
    assert math.atan2(half.rotation[1, 0], half.rotation[0, 0]) == pytest.approx(math.pi / 4)
    np.testing.assert_allclose(half.translation_m, [2.0, 0.0, 0.0])
    beyond = start.interpolate(end, 1.5)
    assert math.atan2(beyond.rotation[1, 0], beyond.rotation[0, 0]) == pytest.approx(3 * math.pi / 4)
    np.testing.assert_allclose(beyond.translation_m, [6.0, 0.0, 0.0])
    np.testing.assert_allclose(start.interpolate(end, 1.0).rotation, end.rotation, atol=1e-12)


def test_a_homogeneous_matrix_of_three_or_four_rows() -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = [1.0, 2.0, 3.0]
    for rows in (3, 4):
        np.testing.assert_array_equal(RigidTransform.from_matrix(matrix[:rows]).translation_m, [1.0, 2.0, 3.0])


def test_a_transposed_matrix_is_refused() -> None:
    matrix = np.eye(4)
    matrix[3, :3] = [1.0, 2.0, 3.0]
    with pytest.raises(TransformError, match="transposed"):
        RigidTransform.from_matrix(matrix)


def test_poses_with_six_decimals_are_accepted_and_sheared_ones_refused() -> None:
    rotation = np.round(Rotation.from_rotvec([0.1, -0.7, 0.3]).as_matrix(), 6)
    RigidTransform(rotation, np.zeros(3))
    rotation[0, 1] += 0.01
    with pytest.raises(TransformError, match="orthonormal"):
        RigidTransform(rotation, np.zeros(3))


@pytest.mark.parametrize(
    ("rotation", "translation_m"),
    [
        (np.eye(2), np.zeros(3)),
        (np.eye(3), np.zeros(2)),
        (np.diag([1.0, 1.0, math.nan]), np.zeros(3)),
        (np.eye(3), np.array([0.0, math.inf, 0.0])),
        (np.zeros((3, 3)), np.zeros(3)),
        (np.diag([1.0, 1.0, -1.0]), np.zeros(3)),
    ],
    ids=["shape of rotation", "shape of translation", "NaN", "infinity", "zero rotation", "mirror"],
)
def test_what_is_no_rigid_transform_is_refused(rotation: np.ndarray, translation_m: np.ndarray) -> None:
    with pytest.raises(TransformError):
        RigidTransform(rotation, translation_m)


@pytest.mark.parametrize("xyzw", [[0, 0, 0, 0], [0, 0, 0, 1.02], [0, 0, 0, math.nan], [0, 0, 1]])
def test_what_is_no_unit_quaternion_is_refused(xyzw: list[float]) -> None:
    with pytest.raises(TransformError, match="unit length"):
        RigidTransform.from_quaternion(xyzw, [0, 0, 0])


def test_arrays_inside_are_read_only_copies() -> None:
    translation_m = np.zeros(3)
    transform = RigidTransform(np.eye(3), translation_m)
    translation_m[0] = 5.0
    assert transform.translation_m[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        transform.rotation[0, 0] = 2.0


def test_optical_axes_of_a_level_camera() -> None:
    """10 m ahead, 1 m right and 0.5 m below the camera is x = 10, y = -1, z = height - 0.5 in the base frame."""
    mounting = base_from_camera(height_m=1.5, pitch_rad=0.0, forward_m=2.0, left_m=0.3)
    np.testing.assert_allclose(mounting.apply(np.array([1.0, 0.5, 10.0])), [12.0, -0.7, 1.0], atol=1e-12)


def test_a_camera_that_looks_down_meets_the_road() -> None:
    mounting = base_from_camera(height_m=1.5, pitch_rad=math.atan2(1.5, 20.0))
    on_axis = mounting.apply(np.array([0.0, 0.0, math.hypot(1.5, 20.0)]))
    np.testing.assert_allclose(on_axis, [20.0, 0.0, 0.0], atol=1e-12)


def test_yaw_is_to_the_left_and_roll_lowers_the_right_side() -> None:
    left = base_from_camera(1.5, 0.0, yaw_rad=0.1).apply(np.array([0.0, 0.0, 10.0]))
    np.testing.assert_allclose(left, [10.0 * math.cos(0.1), 10.0 * math.sin(0.1), 1.5], atol=1e-12)
    right_side = base_from_camera(1.5, 0.0, roll_rad=0.1).apply(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(right_side, [0.0, -math.cos(0.1), 1.5 - math.sin(0.1)], atol=1e-12)
