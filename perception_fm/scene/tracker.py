"""Things over time: stable ids, velocity, and a probability that something is there.

In the odometry frame, what stands still stands still. Existence goes up where a thing is seen again, down where it
should be seen and is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.clusters import Clusters
from perception_fm.scene.columns import joined
from perception_fm.scene.track_assignment import assigned
from perception_fm.scene.track_filter import born, corrected, measured_places, predicted
from perception_fm.scene.tracks import SceneTracks
from perception_fm.scene.whole_boxes import Boxes

FloatArray = NDArray[np.float64]

_FORGOTTEN_ODDS = -2.5
_MISSED_ODDS = -1.2  # a thing in view is found again in two of three frames, or it is none
_INDEPENDENT_S = 0.2  # frames that follow sooner repeat the errors of the last one
_LEAST_BOX_M = 1.0  # two things do not stand in each other, nor is one found twice so near


class SceneTracker:
    """Owns the tracks of one vehicle: `predict` once a frame, then `update` with what each camera sees.

    `ids` gives numbers for new tracks; none is used twice.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids
        self._share = 1.0  # of a frame's evidence that is new
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; ids go on."""
        self.tracks = SceneTracks.none()

    def predict(self, dt_s: float) -> None:
        """Moves all tracks on; what nobody looks at is forgotten."""
        self._share = min(1.0, dt_s / _INDEPENDENT_S)
        self.tracks = _remembered(predicted(self.tracks, dt_s))

    def update(
        self,
        things: Clusters,
        boxes: Boxes,
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> SceneTracks:
        """Takes the things (N,) that one camera sees and their boxes (N,), base frame; `is_in_view` says of points
        (N, 2) there whether it would see them. Returns all tracks that are left."""
        places, noises = measured_places(things, boxes, odom_from_base)
        seen, found = assigned(self.tracks, things, places, noises)
        of_pairs = (things.at(found), boxes.at(found), (places[found], noises[found]), odom_from_base)
        again = corrected(self.tracks.at(seen), *of_pairs, self._share)
        missed = self._doubted(self.tracks.at(_others(len(self.tracks), seen)), again, odom_from_base, is_in_view)
        new = _others(len(things), found)
        of_new = (things.at(new), boxes.at(new), (places[new], noises[new]), odom_from_base)
        first = born([next(self._ids) for _ in new], *of_new)
        self.tracks = _remembered(joined([again, missed, first]))
        return self.tracks

    def _doubted(
        self,
        missed: SceneTracks,
        seen: SceneTracks,
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> SceneTracks:
        """Less sure of those that should be seen and are not, and of those that lie inside one that is."""
        points = np.column_stack([missed.state[:, :2], np.zeros(len(missed))])
        is_doubtful = is_in_view(odom_from_base.inverse().apply(points)[:, :2]) | _inside(points[:, :2], seen)
        return dataclasses.replace(missed, log_odds=missed.log_odds + self._share * _MISSED_ODDS * is_doubtful)


def _remembered(tracks: SceneTracks) -> SceneTracks:
    """Those that may still be there, in the order of their ids; what is more likely not there is not confirmed."""
    order = np.argsort(tracks.track_id)
    left = tracks.at(order[tracks.log_odds[order] > _FORGOTTEN_ODDS])
    return dataclasses.replace(left, is_confirmed=left.is_confirmed & (left.log_odds > 0.0))


def _inside(points_m: FloatArray, tracks: SceneTracks) -> NDArray[np.bool_]:
    """Whether points (N, 2) of the odometry frame lie in the box of any of the tracks."""
    half = 0.5 * np.fmax(tracks.size_m[:, :2], _LEAST_BOX_M)
    x, y = np.moveaxis(points_m[:, None] - tracks.state[:, :2], -1, 0)
    cos, sin = np.cos(tracks.yaw_rad), np.sin(tracks.yaw_rad)
    along, across = x * cos + y * sin, y * cos - x * sin
    return np.asarray(((np.abs(along) <= half[:, 0]) & (np.abs(across) <= half[:, 1])).any(axis=1))


def _others(count: int, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Indices up to `count` that are not chosen."""
    is_other = np.ones(count, bool)
    is_other[chosen] = False
    return np.flatnonzero(is_other)
