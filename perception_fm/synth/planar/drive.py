"""A seeded drive through the street, towards a painted wall if asked, written as a drive folder with full truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.config import setting
from perception_fm.errors import BagError, ConfigError
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.synth.composite.composite_drive import DEPTH_UNITS_PER_M, FORMAT, folder_when_complete, write_image
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall, WallPlacement, place_wall
from perception_fm.synth.planar.planar_world import PlanarWorld, RenderedFrame
from perception_fm.synth.planar.street import StreetConfig, build_street

_FIRST_STAMP_NS = 1_700_000_000_000_000_000
_STEP_S = 1e-3  # of the integration of the speed profile
_BOUNCE_HZ = (1.3, 2.1)  # heave and pitch of a passenger car on its springs lie at 1 to 2 Hz
_CLEAR_BEFORE_WALL_M = 12.0
_MAX_DEPTH_M = 65535.0 / DEPTH_UNITS_PER_M


@dataclass(frozen=True)
class DriveConfig:
    """A drive from standstill to standstill and what the camera is like."""

    seed: int = setting(0, "of the street, the bounce and the noise", low=0)
    width_px: int = setting(640, "image width", low=32, high=4096)
    height_px: int = setting(384, "image height", low=32, high=4096)
    focal_px: float = setting(500.0, "focal length", low=20.0, high=10000.0)
    rate_hz: float = setting(15.0, "frames per second", low=1.0, high=120.0)
    camera_height_m: float = setting(1.4, "above the road", low=0.2, high=4.0)
    camera_pitch_rad: float = setting(0.02, "positive when the camera looks down", low=-0.3, high=0.3)
    wait_s: float = setting(0.5, "standing before the start and after the stop", low=0.0, high=60.0)
    top_speed_mps: float = setting(11.5, "speed of the middle part", low=0.5, high=40.0)
    acceleration_mps2: float = setting(4.0, "from standstill", low=0.2, high=10.0)
    braking_mps2: float = setting(4.5, "to standstill", low=0.2, high=12.0)
    travel_m: float = setting(58.0, "way from start to stop", low=1.0, high=180.0)
    weave_m: float = setting(0.12, "amplitude of the wander in the lane", low=0.0, high=0.5)
    bounce_rad: float = setting(0.003, "amplitude of the pitch on the springs", low=0.0, high=0.05)
    noise_levels: float = setting(1.5, "standard deviation of the sensor noise in grey levels", low=0.0, high=30.0)
    jpeg_quality: int = setting(85, "of the stored images", low=10, high=100)
    has_wall: bool = setting(True, "a painted wall stands across the lane after the stop")
    wall_width_m: float = setting(6.0, "width of the canvas", low=0.5, high=9.0)
    wall_height_m: float = setting(4.0, "height of the canvas", low=0.5, high=10.0)
    stop_before_wall_m: float = setting(4.0, "from the camera to the wall at the end", low=0.5, high=60.0)
    sweet_spot_m: float = setting(45.0, "distance from which the wall cannot be seen", low=3.0, high=150.0)
    has_depth: bool = setting(True, "store depth and label images")


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


def write_drive(config: DriveConfig, target: Path) -> Iterator[int]:
    """Render into the drive folder `target`; yields the number of each finished frame.

    Depth beyond 256 m does not fit the format and is stored as unknown. Labels are Cityscapes trainIds. Raises
    `ConfigError`, and `BagError` where the folder exists or cannot be written.
    """
    drive = SyntheticDrive.build(config)
    with folder_when_complete(target) as partial:
        for name in ("rgb", "depth", "label") if config.has_depth else ("rgb",):
            (partial / name).mkdir()
        frames = []
        for number in range(len(drive.plan.stamps_ns)):
            frames.append(_write_frame(drive, number, partial))
            yield number
        (partial / "meta.json").write_text(json.dumps(_meta(drive, frames)), encoding="utf-8")


def _write_frame(drive: SyntheticDrive, number: int, folder: Path) -> dict[str, Any]:
    pose = drive.plan.world_from_camera[number]
    rendered = drive.render(number)
    entry: dict[str, Any] = {
        "id": number,
        "stamp_ns": drive.plan.stamps_ns[number],
        "image": f"rgb/{number:04d}.jpg",
        "T_world_camera": [
            *np.column_stack([pose.rotation, pose.translation_m]).round(8).tolist(),
            [0.0, 0.0, 0.0, 1.0],
        ],
        "speed_mps": round(drive.plan.speeds_mps[number], 4),
    }
    quality = [cv2.IMWRITE_JPEG_QUALITY, drive.config.jpeg_quality]
    if not cv2.imwrite(str(folder / entry["image"]), drive.photograph(rendered.image, number), quality):
        raise BagError(f"cannot write {folder / entry['image']}")
    if drive.config.has_depth:
        entry |= {"depth": f"depth/{number:04d}.png", "label": f"label/{number:04d}.png"}
        stored = np.nan_to_num(rendered.depth_m, nan=0.0)
        stored = np.where(stored < _MAX_DEPTH_M, np.rint(stored * DEPTH_UNITS_PER_M), 0.0)
        write_image(folder / entry["depth"], stored.astype(np.uint16))
        write_image(folder / entry["label"], rendered.label)
    if drive.wall is not None:
        entry["wall_distance_m"] = round(drive.wall.distance_to_wall_m(pose), 4)
        entry["wall_polygon_px"] = drive.wall.polygon_px(drive.intrinsics, pose).round(2).tolist()
    return entry


def _meta(drive: SyntheticDrive, frames: list[dict[str, Any]]) -> dict[str, Any]:
    config, k = drive.config, drive.intrinsics
    meta: dict[str, Any] = {
        "format": FORMAT,
        "source": "procedural street of perception_fm",
        "licence": "Apache-2.0",
        "camera": {
            "name": "front",
            "frame_id": "front_optical",
            "size": [config.width_px, config.height_px],
            "K": [k[0, 0], k[1, 1], k[0, 2], k[1, 2]],
            "distortion_model": "none",
            "D": [],
            "height_m": config.camera_height_m,
        },
        "frames": frames,
        "class_names": {
            "0": "road",
            "1": "sidewalk",
            "2": "building",
            "3": "wall",
            "5": "pole",
            "8": "vegetation",
            "9": "terrain",
            "10": "sky",
            "13": "car",
        },
        "settings": asdict(config),
    }
    if drive.wall is not None:
        meta["wall"] = {
            "corners_world_m": drive.wall.corners_world_m.round(5).tolist(),
            "normal_world": drive.wall.normal_world.round(6).tolist(),
            "approach_world": drive.wall.approach_world.round(6).tolist(),
            "width_m": config.wall_width_m,
            "height_m": config.wall_height_m,
        }
    return meta
