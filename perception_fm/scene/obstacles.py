"""Tracks of the scene as obstacles, and what motion has seen joined with what the network has seen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from perception_fm.geometry.box import box_corners_m
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.path import GroundPath
from perception_fm.scene.tracks import SceneTracks
from perception_fm.types import Obstacle, Provenance

FloatArray = NDArray[np.float64]

_SAME_SIGMAS, _MOST_SLACK_SHARE = 3.0, 0.15  # a place that nobody is sure of is not the same as every other
_SAME_SHARE = 0.7
_SAME_M = 1.0  # a box has a rear, and the motion stage measures a plane somewhere on it
# Of what stands in the way: as sure as motion is of a box as wide as the path, where that may go half its width aside.
_IN_THE_WAY = float(ndtr(2.0) - ndtr(-2.0))
_LEAST_SIGMA_M = 1e-6
_MOTION_FIELDS = (
    "ground_distance_m", "ground_distance_sigma_m", "slope_rad", "slope_sigma_rad", "planarity", "expansion",
    "expansion_sigma", "window_s", "track_count",
)  # fmt: skip


def scene_obstacles(
    tracks: SceneTracks,
    odom_from_base: RigidTransform,
    path: GroundPath,
    speed_mps: float,
    scale_sigma: float,
) -> list[Obstacle]:
    """Tracks in the base frame. `scale_sigma`: share by which all distances may be wrong together."""
    base_from_odom = odom_from_base.inverse()
    turn = base_from_odom.rotation[:2, :2]
    state, covariance, size = tracks.state, tracks.covariance, tracks.size_m
    place = np.column_stack([state[:, :2], np.full(len(tracks), odom_from_base.translation_m[2])])
    centre = base_from_odom.apply(place)
    centre[:, 2] = 0.5 * size[:, 2]
    yaw = _wrapped(tracks.yaw_rad + math.atan2(float(turn[1, 0]), float(turn[0, 0])))
    spread = np.sqrt(np.maximum(_variances(covariance[:, :2, :2], turn), 0.0))
    distance, is_in_path = _distances(box_corners_m(centre, size, yaw), _Sides.of(tracks, spread[:, 1]), path)
    sigma = np.hypot(spread[:, 0], scale_sigma * distance)
    position_sigma = np.hypot(spread, scale_sigma * centre[:, :2])
    velocity, velocity_sigma = state[:, 2:] @ turn.T, np.sqrt(_variances(covariance[:, 2:, 2:], turn))
    ttc, ttc_sigma = _times_to_contact(distance, sigma, speed_mps - velocity[:, 0], velocity_sigma[:, 0])
    label, share = tracks.classes()
    return Obstacle.rows_of(
        obstacle_id=tracks.track_id,
        distance_m=distance,
        distance_sigma_m=sigma,
        ttc_s=ttc,
        ttc_sigma_s=ttc_sigma,
        provenance=[Provenance.LEARNED] * len(tracks),
        existence_probability=tracks.existence_probability,
        is_confirmed=tracks.is_confirmed,
        centre_base_m=centre,
        size_m=size,
        is_in_path=is_in_path,
        class_id=label,
        class_probability=share,
        yaw_rad=yaw,
        yaw_sigma_rad=tracks.yaw_sigma_rad,
        position_sigma_m=_level(position_sigma),
        size_sigma_m=tracks.size_sigma_m,
        velocity_mps=_level(velocity),
        velocity_sigma_mps=_level(velocity_sigma),
    )


@dataclass(frozen=True)
class _Sides:
    """How well the sides of boxes (T,) are known: sigma of their place, `width_m`, and how far they may be turned."""

    sigma_m: FloatArray
    width_m: FloatArray
    turned_m: FloatArray

    @classmethod
    def of(cls, tracks: SceneTracks, sigma_m: FloatArray) -> _Sides:
        """From sigmas (T,) of their centres aside; sides that nobody has seen have no error of their own."""
        length, width = np.nan_to_num(tracks.size_m[:, :2]).T
        half_width_sigma = 0.5 * np.nan_to_num(tracks.size_sigma_m[:, 1])
        return cls(np.hypot(sigma_m, half_width_sigma), width, 0.5 * length * np.nan_to_num(tracks.yaw_sigma_rad))

    def sigmas_m(self, left_m: FloatArray) -> FloatArray:
        """Of how far boxes reach aside (T,), with corners at `left_m` (T, 4) of the path.

        A heading that is wrong costs no more reach than it has given: beyond its own width a box reaches aside only
        because it is turned.
        """
        reach = 0.5 * np.maximum(np.ptp(left_m, axis=1) - self.width_m, 0.0)
        return np.asarray(np.hypot(self.sigma_m, np.minimum(reach, self.turned_m)))


def _distances(corners_m: FloatArray, sides: _Sides, path: GroundPath) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Distances (T,) of boxes with corners (T, 4, 2), and whether they reach into the path.

    In the path: along it to where the box reaches into it, which is not its nearest corner where a long one leans in
    with its far end. Beside it: from where the path starts to the nearest corner.
    """
    points = corners_m.reshape(-1, 2)
    along, left = (one.reshape(-1, 4) for one in path.along_and_left_m(points))
    half = path.half_width_m
    inside = [np.where(np.abs(left) <= half, along, math.inf)]
    steps_along, steps_left = (np.roll(one, -1, axis=1) - one for one in (along, left))
    for border in (half, -half):
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (border - left) / steps_left
            inside.append(np.where((share >= 0.0) & (share <= 1.0), along + share * steps_along, math.inf))
    near, far = np.hstack(inside), np.hstack([np.where(np.isfinite(one), one, -math.inf) for one in inside])
    entry = np.maximum(near.min(axis=1), 0.0)
    is_in_path = (far.max(axis=1) > 0.0) & (_hit_probability(left, entry, sides, path) >= _IN_THE_WAY)
    away = np.hypot(*(points - np.array(path.start_m)).T).reshape(-1, 4)
    return np.where(is_in_path, entry, away.min(axis=1)), is_in_path


