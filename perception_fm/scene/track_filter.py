"""How tracks follow their things: a Kalman filter of constant velocity for each, in the odometry frame.

Existence is a sum of log likelihood ratios, as in track scoring (Blackman, Popoli, Modern Tracking Systems, 1999,
chapter 6). All functions work on all tracks at once.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.clusters import Clusters
from perception_fm.scene.tracks import PACE_OF_CLASS, SceneTracks
from perception_fm.scene.whole_boxes import Boxes

FloatArray = NDArray[np.float64]

_NEW_VELOCITY_SIGMA_MPS = np.array([0.05, 2.0, 8.0])
_ACCELERATION_MPS2 = np.array([0.05, 1.5, 3.0])
# Of the error that a depth states of itself, half is new in each frame; the rest is the same for seconds, and a filter
# that took it for noise would follow too slowly to keep a moving thing.
_NOISE_OF_ERROR = 0.5
_RANGE_NOISE_SHARE = 0.04  # of the distance, from frame to frame, whatever the depth says of its own error
_BIRTH_ODDS = -1.0
_CONFIRMED_ODDS = 3.0
_MOST_ODDS = 6.0
_UNSEEN_ODDS_PER_S = -3.0  # what is not looked at is sure for two seconds: it may move
_MOVING_SIGMAS = 3.0  # a thing that nobody sees goes on only with a speed that surely is none of noise
_SURE_PLACE_SHARE = 0.2  # of the distance: what is less sure of its place is less evidence
_SIZE_MEMORY = 0.3  # of a new frame's size in the average


def measured_places(things: Clusters, boxes: Boxes, odom_from_base: RigidTransform) -> tuple[FloatArray, FloatArray]:
    """Places (N, 2) of things and their covariances (N, 2, 2) in the odometry frame."""
    along = np.hypot(_NOISE_OF_ERROR * things.position_sigma_m[:, 0], _RANGE_NOISE_SHARE * things.nearest_m)
    sight = _ellipses(things.bearing_rad, np.column_stack([along, things.position_sigma_m[:, 1]]))
    # The middle of a box is known no better than its sides.
    sides = _ellipses(boxes.yaw_rad, 0.5 * boxes.size_sigma_m[:, :2])
    turn = odom_from_base.rotation[:2, :2]
    return odom_from_base.apply(boxes.centre_m)[:, :2], turn @ (sight + sides) @ turn.T


def _ellipses(angle_rad: FloatArray, sigma_m: FloatArray) -> FloatArray:
    """Covariances (N, 2, 2) from the direction (N,) of the first axis and the sigmas (N, 2) along both."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    scaled = np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0) * sigma_m[:, None]
    return np.asarray(scaled @ scaled.swapaxes(1, 2))


def predicted(tracks: SceneTracks, dt_s: float) -> SceneTracks:
    """The tracks `dt_s` later, with nobody looking."""
    step = np.eye(4)
    step[[0, 1], [2, 3]] = dt_s
    pull = np.array([[0.5 * dt_s**2, 0.0], [0.0, 0.5 * dt_s**2], [dt_s, 0.0], [0.0, dt_s]])
    state, covariance = tracks.state.copy(), tracks.covariance
    variance = _ACCELERATION_MPS2[tracks.paces()] ** 2
    speed, sigma = state[:, 2:], np.sqrt(np.trace(covariance[:, 2:, 2:], axis1=1, axis2=2))
    is_moved = (np.hypot(*speed.T) > _MOVING_SIGMAS * sigma) | (tracks.unseen_s == 0.0)
    state[:, :2] += dt_s * speed * is_moved[:, None]
    return dataclasses.replace(
        tracks,
        state=state,
        covariance=step @ covariance @ step.T + variance[:, None, None] * (pull @ pull.T),
        log_odds=tracks.log_odds + _UNSEEN_ODDS_PER_S * dt_s,
        unseen_s=tracks.unseen_s + dt_s,
    )


