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
_NO_PAIR = 1e6
_MOST_GAP_M, _MOST_GAP_SHARE = 1.5, 0.15  # of the distance: what things move, and depths err, in a frame
_STILL, _SLOW, _FAST = range(3)
_NEW_VELOCITY_SIGMA_MPS = np.array([0.05, 2.0, 8.0])
_ACCELERATION_MPS2 = np.array([0.05, 1.5, 3.0])
_RANGE_NOISE_SHARE = 0.04  # of the distance, from frame to frame, whatever the depth says of its own error
_PACES = {
    **dict.fromkeys(("car", "truck", "bus", "train", "motorcycle"), _FAST),
    **dict.fromkeys(("building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"), _STILL),
}
_PACE_OF_CLASS = np.full(UNKNOWN_LABEL + 1, _STILL)
_PACE_OF_CLASS[: len(CITYSCAPES_CLASSES)] = [_PACES.get(name, _SLOW) for name in CITYSCAPES_CLASSES]
_BIRTH_ODDS = -1.0
_CONFIRMED_ODDS = 3.0
_FORGOTTEN_ODDS = -2.5
_MOST_ODDS = 6.0
_MISSED_ODDS = -1.2  # a thing in view is found again in two of three frames, or it is none
_UNSEEN_ODDS_PER_S = -3.0  # what is not looked at is sure for two seconds: it may move
_MOVING_SIGMAS = 3.0  # a thing that nobody sees goes on only with a speed that surely is none of noise
_INDEPENDENT_S = 0.2  # frames that follow sooner repeat the errors of the last one
_LEAST_BOX_M = 1.0  # two things do not stand in each other, nor is one found twice so near
_SURE_PLACE_SHARE = 0.2  # of the distance: what is less sure of its place is less evidence
_SIZE_MEMORY = 0.3  # of a new frame's size in the average


