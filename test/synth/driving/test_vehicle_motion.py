"""The vehicle in space: analytic motions on planes, slopes and circles; the springs' known answers."""

import math

import numpy as np
import pytest

from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.driving.route import drive_path
from perception_fm.synth.driving.speed_profile import speed_profile
from perception_fm.synth.driving.vehicle_motion import GRAVITY_MPS2, VehicleMotion
from perception_fm.synth.scenario.drive_config import DriveConfig, SpringsConfig
from perception_fm.synth.world.road_line import RoadLine

STIFF = SpringsConfig(pitch_dynamics=0.0, bumps=0.0)
MOUNTING = base_from_camera(1.4, 0.0)


def motion_on(curvature: float, grade: float, config: DriveConfig, seed: int = 3) -> VehicleMotion:
    road = RoadLine.integrated(np.full(901, curvature), np.full(901, grade), 0.5)
    path = drive_path(road, 0.0, config, seed, 20.0, 300.0)
    start, end = path.way_at([100.0, 200.0])
    return VehicleMotion(path, speed_profile(path, config, start, end), config.springs, MOUNTING, seed)


def calm(**changes) -> DriveConfig:
    return DriveConfig(**{"wander_m": 0.0, "speed_mps": 10.0, "springs": STIFF, **changes})


def test_level_road_is_exact():
    motion = motion_on(0.0, 0.0, calm())
    pose = motion.world_from_camera(4.0)
    np.testing.assert_allclose(pose.translation_m, [140.0, 0.0, 1.4], atol=1e-6)
    np.testing.assert_allclose(pose.rotation, MOUNTING.rotation, atol=1e-9)
    velocity, turn = motion.camera_twist(4.0)
    np.testing.assert_allclose(velocity, [0.0, 0.0, 10.0], atol=1e-6)
    np.testing.assert_allclose(turn, 0.0, atol=1e-9)


def test_slope_tilts_the_vehicle_and_gravity():
    motion = motion_on(0.0, 0.06, calm())
    climb = math.atan(0.06)
    forward = motion.world_from_base(3.0).rotation[:, 0]
    np.testing.assert_allclose(forward, [math.cos(climb), 0.0, math.sin(climb)], atol=1e-6)
    _, force = motion.imu(3.0)
    expected = GRAVITY_MPS2 * np.array([math.sin(climb), 0.0, math.cos(climb)])
    np.testing.assert_allclose(force, expected, atol=1e-3)


def test_circle_turns_and_pulls_to_its_middle():
    motion = motion_on(1.0 / 50.0, 0.0, calm(lateral_mps2=5.0))
    _, turn = motion.camera_twist(5.0)
    # Rounding over 1.2 m draws the circle in by 0.03%.
    assert turn == pytest.approx([0.0, -10.0 / 50.0, 0.0], abs=2e-4)  # optical y is down: to the left is negative
    rate, force = motion.imu(5.0)
    assert rate == pytest.approx([0.0, 0.0, 0.2], abs=2e-4)
    assert force == pytest.approx([0.0, 10.0**2 / 50.0, GRAVITY_MPS2], abs=5e-3)


def test_braking_dives_and_swings_with_the_springs():
    config = calm(end="standstill", braking_mps2=4.0, wait_s=3.0, springs=SpringsConfig(bumps=0.0))
    motion = motion_on(0.0, 0.0, config)
    time = np.arange(0.0, motion.duration_s, 0.005)
    pitch = motion.body_pitch(time)
    assert pitch[0] == pytest.approx(0.0, abs=1e-6)
    # 2.5 degrees per g at rest on the springs, and an overshoot below that of an undamped spring (100%).
    steady = math.radians(2.5) * 4.0 / GRAVITY_MPS2
    assert steady < pitch.max() < 2.0 * steady
    # After the stop the nose comes up and rings at the natural frequency of 1.4 to 2 Hz.
    stopped = (time > motion.duration_s - 3.0) & (time < motion.duration_s - 0.5)
    crossings = time[stopped][1:][np.diff(np.sign(pitch[stopped])) != 0]
    assert 0.25 - 0.02 < np.median(np.diff(crossings)) < 0.36 + 0.05
    assert abs(pitch[-1]) < 0.1 * steady


def test_strength_scales_the_dive():
    doubled = calm(end="standstill", springs=SpringsConfig(pitch_dynamics=2.0, bumps=0.0))
    single = calm(end="standstill", springs=SpringsConfig(pitch_dynamics=1.0, bumps=0.0))
    time = np.linspace(0.0, motion_on(0.0, 0.0, single).duration_s, 50)
    np.testing.assert_allclose(
        motion_on(0.0, 0.0, doubled).body_pitch(time), 2.0 * motion_on(0.0, 0.0, single).body_pitch(time), atol=1e-12
    )


def test_single_bump_pitches_up_first_and_only_after_it_is_reached():
    motion = motion_on(0.0, 0.0, calm(springs=SpringsConfig(bumps=0.0, bump_at_m=(150.0,), bump_height_m=0.05)))
    # The front axle is 2.7 m ahead of base_link and the bump begins half a metre before its station.
    reached_s = (50.0 - 2.7 - 0.5) / 10.0
    assert motion.body_pitch(reached_s - 0.05) == pytest.approx(0.0, abs=1e-6)
    assert motion.body_pitch(np.linspace(reached_s, reached_s + 0.2, 21)).min() < -math.radians(0.1)


def test_unevenness_shakes_by_fractions_of_a_degree_and_scales():
    swings = []
    for bumps in (1.0, 4.0):
        motion = motion_on(0.0, 0.0, calm(springs=SpringsConfig(pitch_dynamics=0.0, bumps=bumps)))
        swings.append(float(motion.body_pitch(np.linspace(0.0, 10.0, 500)).std()))
    assert math.radians(0.02) < swings[0] < math.radians(0.4)
    assert swings[1] == pytest.approx(4.0 * swings[0], rel=1e-6)


def test_camera_twist_agrees_with_the_poses():
    motion = motion_on(1.0 / 80.0, 0.03, DriveConfig(speed_mps=10.0))
    step = 0.02
    before, after = motion.world_from_camera(4.0 - step), motion.world_from_camera(4.0 + step)
    velocity, turn = motion.camera_twist(4.0)
    moved = motion.world_from_camera(4.0).rotation.T @ (after.translation_m - before.translation_m) / (2.0 * step)
    np.testing.assert_allclose(velocity, moved, atol=0.02)
    assert np.linalg.norm(turn) == pytest.approx(10.0 / 80.0, abs=0.05)
