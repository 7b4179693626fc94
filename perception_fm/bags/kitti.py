"""Import KITTI: what its two layouts share, and the odometry sequences.

Layouts: https://www.cvlibs.net/datasets/kitti (devkits of "odometry" and "raw data").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import (
    RELATIVE_CLOCK_START_NS,
    Calibration,
    CameraPose,
    DriveFrame,
    DriveInfo,
    check_stamps,
)
from perception_fm.bags.encoded_image import decode, read_image
from perception_fm.errors import BagError, TransformError
from perception_fm.geometry.transform import RigidTransform

CAMERA_HEIGHT_M = 1.65  # sensor set-up drawing: all cameras 1.65 m above the ground
LICENCE = "CC BY-NC-SA 3.0"
CAMERA_NAME = "front"


class KittiOdometry:
    """One sequence folder (`sequences/06`) with `image_0` .. `image_3`, `calib.txt`, `times.txt`.

    Poses are read from `poses_file`, else from `poses.txt` in the folder or `../../poses/06.txt` where they exist. They
    are those of camera 0 and are moved to the chosen camera by the stereo baseline.
    """

    def __init__(self, folder: Path, camera: str | None, poses_file: Path | None) -> None:
        self.folder = folder
        self._images_folder, self._images = image_files(folder, camera, "", ("image_2", "image_0"))
        number = camera_number(self._images_folder.name)
        projection = numbers(read_calibration(folder / "calib.txt"), f"P{number}", 12, folder / "calib.txt")
        width, height = image_size(self._images[0])
        self._stamps_ns = self._read_times()
        self._poses = self._read_poses(poses_file, projection.reshape(3, 4))
        self.info = DriveInfo(
            source=f"KITTI odometry {folder.name} {self._images_folder.name}",
            licence=LICENCE,
            camera_name=CAMERA_NAME,
            calibration=calibration_from_projection(projection.reshape(3, 4), width, height),
            camera_height_m=CAMERA_HEIGHT_M,
            frame_count=len(self._images),
        )

    @property
    def trajectory(self) -> tuple[CameraPose, ...]:
        """Ground-truth poses, empty without a poses file."""
        return tuple(CameraPose(stamp, pose) for stamp, pose in zip(self._stamps_ns, self._poses))

    def frames(self) -> Iterator[DriveFrame]:
        """All frames, image files untouched."""
        size = (self.info.calibration.width, self.info.calibration.height)
        for index, (path, stamp_ns) in enumerate(zip(self._images, self._stamps_ns)):
            pose = self._poses[index] if self._poses else None
            yield DriveFrame(stamp_ns, read_image(path, size), pose)

    def _read_times(self) -> list[int]:
        path = self.folder / "times.txt"
        times_s = _table(path, 1)[:, 0]
        if len(times_s) != len(self._images):
            raise BagError(f"{path} has {len(times_s)} lines for {len(self._images)} images; they must be as many")
        stamps = [RELATIVE_CLOCK_START_NS + round(float(time_s) * 1e9) for time_s in times_s]
        check_stamps(stamps, str(path))
        return stamps

    def _read_poses(self, poses_file: Path | None, projection: NDArray[np.float64]) -> list[RigidTransform]:
        candidates = [self.folder / "poses.txt", self.folder.parent.parent / "poses" / f"{self.folder.name}.txt"]
        path = poses_file or next((one for one in candidates if one.is_file()), None)
        if path is None:
            return []
        rows = _table(path, 12)
        if len(rows) != len(self._images):
            raise BagError(f"{path} has {len(rows)} poses for {len(self._images)} images; they must be as many")
        camera_0_from_camera = RigidTransform(np.eye(3), -baseline_m(projection))
        try:
            return [RigidTransform.from_matrix(row.reshape(3, 4)) @ camera_0_from_camera for row in rows]
        except TransformError as error:
            raise BagError(f"{path}: {error}; each line holds a 3x4 pose") from error


def image_files(folder: Path, camera: str | None, below: str, order: tuple[str, ...]) -> tuple[Path, list[Path]]:
    """Folder and sorted images of the wanted camera, else of the first in `order` that exists; `below` is inside it."""
    names = (camera,) if camera else order
    found = next((folder / name for name in names if (folder / name).is_dir()), None)
    if found is None:
        present = sorted(path.name for path in folder.glob("image_*"))
        raise BagError(f"{folder} has no {' or '.join(names)}; it has {', '.join(present) or 'no image folders'}")
    images = sorted((found / below).glob("*.png")) or sorted((found / below).glob("*.jpg"))
    if not images:
        raise BagError(f"{found / below} has no .png or .jpg images")
    return found, images


def camera_number(name: str) -> int:
    """2 for image_2 and image_02."""
    digits = name.rpartition("_")[2]
    if not digits.isdigit():
        raise BagError(f"a KITTI camera is image_0 .. image_3 or image_00 .. image_03, got {name}")
    return int(digits)


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image file."""
    height, width = decode(read_image(path, None), str(path)).shape[:2]
    return width, height


def baseline_m(projection: NDArray[np.float64]) -> NDArray[np.float64]:
    """Translation (3,) of camera_from_camera_0 in P = K [I | t]."""
    return np.asarray(np.linalg.solve(projection[:, :3], projection[:, 3]), dtype=np.float64)


def calibration_from_projection(projection: NDArray[np.float64], width: int, height: int) -> Calibration:
    """Calibration of a rectified image from its 3x4 projection matrix."""
    p = projection
    return Calibration(width, height, (float(p[0, 0]), float(p[1, 1])), (float(p[0, 2]), float(p[1, 2])))


def read_calibration(path: Path) -> dict[str, str]:
    """The `key: numbers` lines of a KITTI calibration file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BagError(f"cannot read the calibration {path}; it belongs to the data set") from error
    return {key.strip(): value for key, separator, value in (line.partition(":") for line in lines) if separator}


def numbers(values: dict[str, str], key: str, count: int, path: Path) -> NDArray[np.float64]:
    """The `count` numbers under a key of a calibration file."""
    try:
        found = np.array(values.get(key, "").split(), dtype=np.float64)
    except ValueError:
        found = np.empty(0)
    if len(found) != count or not np.isfinite(found).all():
        raise BagError(f"{path}: {key} must hold {count} numbers")
    return found


def _table(path: Path, columns: int) -> NDArray[np.float64]:
    try:
        rows = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise BagError(f"cannot read {path}: expected {columns} numbers per line") from error
    if rows.ndim != 2 or rows.shape[1] != columns or not np.isfinite(rows).all():
        raise BagError(f"{path}: expected {columns} finite numbers per line")
    return rows
