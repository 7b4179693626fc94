"""Where the vehicle goes: heading from the focus of expansion, curvature from odometry, each smoothed over time."""

from __future__ import annotations

import math

import numpy as np

from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.ego_views import EgoViews

_HEADING_MEMORY_S = 0.6
_CURVATURE_MEMORY_S = 1.0
_SLIP_MEMORY_S, _STRAIGHT_RPS = 1.0, math.radians(0.5)
_PRESENT_MEMORY_S = 0.3
_STEERING_MEMORY_S = 2.0  # correlation time of steering corrections within a lane
_MIN_PATH_MEMORY_M = 5.0
_YAW_RATE_NOISE_RPS = math.radians(0.3)  # gyro bias and lane keeping; at 12 m/s it would bend the path by 0.8 m at 60 m
_MIN_CURVATURE_SPEED_MPS = 2.0
_MAX_CURVATURE_PER_M = 0.2  # a 5 m turning radius


class PathPrediction:
    """The predicted path in the rectified optical frame."""

    def __init__(self, width_m: float) -> None:
        self._half_width_m = 0.5 * width_m
        self.reset()

    def reset(self) -> None:
        """Forget where the vehicle was going."""
        self._heading: float | None = None
        self._curvature_per_m = 0.0
        self._present_per_m = 0.0
        self._speed_mps = 0.0
        self._slip_rps = 0.0

    def update(
        self, base_from_camera: RigidTransform, ego: EgoState | None, views: EgoViews, dt_s: float
    ) -> PredictedPath:
        """The path after one more frame. The focus of expansion includes the mounting's yaw error, so the path does."""
        wanted_per_m = 0.0
        if ego is not None and ego.has_translation:
            self._speed_mps = max(ego.speed_mps, 0.0)
            if ego.speed_mps > _MIN_CURVATURE_SPEED_MPS:
                yaw_rate_rps = ego.yaw_rate_rps + self._slip(ego.yaw_rate_rps, views.yaw_slip_rps, dt_s)
                bend_per_m = _sure(yaw_rate_rps) / ego.speed_mps
                wanted_per_m = float(np.clip(bend_per_m, -_MAX_CURVATURE_PER_M, _MAX_CURVATURE_PER_M))
        self._curvature_per_m += _share(dt_s, _CURVATURE_MEMORY_S) * (wanted_per_m - self._curvature_per_m)
        self._present_per_m += _share(dt_s, _PRESENT_MEMORY_S) * (wanted_per_m - self._present_per_m)
        if self._heading is None:
            forward = base_from_camera.rotation[0]
            self._heading = float(forward[0] / forward[2])
        if views.focus is not None:
            chord = 0.5 * self._curvature_per_m * float(views.recent[-1].travel_m[2])
            self._heading += _share(dt_s, _HEADING_MEMORY_S) * (float(views.focus[0]) - chord - self._heading)
        return self._path(self._heading, base_from_camera)

    def _slip(self, told_rps: float, slip_rps: float, dt_s: float) -> float:
        """What odometry misses of the yaw rate, a bias: learned where the picture says that the road is straight.

        In a bend, drops on the windscreen, vehicles ahead and lane lines that tracks slide along stand still in the
        picture, as if nothing turned.
        """
        if abs(told_rps + slip_rps) < _STRAIGHT_RPS:
            self._slip_rps += _share(dt_s, _SLIP_MEMORY_S) * (slip_rps - self._slip_rps)
        return _sure(self._slip_rps)

    def last(self, base_from_camera: RigidTransform) -> PredictedPath | None:
        """The path as last predicted; None before the first frame."""
        return None if self._heading is None else self._path(self._heading, base_from_camera)

    def _path(self, heading: float, base_from_camera: RigidTransform) -> PredictedPath:
        lateral_m = float(base_from_camera.translation_m[1])
        memory_m = max(_STEERING_MEMORY_S * self._speed_mps, _MIN_PATH_MEMORY_M)
        behind_per_m = abs(self._present_per_m - self._curvature_per_m)
        return PredictedPath(
            heading, self._curvature_per_m, self._half_width_m, lateral_m, memory_m, behind_per_m
        )


def _sure(yaw_rate_rps: float) -> float:
    """What is left of a yaw rate that is noise up to a limit."""
    return math.copysign(max(abs(yaw_rate_rps) - _YAW_RATE_NOISE_RPS, 0.0), yaw_rate_rps)


def _share(dt_s: float, memory_s: float) -> float:
    """Weight of a new value in a first-order low pass."""
    return 1.0 - math.exp(-dt_s / memory_s)
