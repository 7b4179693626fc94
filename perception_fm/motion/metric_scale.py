"""Speed from the camera's height over the road, for vehicles without odometry.

Without a speed, expansion gives time, not metres. But the road's own expansion is e = c_z (m . ray) with m known from
the mounting, so the travel c_z follows from how fast the near road streams by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.ego_views import EgoViews

FloatArray = NDArray[np.float64]

SPEED_SIGMA_SHARE = 0.08  # camera height 5%, pitch 0.3 degrees at 10 m 3%, tracks on kerbs the rest
_FAR_M = 15.0
_HALF_WIDTH_M = 2.5
_MIN_TRACKS = 8
_MEMORY_S = 1.0
_BIN = 0.1  # width of a bin of log speed


class SpeedFromRoad:
    """Smoothed speed; NaN until the road has shown it."""

    def __init__(self) -> None:
        self.speed_mps = float("nan")

    def reset(self) -> None:
        """Forget."""
        self.speed_mps = float("nan")

    def update(self, views: EgoViews, mounting: PlaneEstimate, path: PredictedPath, dt_s: float) -> None:
        """From tracks on the near road; needs only expansions and windows, not the travel that was assumed."""
        inverse = mounting.inverse_depth(views.rays)
        with np.errstate(divide="ignore"):
            depth = np.where(inverse > 0.0, 1.0 / inverse, np.inf)
        near = (depth < _FAR_M) & (views.expansion > 3.0 * views.expansion_sigma)
        lateral = np.full(len(depth), np.inf)
        lateral[near] = views.rays[near, 0] * depth[near] - path.centre_x_m(depth[near])
        on_road = near & (np.abs(lateral) < _HALF_WIDTH_M)
        if np.count_nonzero(on_road) < _MIN_TRACKS:
            return
        measured = mode_of_log(views.expansion[on_road] / (inverse[on_road] * views.window_s[on_road]))
        if not np.isfinite(self.speed_mps):
            self.speed_mps = measured
            return
        self.speed_mps += (1.0 - float(np.exp(-dt_s / _MEMORY_S))) * (measured - self.speed_mps)


def mode_of_log(values: FloatArray) -> float:
    """The most frequent value (N,) of positive numbers: the road outvotes what stands on it, a mean would not."""
    logs = np.sort(np.log(values))
    ahead = np.searchsorted(logs, logs + 2.0 * _BIN, side="right") - np.arange(len(logs))
    first = int(np.argmax(ahead))
    return float(np.exp(np.median(logs[first : first + ahead[first]])))
