"""Frames of a real drive folder with known poses, with a wall pasted into it or as it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.bags.convert import DriveConversion, MountingOptions
from perception_fm.bags.drive import DriveFrame, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage, decode
from perception_fm.bags.trajectory import odometry_from_poses
from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import BagError
from perception_fm.evaluation.dense_drive import camera_of
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BelievedScene, BenchFrame, truth_of_recording
from perception_fm.evaluation.fake_wall_benchmark.simulated_drive import GRID_STRIDE
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.composite.composite_drive import read_meta
from perception_fm.types import CameraFrame

_LONGEST_GAP_NS = 500_000_000
_ROAD, _SKY = CITYSCAPES_CLASSES.index("road"), CITYSCAPES_CLASSES.index("sky")


def recorded_frames(folder: Path) -> Iterator[BenchFrame]:
    """All frames of a drive folder. Raises `BagError` for one without poses or camera height."""
    meta = read_meta(folder)
    drive = DriveFolder(folder, Intrinsics(), None)
    conversion = DriveConversion(drive, MountingOptions(), is_raw=False)
    base_from_camera = conversion.base_from_camera
    odometry = {one.stamp_ns: one for one in odometry_from_poses(drive.trajectory, base_from_camera)}
    if conversion.height_m is None or not odometry:
        raise BagError(f"{folder}: the benchmark needs poses and the camera's height")
    camera = camera_of(drive.info.calibration)
    believed = flat_street(camera, base_from_camera)
    before: DriveFrame | None = None
    corridor = corridor_m(meta["frames"])
    for frame, about, measured_m in zip(drive.frames(), meta["frames"], corridor):
        sample = odometry.get(frame.stamp_ns)
        ego, speed_mps = None, math.nan
        if sample is not None:
            speed_mps = float(sample.linear_mps[0])
            ego = EgoState(frame.stamp_ns, sample.odom_from_base, speed_mps, float(sample.angular_rps[2]), True)
        wall_m = float(about.get("wall_distance_m", math.nan))
        wall_m = wall_m if wall_m > 0.0 else math.nan
        truth = truth_of_recording(frame.stamp_ns, speed_mps, _moved_m(before, frame), wall_m, measured_m)
        image = frame.image
        pixels = decode(image, str(about["image"])) if isinstance(image, EncodedImage) else image
        taken = CameraFrame(frame.stamp_ns, drive.info.optical_frame, pixels, camera, base_from_camera, ego)
        yield BenchFrame(taken, truth, believed)
        before = frame


def corridor_m(frames: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """What stands nearest in the corridor in each frame, None for nothing or unknown.

    Where nobody measured it (no `corridor_nearest_m`, which is not the same as null), but something stood there at most
    half a second before and after, it stands in between.
    """
    nearest = [one.get("corridor_nearest_m") for one in frames]
    measured = [index for index, one in enumerate(frames) if "corridor_nearest_m" in one]
    for before, after in itertools.pairwise(measured):
        if after == before + 1 or nearest[before] is None or nearest[after] is None:
            continue
        times = [int(one["stamp_ns"]) - int(frames[before]["stamp_ns"]) for one in frames[before : after + 1]]
        if times[-1] <= _LONGEST_GAP_NS:
            ends = [nearest[before], nearest[after]]
            nearest[before : after + 1] = np.interp(times, [0, times[-1]], ends).tolist()
    return nearest


def driven_m(folder: Path) -> float:
    """Way from the first to the last frame, metres."""
    poses = DriveFolder(folder, Intrinsics(), None).trajectory
    positions = np.array([pose.world_from_camera.translation_m for pose in poses])
    return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()) if len(positions) > 1 else 0.0


def flat_street(camera: CameraModel, base_from_camera: RigidTransform) -> BelievedScene:
    """A level road without end, and sky over it: what a picture of free road makes a network believe."""
    height, width = camera.height // GRID_STRIDE, camera.width // GRID_STRIDE
    intrinsics = np.diag([1.0 / GRID_STRIDE, 1.0 / GRID_STRIDE, 1.0]) @ camera.intrinsics
    grid = CameraModel(width, height, intrinsics)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(intrinsics).T
    down = -(rays @ base_from_camera.rotation[2])
    with np.errstate(divide="ignore"):
        depth_m = np.where(down > 0.0, base_from_camera.translation_m[2] / down, np.inf)
    label = np.where(np.isfinite(depth_m), _ROAD, _SKY)
    return BelievedScene(grid, depth_m.astype(np.float32), label.astype(np.uint8))


def _moved_m(before: DriveFrame | None, frame: DriveFrame) -> float:
    if before is None or before.world_from_camera is None or frame.world_from_camera is None:
        return 0.0
    return float(np.linalg.norm(frame.world_from_camera.translation_m - before.world_from_camera.translation_m))
