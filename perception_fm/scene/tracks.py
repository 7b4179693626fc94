"""Things over time: stable ids, velocity, and a probability that something is there.

Each track is a Kalman filter of constant velocity in the odometry frame, where what stands still stands still. Things
are given to tracks by least total Mahalanobis distance (scipy's `linear_sum_assignment`). Existence is a sum of log
likelihood ratios, as in track scoring (Blackman, Popoli, Modern Tracking Systems, 1999, chapter 6): up where a thing is
seen again, down where it should be seen and is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.clusters import Cluster
from perception_fm.scene.whole_boxes import Box

FloatArray = NDArray[np.float64]

_GATE = 9.2  # chi square of two degrees of freedom, 99%
_NEW_VELOCITY_SIGMA_MPS = {"still": 0.3, "slow": 2.0, "fast": 10.0}
_ACCELERATION_MPS2 = {"still": 0.3, "slow": 1.5, "fast": 3.0}
_PACE = {
    **dict.fromkeys(("car", "truck", "bus", "train", "motorcycle"), "fast"),
    **dict.fromkeys(("person", "rider", "bicycle"), "slow"),
    **dict.fromkeys(("building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"), "still"),
}
_BIRTH_ODDS = -1.0
_CONFIRMED_ODDS = 3.0
_FORGOTTEN_ODDS = -2.5
_MOST_ODDS = 6.0
_MISSED_ODDS = -1.2  # a thing in view is found again in two of three frames, or it is none
_UNSEEN_ODDS_PER_S = -0.5
_SIZE_MEMORY = 0.3  # of a new frame's size in the average


@dataclass(eq=False)
class SceneTrack:
    """One thing. `state`: x, y, vx, vy in the odometry frame, metres and metres per second; `covariance` (4, 4).

    `size_m`, `size_sigma_m` (3,); `yaw_rad` in the odometry frame. `class_odds` (20,): summed evidence of each class
    and of none. `log_odds` of existence.
    """

    track_id: int
    state: FloatArray
    covariance: FloatArray
    height_m: float
    size_m: FloatArray
    size_sigma_m: FloatArray
    yaw_rad: float
    yaw_sigma_rad: float
    class_odds: FloatArray
    log_odds: float
    is_confirmed: bool = False
    nearest_m: float = math.nan

    @property
    def existence_probability(self) -> float:
        """0 to 1."""
        return 1.0 / (1.0 + math.exp(-self.log_odds))

    @property
    def class_id(self) -> tuple[int, float]:
        """trainId and its share of all evidence; 255 and NaN where none prevails."""
        best = int(np.argmax(self.class_odds))
        share = float(self.class_odds[best] / self.class_odds.sum())
        is_known = best < len(CITYSCAPES_CLASSES) and share >= 0.5
        return (best, share) if is_known else (UNKNOWN_LABEL, math.nan)


class SceneTracker:
    """Owns the tracks of one vehicle: `predict` once a frame, then `update` with what each camera sees.

    `ids` gives numbers for new tracks; none is used twice.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; ids go on."""
        self.tracks: list[SceneTrack] = []

    def predict(self, dt_s: float) -> None:
        """Moves all tracks on; what nobody looks at is forgotten slowly."""
        for track in self.tracks:
            _predict(track, dt_s)
            track.log_odds += _UNSEEN_ODDS_PER_S * dt_s
        self._forget()

    def update(
        self,
        things: Sequence[tuple[Cluster, Box]],
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> list[SceneTrack]:
        """Takes the things that one camera sees, base frame; `is_in_view` says of points (N, 2) there whether it would
        see them. Returns all tracks that are left."""
        places = [_measurement(cluster, box, odom_from_base) for cluster, box in things]
        pairs = self._assigned(places, things)
        found = set(pairs.values())
        for index, number in pairs.items():
            _correct(self.tracks[index], things[number], places[number], odom_from_base)
        self._miss([track for index, track in enumerate(self.tracks) if index not in pairs], odom_from_base, is_in_view)
        self._forget()
        for number, (thing, place) in enumerate(zip(things, places)):
            if number not in found:
                self.tracks.append(_born(next(self._ids), thing, place, odom_from_base))
        return self.tracks

    def _forget(self) -> None:
        for track in self.tracks:
            track.is_confirmed &= track.log_odds > 0.0
        self.tracks = [track for track in self.tracks if track.log_odds > _FORGOTTEN_ODDS]

    def _assigned(
        self, places: Sequence[tuple[FloatArray, FloatArray]], things: Sequence[tuple[Cluster, Box]]
    ) -> dict[int, int]:
        """Index of the thing of each track that got one."""
        if not places or not self.tracks:
            return {}
        states = np.array([track.state[:2] for track in self.tracks])
        spreads = np.array([track.covariance[:2, :2] for track in self.tracks])
        points = np.array([place for place, _ in places])
        noises = np.array([noise for _, noise in places])
        gap = states[:, None] - points[None]
        inverse = np.linalg.inv(spreads[:, None] + noises[None])
        cost = np.einsum("tmi,tmij,tmj->tm", gap, inverse, gap)
        pace_of_track = np.array([_pace(track.class_id[0]) for track in self.tracks])
        pace_of_thing = np.array([_pace(cluster.class_id) for cluster, _ in things])
        is_other = (pace_of_track[:, None] != pace_of_thing[None]) & (pace_of_track[:, None] != "still")
        cost = np.where((cost > _GATE) | (is_other & (pace_of_thing[None] != "still")), 1e6, cost)
        rows, columns = linear_sum_assignment(cost)
        return {int(row): int(column) for row, column in zip(rows, columns) if cost[row, column] < 1e6}

    @staticmethod
    def _miss(
        missed: Sequence[SceneTrack],
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> None:
        if not missed:
            return
        points = np.array([[*track.state[:2], 0.0] for track in missed])
        for track, should_be_seen in zip(missed, is_in_view(odom_from_base.inverse().apply(points)[:, :2])):
            if should_be_seen:
                track.log_odds += _MISSED_ODDS


def _pace(class_id: int) -> str:
    return _PACE.get(CITYSCAPES_CLASSES[class_id], "slow") if class_id < len(CITYSCAPES_CLASSES) else "still"


def _measurement(cluster: Cluster, box: Box, odom_from_base: RigidTransform) -> tuple[FloatArray, FloatArray]:
    """Place (2,) and covariance (2, 2) in the odometry frame."""
    along, across = cluster.position_sigma_m
    turn = odom_from_base.rotation[:2, :2]
    axes = turn @ _turned(cluster.bearing_rad)
    # The middle of a box is known no better than its sides.
    sides = turn @ _turned(box.yaw_rad)
    extent = sides @ np.diag((0.5 * box.size_sigma_m[:2]) ** 2) @ sides.T
    return odom_from_base.apply(box.centre_m)[:2], axes @ np.diag([along**2, across**2]) @ axes.T + extent


def _predict(track: SceneTrack, dt_s: float) -> None:
    step = np.eye(4)
    step[[0, 1], [2, 3]] = dt_s
    pull = np.array([[0.5 * dt_s**2, 0.0], [0.0, 0.5 * dt_s**2], [dt_s, 0.0], [0.0, dt_s]])
    pace = _ACCELERATION_MPS2[_pace(track.class_id[0])]
    track.state = step @ track.state
    track.covariance = step @ track.covariance @ step.T + pace**2 * pull @ pull.T


def _correct(
    track: SceneTrack,
    thing: tuple[Cluster, Box],
    place: tuple[FloatArray, FloatArray],
    odom_from_base: RigidTransform,
) -> None:
    cluster, box = thing
    point, noise = place
    gain = track.covariance[:, :2] @ np.linalg.inv(track.covariance[:2, :2] + noise)
    track.state = track.state + gain @ (point - track.state[:2])
    track.covariance = track.covariance - gain @ track.covariance[:2]
    track.size_m = (1.0 - _SIZE_MEMORY) * track.size_m + _SIZE_MEMORY * box.size_m
    track.size_sigma_m = np.minimum(track.size_sigma_m, box.size_sigma_m)
    track.height_m = float(box.centre_m[2])
    if box.yaw_sigma_rad <= track.yaw_sigma_rad:
        track.yaw_rad, track.yaw_sigma_rad = box.yaw_rad + _heading(odom_from_base), box.yaw_sigma_rad
    track.class_odds = track.class_odds + _class_evidence(cluster)
    track.log_odds = min(_MOST_ODDS, track.log_odds + _seen_odds(cluster))
    track.is_confirmed = track.is_confirmed or track.log_odds >= _CONFIRMED_ODDS
    track.nearest_m = cluster.nearest_m


def _born(
    track_id: int, thing: tuple[Cluster, Box], place: tuple[FloatArray, FloatArray], odom_from_base: RigidTransform
) -> SceneTrack:
    cluster, box = thing
    point, noise = place
    covariance = np.zeros((4, 4))
    covariance[:2, :2] = noise
    covariance[2:, 2:] = np.eye(2) * _NEW_VELOCITY_SIGMA_MPS[_pace(cluster.class_id)] ** 2
    return SceneTrack(
        track_id=track_id,
        state=np.array([*point, 0.0, 0.0]),
        covariance=covariance,
        height_m=float(box.centre_m[2]),
        size_m=box.size_m,
        size_sigma_m=box.size_sigma_m,
        yaw_rad=box.yaw_rad + _heading(odom_from_base),
        yaw_sigma_rad=box.yaw_sigma_rad,
        class_odds=_class_evidence(cluster),
        log_odds=_BIRTH_ODDS + _seen_odds(cluster),
        nearest_m=cluster.nearest_m,
    )


def _seen_odds(cluster: Cluster) -> float:
    """Evidence of one frame that something is there: many sure cells speak louder than two doubtful ones."""
    certainty = 0.5 if math.isnan(cluster.class_probability) else cluster.class_probability
    return min(2.0, 0.35 * math.log2(1.0 + len(cluster.cells)) * (0.5 + certainty))


def _class_evidence(cluster: Cluster) -> FloatArray:
    evidence = np.full(len(CITYSCAPES_CLASSES) + 1, 1e-3)
    is_known = cluster.class_id < len(CITYSCAPES_CLASSES)
    evidence[cluster.class_id if is_known else -1] += cluster.class_probability if is_known else 0.5
    return evidence


def _turned(angle_rad: float) -> FloatArray:
    return np.array([[math.cos(angle_rad), -math.sin(angle_rad)], [math.sin(angle_rad), math.cos(angle_rad)]])


def _heading(odom_from_base: RigidTransform) -> float:
    return math.atan2(float(odom_from_base.rotation[1, 0]), float(odom_from_base.rotation[0, 0]))
