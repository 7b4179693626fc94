"""From a hypothesis of the motion stage to an obstacle as the rest of the world sees it."""

from __future__ import annotations

import math

import numpy as np

from perception_fm.motion.metric_scale import SPEED_SIGMA_SHARE
from perception_fm.motion.obstacle_tracks import ObstacleTrack
from perception_fm.motion.plane_fit import PlaneFit
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.types import Obstacle, Provenance, ScaleSource


def motion_obstacle(track: ObstacleTrack, report: MotionReport, frame: RectifiedFrame) -> Obstacle:
    """Distances along the path from the camera, centre in the base frame; the report has path, road and mounting."""
    assert report.path is not None
    assert report.road is not None
    assert frame.base_from_camera is not None
    depth, path, road = track.distance_m(report.odometer_m), report.path, report.road
    x = float(path.centre_x_m(np.array([depth]))[0])
    foot = np.array([x, (1.0 - road.m[0] * x - road.m[2] * depth) / road.m[1], depth])
    foot_base = frame.base_from_camera.apply(foot)
    ahead = float(foot_base[0] - frame.base_from_camera.translation_m[0])
    stretch = ahead / depth
    width, height = _extent(track, report)
    centre = foot_base + np.array([0.0, 0.0, 0.5 * height])
    fit = track.fit if track.is_seen else None
    ground, ground_sigma = track.ground_m if track.is_seen and track.ground_m is not None else (math.nan, math.nan)
    ttc, ttc_sigma = _time_to_contact(track, report)
    return Obstacle(
        obstacle_id=track.track_id,
        distance_m=ahead,
        distance_sigma_m=stretch * _distance_sigma_m(track, report),
        ttc_s=ttc,
        ttc_sigma_s=ttc_sigma,
        provenance=Provenance.MOTION,
        existence_probability=1.0 / (1.0 + math.exp(-track.log_ratio)),
        is_confirmed=track.is_confirmed,
        centre_base_m=centre,
        size_m=np.array([math.nan, width, height]),
        ground_distance_m=stretch * ground,
        ground_distance_sigma_m=stretch * ground_sigma,
        slope_rad=math.nan if fit is None else fit.slope_rad,
        slope_sigma_rad=_slope_sigma_rad(fit),
        planarity=math.nan if fit is None else fit.planarity,
        expansion=math.nan if fit is None else fit.expansion,
        expansion_sigma=math.nan if fit is None else fit.expansion_sigma,
        window_s=math.nan if fit is None else fit.window_s,
    )


def _slope_sigma_rad(fit: PlaneFit | None) -> float:
    """With what misalignment may do; over a right angle nothing is known."""
    return math.nan if fit is None else min(math.hypot(fit.slope_sigma_rad, fit.slope_alignment_rad), 0.5 * math.pi)


def _distance_sigma_m(track: ObstacleTrack, report: MotionReport) -> float:
    """That of the track, and of the scale where it comes from the camera's height."""
    sigma_m = track.distance_sigma_m(report.odometer_m)
    if report.scale_source is ScaleSource.CAMERA_HEIGHT:
        sigma_m = math.hypot(sigma_m, SPEED_SIGMA_SHARE * track.distance_m(report.odometer_m))
    return sigma_m


def _time_to_contact(track: ObstacleTrack, report: MotionReport) -> tuple[float, float]:
    """T / e of this frame's plane, free of scale; else distance over speed; NaN where nothing closes in."""
    fit = track.fit if track.is_seen else None
    if fit is not None and fit.expansion > 2.0 * fit.expansion_sigma:
        ttc = fit.window_s / fit.expansion
        return ttc, ttc * fit.expansion_sigma / fit.expansion
    if report.speed_mps > 0.0:
        return (
            track.distance_m(report.odometer_m) / report.speed_mps,
            _distance_sigma_m(track, report) / report.speed_mps,
        )
    return math.nan, math.nan


def _extent(track: ObstacleTrack, report: MotionReport) -> tuple[float, float]:
    """Width and height, metres, of the blocks of the path's cross-section that speak for the obstacle."""
    assert report.path is not None
    full_width = 2.0 * report.path.half_width_m
    if report.evidence is None:
        return full_width, math.nan if report.road is None else report.road.height_m
    row = int(np.argmin(np.abs(report.evidence.distance_m - track.distance_m(report.odometer_m))))
    blocks = report.evidence.obstacle[row]
    rows = np.flatnonzero(blocks.sum(axis=1) > 0.0)
    columns = np.flatnonzero(blocks.sum(axis=0) > 0.0)
    if not len(rows) or not len(columns):
        return full_width, report.evidence.swept_height_m
    height = report.evidence.swept_height_m * (blocks.shape[0] - rows[0]) / blocks.shape[0]
    return full_width * (columns[-1] - columns[0] + 1) / blocks.shape[1], height