@dataclass(eq=False)
class SceneTrack:
    """One thing. `state`: x, y, vx, vy in the odometry frame, metres and metres per second; `covariance` (4, 4).

    `size_m`, `size_sigma_m` (3,); `yaw_rad` in the odometry frame. `class_odds` (20,): summed evidence of each class
    and of none. `log_odds` of existence. `unseen_s`: since it was last seen.
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
    unseen_s: float = 0.0

    @property
    def existence_probability(self) -> float:
        """0 to 1."""
        return 1.0 / (1.0 + math.exp(-self.log_odds))

    @property
    def class_id(self) -> tuple[int, float]:
        """trainId and its share of all evidence; 255 and NaN where none prevails."""
        label, share = classes_of(self.class_odds[None])
        return int(label[0]), float(share[0])


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
        self.tracks: list[SceneTrack] = []

    def predict(self, dt_s: float) -> None:
        """Moves all tracks on; what nobody looks at is forgotten."""
        self._share = min(1.0, dt_s / _INDEPENDENT_S)
        if self.tracks:
            _predict(self.tracks, dt_s)
        self._forget()

    def update(
        self,
        things: Sequence[tuple[Cluster, Box]],
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> list[SceneTrack]:
        """Takes the things that one camera sees, base frame; `is_in_view` says of points (N, 2) there whether it would
        see them. Returns all tracks that are left."""
        points, noises = _places(things, odom_from_base)
        seen, found = self._assigned(things, points, noises)
        if len(seen):
            tracks = [self.tracks[one] for one in seen]
            _correct(tracks, [things[one] for one in found], points[found], noises[found], odom_from_base,
                     self._share)  # fmt: skip
        self._miss(_others(len(self.tracks), seen), seen, odom_from_base, is_in_view)
        self._forget()
        for new in _others(len(things), found):
            self.tracks.append(_born(next(self._ids), things[new], points[new], noises[new], odom_from_base))
        return self.tracks

    def _forget(self) -> None:
        for track in self.tracks:
            track.is_confirmed = track.is_confirmed and track.log_odds > 0.0
        self.tracks = [track for track in self.tracks if track.log_odds > _FORGOTTEN_ODDS]

    def _assigned(
        self, things: Sequence[tuple[Cluster, Box]], points: FloatArray, noises: FloatArray
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indices of the tracks that are seen, and of the thing of each."""
        if not things or not self.tracks:
            return np.zeros(0, np.intp), np.zeros(0, np.intp)
        state, covariance = _stacked(self.tracks)
        x, y = np.moveaxis(state[:, None, :2] - points, -1, 0)
        (xx, xy), (_, yy) = np.moveaxis(covariance[:, None, :2, :2] + noises, (-2, -1), (0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            area = xx * yy - xy**2
            cost = (yy * x**2 - 2.0 * xy * x * y + xx * y**2) / area
            is_near = (cost >= 0.0) & (cost <= _GATE)  # neither where an ellipse is so long that its area is lost
            # A place that nobody is sure of is near to everything: likelihoods, not distances alone, and a last word.
            cost += np.log(area)
        nearest = np.array([cluster.nearest_m for cluster, _ in things])
        is_near &= np.hypot(x, y) <= _MOST_GAP_M + _MOST_GAP_SHARE * nearest
        of_track, of_thing = _paces(self.tracks)[:, None], _PACE_OF_CLASS[[cluster.class_id for cluster, _ in things]]
        is_other = (of_track != of_thing) & (of_track != _STILL) & (of_thing != _STILL)
        cost = np.where(is_near & ~is_other, cost, _NO_PAIR)
        seen, found = linear_sum_assignment(cost)
        is_pair = cost[seen, found] < _NO_PAIR
        return seen[is_pair], found[is_pair]

    def _miss(
        self,
        missed: Sequence[int],
        seen: NDArray[np.intp],
        odom_from_base: RigidTransform,
        is_in_view: Callable[[FloatArray], NDArray[np.bool_]],
    ) -> None:
        """Doubts the tracks that should be seen and are not, and those that lie inside one that is."""
        if not missed:
            return
        points = np.array([[*self.tracks[one].state[:2], 0.0] for one in missed])
        should_be_seen = is_in_view(odom_from_base.inverse().apply(points)[:, :2])
        should_be_seen = should_be_seen | _inside(points[:, :2], [self.tracks[one] for one in seen])
        for one, is_doubtful in zip(missed, should_be_seen):
            if is_doubtful:
                self.tracks[one].log_odds += self._share * _MISSED_ODDS


def _inside(points_m: FloatArray, tracks: Sequence[SceneTrack]) -> NDArray[np.bool_]:
    """Whether points (N, 2) of the odometry frame lie in the box of any of the tracks."""
    if not tracks:
        return np.zeros(len(points_m), bool)
    yaw = np.array([track.yaw_rad for track in tracks])
    half = np.array([0.5 * np.fmax(track.size_m[:2], _LEAST_BOX_M) for track in tracks])
    x, y = np.moveaxis(points_m[:, None] - np.array([track.state[:2] for track in tracks]), -1, 0)
    along, across = x * np.cos(yaw) + y * np.sin(yaw), y * np.cos(yaw) - x * np.sin(yaw)
    return np.asarray(((np.abs(along) <= half[:, 0]) & (np.abs(across) <= half[:, 1])).any(axis=1))


def classes_of(class_odds: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Of summed evidence (T, 20), trainIds (T,) and their shares (T,) of it; 255 and NaN where none prevails."""
    best = class_odds.argmax(axis=1)
    share = class_odds.max(axis=1) / class_odds.sum(axis=1)
    is_known = (best < len(CITYSCAPES_CLASSES)) & (share >= 0.5)
    return np.where(is_known, best, UNKNOWN_LABEL), np.where(is_known, share, np.nan)


def _others(count: int, chosen: NDArray[np.intp]) -> list[int]:
    """Indices up to `count` that are not chosen."""
    return sorted(set(range(count)).difference(chosen.tolist()))


def _stacked(tracks: Sequence[SceneTrack]) -> tuple[FloatArray, FloatArray]:
    """States (T, 4) and covariances (T, 4, 4)."""
    return np.array([track.state for track in tracks]), np.array([track.covariance for track in tracks])


def _paces(tracks: Sequence[SceneTrack]) -> NDArray[np.intp]:
    """Pace (T,) of the class of each track."""
    odds = np.array([track.class_odds for track in tracks])
    is_known = odds[:, :-1].max(axis=1) >= 0.5 * odds.sum(axis=1)
    return np.where(is_known, _PACE_OF_CLASS[odds.argmax(axis=1)], _STILL)


def _places(things: Sequence[tuple[Cluster, Box]], odom_from_base: RigidTransform) -> tuple[FloatArray, FloatArray]:
    """Places (N, 2) of things and their covariances (N, 2, 2) in the odometry frame."""
    centre = np.array([box.centre_m for _, box in things]).reshape(-1, 3)
    sight = _ellipses(
        [
            (one.bearing_rad, np.hypot(one.position_sigma_m, [_RANGE_NOISE_SHARE * one.nearest_m, 0.0]))
            for one, _ in things
        ]
    )
    # The middle of a box is known no better than its sides.
    sides = _ellipses([(box.yaw_rad, 0.5 * box.size_sigma_m[:2]) for _, box in things])
    turn = odom_from_base.rotation[:2, :2]
    return odom_from_base.apply(centre)[:, :2], turn @ (sight + sides) @ turn.T


def _ellipses(axes: Sequence[tuple[float, FloatArray]]) -> FloatArray:
    """Covariances (N, 2, 2) from the direction of the first axis and the sigmas (2,) along both."""
    angle = np.array([angle_rad for angle_rad, _ in axes])
    sigma = np.array([sigma for _, sigma in axes]).reshape(-1, 1, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    scaled = np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0) * sigma
    return np.asarray(scaled @ scaled.swapaxes(1, 2))


def _predict(tracks: Sequence[SceneTrack], dt_s: float) -> None:
    step = np.eye(4)
    step[[0, 1], [2, 3]] = dt_s
    pull = np.array([[0.5 * dt_s**2, 0.0], [0.0, 0.5 * dt_s**2], [dt_s, 0.0], [0.0, dt_s]])
    state, covariance = _stacked(tracks)
    variance = _ACCELERATION_MPS2[_paces(tracks)] ** 2
    speed, sigma = state[:, 2:], np.sqrt(np.trace(covariance[:, 2:, 2:], axis1=1, axis2=2))
    is_sure = np.hypot(*speed.T) > _MOVING_SIGMAS * sigma
    is_moved = is_sure | (np.array([track.unseen_s for track in tracks]) == 0.0)
    state[:, :2] += dt_s * speed * is_moved[:, None]
    covariance = step @ covariance @ step.T + variance[:, None, None] * (pull @ pull.T)
    for one, track in enumerate(tracks):
        track.state, track.covariance = state[one], covariance[one]
        track.log_odds += _UNSEEN_ODDS_PER_S * dt_s
        track.unseen_s += dt_s


def _correct(
    tracks: Sequence[SceneTrack],
    things: Sequence[tuple[Cluster, Box]],
    points: FloatArray,
    noises: FloatArray,
    odom_from_base: RigidTransform,
    share: float,
) -> None:
    """One Kalman step of each track (T,) with its thing, and what else the thing says."""
    state, covariance = _stacked(tracks)
    gain = covariance[:, :, :2] @ np.linalg.inv(covariance[:, :2, :2] + noises)
    state += (gain @ (points - state[:, :2])[..., None])[..., 0]
    covariance -= gain @ covariance[:, :2]
    heading = _heading(odom_from_base)
    for one, (track, (cluster, box)) in enumerate(zip(tracks, things)):
        track.state, track.covariance = state[one], covariance[one]
        _describe(track, cluster, box, heading, share)


def _describe(track: SceneTrack, cluster: Cluster, box: Box, heading_rad: float, share: float) -> None:
    """Size, class and existence with one more sight of the thing."""
    track.size_m = (1.0 - _SIZE_MEMORY) * track.size_m + _SIZE_MEMORY * box.size_m
    track.size_sigma_m = np.minimum(track.size_sigma_m, box.size_sigma_m)
    track.height_m = float(box.centre_m[2])
    if box.yaw_sigma_rad <= track.yaw_sigma_rad:
        track.yaw_rad, track.yaw_sigma_rad = box.yaw_rad + heading_rad, box.yaw_sigma_rad
    track.class_odds = track.class_odds + _class_evidence(cluster)
    track.log_odds = min(_MOST_ODDS, track.log_odds + share * _seen_odds(cluster))
    track.is_confirmed = track.is_confirmed or track.log_odds >= _CONFIRMED_ODDS
    track.nearest_m, track.unseen_s = cluster.nearest_m, 0.0


def _born(
    track_id: int,
    thing: tuple[Cluster, Box],
    point: FloatArray,
    noise: FloatArray,
    odom_from_base: RigidTransform,
) -> SceneTrack:
    cluster, box = thing
    covariance = np.zeros((4, 4))
    covariance[:2, :2] = noise
    covariance[2:, 2:] = np.eye(2) * _NEW_VELOCITY_SIGMA_MPS[_PACE_OF_CLASS[cluster.class_id]] ** 2
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
    """Evidence of one frame that something is there: many sure cells speak louder than two doubtful ones far off."""
    certainty = 0.5 if math.isnan(cluster.class_probability) else cluster.class_probability
    place = min(1.0, _SURE_PLACE_SHARE * cluster.nearest_m / max(float(cluster.position_sigma_m[0]), 1e-6))
    return place * min(2.0, 0.35 * math.log2(1.0 + len(cluster.cells)) * (0.5 + certainty))


def _class_evidence(cluster: Cluster) -> FloatArray:
    evidence = np.full(len(CITYSCAPES_CLASSES) + 1, 1e-3)
    is_known = cluster.class_id < len(CITYSCAPES_CLASSES)
    evidence[cluster.class_id if is_known else -1] += cluster.class_probability if is_known else 0.5
    return evidence


def _heading(odom_from_base: RigidTransform) -> float:
    return math.atan2(float(odom_from_base.rotation[1, 0]), float(odom_from_base.rotation[0, 0]))
