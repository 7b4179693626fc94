"""Speed from the camera's height over the road, for vehicles without odometry.

Without a speed, expansion gives time, not metres. But the road's own expansion is e = c_z (m . ray) with m known from
the mounting, so the travel c_z follows from how fast the near road streams by.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.ego_views import EgoViews
from perception_fm.motion.streaming_road import streaming_speed_mps
from perception_fm.motion.warp import GrayPyramid

FloatArray = NDArray[np.float64]

SPEED_SIGMA_SHARE = 0.08  # camera height 5%, pitch 0.3 degrees at 10 m 3%, tracks on kerbs the rest
_FAR_M = 15.0
_HALF_WIDTH_M = 2.5
_MIN_TRACKS = 8
_MEMORY_S = 1.0  # an older speed says nothing: braking takes 8 m/s from it
_SMOOTHING_S = 0.15
_BIN = 0.1  # width of a bin of log speed


class SpeedFromRoad:
    """Smoothed speed; NaN until the road has shown it, and again when it was not seen for `_MEMORY_S`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget."""
        self.speed_mps = math.nan
        self._unseen_s = 0.0

    def update(
        self, views: EgoViews, mounting: PlaneEstimate, path: PredictedPath, dt_s: float, current: GrayPyramid
    ) -> None:
        """One frame: from the pixels of the near road, else from tracks on it. `views` may assume any speed."""
        if views.focus is not None:
            mounting = along_travel(mounting, views.focus)
        measured = streaming_speed_mps(current, views.references, mounting, path, self.speed_mps)
        if math.isnan(measured) and math.isfinite(self.speed_mps):
            measured = streaming_speed_mps(current, views.references, mounting, path, math.nan)
        if math.isnan(measured):
            measured = _track_speed_mps(views, mounting, path)
        if math.isnan(measured):
            self._unseen_s += dt_s
            if self._unseen_s > _MEMORY_S:
                self.reset()
            return
        self._unseen_s = 0.0
        if math.isnan(self.speed_mps):
            self.speed_mps = measured
        else:
            self.speed_mps += (1.0 - math.exp(-dt_s / _SMOOTHING_S)) * (measured - self.speed_mps)


def along_travel(plane: PlaneEstimate, focus: FloatArray) -> PlaneEstimate:
    """The plane at its height, turned so that it is parallel to the travel, whose focus of expansion is (2,).

    Wheels roll along the road whatever the springs or a crooked mounting do to the camera.
    """
    travel = np.array([*focus, 1.0])
    travel /= np.linalg.norm(travel)
    turned = plane.m - (plane.m @ travel) * travel
    turned *= np.linalg.norm(plane.m) / np.linalg.norm(turned)
    return PlaneEstimate(turned, plane.covariance, plane.is_measured)


def _track_speed_mps(views: EgoViews, mounting: PlaneEstimate, path: PredictedPath) -> float:
    """Needs only expansions and windows, not the travel that was assumed; NaN where the road has too few tracks."""
    inverse = mounting.inverse_depth(views.rays)
    with np.errstate(divide="ignore"):
        depth = np.where(inverse > 0.0, 1.0 / inverse, np.inf)
    near = (depth < _FAR_M) & (views.expansion > 3.0 * views.expansion_sigma)
    lateral = np.full(len(depth), np.inf)
    lateral[near] = views.rays[near, 0] * depth[near] - path.centre_x_m(depth[near])
    on_road = near & (np.abs(lateral) < _HALF_WIDTH_M)
    if np.count_nonzero(on_road) < _MIN_TRACKS:
        return math.nan
    return mode_of_log(views.expansion[on_road] / (inverse[on_road] * views.window_s[on_road]))


def mode_of_log(values: FloatArray) -> float:
    """The most frequent value (N,) of positive numbers: the road outvotes what stands on it, a mean would not."""
    logs = np.sort(np.log(values))
    ahead = np.searchsorted(logs, logs + 2.0 * _BIN, side="right") - np.arange(len(logs))
    first = int(np.argmax(ahead))
    return float(np.exp(np.median(logs[first : first + ahead[first]])))
