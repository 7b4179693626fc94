"""Synthetic drives: repeatable, from standstill to standstill, with truth that fits the pictures."""

import dataclasses

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.planar.drive import DriveConfig, SyntheticDrive, plan_drive
from perception_fm.synth.planar.planar_world import WALL_LABEL

SMALL = DriveConfig(
    seed=3, width_px=160, height_px=96, focal_px=125.0, rate_hz=2.0, travel_m=30.0, sweet_spot_m=25.0, wait_s=0.5
)


@pytest.fixture(scope="module")
def drive() -> SyntheticDrive:
    return SyntheticDrive.build(SMALL)


def test_drive_goes_from_standstill_to_standstill():
    plan = plan_drive(dataclasses.replace(SMALL, rate_hz=50.0))
    assert plan.speeds_mps[0] == plan.speeds_mps[-1] == 0.0
    assert plan.world_from_camera[0].translation_m[0] == pytest.approx(0.0, abs=0.02)  # the springs tilt the camera
    assert plan.world_from_camera[-1].translation_m[0] == pytest.approx(SMALL.travel_m, abs=0.02)


def test_speed_is_the_derivative_of_the_way():
    plan = plan_drive(dataclasses.replace(SMALL, rate_hz=100.0, bounce_rad=0.0, weave_m=0.0))
    x_m = np.array([pose.translation_m[0] for pose in plan.world_from_camera])
    speed = np.array(plan.speeds_mps)
    np.testing.assert_allclose(np.gradient(x_m, 0.01), speed, atol=0.5 * 4.5 * 0.01 + 1e-3)  # half a step of braking


def test_short_drive_never_reaches_the_top_speed():
    plan = plan_drive(dataclasses.replace(SMALL, rate_hz=100.0, travel_m=5.0, sweet_spot_m=6.0))
    # v^2 (1/2a + 1/2b) = travel
    expected = np.sqrt(2.0 * 5.0 / (1.0 / 4.0 + 1.0 / 4.5))
    assert max(plan.speeds_mps) == pytest.approx(expected, rel=0.01)


def test_same_seed_same_pictures():
    first, second = (SyntheticDrive.build(SMALL) for _ in range(2))
    images = [drive.photograph(drive.render(2).image, 2) for drive in (first, second)]
    assert (images[0] == images[1]).all()
    other = SyntheticDrive.build(dataclasses.replace(SMALL, seed=4))
    assert (other.render(2).image != first.render(2).image).mean() > 0.3


def test_wall_depth_is_its_distance(drive):
    rendered, pose = drive.render(len(drive.plan.stamps_ns) - 1), drive.plan.world_from_camera[-1]
    distance_m = drive.wall.distance_to_wall_m(pose)
    assert distance_m == pytest.approx(SMALL.stop_before_wall_m, abs=0.05)
    on_wall = rendered.label == WALL_LABEL
    assert on_wall.mean() > 0.3
    # The camera looks 0.02 rad down: along optical z the plane is within 1% of its distance.
    assert np.median(rendered.depth_m[on_wall]) == pytest.approx(distance_m, rel=0.01)


def test_wall_distance_decreases_by_the_travelled_distance(drive):
    poses = drive.plan.world_from_camera
    distance = np.array([drive.wall.distance_to_wall_m(pose) for pose in poses])
    x_m = np.array([pose.translation_m[0] for pose in poses])
    # The lane wander turns the path by up to atan(0.12 * 2 pi / 60) = 0.7 degree and shifts it by 0.12 m.
    np.testing.assert_allclose(distance[0] - distance, x_m - x_m[0], atol=0.02)


def test_drive_without_a_wall_has_none():
    free = SyntheticDrive.build(dataclasses.replace(SMALL, has_wall=False))
    assert free.wall is None
    assert not (free.render(0).label == WALL_LABEL).any()


@pytest.mark.parametrize("sweet_spot_m", [3.0, 34.5])
def test_sweet_spot_off_the_drive_is_refused(sweet_spot_m):
    with pytest.raises(ConfigError, match="sweet_spot_m"):
        SyntheticDrive.build(dataclasses.replace(SMALL, sweet_spot_m=sweet_spot_m))
