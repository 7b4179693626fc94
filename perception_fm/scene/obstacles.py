"""Tracks of the scene as obstacles, and what motion has seen joined with what the network has seen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.box import box_corners_m
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.path import GroundPath
from perception_fm.scene.tracks import SceneTrack
from perception_fm.types import Obstacle, Provenance

FloatArray = NDArray[np.float64]

_SAME_SIGMAS = 3.0
_SAME_M = 1.0  # a box has a rear, and the motion stage measures a plane somewhere on it
_MOTION_FIELDS = (
    "ground_distance_m", "ground_distance_sigma_m", "slope_rad", "slope_sigma_rad", "planarity", "expansion",
    "expansion_sigma", "window_s", "track_count",
)  # fmt: skip


def scene_obstacle(
    track: SceneTrack, odom_from_base: RigidTransform, path: GroundPath, speed_mps: float, scale_sigma: float
) -> Obstacle:
    """A track in the base frame. `scale_sigma`: share by which all distances may be wrong together."""
    base_from_odom = odom_from_base.inverse()
    centre = base_from_odom.apply(np.array([track.state[0], track.state[1], odom_from_base.translation_m[2]]))
    centre[2] = 0.5 * track.size_m[2]
    turn = base_from_odom.rotation[:2, :2]
    yaw = _wrapped(track.yaw_rad + math.atan2(float(turn[1, 0]), float(turn[0, 0])))
    corners = box_corners_m(centre, track.size_m, yaw)
    along, left = path.along_and_left_m(corners)
    is_in_path = bool(left.min() <= path.half_width_m and left.max() >= -path.half_width_m and along.max() > 0.0)
    away = np.hypot(*(corners - np.array(path.start_m)).T)
    distance = max(float(along.min()), 0.0) if is_in_path else float(away.min())
    place = turn @ track.covariance[:2, :2] @ turn.T
    velocity = turn @ track.state[2:]
    spread = turn @ track.covariance[2:, 2:] @ turn.T
    sigma = math.sqrt(max(float(place[0, 0]), 0.0) + (scale_sigma * distance) ** 2)
    ttc, ttc_sigma = _time_to_contact(distance, sigma, speed_mps - float(velocity[0]), math.sqrt(float(spread[0, 0])))
    label, probability = track.class_id
    return Obstacle(
        obstacle_id=track.track_id,
        distance_m=distance,
        distance_sigma_m=sigma,
        ttc_s=ttc,
        ttc_sigma_s=ttc_sigma,
        provenance=Provenance.LEARNED,
        existence_probability=track.existence_probability,
        is_confirmed=track.is_confirmed,
        centre_base_m=centre,
        size_m=track.size_m,
        is_in_path=is_in_path,
        class_id=label,
        class_probability=probability,
        yaw_rad=yaw,
        yaw_sigma_rad=track.yaw_sigma_rad,
        position_sigma_m=np.append(np.sqrt(np.diag(place) + (scale_sigma * centre[:2]) ** 2), math.nan),
        size_sigma_m=track.size_sigma_m,
        velocity_mps=np.append(velocity, math.nan),
        velocity_sigma_mps=np.append(np.sqrt(np.diag(spread)), math.nan),
    )


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
    if not (scene.is_in_path and math.isfinite(motion.distance_m)):
        return False
    slack = _SAME_M + _SAME_SIGMAS * math.hypot(motion.distance_sigma_m, scene.distance_sigma_m)
    rear = scene.distance_m + float(np.nan_to_num(scene.size_m[0]))
    return scene.distance_m - slack <= motion.distance_m <= rear + slack


def _gap(motion: Obstacle, scene: Obstacle) -> float:
    return abs(motion.distance_m - scene.distance_m)


def _both(motion: Obstacle, scene: Obstacle) -> Obstacle:
    nearer = motion if motion.distance_sigma_m <= scene.distance_sigma_m else scene
    timed = motion if math.isfinite(motion.ttc_s) else scene
    doubt = (1.0 - motion.existence_probability) * (1.0 - scene.existence_probability)
    return dataclasses.replace(
        scene,
        obstacle_id=min(motion.obstacle_id, scene.obstacle_id),  # the older one: it has gone out before
        distance_m=nearer.distance_m,
        distance_sigma_m=nearer.distance_sigma_m,
        ttc_s=timed.ttc_s,
        ttc_sigma_s=timed.ttc_sigma_s,
        provenance=Provenance.BOTH,
        existence_probability=1.0 - doubt,
        is_confirmed=motion.is_confirmed or scene.is_confirmed,
        **{name: getattr(motion, name) for name in _MOTION_FIELDS},
    )


def _time_to_contact(distance_m: float, sigma_m: float, closing_mps: float, sigma_mps: float) -> tuple[float, float]:
    """Distance over closing speed, NaN where nothing surely closes in."""
    if not closing_mps > 2.0 * sigma_mps:
        return math.nan, math.nan
    ttc = distance_m / closing_mps
    return ttc, math.hypot(sigma_m, ttc * sigma_mps) / closing_mps


def _wrapped(angle_rad: float) -> float:
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi
