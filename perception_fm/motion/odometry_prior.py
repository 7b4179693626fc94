"""What odometry says of the camera's motion between two frames, and its constant errors, learned from tracks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.egomotion import MotionPrior
from perception_fm.motion.yaw_bias import YawBias

FloatArray = NDArray[np.float64]

MIN_TRAVEL_M = 0.05  # less baseline and nothing expands by a measurable amount
# Rotation that odometry may miss, about the optical x and z axes: wheels know no pitch and no roll.
_PITCH_RATE_RAD, _ROLL_RATE_RAD = np.radians(5.0), np.radians(3.0)
_UNKNOWN_RATE_RAD = np.radians([10.0, 30.0, 10.0])
# The focus of expansion against the heading: a constant mounting error, learned, and what tyres and pitch add per
# frame.
_FOCUS_START_SIGMA = float(np.radians(2.0))
_FOCUS_SLIP_SIGMA = float(np.radians(0.25))
_FOCUS_NOISE_SIGMA = float(np.radians(0.4))
_FOCUS_DRIFT_SIGMA = float(np.radians(0.03))


@dataclass(frozen=True, eq=False)
class Passed:
    """One frame: where odometry had the camera, None unknown, and the speed to assume where it has no translation."""

    odom_from_camera: RigidTransform | None
    has_translation: bool
    base_from_camera: RigidTransform
    assumed_speed_mps: float


class OdometryPrior:
    """Priors of windows, with the constant errors taken off."""

    def __init__(self) -> None:
        self.yaw_bias = YawBias()
        self.reset()

    def reset(self) -> None:
        """Forget what was learned."""
        self.yaw_bias.reset()
        self._focus_bias = np.zeros(2)
        self._focus_sigma = _FOCUS_START_SIGMA

    def turn(self, now: Passed, past: Passed, span_s: float) -> tuple[FloatArray, FloatArray] | None:
        """Rotation now_from_past (3, 3) of the camera over `span_s`, negative where the past is later, and its standard
        deviation (3,), radians, about the optical axes; None without odometry."""
        moved = _now_from_past(now, past)
        return None if moved is None else self._turn(moved, now.base_from_camera, span_s)

    def _turn(
        self, now_from_past: RigidTransform, base_from_camera: RigidTransform, span_s: float
    ) -> tuple[FloatArray, FloatArray]:
        """As `turn`, from where odometry had the camera."""
        bias_rad = self.yaw_bias.rps * span_s
        rotation = _turned_left(bias_rad, base_from_camera) @ now_from_past.rotation
        yaw_rate_rps = yaw_rad(rotation, base_from_camera) / span_s
        rate = np.array([_PITCH_RATE_RAD, self.yaw_bias.sigma_rps(yaw_rate_rps), _ROLL_RATE_RAD])
        return rotation, rate * abs(span_s)

    def since(self, now: Passed, past: Passed, span_s: float) -> MotionPrior | None:
        """Prior for one window; None where the camera hardly moved or moved backwards."""
        base_from_camera = now.base_from_camera
        path_m, yaw = now.assumed_speed_mps * span_s, 0.0
        rotation, sigma = np.eye(3), _UNKNOWN_RATE_RAD * span_s
        moved = _now_from_past(now, past)
        if moved is not None:
            rotation, sigma = self._turn(moved, base_from_camera, span_s)
            yaw = yaw_rad(rotation, base_from_camera)
            if now.has_translation and past.has_translation:
                path_m = -float(base_from_camera.rotation[0] @ moved.translation_m)
        if not path_m >= MIN_TRAVEL_M:
            return None
        travel = base_from_camera.rotation.T @ _chord(path_m, yaw, float(base_from_camera.translation_m[0]))
        if not travel[2] >= MIN_TRAVEL_M:
            return None
        focus = travel[:2] / travel[2] + self._focus_bias
        focus_sigma = float(np.hypot(self._focus_sigma, _FOCUS_SLIP_SIGMA))
        return MotionPrior(rotation, sigma, focus, focus_sigma, float(travel[2]))

    def learn_focus(self, innovation: FloatArray, travel_m: float) -> None:
        """Kalman update of the constant part of the focus; slow motion says little about direction."""
        noise = float(np.hypot(_FOCUS_NOISE_SIGMA, 0.002 / max(travel_m, 0.01)))
        gain = self._focus_sigma**2 / (self._focus_sigma**2 + noise**2)
        self._focus_bias = self._focus_bias + gain * innovation
        self._focus_sigma = float(np.sqrt((1.0 - gain) * self._focus_sigma**2 + _FOCUS_DRIFT_SIGMA**2))


def yaw_rad(current_from_past: FloatArray, base_from_camera: RigidTransform) -> float:
    """How far left the vehicle turned, radians about base z, from the camera's rotation (3, 3)."""
    turn = base_from_camera.rotation @ current_from_past.T @ base_from_camera.rotation.T
    return float(np.arctan2(turn[1, 0], turn[0, 0]))


def _turned_left(angle_rad: float, base_from_camera: RigidTransform) -> FloatArray:
    """Rotation current_from_past (3, 3) of the camera of a vehicle that turned left."""
    turn = cv2.Rodrigues(np.array([0.0, 0.0, -angle_rad]))[0]
    return np.asarray(base_from_camera.rotation.T @ turn @ base_from_camera.rotation)


def _now_from_past(now: Passed, past: Passed) -> RigidTransform | None:
    """Of the camera; None without odometry in either frame."""
    if now.odom_from_camera is None or past.odom_from_camera is None:
        return None
    return now.odom_from_camera.inverse() @ past.odom_from_camera


def _chord(path_m: float, turned_rad: float, ahead_of_axle_m: float) -> FloatArray:
    """Travel (3,) of a camera in current base axes, for a vehicle that rolls without slipping sideways.

    Odometry poses are too rough for a direction: a centimetre in a metre is half a degree. The chord of an arc lies
    half the turn off the heading, and a camera ahead of the axle swings out.
    """
    half = 0.5 * turned_rad
    return np.array([path_m * np.cos(half), -path_m * np.sin(half) + turned_rad * ahead_of_axle_m, 0.0])
