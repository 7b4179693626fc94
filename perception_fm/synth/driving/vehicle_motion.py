"""How a vehicle moves in space: along its path, on its springs, and what its camera and its IMU feel of that."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import bilinear, lfilter
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.driving.route import DrivenPath
from perception_fm.synth.driving.speed_profile import STEP_S, SpeedProfile
from perception_fm.synth.scenario.drive_config import SpringsConfig

FloatArray = NDArray[np.float64]

WHEELBASE_M = 2.7
GRAVITY_MPS2 = 9.80665
# The body of a passenger car bounces with 1 to 1.5 Hz and pitches somewhat faster, damped by 0.2 to 0.4 of critical
# (Gillespie, Fundamentals of Vehicle Dynamics, 1992, chapter 5).
_HEAVE_HZ = (1.3, 1.6)
_PITCH_HZ = (1.4, 2.0)
_DAMPING = (0.25, 0.4)
_PITCH_RAD_PER_MPS2 = math.radians(2.5) / GRAVITY_MPS2  # an ordinary car dives by 2 to 3 degrees per g
_PITCH_CENTRE_M = np.array([0.5 * WHEELBASE_M, 0.0, 0.5])
# ISO 8608: displacement density of class A at 0.1 cycles/m, falling with the square; amplitudes double with each class.
_CLASS_A_M3 = 16e-6
_REFERENCE_PER_M = 0.1
_WAVES_PER_M = (0.03, 2.0)  # longer ones belong to the road's own shape, shorter ones the tyre swallows
_WAVES = 160
_BUMP_LENGTH_M = 1.0
_DIFFERENCE_S = 1e-3  # of numerical derivatives; the motion is smooth over 50 times that


class VehicleMotion:
    """The motion of base_link, a frame fixed to the body, for any time from the run-in to the run-out of the profile.

    `base_from_camera` is the mounting. The seed settles the springs and the unevenness of the road.
    """

    def __init__(
        self,
        path: DrivenPath,
        profile: SpeedProfile,
        springs: SpringsConfig,
        base_from_camera: RigidTransform,
        seed: int,
    ) -> None:
        self.path = path
        self.profile = profile
        self.base_from_camera = base_from_camera
        self._way = CubicSpline(profile.time_s, profile.way_m)
        self._springs, self._seed = springs, seed

    @property
    def duration_s(self) -> float:
        """Time of the last image; the first is at 0."""
        return self.profile.duration_s

    @cached_property
    def _body(self) -> CubicSpline:
        """Pitch and heave. Not before it is asked for: a check of many plans does not feel the springs."""
        pitch, heave = _body_motion(self.path, self.profile, self._springs, self._seed)
        return CubicSpline(self.profile.time_s, np.stack([pitch, heave], axis=1))

    def way(self, time_s: ArrayLike) -> FloatArray:
        """Way (...,) of base_link along its path."""
        return np.asarray(self._way(time_s), dtype=np.float64)

    def speed(self, time_s: ArrayLike) -> FloatArray:
        """Speed (...,) along the path, m/s."""
        return self.profile.speed(time_s)

    def body_pitch(self, time_s: ArrayLike) -> FloatArray:
        """Pitch (...,) of the body against the road on its springs, rad, positive nose down."""
        return np.asarray(self._body(time_s)[..., 0], dtype=np.float64)

    def world_from_base(self, time_s: float) -> RigidTransform:
        """Pose of base_link."""
        way = float(self._way(time_s))
        pitch, heave = (float(value) for value in self._body(time_s))
        rear, front = self.path.points([way, way + WHEELBASE_M])
        climb = math.atan2(front[2] - rear[2], math.hypot(*(front - rear)[:2]))
        road = Rotation.from_euler("ZY", [float(self.path.heading(way)), -climb]).as_matrix()
        body = Rotation.from_euler("Y", pitch).as_matrix()
        lifted = _PITCH_CENTRE_M + np.array([0.0, 0.0, heave]) - body @ _PITCH_CENTRE_M
        return RigidTransform(road @ body, rear + road @ lifted)

    def world_from_camera(self, time_s: float) -> RigidTransform:
        """Pose of the camera, optical axes."""
        return self.world_from_base(time_s) @ self.base_from_camera

    def camera_twist(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """Velocity (3,) in m/s and turn rate (3,) in rad/s of the camera, both in its own optical frame."""
        return _twist(*(self.world_from_camera(time_s + step) for step in (-_DIFFERENCE_S, 0.0, _DIFFERENCE_S)))

    def imu(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """Turn rate (3,) in rad/s and specific force (3,) in m/s2 (at rest +g upwards) of base_link, in base_link."""
        before, now, after = (self.world_from_base(time_s + step) for step in (-_DIFFERENCE_S, 0.0, _DIFFERENCE_S))
        second = (after.translation_m - 2.0 * now.translation_m + before.translation_m) / _DIFFERENCE_S**2
        return _twist(before, now, after)[1], now.rotation.T @ (second + np.array([0.0, 0.0, GRAVITY_MPS2]))


def _twist(before: RigidTransform, now: RigidTransform, after: RigidTransform) -> tuple[FloatArray, FloatArray]:
    span_s = 2.0 * _DIFFERENCE_S
    velocity = now.rotation.T @ (after.translation_m - before.translation_m) / span_s
    turn = Rotation.from_matrix(before.rotation.T @ after.rotation).as_rotvec() / span_s
    return np.asarray(velocity, dtype=np.float64), np.asarray(turn, dtype=np.float64)


def _body_motion(
    path: DrivenPath, profile: SpeedProfile, springs: SpringsConfig, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Pitch (N,) in rad and heave (N,) in m over the profile's times."""
    rng = np.random.default_rng([seed, 12])
    heave_hz, pitch_hz, damping = (rng.uniform(*limits) for limits in (_HEAVE_HZ, _PITCH_HZ, _DAMPING))
    rear = _unevenness(path, profile.way_m, springs, seed)
    front = _unevenness(path, profile.way_m + WHEELBASE_M, springs, seed)
    dive = -springs.pitch_dynamics * _PITCH_RAD_PER_MPS2 * profile.acceleration_mps2
    pitch = _sprung(dive, pitch_hz, damping, is_base_moved=False)
    pitch += _sprung((rear - front) / WHEELBASE_M, pitch_hz, damping, is_base_moved=True)
    return pitch, _sprung(0.5 * (rear + front), heave_hz, damping, is_base_moved=True)


