"""Odometry and IMU: exact at strength 0, deliberate errors as ordered, random ones of the size that is claimed."""

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.driving.odometry_error import imu_readings, odometry_readings
from perception_fm.synth.driving.route import drive_path
from perception_fm.synth.driving.speed_profile import speed_profile
from perception_fm.synth.driving.vehicle_motion import GRAVITY_MPS2, VehicleMotion
from perception_fm.synth.scenario.drive_config import DriveConfig, ImuConfig, OdometryConfig, SpringsConfig
from perception_fm.synth.world.road_line import RoadLine

STIFF = SpringsConfig(pitch_dynamics=0.0, bumps=0.0)


def motion_on(curvature: float = 0.0, end: str = "moving") -> VehicleMotion:
    config = DriveConfig(wander_m=0.0, speed_mps=10.0, springs=STIFF, end=end, lateral_mps2=5.0)
    road = RoadLine.integrated(np.full(901, curvature), np.zeros(901), 0.5)
    path = drive_path(road, -1.75, config, 0, 20.0, 300.0)
    start, end_way = path.way_at([100.0, 200.0])
    return VehicleMotion(path, speed_profile(path, config, start, end_way), STIFF, base_from_camera(1.4, 0.0), 0)


@pytest.mark.parametrize("curvature", [0.0, 1.0 / 60.0])
def test_strength_zero_is_the_true_motion(curvature):
    motion = motion_on(curvature)
    odom_from_world = motion.world_from_base(0.0).inverse()
    readings = odometry_readings(motion, OdometryConfig(strength=0.0), seed=5)
    for reading in readings[::40]:
        expected = odom_from_world @ motion.world_from_base(reading.time_s)
        np.testing.assert_allclose(reading.odom_from_base.translation_m, expected.translation_m, atol=1e-3)
        np.testing.assert_allclose(reading.odom_from_base.rotation, expected.rotation, atol=1e-5)
        # On the lane's own circle, whose rounding is a tenth of a per mille.
        assert reading.angular_rps[2] == pytest.approx(10.0 * curvature / (1.0 + 1.75 * curvature), abs=1e-3)
        np.testing.assert_allclose(reading.linear_mps, [10.0, 0.0, 0.0], atol=1e-6)


def test_messages_begin_before_and_end_after_the_images():
    motion = motion_on()
    readings = odometry_readings(motion, OdometryConfig(rate_hz=50.0), seed=5)
    times = np.array([reading.time_s for reading in readings])
    assert times[0] < -0.1
    assert times[-1] > motion.duration_s + 0.1
    np.testing.assert_allclose(np.diff(times), 0.02, atol=1e-9)


def test_deliberate_errors_are_as_ordered():
    config = OdometryConfig(strength=0.0, speed_error=0.05, heading_error_deg=2.0, turn_error_dps=1.0)
    last = odometry_readings(motion_on(), config, seed=5)[-1]
    assert math.hypot(*last.linear_mps) == pytest.approx(10.5, abs=1e-6)
    assert math.degrees(math.atan2(last.linear_mps[1], last.linear_mps[0])) == pytest.approx(2.0)
    assert math.degrees(last.angular_rps[2]) == pytest.approx(1.0, abs=1e-6)
    x, y, _ = last.odom_from_base.translation_m
    yaw_end = math.radians(1.0 * last.time_s)
    # A path that begins at 2 degrees and turns by 1 degree per second: a circle, whose chord is at the mean angle.
    assert math.atan2(y, x) == pytest.approx(math.radians(2.0) + 0.5 * yaw_end, abs=1e-4)


def test_delayed_stamp_tells_an_earlier_motion():
    motion = motion_on(1.0 / 60.0)
    on_time = odometry_readings(motion, OdometryConfig(strength=0.0), seed=5)
    late = odometry_readings(motion, OdometryConfig(strength=0.0, delay_s=0.08), seed=5)
    assert [reading.time_s for reading in late] == [reading.time_s for reading in on_time]
    for reading, four_before in zip(late[4:], on_time):  # four steps of 20 ms
        np.testing.assert_allclose(
            reading.odom_from_base.translation_m, four_before.odom_from_base.translation_m, atol=1e-5
        )
        np.testing.assert_allclose(reading.odom_from_base.rotation, four_before.odom_from_base.rotation, atol=1e-6)
        np.testing.assert_allclose(reading.linear_mps, four_before.linear_mps, atol=1e-6)


