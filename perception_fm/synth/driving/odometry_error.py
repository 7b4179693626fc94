"""What wheel encoders, a gyro and an IMU tell of a motion, with the errors that such sensors have."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.driving.vehicle_motion import VehicleMotion
from perception_fm.synth.scenario.drive_config import ImuConfig, OdometryConfig

FloatArray = NDArray[np.float64]

# One standard deviation at strength 1. Tyres differ by a few mm in circumference with wear and pressure; wheel speeds
# on a vehicle's bus come in steps of some 0.05 km/h; slip of a driven tyre is 1% at about 0.3 g of longitudinal force.
_SCALE = 0.004
_SLIP_PER_MPS2 = 0.003
_SPEED_STEP_MPS = 0.015
_GYRO_BIAS_RPS = math.radians(0.05)
_GYRO_WALK_RPS_SQRT_S = math.radians(0.01)  # of the bias, per square root of a second
_YAW_NOISE_RPS = math.radians(0.05)
# IMU: noise densities of an automotive MEMS part (Bosch BMI088 data sheet: 0.014 deg/s/sqrt(Hz), 175 ug/sqrt(Hz)), bias
# after calibration at standstill.
_IMU_GYRO_DENSITY = math.radians(0.014)
_IMU_FORCE_DENSITY = 175e-6 * 9.80665
_IMU_GYRO_BIAS_RPS = math.radians(0.1)
_IMU_FORCE_BIAS_MPS2 = 0.05
_UNKNOWN_VARIANCE = 1e6  # of what a planar odometry does not measure, as the drive controllers of ros2_control put it
_LEAD_S = 0.2  # sensors of motion begin this long before the first image and end this long after the last


@dataclass(frozen=True, eq=False)
class OdometryReading:
    """One `nav_msgs/Odometry`, stamped `time_s` after the first image: planar pose in odom (base_link at time 0), twist
    in base_link, and the variances (6,) that the sensor claims: x, y, z, roll, pitch, yaw.
    """

    time_s: float
    odom_from_base: RigidTransform
    linear_mps: FloatArray
    angular_rps: FloatArray
    pose_variance: FloatArray
    twist_variance: FloatArray


@dataclass(frozen=True, eq=False)
class ImuReading:
    """One `sensor_msgs/Imu` in base_link: turn rate (3,) and specific force (3,), at rest +g upwards."""

    time_s: float
    angular_rps: FloatArray
    force_mps2: FloatArray
    angular_variance: float
    force_variance: float


def odometry_readings(motion: VehicleMotion, config: OdometryConfig, seed: int) -> list[OdometryReading]:
    """Planar odometry over the whole drive, but for dropouts; none where the vehicle has no odometry.

    Way is counted along the road, so that hills do not shorten it. Wheels do not feel the springs.
    """
    if not config.enabled:
        return []
    rng = np.random.default_rng([seed, 21])
    time, step_s = motion.profile.time_s, motion.profile.time_s[1] - motion.profile.time_s[0]
    speed, yaw = _measured_speed(motion, config, rng), np.unwrap(motion.path.heading(motion.profile.way_m))
    drift = math.radians(config.turn_error_dps) + _gyro_bias(len(time), step_s, config.strength, rng)
    turned = yaw + np.concatenate([[0.0], np.cumsum(0.5 * (drift[1:] + drift[:-1]) * step_s)])
    aim = math.radians(config.heading_error_deg)
    turned = turned - np.interp(0.0, time, turned)
    rate = np.gradient(turned, step_s)
    x, y = (_summed(speed * wave(turned + aim), step_s) for wave in (np.cos, np.sin))
    x, y = x - np.interp(0.0, time, x), y - np.interp(0.0, time, y)
    stamps = _stamps(motion.duration_s, config.rate_hz, rng)
    noise = config.strength * _YAW_NOISE_RPS * rng.standard_normal(len(stamps))
    told = stamps - config.delay_s
    columns = np.stack([np.interp(told, time, values) for values in (x, y, turned, speed, rate)], axis=1)
    columns[:, 4] += noise
    return [_reading(float(t), row, aim) for t, row in zip(stamps, columns) if not _is_missing(float(t), config)]


def imu_readings(motion: VehicleMotion, config: ImuConfig, seed: int) -> list[ImuReading]:
    """Turn rate and specific force over the whole drive."""
    rng = np.random.default_rng([seed, 22])
    gyro_sigma, force_sigma = (
        density * math.sqrt(0.5 * config.rate_hz) for density in (_IMU_GYRO_DENSITY, _IMU_FORCE_DENSITY)
    )
    gyro_bias = config.strength * _IMU_GYRO_BIAS_RPS * rng.standard_normal(3)
    force_bias = config.strength * _IMU_FORCE_BIAS_MPS2 * rng.standard_normal(3)
    readings = []
    for time_s in _stamps(motion.duration_s, config.rate_hz, rng):
        angular, force = motion.imu(float(time_s))
        noise = config.strength * rng.standard_normal((2, 3))
        angular = angular + gyro_bias + gyro_sigma * noise[0]
        force = force + force_bias + force_sigma * noise[1]
        readings.append(ImuReading(float(time_s), angular, force, gyro_sigma**2, force_sigma**2))
    return readings


def _measured_speed(motion: VehicleMotion, config: OdometryConfig, rng: np.random.Generator) -> FloatArray:
    """Speed (N,) as the wheels tell it: scale, slip under drive and braking, steps of the bus."""
    scale = 1.0 + config.speed_error + config.strength * _SCALE * rng.standard_normal()
    slip = 1.0 + config.strength * _SLIP_PER_MPS2 * motion.profile.acceleration_mps2
    speed = motion.profile.speed_mps * scale * slip
    step = config.strength * _SPEED_STEP_MPS
    return np.asarray(np.rint(speed / step) * step if step > 0.0 else speed, dtype=np.float64)


def _gyro_bias(count: int, step_s: float, strength: float, rng: np.random.Generator) -> FloatArray:
    """Bias (N,) in rad/s: a constant and a random walk."""
    walk = np.cumsum(rng.standard_normal(count)) * math.sqrt(step_s) * _GYRO_WALK_RPS_SQRT_S
    return np.asarray(strength * (_GYRO_BIAS_RPS * rng.standard_normal() + walk), dtype=np.float64)


def _summed(rate: FloatArray, step_s: float) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * step_s)])


def _stamps(duration_s: float, rate_hz: float, rng: np.random.Generator) -> FloatArray:
    """Times of the messages: a sensor's clock has no common beat with the camera's."""
    first_s = -_LEAD_S - rng.uniform() / rate_hz
    return np.arange(first_s, duration_s + _LEAD_S, 1.0 / rate_hz)


def _is_missing(time_s: float, config: OdometryConfig) -> bool:
    gaps = config.dropouts_s
    return any(start_s <= time_s < end_s for start_s, end_s in zip(gaps[::2], gaps[1::2]))


def _reading(time_s: float, row: FloatArray, aim_rad: float) -> OdometryReading:
    x, y, yaw, speed, rate = (float(value) for value in row)
    pose = RigidTransform(Rotation.from_euler("Z", yaw).as_matrix(), np.array([x, y, 0.0]))
    linear = speed * np.array([math.cos(aim_rad), math.sin(aim_rad), 0.0])
    yaw_sigma = math.radians(0.5) + 1.5 * _GYRO_BIAS_RPS * abs(time_s)
    way_m = math.hypot(x, y)
    place = (0.02 + 1.5 * _SCALE * way_m) ** 2 + (0.5 * yaw_sigma * way_m) ** 2
    unknown = _UNKNOWN_VARIANCE
    pose_variance = np.array([place, place, unknown, unknown, unknown, yaw_sigma**2])
    speed_variance = (_SPEED_STEP_MPS + 1.5 * _SCALE * speed) ** 2
    rate_variance = (1.5 * _GYRO_BIAS_RPS) ** 2 + _YAW_NOISE_RPS**2
    twist_variance = np.array([speed_variance, speed_variance, unknown, unknown, unknown, rate_variance])
    return OdometryReading(time_s, pose, linear, np.array([0.0, 0.0, rate]), pose_variance, twist_variance)
