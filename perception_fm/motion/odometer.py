"""How fast and how far the vehicle has gone along its path: from odometry, else from the road that streams by."""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.ego_views import EgoViews
from perception_fm.motion.metric_scale import SpeedFromRoad
from perception_fm.motion.warp import GrayPyramid
from perception_fm.types import ScaleSource

FloatArray = NDArray[np.float64]

_BRAKING_MPS2 = 3.0  # one sigma of what a driver does while nothing is seen


class Odometer:
    """Path length since the last reset, `travelled_m` (metres). `speed_mps` (m/s) along the path, NaN where it is not
    known, and where it is known from, `source`, are those of the last frame."""

    def __init__(self) -> None:
        self._by_road = SpeedFromRoad()
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._by_road.reset()
        self._last_ego: EgoState | None = None
        self._blind_s = 0.0
        self.travelled_m = 0.0
        self.speed_mps, self.source = math.nan, ScaleSource.NONE

    @property
    def assumed_mps(self) -> float:
        """Speed to go by in a frame without odometry: the last one that the road showed, else any."""
        return self._by_road.speed_mps if math.isfinite(self._by_road.speed_mps) else 1.0

    def look(
        self,
        ego: EgoState | None,
        views: EgoViews,
        mounting: PlaneEstimate,
        path: PredictedPath,
        dt_s: float,
        current: GrayPyramid,
    ) -> None:
        """Take a frame, `dt_s` after the one before."""
        self._blind_s = 0.0
        if _has_translation(ego):
            self._by_road.reset()
            self.speed_mps, self.source = ego.speed_mps, ScaleSource.ODOMETRY
        else:
            had_speed = math.isfinite(self._by_road.speed_mps)
            self._by_road.update(views, mounting, path, dt_s, current)
            is_known = had_speed and math.isfinite(self._by_road.speed_mps)
            self.speed_mps = self._by_road.speed_mps if is_known else math.nan
            self.source = ScaleSource.CAMERA_HEIGHT if is_known else ScaleSource.NONE
        self._go_on(ego, dt_s)

    def blind(self, ego: EgoState | None, dt_s: float) -> float:
        """Take a frame whose picture shows nothing. Returns by how much, one sigma in metres, the way may be wrong.

        Without odometry nobody sees how fast the road streams by: the vehicle goes on, but it may brake.
        """
        slack_m = 0.0
        if _has_translation(ego):
            self._blind_s = 0.0
            self.speed_mps, self.source = ego.speed_mps, ScaleSource.ODOMETRY
        else:
            self._blind_s += dt_s
            slack_m = _BRAKING_MPS2 * self._blind_s * dt_s
            self.speed_mps = self._by_road.speed_mps
            self.source = ScaleSource.CAMERA_HEIGHT if math.isfinite(self.speed_mps) else ScaleSource.NONE
        self._go_on(ego, dt_s)
        return slack_m

    def in_world(self, path: PredictedPath, distances: FloatArray) -> FloatArray:
        """Positions (K, 2), metres, of the path at distances (K,): x, y of the odometry frame where odometry exists,
        else along the way and to the left of it."""
        across = -path.centre_x_m(distances)
        if not _has_translation(self._last_ego):
            return np.column_stack([distances + self.travelled_m, across])
        ahead = np.column_stack([distances, across, np.zeros(len(distances))])
        return np.asarray(self._last_ego.odom_from_base.apply(ahead)[:, :2])

    def _go_on(self, ego: EgoState | None, dt_s: float) -> None:
        """The way since the frame before: from poses where odometry exists, else from the speed."""
        before, self._last_ego = self._last_ego, ego
        if _has_translation(ego) and _has_translation(before):
            moved = before.odom_from_base.inverse().apply(ego.odom_from_base.translation_m)
            self.travelled_m += float(moved[0])
        elif math.isfinite(self.speed_mps):
            self.travelled_m += dt_s * self.speed_mps


def _has_translation(ego: EgoState | None) -> TypeGuard[EgoState]:
    return ego is not None and ego.has_translation