def test_delay_draws_no_other_random_errors():
    motion = motion_on()
    usual = odometry_readings(motion, OdometryConfig(), seed=5)[-1]
    late = odometry_readings(motion, OdometryConfig(delay_s=0.05), seed=5)[-1]
    assert usual.odom_from_base.translation_m[0] - late.odom_from_base.translation_m[0] == pytest.approx(0.5, abs=0.01)
    assert late.angular_rps[2] == pytest.approx(usual.angular_rps[2], abs=1e-4)


def test_dropout_takes_messages_away_and_changes_no_other():
    motion = motion_on()
    whole = odometry_readings(motion, OdometryConfig(), seed=5)
    holed = odometry_readings(motion, OdometryConfig(dropouts_s=(0.0, 0.4, 3.0, 4.0)), seed=5)
    kept = [reading for reading in whole if not (0.0 <= reading.time_s < 0.4 or 3.0 <= reading.time_s < 4.0)]
    assert len(whole) - len(kept) == pytest.approx(70, abs=1)
    assert [reading.time_s for reading in holed] == [reading.time_s for reading in kept]
    for one, other in zip(holed, kept):
        np.testing.assert_array_equal(one.odom_from_base.translation_m, other.odom_from_base.translation_m)


def test_vehicle_without_odometry_has_no_readings():
    assert odometry_readings(motion_on(), OdometryConfig(enabled=False), seed=5) == []


@pytest.mark.parametrize("times", [(1.0,), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0, 1.5, 3.0), (1.0, 2.0, 3.0)])
def test_dropouts_that_are_no_pairs_in_order_are_refused(times):
    with pytest.raises(ConfigError, match=r"drive\.odometry\.dropouts_s needs pairs of from and until"):
        OdometryConfig(dropouts_s=times)


def test_random_errors_have_the_claimed_size():
    motion = motion_on()
    scales, yaws = [], []
    for seed in range(60):
        last = odometry_readings(motion, OdometryConfig(), seed)[-1]
        scales.append(float(last.odom_from_base.translation_m[0]) / (10.0 * last.time_s) - 1.0)
        yaws.append(math.degrees(math.asin(last.odom_from_base.rotation[1, 0])) / last.time_s)
    # 60 draws tell a standard deviation to 9%; three of these.
    assert np.std(scales) == pytest.approx(0.004, rel=0.3)
    assert np.std(yaws) == pytest.approx(0.054, rel=0.35)  # bias 0.05 and its walk over 10 s


def test_claimed_variance_covers_the_error():
    motion = motion_on()
    misses = []
    for seed in range(40):
        last = odometry_readings(motion, OdometryConfig(), seed)[-1]
        x, y, _ = last.odom_from_base.translation_m
        misses += [(x - 10.0 * last.time_s) ** 2 / last.pose_variance[0], y**2 / last.pose_variance[1]]
    assert 0.05 < np.mean(misses) < 1.5


def test_what_is_not_measured_has_a_huge_variance():
    reading = odometry_readings(motion_on(), OdometryConfig(), 1)[0]
    assert (reading.pose_variance[2:5] >= 1e6).all()
    assert (reading.twist_variance[2:5] >= 1e6).all()


def test_standstill_is_told_as_standstill():
    motion = motion_on(end="standstill")
    last = odometry_readings(motion, OdometryConfig(), 1)[-1]
    assert last.linear_mps[0] == 0.0


def test_same_seed_same_odometry():
    motion = motion_on()
    a, b, c = (odometry_readings(motion, OdometryConfig(), seed)[-1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.odom_from_base.translation_m, b.odom_from_base.translation_m)
    assert np.abs(a.odom_from_base.translation_m - c.odom_from_base.translation_m).max() > 1e-3


def test_imu_without_errors_feels_gravity_and_the_bend():
    readings = imu_readings(motion_on(1.0 / 60.0), ImuConfig(strength=0.0), seed=1)
    middle = readings[len(readings) // 2]
    radius_m = 61.75
    assert middle.force_mps2 == pytest.approx([0.0, 100.0 / radius_m, GRAVITY_MPS2], abs=5e-3)
    assert middle.angular_rps == pytest.approx([0.0, 0.0, 10.0 / radius_m], abs=1e-4)


def test_imu_noise_has_the_claimed_variance():
    readings = imu_readings(motion_on(), ImuConfig(), seed=1)
    rates = np.array([reading.angular_rps for reading in readings])
    assert rates.std(axis=0) == pytest.approx(math.sqrt(readings[0].angular_variance), rel=0.15)
