"""How fast a drive goes: standstill, acceleration, cruise, slowing for bends, braking, all without jerks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.route import DrivenPath
from perception_fm.synth.scenario.drive_config import DriveConfig

FloatArray = NDArray[np.float64]

STEP_S = 0.002
RUN_IN_S = 3.0  # before the first image, so that the springs are in motion and sensors of motion have begun
RUN_OUT_S = 1.0
_STEP_M = 0.05
_EASE_S = 0.3  # a driver needs this long to build up an acceleration: at 4 m/s2 a jerk of 13 m/s3


@dataclass(frozen=True, eq=False)
class SpeedProfile:
    """`time_s` (N,) in equal steps from before the first image (0) to after the last (`duration_s`); `way_m` (N,) of
    base_link along its path, `speed_mps` (N,), `acceleration_mps2` (N,).
    """

    time_s: FloatArray
    way_m: FloatArray
    speed_mps: FloatArray
    acceleration_mps2: FloatArray
    duration_s: float

    def speed(self, time_s: ArrayLike) -> FloatArray:
        """Speed (...,) at times."""
        return np.asarray(np.interp(time_s, self.time_s, self.speed_mps), dtype=np.float64)


def run_in_m(config: DriveConfig) -> float:
    """How much way before `start_m` a profile may take."""
    return config.speed_mps * (RUN_IN_S + _EASE_S) + 1.0 if config.start == "moving" else 1.0


def run_out_m(config: DriveConfig) -> float:
    """How much way after `end_m` a profile may take."""
    return config.speed_mps * (RUN_OUT_S + _EASE_S) + 1.0 if config.end == "moving" else 1.0


def speed_profile(path: DrivenPath, config: DriveConfig, start_way_m: float, end_way_m: float) -> SpeedProfile:
    """The profile from one way on the path to another. Raises `ConfigError` where `duration_s` is longer than that."""
    first_m = start_way_m - (run_in_m(config) - 1.0 if config.start == "moving" else 0.0)
    last_m = end_way_m + (run_out_m(config) - 1.0 if config.end == "moving" else 0.0)
    way = np.linspace(first_m, last_m, max(2, round((last_m - first_m) / _STEP_M)) + 1)
    speed = _allowed_speed(path, config, way)
    moving_s = np.concatenate([[0.0], np.cumsum(2.0 * np.diff(way) / (speed[1:] + speed[:-1]))])
    # Standing time on both sides: what comes before the start and after the stop, and the smoothing's reach.
    before_s = config.wait_s + RUN_IN_S + _EASE_S if config.start == "standstill" else 0.0
    after_s = config.wait_s + RUN_OUT_S + _EASE_S if config.end == "standstill" else 0.0
    time = np.arange(-before_s, float(moving_s[-1]) + after_s, STEP_S)
    # Between two samples of way the acceleration is constant, so the speed is linear in time.
    rough = np.interp(time, moving_s, speed)
    eased = _eased(rough)
    travelled = np.concatenate([[0.0], np.cumsum(0.5 * (eased[1:] + eased[:-1]) * STEP_S)]) + first_m
    if config.start == "standstill":
        start_s = -0.5 * _EASE_S - config.wait_s
    else:
        start_s = float(np.interp(start_way_m, travelled, time))
    if config.end == "standstill":
        end_s = float(moving_s[-1]) + 0.5 * _EASE_S + config.wait_s
    else:
        end_s = float(np.interp(end_way_m, travelled, time))
    duration_s = _duration(config, end_s - start_s)
    return SpeedProfile(time - start_s, travelled, eased, np.gradient(eased, STEP_S), duration_s)


def _allowed_speed(path: DrivenPath, config: DriveConfig, way_m: FloatArray) -> FloatArray:
    """Speed (N,) that keeps the limits of speed, sideways acceleration, acceleration and braking everywhere."""
    step_m = way_m[1] - way_m[0]
    bend = np.maximum(np.abs(path.curvature(way_m)), 1e-9)
    squared = np.minimum(config.speed_mps**2, config.lateral_mps2 / bend)
    if config.start == "standstill":
        squared[0] = 0.0
    if config.end == "standstill":
        squared[-1] = 0.0
    # v^2 grows by at most 2 a per metre: the lowest of all lines of that slope that begin at earlier samples.
    rise = 2.0 * config.acceleration_mps2 * step_m * np.arange(len(way_m))
    squared = rise + np.minimum.accumulate(squared - rise)
    fall = 2.0 * config.braking_mps2 * step_m * np.arange(len(way_m))
    return np.sqrt((fall + np.minimum.accumulate(squared[::-1] - fall))[::-1])


def _eased(speed_mps: FloatArray) -> FloatArray:
    """The mean over `_EASE_S` round each time: the same way, with ramps in place of steps of acceleration."""
    half = round(0.5 * _EASE_S / STEP_S)
    padded = np.pad(speed_mps, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1.0 / (2 * half + 1)), mode="valid")


def _duration(config: DriveConfig, until_end_s: float) -> float:
    if not config.duration_s > until_end_s:  # NaN: the whole drive
        return until_end_s if np.isnan(config.duration_s) else config.duration_s
    raise ConfigError(f"drive.duration_s: the drive ends after {until_end_s:.1f} s, got {config.duration_s:g}")
