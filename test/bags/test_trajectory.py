"""Poses of a known drive give the known mounting and odometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.bags.drive import CameraPose
from perception_fm.bags.trajectory import mounting_from_travel, odometry_from_poses, travel_direction
from perception_fm.geometry.transform import RigidTransform, base_from_camera

DT_NS = 100_000_000


def camera_poses(bases: list[RigidTransform], mounting: RigidTransform) -> list[CameraPose]:
    """Camera poses of a vehicle at these poses, in a world that is turned and far away, as data sets have it."""
    turned = Rotation.from_euler("xyz", [0.7, -0.3, 2.0]).as_matrix()
    world_from_odom = RigidTransform(turned, np.array([4e5, 5e6, 30.0]))
    return [CameraPose(index * DT_NS, world_from_odom @ base @ mounting) for index, base in enumerate(bases)]


def circle(count: int, speed_mps: float, yaw_rate_rps: float) -> list[RigidTransform]:
    """Poses of a vehicle on a circle to the left, beginning at the origin along x."""
    radius_m = speed_mps / yaw_rate_rps
    bases = []
    for index in range(count):
        yaw = yaw_rate_rps * index * 0.1
        place = radius_m * np.array([math.sin(yaw), 1.0 - math.cos(yaw), 0.0])
        bases.append(RigidTransform(Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix(), place))
    return bases


def straight(count: int, speed_mps: float) -> list[RigidTransform]:
    return [RigidTransform(np.eye(3), np.array([speed_mps * 0.1 * index, 0.0, 0.0])) for index in range(count)]


def test_straight_drive_gives_its_speed_and_begins_at_identity() -> None:
    mounting = base_from_camera(1.5, 0.02, forward_m=1.0)
    samples = odometry_from_poses(camera_poses(straight(10, 12.0), mounting), mounting)
    # 5e6 m of world offset leave 1e-9 m of double precision, 1e-8 m/s after the differences.
    assert len(samples) == 10
    np.testing.assert_allclose(samples[0].odom_from_base.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(samples[0].odom_from_base.translation_m, np.zeros(3), atol=1e-8)
    for index, sample in enumerate(samples):
        np.testing.assert_allclose(sample.odom_from_base.translation_m, [1.2 * index, 0.0, 0.0], atol=1e-7)
        np.testing.assert_allclose(sample.linear_mps, [12.0, 0.0, 0.0], atol=1e-6)
        np.testing.assert_allclose(sample.angular_rps, np.zeros(3), atol=1e-6)


def test_circle_gives_speed_and_yaw_rate_in_the_base_frame() -> None:
    mounting = base_from_camera(1.5, 0.0)
    samples = odometry_from_poses(camera_poses(circle(20, 10.0, 0.5), mounting), mounting)
    for sample in samples[1:-1]:
        # The chord over 0.2 s is shorter than the arc by (0.1 rad)^2 / 24 = 0.04%, sin(0.05) / 0.05 to be exact.
        np.testing.assert_allclose(sample.linear_mps, [10.0 * math.sin(0.05) / 0.05, 0.0, 0.0], atol=1e-6)
        np.testing.assert_allclose(sample.angular_rps, [0.0, 0.0, 0.5], atol=1e-6)


def test_uneven_stamps_give_no_false_speed() -> None:
    stamps_ns = [0, 100_000_000, 130_000_000, 300_000_000]
    mounting = base_from_camera(1.5, 0.0)
    poses = [
        CameraPose(stamp, RigidTransform(np.eye(3), np.array([8.0 * stamp * 1e-9, 0.0, 0.0])) @ mounting)
        for stamp in stamps_ns
    ]
    for sample in odometry_from_poses(poses, mounting):
        np.testing.assert_allclose(sample.linear_mps, [8.0, 0.0, 0.0], atol=1e-9)


def test_gap_is_not_bridged_and_lonely_pose_is_left_out() -> None:
    mounting = base_from_camera(1.5, 0.0)
    at = [(0, 0.0), (100_000_000, 1.0), (5_000_000_000, 900.0)]
    poses = [CameraPose(stamp, RigidTransform(np.eye(3), np.array([x, 0.0, 0.0])) @ mounting) for stamp, x in at]
    samples = odometry_from_poses(poses, mounting)
    assert [sample.stamp_ns for sample in samples] == [0, 100_000_000]
    assert samples[1].linear_mps[0] == pytest.approx(10.0)


def test_no_poses_give_no_odometry() -> None:
    assert odometry_from_poses([], base_from_camera(1.5, 0.0)) == []
    assert travel_direction([]) is None


@pytest.mark.parametrize("pitch_down_deg", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("yaw_deg", [-1.0, 0.0, 60.0])
def test_mounting_is_found_from_the_direction_of_travel(pitch_down_deg: float, yaw_deg: float) -> None:
    truth = base_from_camera(1.5, math.radians(pitch_down_deg), yaw_rad=math.radians(yaw_deg))
    direction = travel_direction(camera_poses(straight(10, 12.0), truth))
    assert direction is not None
    mounting = mounting_from_travel(direction, 1.5)
    np.testing.assert_allclose(mounting.apply(direction) - mounting.translation_m, [1.0, 0.0, 0.0], atol=1e-9)
    # Up is the image's up, so a camera with yaw and pitch together comes out with a roll of yaw x pitch (1% for the
    # second order).
    slack = 1.01 * abs(math.radians(yaw_deg) * math.radians(pitch_down_deg))
    np.testing.assert_allclose(mounting.rotation, truth.rotation, atol=slack + 1e-9)
    np.testing.assert_array_equal(mounting.translation_m, [0.0, 0.0, 1.5])


def test_camera_that_looks_back_is_mounted_back() -> None:
    truth = base_from_camera(1.5, 0.0, yaw_rad=math.pi)
    direction = travel_direction(camera_poses(straight(10, 12.0), truth))
    assert direction is not None
    np.testing.assert_allclose(mounting_from_travel(direction, 1.5).rotation, truth.rotation, atol=1e-9)


def test_standing_short_and_turning_drives_tell_no_direction() -> None:
    mounting = base_from_camera(1.5, 0.0, forward_m=2.0)
    assert travel_direction(camera_poses(straight(50, 0.5), mounting)) is None
    assert travel_direction(camera_poses(straight(5, 12.0), mounting)) is None
    assert travel_direction(camera_poses(circle(50, 12.0, 0.3), mounting)) is None


def test_turns_do_not_bend_the_direction() -> None:
    mounting = base_from_camera(1.5, 0.0, forward_m=2.0)
    turn = circle(30, 12.0, 0.3)
    onwards = [turn[-1] @ one for one in straight(20, 12.0)[1:]]
    direction = travel_direction(camera_poses(turn + onwards, mounting))
    assert direction is not None
    np.testing.assert_allclose(direction, [0.0, 0.0, 1.0], atol=1e-6)
