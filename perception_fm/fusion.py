"""Where motion and network meet: one list of obstacles, one grid, one verified distance."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception_fm.camera.watch import WatchedFrame
from perception_fm.config import PerceptionConfig
from perception_fm.fakewall.finding import Anomaly, FakeWallFinding
from perception_fm.fakewall.range_track import unexplained
from perception_fm.geometry.path import ARC
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.obstacle_report import motion_obstacle
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.scene.free_grid import FreeSpaceGrid, unknown_grid
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.ground import MotionDepths
from perception_fm.scene.motion_in_grid import with_obstacles, with_verified_path
from perception_fm.scene.obstacles import joined, scene_obstacles
from perception_fm.scene.path import GroundPath, free_along_m
from perception_fm.scene.sectors import sectors_of, view_rad
from perception_fm.scene.stage import SceneReport
from perception_fm.types import Obstacle, Provenance, ScaleSource


@dataclass(frozen=True, eq=False)
class Fused:
    """What both together say of one frame, base frame. Grid and sectors are None where the mounting is not known."""

    obstacles: tuple[Obstacle, ...]
    path: GroundPath
    grid: FreeSpaceGrid | None = None
    sectors: FreeSpaceSectors | None = None
    verified_m: float = 0.0


def fuse(
    report: MotionReport,
    scene: SceneReport | None,
    frame: RectifiedFrame,
    watched: list[WatchedFrame],
    odom_from_base: RigidTransform | None,
    config: PerceptionConfig,
    by_range: Sequence[Obstacle] = (),
) -> Fused:
    """`scene` is None where no network runs: then motion alone says what is free. `watched`: all cameras.

    `by_range`: what a range sensor has found in the path, suspicions among it; they end the verified road as well.
    """
    learned: list[Obstacle] = []
    obstacles = by_motion = tuple(motion_obstacle(track, report, frame) for track in report.tracks)
    path = ground_path(report, frame, config)
    if frame.base_from_camera is None:
        return Fused(obstacles, path)
    foot, reach = frame.base_from_camera.translation_m[:2], config.scene.max_range_m
    verified = report.verified_m
    if scene is None or scene.grid is None:
        grid = with_verified_path(unknown_grid(reach, config.scene.cell_m, foot), path, verified)
    else:
        pose = odom_from_base or RigidTransform.identity()
        learned = scene_obstacles(scene.tracks, pose, path, report.speed_mps, _scale_sigma(scene))
        obstacles = joined(by_motion, learned)
        grid = scene.grid
    by_range = unexplained(by_range, obstacles)
    obstacles = (*obstacles, *by_range)
    # What motion has seen as it has seen it: joined with a thing of the network it would have the box of that.
    grid = with_obstacles(grid, (*learned, *(_across(item, path) for item in (*by_motion, *by_range))), foot)
    if scene is not None:
        # What lies beyond the distance that motion has verified is not asked for.
        verified = min(verified, free_along_m(grid, path, min(reach, verified + grid.resolution_m)))
    standing = [item for item in obstacles if item.is_confirmed and item.is_in_path]
    verified = min([verified, *(item.distance_m for item in (*standing, *by_range))])
    cameras = [(one.rectifier.rectified, one.base_from_camera) for one in watched if one.base_from_camera is not None]
    sectors = sectors_of(grid, (float(foot[0]), float(foot[1])), view_rad(cameras), reach)
    return Fused(obstacles, path, grid, sectors, max(0.0, verified))


def _across(item: Obstacle, path: GroundPath) -> Obstacle:
    """As wide as the path at least: what motion does not speak of for want of texture is no gap."""
    length, width, height = item.size_m
    return dataclasses.replace(item, size_m=np.array([length, max(width, 2.0 * path.half_width_m), height]))


def marked(obstacles: tuple[Obstacle, ...], finding: FakeWallFinding) -> tuple[Obstacle, ...]:
    """The obstacles with what is strange about each."""

    def mark(item: Obstacle) -> Obstacle:
        claimed = None if item.provenance is Provenance.LEARNED else finding.by_track.get(item.obstacle_id)
        if claimed is not None:
            return dataclasses.replace(item, anomaly_flags=int(claimed.flags), anomaly_score=claimed.score)
        if item.obstacle_id in finding.flat_ids:
            return dataclasses.replace(item, anomaly_flags=int(Anomaly.FLAT_MOTION))
        return item

    return tuple(mark(item) for item in obstacles)


def ground_path(report: MotionReport, frame: RectifiedFrame, config: PerceptionConfig) -> GroundPath:
    """The predicted path from below the camera; straight ahead where motion gives none."""
    heading, curvature, memory, sigma, start_x = 0.0, 0.0, ARC, 0.0, 0.0
    if report.path is not None:
        curvature, memory = report.path.curvature_per_m, report.path.memory_m
        sigma = report.path.curvature_sigma_per_m
    if frame.base_from_camera is not None:
        start_x = float(frame.base_from_camera.translation_m[0])
        if report.path is not None:
            direction = frame.base_from_camera.rotation @ np.array([report.path.heading, 0.0, 1.0])
            heading = math.atan2(float(direction[1]), float(direction[0]))
    return GroundPath((start_x, 0.0), heading, curvature, 0.5 * config.vehicle.width_m, memory, sigma)


def motion_depths(report: MotionReport) -> MotionDepths | None:
    """Depths of static tracks, where odometry gives the travel: a scale from the camera's height would be no second
    opinion."""
    views = report.views
    if views is None or not views.references or report.scale_source is not ScaleSource.ODOMETRY:
        return None
    travel = np.array([one.travel_m[2] for one in views.references])[views.reference_index]
    return MotionDepths.of_expansion(views.rays, views.expansion, views.expansion_sigma, travel)


def _scale_sigma(scene: SceneReport) -> float:
    """Share by which all learned distances may be wrong together; the most doubtful camera speaks for all.

    What a scale was off by counts although it is corrected: it was measured on the road, not on things.
    """
    shares = [
        math.hypot(math.log(seen.scale.ratio), seen.scale.sigma) if seen.scale.ratio > 0.0 else 0.0
        for seen in scene.views.values()
    ]
    return max(shares, default=0.0)
