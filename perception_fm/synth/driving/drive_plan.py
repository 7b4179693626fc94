"""The drive of a scenario as it will be driven: on which road, along which path, from where to where, how fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.synth.driving.route import DrivenPath, drive_path
from perception_fm.synth.driving.speed_profile import run_in_m, run_out_m, speed_profile
from perception_fm.synth.driving.vehicle_motion import WHEELBASE_M, VehicleMotion
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.scenario.wall_reach import first_in_way, nearest_station_m
from perception_fm.synth.sensor.config import CameraConfig
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import Lane, cross_section
from perception_fm.synth.world.road_line import RoadLine

ROAD_AHEAD_M = 40.0  # a drive on a free road ends this long before the road does: there is something to be seen ahead


@dataclass(frozen=True, eq=False)
class DrivePlan:
    """`motion` along `path`; `lateral_m` of the path on the road, without the wander; stations of the camera."""

    road: RoadLine
    lanes: tuple[Lane, ...]
    lateral_m: float
    forward_m: float
    path: DrivenPath
    motion: VehicleMotion

    def time_at(self, station_m: float) -> float:
        """When the camera is at a station of the road: the first time; the drive's own ends beyond them."""
        way = float(self.path.way_at(station_m)) - self.forward_m
        profile = self.motion.profile
        index = int(np.searchsorted(profile.way_m, way - 1e-9))
        time = float(profile.time_s[min(index, len(profile.time_s) - 1)])
        if 0 < index < len(profile.way_m) and profile.way_m[index] > profile.way_m[index - 1]:
            share = (way - profile.way_m[index - 1]) / (profile.way_m[index] - profile.way_m[index - 1])
            time = float(profile.time_s[index - 1] + share * (profile.time_s[index] - profile.time_s[index - 1]))
        return min(max(time, 0.0), self.motion.duration_s)

    def camera_station(self, time_s: float) -> float:
        """Station of the camera on the road at a time."""
        return float(self.path.station_at(float(self.motion.way(time_s)) + self.forward_m))

    def path_lateral_m(self, station_m: float) -> float:
        """Of the path as it is driven, wander included, left of the reference line."""
        point = self.path.points(float(self.path.way_at(station_m)))
        return float(self.road.nearest(point[None])[1][0])


def ego_lane(lanes: Sequence[Lane]) -> int:
    """Index of the lane that is driven: the rightmost with the traffic."""
    return min((number for number, lane in enumerate(lanes) if lane.direction > 0), key=lambda n: lanes[n].offset_m)


def drive_stations(world: WorldConfig, drive: DriveConfig, walls: Sequence[WallConfig]) -> tuple[float, float]:
    """Stations of the camera at the first and the last image, as the settings say or as their defaults follow."""
    if not math.isnan(drive.end_m):
        return drive.start_m, drive.end_m
    found = first_in_way(walls)
    if found is None:
        return drive.start_m, world.length_m - ROAD_AHEAD_M
    return drive.start_m, nearest_station_m(found[1]) - drive.stop_before_wall_m


def mounting(camera: CameraConfig) -> RigidTransform:
    """`base_from_camera` of the settings."""
    pitch_rad = math.radians(camera.mounting_pitch_deg)
    return base_from_camera(camera.mounting_height_m, pitch_rad, camera.mounting_forward_m)


def plan_drive(
    road: RoadLine,
    world: WorldConfig,
    camera: CameraConfig,
    drive: DriveConfig,
    walls: Sequence[WallConfig],
    seed: int,
) -> DrivePlan:
    """The plan on a road that `build_profile` made of the same settings and seed. Raises `ConfigError`."""
    start_m, end_m = drive_stations(world, drive, walls)
    lanes = cross_section(world).lane_list()
    lateral_m = lanes[ego_lane(lanes)].offset_m
    # Base_link is behind the camera, its front axle before it, and walls are placed beside the path beyond its end.
    farthest_m = max([end_m + run_out_m(drive) + WHEELBASE_M, *(wall.station_m + wall.height_m for wall in walls)])
    before_m = run_in_m(drive) + abs(camera.mounting_forward_m)
    path = drive_path(road, lateral_m, drive, seed, start_m - before_m, farthest_m + abs(camera.mounting_forward_m))
    ways = path.way_at([start_m, end_m]) - camera.mounting_forward_m
    profile = speed_profile(path, drive, float(ways[0]), float(ways[1]))
    motion = VehicleMotion(path, profile, drive.springs, mounting(camera), seed)
    return DrivePlan(road, lanes, lateral_m + drive.lateral_m, camera.mounting_forward_m, path, motion)
