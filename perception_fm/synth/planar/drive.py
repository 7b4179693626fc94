"""A seeded drive through the street, towards a painted wall if asked: pictures for the benchmark and for tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall, WallPlacement, place_wall
from perception_fm.synth.planar.planar_world import PlanarWorld, RenderedFrame
from perception_fm.synth.planar.street import StreetConfig, build_street

_FIRST_STAMP_NS = 1_700_000_000_000_000_000
_STEP_S = 1e-3  # of the integration of the speed profile
_BOUNCE_HZ = (1.3, 2.1)  # heave and pitch of a passenger car on its springs lie at 1 to 2 Hz
_CLEAR_BEFORE_WALL_M = 12.0


@dataclass(frozen=True)
class DriveConfig:
    """A drive from standstill to standstill and what the camera is like."""

    seed: int = 0  # of the street, the bounce and the noise
    width_px: int = 640
    height_px: int = 384
    focal_px: float = 500.0
    rate_hz: float = 15.0
    camera_height_m: float = 1.4  # above the road
    camera_pitch_rad: float = 0.02  # positive when the camera looks down
    wait_s: float = 0.5  # standing before the start and after the stop
    top_speed_mps: float = 11.5  # speed of the middle part
    acceleration_mps2: float = 4.0  # from standstill
    braking_mps2: float = 4.5  # to standstill
    travel_m: float = 58.0  # way from start to stop
    weave_m: float = 0.12  # amplitude of the wander in the lane
    bounce_rad: float = 0.003  # amplitude of the pitch on the springs
    noise_levels: float = 1.5  # standard deviation of the sensor noise in grey levels
    has_wall: bool = True  # a painted wall stands across the lane after the stop
    wall_width_m: float = 6.0  # of the canvas
    wall_height_m: float = 4.0
    stop_before_wall_m: float = 4.0  # from the camera to the wall at the end
    sweet_spot_m: float = 45.0  # distance from which the wall cannot be seen


@dataclass(frozen=True, eq=False)
class PlannedDrive:
    """Where the camera is at each frame: `stamp_ns`, `speed_mps` and `world_from_camera`, one entry per frame."""

    stamps_ns: tuple[int, ...]
    speeds_mps: tuple[float, ...]
    world_from_camera: tuple[RigidTransform, ...]


def plan_drive(config: DriveConfig) -> PlannedDrive:
    """Poses along +x from x = 0: accelerate, cruise, brake, with a wander in the lane and the pitch of the springs."""
    moving_s, station_m, speed_mps = _speed_profile(config)
    rng = np.random.default_rng([config.seed, 1])
    phases = rng.uniform(0.0, 2.0 * math.pi, len(_BOUNCE_HZ))
    total_s = 2.0 * config.wait_s + float(moving_s[-1])
    mounting = base_from_camera(config.camera_height_m, config.camera_pitch_rad)
    stamps, speeds, poses = [], [], []
    for number in range(int(total_s * config.rate_hz) + 1):
        time_s = number / config.rate_hz
        x_m = float(np.interp(time_s - config.wait_s, moving_s, station_m))
        speed = float(np.interp(time_s - config.wait_s, moving_s, speed_mps, left=0.0, right=0.0))
        wave = 2.0 * math.pi / 60.0  # one wander in about sixty metres
        y_m, yaw_rad = config.weave_m * math.sin(wave * x_m), math.atan(config.weave_m * wave * math.cos(wave * x_m))
        swing = sum(math.sin(2.0 * math.pi * hz * time_s + phase) for hz, phase in zip(_BOUNCE_HZ, phases))
        pitch_rad = config.bounce_rad * swing / len(_BOUNCE_HZ) * min(1.0, speed / 3.0)
        attitude = Rotation.from_euler("ZY", [yaw_rad, pitch_rad]).as_matrix()
        poses.append(RigidTransform(attitude, np.array([x_m, y_m, 0.0])) @ mounting)
        stamps.append(_FIRST_STAMP_NS + round(time_s * 1e9))
        speeds.append(speed)
    return PlannedDrive(tuple(stamps), tuple(speeds), tuple(poses))


def _speed_profile(config: DriveConfig) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Time (s), way (m) and speed (m/s) of the moving part, in steps of a millisecond, ending exactly at `travel_m`."""
    up, down = config.acceleration_mps2, config.braking_mps2
    top = min(config.top_speed_mps, math.sqrt(2.0 * config.travel_m * up * down / (up + down)))
    cruise_s = max(0.0, (config.travel_m - 0.5 * top**2 * (1.0 / up + 1.0 / down)) / top)
    corners_s = np.cumsum([0.0, top / up, cruise_s, top / down])
    time_s = np.append(np.arange(0.0, corners_s[-1], _STEP_S), corners_s[-1])
    speed = np.interp(time_s, corners_s, [0.0, top, top, 0.0])
    way = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(time_s))])
    return time_s, way * (config.travel_m / way[-1]), speed


@dataclass(frozen=True, eq=False)
class SyntheticDrive:
    """A drive that can be rendered frame by frame."""

    config: DriveConfig
    plan: PlannedDrive
    world: PlanarWorld
    wall: PaintedWall | None
    intrinsics: FloatArray

    @staticmethod
    def build(config: DriveConfig) -> SyntheticDrive:
        """The street, the wall and the poses. Raises `ConfigError` when the sweet spot lies before the start."""
        plan = plan_drive(config)
        wall_at_m = config.travel_m + config.stop_before_wall_m
        clear = (wall_at_m - _CLEAR_BEFORE_WALL_M, wall_at_m + 1.0) if config.has_wall else (0.0, 0.0)
        world = build_street(StreetConfig(config.seed, *clear))
        wall = None
        if config.has_wall:
            start_m = wall_at_m - config.sweet_spot_m
            if not 0.0 <= start_m <= config.travel_m:
                raise ConfigError(
                    f"sweet_spot_m lies on the drive: between {config.stop_before_wall_m:g} and {wall_at_m:g}, "
                    f"got {config.sweet_spot_m:g}"
                )
            poses = [pose for pose in plan.world_from_camera if pose.translation_m[0] >= start_m - 1e-6]
            distance_m = wall_at_m - float(poses[0].translation_m[0])
            placement = WallPlacement(config.wall_width_m, config.wall_height_m, distance_m)
            wall = place_wall(placement, poses, config.camera_height_m)
            texels_per_m = 2.0 * config.focal_px / config.stop_before_wall_m
            world = world.with_wall(wall, poses[0].translation_m, min(texels_per_m, 200.0))
        cx, cy = 0.5 * config.width_px - 0.5, 0.5 * config.height_px - 0.5
        intrinsics = np.array([[config.focal_px, 0.0, cx], [0.0, config.focal_px, cy], [0.0, 0.0, 1.0]])
        return SyntheticDrive(config, plan, world, wall, intrinsics)

    def render(self, number: int) -> RenderedFrame:
        """Frame `number` without sensor noise."""
        size = (self.config.width_px, self.config.height_px)
        return self.world.render(self.intrinsics, size, self.plan.world_from_camera[number])

    def photograph(self, image: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """The picture as the sensor gives it; its noise depends on the frame alone."""
        rng = np.random.default_rng([self.config.seed, 2, number])
        noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.config.noise_levels)
        return np.asarray(np.clip(np.rint(image + noise), 0.0, 255.0), dtype=np.uint8)