def corrected(
    tracks: SceneTracks,
    things: Clusters,
    boxes: Boxes,
    measured: tuple[FloatArray, FloatArray],
    odom_from_base: RigidTransform,
    share: float,
) -> SceneTracks:
    """One Kalman step of each track (T,) with its thing (T,), and what else the thing says: size, class, existence.

    `measured`: as of `measured_places`. `share` of the evidence is new.
    """
    points, noises = measured
    gain = tracks.covariance[:, :, :2] @ np.linalg.inv(tracks.covariance[:, :2, :2] + noises)
    is_surer = boxes.yaw_sigma_rad <= tracks.yaw_sigma_rad
    log_odds = np.minimum(_MOST_ODDS, tracks.log_odds + share * _seen_odds(things))
    return dataclasses.replace(
        tracks,
        state=tracks.state + (gain @ (points - tracks.state[:, :2])[..., None])[..., 0],
        covariance=tracks.covariance - gain @ tracks.covariance[:, :2],
        size_m=(1.0 - _SIZE_MEMORY) * tracks.size_m + _SIZE_MEMORY * boxes.size_m,
        size_sigma_m=np.minimum(tracks.size_sigma_m, boxes.size_sigma_m),
        yaw_rad=np.where(is_surer, boxes.yaw_rad + _heading(odom_from_base), tracks.yaw_rad),
        yaw_sigma_rad=np.where(is_surer, boxes.yaw_sigma_rad, tracks.yaw_sigma_rad),
        class_odds=tracks.class_odds + _class_evidence(things),
        log_odds=log_odds,
        is_confirmed=tracks.is_confirmed | (log_odds >= _CONFIRMED_ODDS),
        nearest_m=things.nearest_m,
        unseen_s=np.zeros(len(tracks)),
    )


def born(
    ids: list[int],
    things: Clusters,
    boxes: Boxes,
    measured: tuple[FloatArray, FloatArray],
    odom_from_base: RigidTransform,
) -> SceneTracks:
    """New tracks of things (N,) that are none of the others."""
    points, noises = measured
    count = len(things)
    covariance = np.zeros((count, 4, 4))
    covariance[:, :2, :2] = noises
    covariance[:, [2, 3], [2, 3]] = _NEW_VELOCITY_SIGMA_MPS[PACE_OF_CLASS[things.class_id]][:, None] ** 2
    return SceneTracks(
        track_id=np.array(ids, np.int64),
        state=np.column_stack([points, np.zeros((count, 2))]),
        covariance=covariance,
        size_m=boxes.size_m,
        size_sigma_m=boxes.size_sigma_m,
        yaw_rad=boxes.yaw_rad + _heading(odom_from_base),
        yaw_sigma_rad=boxes.yaw_sigma_rad,
        class_odds=_class_evidence(things),
        log_odds=_BIRTH_ODDS + _seen_odds(things),
        is_confirmed=np.zeros(count, bool),
        nearest_m=things.nearest_m,
        unseen_s=np.zeros(count),
    )


def _seen_odds(things: Clusters) -> FloatArray:
    """Evidence (N,) of one frame that something is there: many sure cells speak louder than two doubtful ones far
    off."""
    certainty = np.where(np.isnan(things.class_probability), 0.5, things.class_probability)
    sigma = np.maximum(things.position_sigma_m[:, 0], 1e-6)
    place = np.minimum(1.0, _SURE_PLACE_SHARE * things.nearest_m / sigma)
    return np.asarray(place * np.minimum(2.0, 0.35 * np.log2(1.0 + things.cell_count) * (0.5 + certainty)))


def _class_evidence(things: Clusters) -> FloatArray:
    """Of each class and of none (N, 20)."""
    evidence = np.full((len(things), len(CITYSCAPES_CLASSES) + 1), 1e-3)
    is_known = things.class_id < len(CITYSCAPES_CLASSES)
    column = np.where(is_known, things.class_id, len(CITYSCAPES_CLASSES))
    evidence[np.arange(len(things)), column] += np.where(is_known, things.class_probability, 0.5)
    return evidence


def _heading(odom_from_base: RigidTransform) -> float:
    return math.atan2(float(odom_from_base.rotation[1, 0]), float(odom_from_base.rotation[0, 0]))