def _sprung(target: FloatArray, natural_hz: float, damping: float, *, is_base_moved: bool) -> FloatArray:
    """Answer (N,) of a mass on spring and damper, at rest before the first sample.

    `is_base_moved`: spring and damper stand on the target; else the target is where a force would hold the spring.
    """
    omega = 2.0 * math.pi * natural_hz
    numerator = [2.0 * damping * omega, omega**2] if is_base_moved else [omega**2]
    b, a = bilinear(numerator, [1.0, 2.0 * damping * omega, omega**2], fs=1.0 / STEP_S)
    return np.asarray(lfilter(b, a, target - target[0]) + target[0], dtype=np.float64)


def _unevenness(path: DrivenPath, way_m: FloatArray, springs: SpringsConfig, seed: int) -> FloatArray:
    """Height (N,) of the road's small waves and bumps under a wheel, m."""
    rng = np.random.default_rng([seed, 13])
    edges = np.geomspace(*_WAVES_PER_M, _WAVES + 1)
    waves = rng.uniform(edges[:-1], edges[1:])
    amplitude = np.sqrt(2.0 * _CLASS_A_M3 * (waves / _REFERENCE_PER_M) ** -2 * np.diff(edges))
    phase = rng.uniform(0.0, 2.0 * math.pi, _WAVES)
    height = np.zeros_like(way_m)
    if springs.bumps > 0.0:
        for wave, size, start in zip(waves, amplitude, phase):
            height += springs.bumps * size * np.cos(2.0 * math.pi * wave * way_m + start)
    for station in springs.bump_at_m:
        x = np.clip((way_m - path.way_at(station)) / _BUMP_LENGTH_M, -0.5, 0.5)
        height += springs.bump_height_m * 0.5 * (1.0 + np.cos(2.0 * math.pi * x))
    return height
