"""Which thing of a frame is which track: least total Mahalanobis distance (scipy's `linear_sum_assignment`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from perception_fm.scene.clusters import Clusters
from perception_fm.scene.tracks import PACE_OF_CLASS, STILL, SceneTracks

FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]

_GATE = 9.2  # chi square of two degrees of freedom, 99%
_NO_PAIR = 1e6
_MOST_GAP_M, _MOST_GAP_SHARE = 1.5, 0.15  # of the distance: what things move, and depths err, in a frame


def assigned(
    tracks: SceneTracks, things: Clusters, places_m: FloatArray, noises: FloatArray
) -> tuple[Indices, Indices]:
    """Indices of the tracks that are seen, and of the thing of each.

    `places_m` (N, 2) of the things in the odometry frame, `noises` (N, 2, 2) their covariances.
    """
    if not len(things) or not len(tracks):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    x, y = np.moveaxis(tracks.state[:, None, :2] - places_m, -1, 0)
    (xx, xy), (_, yy) = np.moveaxis(tracks.covariance[:, None, :2, :2] + noises, (-2, -1), (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = xx * yy - xy**2
        cost = (yy * x**2 - 2.0 * xy * x * y + xx * y**2) / area
        is_near = (cost >= 0.0) & (cost <= _GATE)  # neither where an ellipse is so long that its area is lost
        # A place that nobody is sure of is near to everything: likelihoods, not distances alone, and a last word.
        cost += np.log(area)
    is_near &= np.hypot(x, y) <= _MOST_GAP_M + _MOST_GAP_SHARE * things.nearest_m
    of_track, of_thing = tracks.paces()[:, None], PACE_OF_CLASS[things.class_id]
    is_other = (of_track != of_thing) & (of_track != STILL) & (of_thing != STILL)
    cost = np.where(is_near & ~is_other, cost, _NO_PAIR)
    seen, found = linear_sum_assignment(cost)
    is_pair = cost[seen, found] < _NO_PAIR
    return seen[is_pair], found[is_pair]
