"""Where the vehicle goes: heading from the focus of expansion, curvature from odometry, each smoothed over time."""

from __future__ import annotations

import math

from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.ego_views import EgoViews

_HEADING_MEMORY_S = 0.6
_CURVATURE_MEMORY_S = 1.0
_PRESENT_MEMORY_S = 0.3
_ROAD_MEMORY_S, _STEERING_RPS = 3.0, math.radians(0.5)
_BEND_SIGMA = 0.25
_STEERING_MEMORY_S, _BEND_MEMORY_S = 2.0, 8.0  # correlation times of steering within a lane, and of the road's bends
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
        self._road_per_m = 0.0
        self._curvature_per_m = 0.0
        self._present_per_m = 0.0
        self._speed_mps = 0.0

    def update(
        self, base_from_camera: RigidTransform, ego: EgoState | None, views: EgoViews, dt_s: float
    ) -> PredictedPath:
        """The path after one more frame. The focus of expansion includes the mounting's yaw error, so the path does."""
        yaw_rate_rps = 0.0
        if ego is not None and ego.has_translation:
            self._speed_mps = max(ego.speed_mps, 0.0)
            if ego.speed_mps > _MIN_CURVATURE_SPEED_MPS:
                yaw_rate_rps = ego.yaw_rate_rps + views.yaw_bias_rps
        self._bends(yaw_rate_rps, dt_s)
        if self._heading is None:
            forward = base_from_camera.rotation[0]
            self._heading = float(forward[0] / forward[2])
        if views.focus is not None:
            chord = 0.5 * self._curvature_per_m * float(views.recent[-1].travel_m[2])
            self._heading += _share(dt_s, _HEADING_MEMORY_S) * (float(views.focus[0]) - chord - self._heading)
        return self._path(self._heading, base_from_camera)

    def _bends(self, yaw_rate_rps: float, dt_s: float) -> None:
        """Take one more yaw rate, which is noise up to a limit but where the road bends."""
        per_rps = 1.0 / max(self._speed_mps, _MIN_CURVATURE_SPEED_MPS)
        turned_per_m = _limited(yaw_rate_rps * per_rps)
        self._road_per_m += _share(dt_s, _ROAD_MEMORY_S) * (turned_per_m - self._road_per_m)
        noise_rps = (1.0 - self._bend) * _YAW_RATE_NOISE_RPS
        wanted_per_m = _limited(math.copysign(max(abs(yaw_rate_rps) - noise_rps, 0.0), yaw_rate_rps) * per_rps)
        self._curvature_per_m += _share(dt_s, _CURVATURE_MEMORY_S) * (wanted_per_m - self._curvature_per_m)
        self._present_per_m += _share(dt_s, _PRESENT_MEMORY_S) * (wanted_per_m - self._present_per_m)

    def last(self, base_from_camera: RigidTransform) -> PredictedPath | None:
        """The path as last predicted; None before the first frame."""
        return None if self._heading is None else self._path(self._heading, base_from_camera)

    def _path(self, heading: float, base_from_camera: RigidTransform) -> PredictedPath:
        lateral_m = float(base_from_camera.translation_m[1])
        memory_s = _STEERING_MEMORY_S + self._bend * (_BEND_MEMORY_S - _STEERING_MEMORY_S)
        memory_m = max(memory_s * self._speed_mps, _MIN_PATH_MEMORY_M)
        behind_per_m = self._present_per_m - self._curvature_per_m
        sigma_per_m = math.hypot(behind_per_m, _BEND_SIGMA * self._bend * self._curvature_per_m)
        return PredictedPath(
            heading, self._curvature_per_m, self._half_width_m, lateral_m, memory_m, sigma_per_m
        )

    @property
    def _bend(self) -> float:
        """How surely it is the road that bends, 0 to 1, and not the driver who steers within a lane."""
        turn_rps = abs(self._road_per_m * self._speed_mps)
        return 1.0 - min((_STEERING_RPS / turn_rps) ** 2, 1.0) if turn_rps > 0.0 else 0.0


def _limited(curvature_per_m: float) -> float:
    """What a car can steer."""
    return min(max(curvature_per_m, -_MAX_CURVATURE_PER_M), _MAX_CURVATURE_PER_M)


def _share(dt_s: float, memory_s: float) -> float:
    """Weight of a new value in a first-order low pass."""
    return 1.0 - math.exp(-dt_s / memory_s)