def _hit_probability(left_m: FloatArray, along_m: FloatArray, sides: _Sides, path: GroundPath) -> FloatArray:
    """How probable it is (T,) that a vehicle, which may go aside of its path, meets what reaches to `left_m` (T, 4) of
    that at `along_m` (T,), give or take the error of its `sides`."""
    path_sigma = path.lateral_sigma_m(np.where(np.isfinite(along_m), along_m, 0.0))
    sigma = np.maximum(np.hypot(path_sigma, sides.sigmas_m(left_m)), _LEAST_SIGMA_M)
    right, left = left_m.min(axis=1) - path.half_width_m, left_m.max(axis=1) + path.half_width_m
    return np.asarray(ndtr(left / sigma) - ndtr(right / sigma))


def _variances(covariance: FloatArray, turn: FloatArray) -> FloatArray:
    """Variances (T, 2) along the axes that covariances (T, 2, 2) are turned into."""
    return np.asarray(np.diagonal(turn @ covariance @ turn.T, axis1=1, axis2=2))


def _level(vectors: FloatArray) -> FloatArray:
    """Vectors (T, 3) of those (T, 2) on the ground; what they are upward is not known."""
    return np.column_stack([vectors, np.full(len(vectors), math.nan)])


def joined(motion: Sequence[Obstacle], scene: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """One obstacle for what both have seen, at the distance that is known better; all others as they are."""
    left = list(scene)
    result = []
    for item in motion:
        mate = min((one for one in left if _is_same(item, one)), key=lambda one: _gap(item, one), default=None)
        if mate is None:
            result.append(item)
            continue
        left.remove(mate)
        result.append(_both(item, mate))
    return (*result, *left)


def _is_same(motion: Obstacle, scene: Obstacle) -> bool:
    """At one distance, and most of the narrower one before or behind the other: a car beside the middle of the path is
    none of the wall behind it."""
    spread = _SAME_SIGMAS * math.hypot(motion.distance_sigma_m, scene.distance_sigma_m)
    slack = _SAME_M + min(spread, _MOST_SLACK_SHARE * motion.distance_m)
    length = float(scene.size_m[0])
    rear = scene.distance_m + (0.0 if math.isnan(length) else length)
    if not scene.distance_m - slack <= motion.distance_m <= rear + slack:
        return False
    (right, left), (scene_right, scene_left) = (np.sort(one.corners_m()[:, 1])[[0, -1]] for one in (motion, scene))
    overlap = min(left, scene_left) - max(right, scene_right)
    return bool(overlap >= _SAME_SHARE * min(left - right, scene_left - scene_right))


def _gap(motion: Obstacle, scene: Obstacle) -> float:
    return abs(motion.distance_m - scene.distance_m)


def _both(motion: Obstacle, scene: Obstacle) -> Obstacle:
    nearer = motion if motion.distance_sigma_m <= scene.distance_sigma_m else scene
    timed = motion if math.isfinite(motion.ttc_s) else scene
    doubt = (1.0 - motion.existence_probability) * (1.0 - scene.existence_probability)
    return dataclasses.replace(
        scene,
        obstacle_id=motion.obstacle_id,
        centre_base_m=scene.centre_base_m + np.array([nearer.distance_m - scene.distance_m, 0.0, 0.0]),
        distance_m=nearer.distance_m,
        distance_sigma_m=nearer.distance_sigma_m,
        ttc_s=timed.ttc_s,
        ttc_sigma_s=timed.ttc_sigma_s,
        provenance=Provenance.BOTH,
        existence_probability=1.0 - doubt,
        is_confirmed=motion.is_confirmed or scene.is_confirmed,
        is_in_path=motion.is_in_path or scene.is_in_path,
        **{name: getattr(motion, name) for name in _MOTION_FIELDS},
    )


def _times_to_contact(
    distance_m: FloatArray, sigma_m: FloatArray, closing_mps: FloatArray, sigma_mps: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Distance over closing speed and its sigma (T,), NaN where nothing surely closes in."""
    closing = np.where(closing_mps > 2.0 * sigma_mps, closing_mps, math.nan)
    ttc = distance_m / closing
    return ttc, np.hypot(sigma_m, ttc * sigma_mps) / closing


def _wrapped(angle_rad: FloatArray) -> FloatArray:
    return np.asarray((angle_rad + math.pi) % (2.0 * math.pi) - math.pi)
