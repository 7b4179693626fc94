"""Import KITTI raw drives: images, calibration files, and poses from the GPS/IMU unit (oxts)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.bags.drive import Calibration, CameraPose, DriveFrame, DriveInfo, check_stamps
from perception_fm.bags.encoded_image import read_image
from perception_fm.bags.kitti import (
    CAMERA_HEIGHT_M,
    CAMERA_NAME,
    LICENCE,
    baseline_m,
    calibration_from_projection,
    camera_number,
    image_files,
    image_size,
    numbers,
    read_calibration,
)
from perception_fm.errors import BagError, TransformError
from perception_fm.geometry.transform import RigidTransform

_EARTH_RADIUS_M = 6378137.0  # KITTI raw devkit, latToScale / latlonToMercator
_FORWARD_SPEED = 8  # column vf of an oxts line
_MAX_GAP_NS = 500_000_000  # two samples further apart say nothing reliable about the time between
_MAX_OUTSIDE_NS = 100_000_000  # the first and last image may lie some milliseconds outside the oxts samples


class KittiRaw:
    """One drive folder (`2011_09_26/2011_09_26_drive_0001_sync`) with the calibration files beside it.

    `_sync` images are rectified, `_extract` images are not and keep their distortion. No `oxts` means no poses.
    """

    def __init__(self, folder: Path, camera: str | None) -> None:
        self.folder = folder
        images_folder, self._images = image_files(folder, camera, "data", ("image_02", "image_00"))
        number = camera_number(images_folder.name)
        self._stamps_ns = read_timestamps(images_folder / "timestamps.txt", len(self._images))
        check_stamps(self._stamps_ns, str(images_folder / "timestamps.txt"))
        self._poses: list[RigidTransform | None] = [None] * len(self._images)
        self._speeds_mps = [float("nan")] * len(self._images)
        if (folder / "oxts" / "data").is_dir():
            self._read_oxts(number)
        width, height = image_size(self._images[0])
        self.info = DriveInfo(
            source=f"KITTI raw {folder.name} {images_folder.name}",
            licence=LICENCE,
            camera_name=CAMERA_NAME,
            calibration=self._calibration(number, width, height),
            camera_height_m=CAMERA_HEIGHT_M,
            frame_count=len(self._images),
        )

    @property
    def trajectory(self) -> tuple[CameraPose, ...]:
        """GPS/IMU poses at the image stamps."""
        return tuple(CameraPose(stamp, pose) for stamp, pose in zip(self._stamps_ns, self._poses) if pose is not None)

    def frames(self) -> Iterator[DriveFrame]:
        """All frames, image files untouched."""
        size = (self.info.calibration.width, self.info.calibration.height)
        for path, stamp_ns, pose, speed in zip(self._images, self._stamps_ns, self._poses, self._speeds_mps):
            yield DriveFrame(stamp_ns, read_image(path, size), pose, speed)

    @property
    def _is_rectified(self) -> bool:
        return not self.folder.name.endswith("_extract")

    def _camera_file(self) -> tuple[Path, dict[str, str]]:
        path = self.folder.parent / "calib_cam_to_cam.txt"
        return path, read_calibration(path)

    def _calibration(self, number: int, width: int, height: int) -> Calibration:
        path, values = self._camera_file()
        if self._is_rectified:
            projection = numbers(values, f"P_rect_{number:02d}", 12, path).reshape(3, 4)
            return calibration_from_projection(projection, width, height)
        k = numbers(values, f"K_{number:02d}", 9, path)
        distortion = tuple(float(value) for value in numbers(values, f"D_{number:02d}", 5, path))
        focal_px, principal_px = (float(k[0]), float(k[4])), (float(k[2]), float(k[5]))
        return Calibration(width, height, focal_px, principal_px, "plumb_bob", distortion)

    def _camera_from_imu(self, number: int) -> RigidTransform:
        path, values = self._camera_file()
        camera_0_from_imu = self._rigid("calib_velo_to_cam.txt") @ self._rigid("calib_imu_to_velo.txt")
        try:
            if self._is_rectified:
                rectify = RigidTransform(numbers(values, "R_rect_00", 9, path).reshape(3, 3), np.zeros(3))
                projection = numbers(values, f"P_rect_{number:02d}", 12, path).reshape(3, 4)
                return RigidTransform(np.eye(3), baseline_m(projection)) @ rectify @ camera_0_from_imu
            rotation = numbers(values, f"R_{number:02d}", 9, path).reshape(3, 3)
            return RigidTransform(rotation, numbers(values, f"T_{number:02d}", 3, path)) @ camera_0_from_imu
        except TransformError as error:
            raise BagError(f"{path}: {error}") from error

    def _rigid(self, name: str) -> RigidTransform:
        path = self.folder.parent / name
        values = read_calibration(path)
        try:
            return RigidTransform(numbers(values, "R", 9, path).reshape(3, 3), numbers(values, "T", 3, path))
        except TransformError as error:
            raise BagError(f"{path}: {error}") from error

    def _read_oxts(self, number: int) -> None:
        """Fill poses and speeds, interpolated between the two oxts samples around each image stamp."""
        files = sorted((self.folder / "oxts" / "data").glob("*.txt"))
        stamps = read_timestamps(self.folder / "oxts" / "timestamps.txt", len(files))
        rows = [_read_oxts_line(file) for file in files]
        imu_from_camera = self._camera_from_imu(number).inverse()
        scale = float(np.cos(np.radians(rows[0][0]))) if rows else 1.0
        poses = [world_from_imu(row, scale) @ imu_from_camera for row in rows]
        if len(stamps) < 2:
            return
        for index, stamp_ns in enumerate(self._stamps_ns):
            before = min(max(bisect_right(stamps, stamp_ns) - 1, 0), len(stamps) - 2)
            span_ns = stamps[before + 1] - stamps[before]
            is_near = stamps[before] - _MAX_OUTSIDE_NS <= stamp_ns <= stamps[before + 1] + _MAX_OUTSIDE_NS
            if not (is_near and 0 < span_ns <= _MAX_GAP_NS):
                continue
            fraction = (stamp_ns - stamps[before]) / span_ns
            self._poses[index] = poses[before].interpolate(poses[before + 1], fraction)
            speeds = rows[before][_FORWARD_SPEED], rows[before + 1][_FORWARD_SPEED]
            self._speeds_mps[index] = float((1.0 - fraction) * speeds[0] + fraction * speeds[1])


def world_from_imu(row: NDArray[np.float64], scale: float) -> RigidTransform:
    """Pose of the unit (x forward, y left, z up) in a local Mercator world (x east, y north, z up).

    `row` begins with latitude and longitude (degrees), altitude (m), roll, pitch, yaw (rad; yaw 0 is east). `scale` is
    the cosine of the first latitude, as in the devkit.
    """
    latitude, longitude, altitude_m, roll, pitch, yaw = row[:6]
    east_m = scale * _EARTH_RADIUS_M * np.radians(longitude)
    north_m = scale * _EARTH_RADIUS_M * np.log(np.tan(np.radians(90.0 + latitude) / 2.0))
    rotation = Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix()
    return RigidTransform(rotation, np.array([east_m, north_m, altitude_m]))


def read_timestamps(path: Path, count: int) -> list[int]:
    """Stamps in ns (UTC) of a `timestamps.txt` with nine decimals, as many as files."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        stamps = [_stamp_ns(line.strip()) for line in lines if line.strip()]
    except OSError as error:
        raise BagError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BagError(f"{path}: expected lines like 2011-09-26 13:02:25.964389445, {error}") from error
    if len(stamps) != count:
        raise BagError(f"{path} has {len(stamps)} stamps for {count} files; they must be as many")
    return stamps


def _stamp_ns(line: str) -> int:
    seconds, _, decimals = line.partition(".")
    moment = datetime.strptime(seconds, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 1_000_000_000 + int(decimals.ljust(9, "0")[:9])


def _read_oxts_line(path: Path) -> NDArray[np.float64]:
    try:
        row = np.array(path.read_text(encoding="utf-8").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise BagError(f"cannot read {path}: expected the 30 numbers of an oxts line") from error
    if len(row) <= _FORWARD_SPEED or not np.isfinite(row[: _FORWARD_SPEED + 1]).all():
        raise BagError(f"{path}: expected the 30 finite numbers of an oxts line")
    return row
