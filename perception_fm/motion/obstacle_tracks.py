"""Obstacles over time: a sequential probability ratio test on world-fixed planes (Wald 1945)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception_fm.motion.plane_fit import PlaneFit

FloatArray = NDArray[np.float64]

# One false alarm per 1e5 km at 14 m/s, five independent windows a second, ten hypotheses: alpha = 2.8e-9, ln A = 19.7.
CONFIRM = 19.7
_CEILING = 2.0 * CONFIRM  # so that an obstacle that is gone is released as fast as it was confirmed
_DROP = -2.0
_INDEPENDENT_S = 0.2
_CANDIDATE = 3.0  # a peak below e^3 is not worth a track
_MIN_FRAMES = 3
_GATE_SHARE = 0.15
_GATE_SIGMAS = 3.0
_PROCESS_SIGMA_M_PER_SQRT_S = 0.3  # odometry drift and a plane that is not quite one
_MODEL_SHARE = 0.02  # speed and focal length are known to about this; it does not average out
_LEAST_SLOPE_RAD = float(np.radians(45.0))
_MIN_FIT_CORRELATION = 0.5


@dataclass
class ObstacleTrack:
    """A hypothesis: something stands at `position_m`, metres on the odometer (travelled plus ahead)."""

    track_id: int
    position_m: float
    variance_m2: float
    log_ratio: float = 0.0
    frames: int = 0
    is_confirmed: bool = False
    is_seen: bool = False
    fit: PlaneFit | None = None
    ground_m: tuple[float, float] | None = field(default=None)
    last_gain: float = 0.0

    def distance_m(self, odometer_m: float) -> float:
        """Distance ahead of the camera, metres."""
        return self.position_m - odometer_m

    def distance_sigma_m(self, odometer_m: float) -> float:
        """Its standard deviation, with the share that averaging does not remove."""
        return float(np.hypot(np.sqrt(self.variance_m2), _MODEL_SHARE * self.distance_m(odometer_m)))

    def take_back(self) -> None:
        """This frame's plane lies flat: a rising road, or road and distance mixed, is no evidence of an obstacle."""
        self.log_ratio -= max(0.0, self.last_gain)
        self.last_gain = 0.0

    def measure(self, fit: PlaneFit, odometer_m: float) -> None:
        """Kalman update with one frame's plane."""
        noise = fit.depth_sigma_m**2 + (0.5 * _MODEL_SHARE * fit.depth_m) ** 2
        gain = self.variance_m2 / (self.variance_m2 + noise)
        self.position_m += gain * (fit.depth_m - self.distance_m(odometer_m))
        self.variance_m2 *= 1.0 - gain
        self.fit = fit


class ObstacleTracks:
    """All current hypotheses, nearest first. `ids`: numbers for new ones; none is used twice."""

    def __init__(self, ids: Iterator[int] | None = None) -> None:
        self._ids = itertools.count(1) if ids is None else ids
        self.tracks: list[ObstacleTrack] = []

    def reset(self) -> None:
        """Forget all; ids go on."""
        self.tracks = []

    def predict(self, dt_s: float, odometer_m: float) -> None:
        """Let every plane diffuse, and drop those that the camera has passed."""
        self.tracks = [track for track in self.tracks if track.distance_m(odometer_m) > 0.0]
        for track in self.tracks:
            track.variance_m2 += _PROCESS_SIGMA_M_PER_SQRT_S**2 * dt_s
            track.is_seen = False

    def update(self, odometer_m: float, distance_m: FloatArray, ratio: FloatArray, dt_s: float) -> list[ObstacleTrack]:
        """Weigh this frame's evidence `ratio` (K,) at `distance_m` (K,); returns the tracks that a peak supports."""
        share = min(1.0, dt_s / _INDEPENDENT_S)
        supported = []
        peaks = _peaks(ratio)
        for track in self.tracks:
            distance = track.distance_m(odometer_m)
            if not distance_m[0] <= distance <= distance_m[-1]:
                continue
            gate = max(_GATE_SHARE * distance, _GATE_SIGMAS * float(np.sqrt(track.variance_m2)))
            near = [row for row in peaks if abs(distance_m[row] - distance) <= gate]
            if near:
                row = max(near, key=lambda index: float(ratio[index]))
                peaks = [index for index in peaks if abs(distance_m[index] - distance) > gate]
                track.last_gain = share * float(ratio[row])
                track.log_ratio += track.last_gain
                track.is_seen = True
                supported.append(track)
            else:
                around = np.abs(distance_m - distance) <= gate
                track.log_ratio += share * min(0.0, float(ratio[around].max(initial=-np.inf)))
        for row in peaks[:1]:
            track = ObstacleTrack(
                next(self._ids),
                odometer_m + float(distance_m[row]),
                (_GATE_SHARE * float(distance_m[row])) ** 2,
                share * float(ratio[row]),
                is_seen=True,
                last_gain=share * float(ratio[row]),
            )
            self.tracks.append(track)
            supported.append(track)
        self._settle(odometer_m)
        return supported

    def _settle(self, odometer_m: float) -> None:
        for track in self.tracks:
            track.frames += track.is_seen
            track.log_ratio = float(np.clip(track.log_ratio, -CONFIRM, _CEILING))
            if track.log_ratio >= CONFIRM and track.frames >= _MIN_FRAMES and track.fit is not None:
                track.is_confirmed = True
        self.tracks = sorted(
            (track for track in self.tracks if track.log_ratio > _DROP),
            key=lambda track: track.position_m,
        )
        self.tracks = _merged(self.tracks, odometer_m)


def is_trustworthy(fit: PlaneFit | None, distance_m: float) -> bool:
    """Whether one frame's plane may move a track at `distance_m`."""
    return (
        fit is not None
        and fit.correlation >= _MIN_FIT_CORRELATION
        and abs(fit.depth_m - distance_m) <= 2.0 * _GATE_SHARE * distance_m
    )


def is_lying(fit: PlaneFit) -> bool:
    """Whether the plane is surely flatter than half way to upright: no drivable grade is as steep, no wall as flat."""
    return fit.slope_rad + _GATE_SIGMAS * fit.slope_sigma_rad < _LEAST_SLOPE_RAD


def _peaks(ratio: FloatArray) -> list[int]:
    """Rows of local maxima that are worth a track, nearest first."""
    left = np.concatenate([[-np.inf], ratio[:-1]])
    right = np.concatenate([ratio[1:], [-np.inf]])
    return [int(row) for row in np.flatnonzero((ratio > _CANDIDATE) & (ratio >= left) & (ratio > right))]


def _merged(tracks: list[ObstacleTrack], odometer_m: float) -> list[ObstacleTrack]:
    """Of two tracks on the same plane the stronger stays."""
    kept: list[ObstacleTrack] = []
    for track in tracks:
        distance = track.distance_m(odometer_m)
        if kept and distance - kept[-1].distance_m(odometer_m) < 0.5 * _GATE_SHARE * distance:
            if (track.is_confirmed, track.log_ratio) > (kept[-1].is_confirmed, kept[-1].log_ratio):
                kept[-1] = track
            continue
        kept.append(track)
    return kept
