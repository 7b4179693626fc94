"""What makes a scenario impossible, said with the key and the reason before anything is built or rendered."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.actor_motion import ActorMotion, actor_motion
from perception_fm.synth.driving.drive_plan import ROAD_AHEAD_M, DrivePlan, drive_stations, ego_lane, plan_drive
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.scenario.actor_config import ActorConfig
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.scenario.footprint import check_room
from perception_fm.synth.scenario.wall_reach import HALF_WAY_M, first_in_way, nearest_station_m
from perception_fm.synth.scene import MAX_ENCLOSURES
from perception_fm.synth.sensor.camera import SensorCamera
from perception_fm.synth.sensor.config import CameraConfig
from perception_fm.synth.sensor.lens import Lens
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import cross_section
from perception_fm.synth.world.ground.profile import build_profile
from perception_fm.synth.world.ground.zones import zones

_CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PRINTS_FOR_AN_EYE = ("scene", "other_scene", "tunnel")
_BUMPER_M = 0.5  # of the own vehicle before its camera, at least
_BODY_M = 4.0  # of it behind the camera
_LEAST_EYE_M = 0.2
_MOST_BENT_DEG = 75.0  # beyond, the edges of a canvas look at each other
_LOOK_S = 0.1  # actors are looked for at this beat


def check_scenario(
    world: WorldConfig,
    camera: CameraConfig,
    drive: DriveConfig,
    walls: Sequence[WallConfig],
    actors: Sequence[ActorConfig],
    seed: int,
) -> None:
    """Raises `ConfigError` for the first thing that cannot be."""
    zones(world)
    if len(world.tunnels) > MAX_ENCLOSURES:
        raise ConfigError(f"world.tunnels: at most {MAX_ENCLOSURES} tunnels are rendered, got {len(world.tunnels)}")
    mirrors = [number for number, wall in enumerate(walls) if wall.canvas == "mirror"]
    if len(mirrors) > 1:
        raise ConfigError(f"walls.{mirrors[1]}.canvas: at most one mirror, walls.{mirrors[0]} is one already")
    if not _CAMERA_NAME.fullmatch(camera.name):
        raise ConfigError(f"camera.name: letters, digits and _ make a topic's name, got {camera.name!r}")
    Lens(camera)
    if camera.effects.wiper_s > 0.0:
        SensorCamera(camera, seed)  # only the wiper itself knows how fast it can swing
    for number, wall in enumerate(walls):
        _check_wall(wall, f"walls.{number}", world, camera, drive)
    start_m, end_m = drive_stations(world, drive, walls)
    _check_way(world, drive, walls, start_m, end_m)
    _check_speed(drive, end_m - start_m)
    for number, wall in enumerate(walls):
        _check_sweet_spot(wall, f"walls.{number}", start_m, end_m)
    _check_lane(world, drive)
    plan = plan_drive(build_profile(world, seed), world, camera, drive, walls, seed)
    _check_dropouts(drive, plan.motion.duration_s)
    _check_actors(plan, world, drive, actors)
    check_room(plan, walls, actor_motions(plan, world, drive, actors))


def _check_wall(wall: WallConfig, name: str, world: WorldConfig, camera: CameraConfig, drive: DriveConfig) -> None:
    reach_m = wall.height_m if wall.canvas == "road_painting" else 0.0
    if wall.station_m <= drive.start_m:
        raise ConfigError(
            f"{name}.station_m: the wall at {wall.station_m:g} m stands behind the camera, which starts at "
            f"drive.start_m = {drive.start_m:g}"
        )
    if wall.station_m + reach_m > world.length_m:
        raise ConfigError(
            f"{name}.station_m: {wall.station_m:g} m is beyond the road, world.length_m = {world.length_m:g}"
        )
    if camera.mounting_height_m + wall.eye_up_m < _LEAST_EYE_M:
        raise ConfigError(f"{name}.eye_up_m: {wall.eye_up_m:g} m puts the eye of the print below the road")
    bent_deg = math.degrees(0.5 * wall.width_m * abs(wall.curvature_per_m))
    if bent_deg > _MOST_BENT_DEG:
        raise ConfigError(
            f"{name}.curvature_per_m: {wall.curvature_per_m:g} turns the edges of a canvas of {wall.width_m:g} m by "
            f"{bent_deg:.0f} degrees, more than {_MOST_BENT_DEG:g}"
        )
    if wall.canvas in ("truck_rear", "bus_side", "billboard") and wall.lean_deg != 0.0:
        raise ConfigError(f"{name}.lean_deg: a {wall.canvas} does not lean, got {wall.lean_deg:g}")


def _check_way(
    world: WorldConfig, drive: DriveConfig, walls: Sequence[WallConfig], start_m: float, end_m: float
) -> None:
    found = first_in_way(walls)
    if found is not None:
        number, nearest_m = found[0], nearest_station_m(found[1])
        if nearest_m - _BUMPER_M <= start_m:
            raise ConfigError(
                f"walls.{number}.station_m: the wall reaches back to {nearest_m:.1f} m, where the camera already is, "
                f"drive.start_m = {start_m:g}"
            )
        if end_m > nearest_m - _BUMPER_M:
            raise ConfigError(
                f"drive.end_m: the drive to {end_m:g} m runs into walls.{number}, which begins at {nearest_m:.1f} m"
            )
    if end_m > world.length_m:
        raise ConfigError(f"drive.end_m: {end_m:g} m is beyond the road, world.length_m = {world.length_m:g}")
    if end_m <= start_m and found is None and math.isnan(drive.end_m):
        raise ConfigError(
            f"world.length_m: the road of {world.length_m:g} m is too short for a drive from {start_m:g} m that leaves "
            f"{ROAD_AHEAD_M:g} m to be seen ahead"
        )
    if end_m <= start_m:
        key = "drive.end_m" if not math.isnan(drive.end_m) else "drive.stop_before_wall_m"
        raise ConfigError(f"{key}: the drive would end at {end_m:.1f} m, before its start at {start_m:g} m")


def _check_speed(drive: DriveConfig, way_m: float) -> None:
    square = 0.5 * drive.speed_mps**2
    up_m = square / drive.acceleration_mps2 if drive.start == "standstill" else 0.0
    down_m = square / drive.braking_mps2 if drive.end == "standstill" else 0.0
    if up_m + down_m > way_m:
        raise ConfigError(
            f"drive.speed_mps: {drive.speed_mps:g} m/s is not reached: {up_m:.0f} m of acceleration and {down_m:.0f} m "
            f"of braking do not fit into a drive of {way_m:.0f} m"
        )


def _check_sweet_spot(wall: WallConfig, name: str, start_m: float, end_m: float) -> None:
    """Only a print of a scene has one, and of a mirror nothing is printed."""
    if wall.canvas == "mirror" or wall.print not in _PRINTS_FOR_AN_EYE:
        return
    spot_m = wall.station_m - wall.sweet_spot_m
    if not start_m <= spot_m <= end_m:
        where = "before the start" if spot_m < start_m else "beyond the end"
        raise ConfigError(
            f"{name}.sweet_spot_m: {wall.sweet_spot_m:g} m before the wall lies {where} of the drive, which goes from "
            f"{start_m:g} m to {end_m:.1f} m; the wall stands at {wall.station_m:g} m"
        )


def _check_lane(world: WorldConfig, drive: DriveConfig) -> None:
    section = cross_section(world)
    lanes = section.lane_list()
    lateral = lanes[ego_lane(lanes)].offset_m + drive.lateral_m
    if abs(lateral) + HALF_WAY_M > section.half_asphalt_m:
        raise ConfigError(
            f"drive.lateral_m: {drive.lateral_m:g} m puts the vehicle {abs(lateral):.1f} m beside the middle of a road "
            f"whose asphalt ends at {section.half_asphalt_m:.1f} m"
        )


def _check_dropouts(drive: DriveConfig, duration_s: float) -> None:
    """One that begins after the last image would change nothing that anybody sees."""
    late = [start_s for start_s in drive.odometry.dropouts_s[::2] if start_s >= duration_s]
    if late:
        raise ConfigError(
            f"drive.odometry.dropouts_s: the drive ends after {duration_s:.1f} s, before the dropout at {late[0]:g} s"
        )


def _check_actors(plan: DrivePlan, world: WorldConfig, drive: DriveConfig, actors: Sequence[ActorConfig]) -> None:
    for number, motion in enumerate(actor_motions(plan, world, drive, actors)):
        for time_s in np.arange(0.0, plan.motion.duration_s, _LOOK_S):
            if _meets(plan, motion, float(time_s)):
                raise ConfigError(
                    f"actors.{number}: the drive runs into this {actors[number].kind} {time_s:.1f} s after its start, "
                    f"at {plan.camera_station(float(time_s)):.0f} m"
                )


def actor_motions(
    plan: DrivePlan, world: WorldConfig, drive: DriveConfig, actors: Sequence[ActorConfig]
) -> tuple[ActorMotion, ...]:
    """The motions of all actors, in their order. Raises `ConfigError` for a lane that the road does not have."""
    ego = plan.lanes[ego_lane(plan.lanes)]
    return tuple(
        actor_motion(actor, f"actors.{number}", plan.road, cross_section(world), ego, drive.speed_mps)
        for number, actor in enumerate(actors)
    )


def _meets(plan: DrivePlan, motion: ActorMotion, time_s: float) -> bool:
    """Whether the rectangles of the own vehicle and of an actor overlap."""
    station, lateral = motion.place(time_s)
    along, across = motion.half_size_m()
    own = plan.camera_station(time_s)
    is_beside = own - _BODY_M < station + along and station - along < own + _BUMPER_M
    return is_beside and abs(lateral - plan.lateral_m) < across + HALF_WAY_M
