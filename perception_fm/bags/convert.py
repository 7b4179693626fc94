"""Turn imported drives into a bag: images, camera_info, odometry, transforms, and truth where the source has it."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_fm.bags import drive_messages as build
from perception_fm.bags.drive import Drive, DriveFrame, DriveInfo, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage, decode, encode_jpeg
from perception_fm.bags.kitti import KittiOdometry
from perception_fm.bags.kitti_raw import KittiRaw
from perception_fm.bags.message_types import serialize
from perception_fm.bags.trajectory import (
    OdometrySample,
    mounting_beside,
    mounting_from_travel,
    odometry_from_poses,
    travel_direction,
)
from perception_fm.bags.video import VideoDrive
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError
from perception_fm.geometry.transform import RigidTransform, base_from_camera

# Cameras of one vehicle are triggered up to a tenth of a second apart, at 5 m/s half a metre, and a vehicle in a bend
# turns by a few degrees in that time.
_MOST_SCATTER_M = 0.5
_MOST_SCATTER_RAD = math.radians(3.0)


@dataclass(frozen=True)
class SourceOptions:
    """What a person adds to a source that does not say it; None leaves it to the source."""

    intrinsics: Intrinsics = field(default_factory=Intrinsics)
    rate_hz: float | None = None
    camera: str | None = None
    poses_file: Path | None = None


@dataclass(frozen=True)
class MountingOptions:
    """Where the camera sits, where a person knows it: metres above the road, degrees down (None: from the source)."""

    height_m: float | None = None
    pitch_deg: float | None = None


def open_drive(source: Path, options: SourceOptions) -> Drive:
    """The drive at `source`, its kind told by its contents. Raises `BagError` for what is none of the known kinds."""
    if not source.exists():
        raise BagError(f"{source} does not exist; give a drive folder, a KITTI folder or a video file")
    if source.is_file() and source.name != "meta.json":
        _refuse(source, "a video", camera=options.camera, poses=options.poses_file)
        return VideoDrive(source, options.intrinsics, options.rate_hz)
    folder = source.parent if source.is_file() else source
    if (folder / "meta.json").is_file():
        _refuse(source, "a drive folder", camera=options.camera, poses=options.poses_file)
        return DriveFolder(folder, options.intrinsics, options.rate_hz)
    is_odometry = (folder / "times.txt").is_file() or (folder / "calib.txt").is_file()
    if not is_odometry and not any(folder.glob("image_*/data")):
        raise BagError(
            f"{folder} is no known drive: expected meta.json (drive-folder/1), a KITTI odometry sequence "
            "(calib.txt, times.txt) or a KITTI raw drive (image_02/data)"
        )
    given = options.intrinsics if options.intrinsics != Intrinsics() else None
    _refuse(source, "KITTI", fx=given, rate=options.rate_hz)
    if is_odometry:
        return KittiOdometry(folder, options.camera, options.poses_file)
    _refuse(source, "KITTI raw", poses=options.poses_file)
    return KittiRaw(folder, options.camera)


class DriveConversion:
    """The plan of one conversion: mountings and odometry are settled when made, images flow in `write`.

    `others`: further cameras of the same vehicle. Poses of all are of one world; those of `drive` alone make the
    odometry. Raises `BagError` for another camera that does not fit.
    """

    def __init__(
        self, drive: Drive, mounting: MountingOptions, others: Sequence[Drive] = (), *, is_raw: bool
    ) -> None:
        self.info: DriveInfo = drive.info
        self._drive = drive
        self._others = tuple(others)
        self._is_raw = is_raw
        self.height_m = mounting.height_m if mounting.height_m is not None else drive.info.camera_height_m
        self.base_from_camera, self.notes = self._mount(mounting)
        samples = odometry_from_poses(drive.trajectory, self.base_from_camera)
        self._odometry: dict[int, OdometrySample] = {sample.stamp_ns: sample for sample in samples}
        if not samples:
            self.notes.append("no camera poses: no /odometry and no /tf")
        mounted = [self._mount_beside(other) for other in self._others]
        self._check_names()
        self._mountings = [] if self.height_m is None else [(self.info, self.base_from_camera), *mounted]

    @property
    def image_count(self) -> int | None:
        """Of all cameras; None where only decoding tells."""
        counts = [drive.info.frame_count for drive in (self._drive, *self._others)]
        return None if None in counts else sum(count for count in counts if count is not None)

    def custom_data(self) -> dict[str, str]:
        """Origins and licences, for the metadata of the bag."""
        infos = [drive.info for drive in (self._drive, *self._others)]
        names = json.dumps(dict(self.info.class_names))
        return {
            "source": "; ".join(dict.fromkeys(info.source for info in infos)),
            "licence": "; ".join(dict.fromkeys(info.licence for info in infos)),
            "class_names": names,
        }

    def write(self, writer: BagWriter) -> Iterator[int]:
        """Write all messages in the order of time; yields the stamp after each image, so that the caller can show
        progress.
        """
        is_first = True
        frames = heapq.merge(*map(_tagged, (self._drive, *self._others)), key=lambda item: item[1].stamp_ns)
        for info, frame in frames:
            if is_first:
                for camera, base_from_camera in self._mountings:
                    mounting = build.transforms(frame.stamp_ns, "base_link", camera.optical_frame, base_from_camera)
                    _put(writer, "/tf_static", frame.stamp_ns, mounting)
            is_first = False
            if info is self.info:
                self._write_motion(writer, frame)
            self._write_frame(writer, frame, info)
            yield frame.stamp_ns
        if is_first:
            raise BagError(f"{self.info.source} holds no frames")

    def _write_motion(self, writer: BagWriter, frame: DriveFrame) -> None:
        stamp_ns = frame.stamp_ns
        sample = self._odometry.get(stamp_ns)
        if sample is not None:
            _put(writer, "/odometry", stamp_ns, build.odometry(sample))
            _put(writer, "/tf", stamp_ns, build.transforms(stamp_ns, "odom", "base_link", sample.odom_from_base))
        if not math.isnan(frame.speed_mps):
            _put(writer, "/ground_truth/speed", stamp_ns, build.speed_stamped(stamp_ns, frame.speed_mps))

    def _write_frame(self, writer: BagWriter, frame: DriveFrame, info: DriveInfo) -> None:
        stamp_ns, optical, camera = frame.stamp_ns, info.optical_frame, f"/camera/{info.camera_name}"
        _put(writer, f"{camera}/camera_info", stamp_ns, build.camera_info(stamp_ns, optical, info.calibration))
        if self._is_raw:
            pixels = decode(frame.image, info.source) if isinstance(frame.image, EncodedImage) else frame.image
            _put(writer, f"{camera}/image_raw", stamp_ns, build.image(stamp_ns, optical, pixels))
        else:
            encoded = frame.image if isinstance(frame.image, EncodedImage) else encode_jpeg(frame.image)
            _put(writer, f"{camera}/image_raw/compressed", stamp_ns, build.compressed_image(stamp_ns, optical, encoded))
        truth = f"/ground_truth/{info.camera_name}"
        if frame.depth_m is not None:
            _put(writer, f"{truth}/depth", stamp_ns, build.image(stamp_ns, optical, frame.depth_m))
        if frame.label is not None:
            _put(writer, f"{truth}/label", stamp_ns, build.image(stamp_ns, optical, frame.label))
        if frame.world_from_camera is not None:
            pose = build.pose_stamped(stamp_ns, "world", frame.world_from_camera)
            _put(writer, f"{truth}/pose", stamp_ns, pose)

    def _mount_beside(self, other: Drive) -> tuple[DriveInfo, RigidTransform]:
        """Where another camera sits, from the poses of both. Raises `BagError` where these do not tell it."""
        first, name = self.info.camera_name, other.info.camera_name
        if self.height_m is None:
            raise BagError(f"several cameras need the height of the first, {first}: give --height-m")
        if not self._drive.trajectory or not other.trajectory:
            raise BagError(f"where {name} sits follows from poses of {first} and {name}, and one of them has none")
        found = mounting_beside(self._drive.trajectory, self.base_from_camera, other.trajectory)
        if found is None:
            raise BagError(f"no pose of {name} was taken while {first} has poses: their stamps are of different times")
        scatter = f"up to {found.scatter_m:.2f} m and {math.degrees(found.scatter_rad):.1f} deg"
        if found.scatter_m > _MOST_SCATTER_M or found.scatter_rad > _MOST_SCATTER_RAD:
            raise BagError(f"{name} moves against {first} by {scatter}: they are not of one vehicle, clock and world")
        x, y, z = (float(value) for value in found.base_from_camera.translation_m)
        place = f"{x:.2f}, {y:.2f}, {z:.2f} m"
        self.notes.append(f"{name} sits at {place} in base_link; by single poses {scatter} elsewhere")
        self.notes += [f"{name}: {note}" for note in other.info.notes]
        return other.info, found.base_from_camera

    def _check_names(self) -> None:
        """One topic belongs to one camera, and one table of classes to a bag."""
        names = [drive.info.camera_name for drive in (self._drive, *self._others)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BagError(f"two cameras are called {twice}; camera.name in meta.json tells them apart")
        for other in self._others:
            if other.info.class_names not in ({}, self.info.class_names):
                raise BagError(f"class_names of {other.info.camera_name} are not those of {self.info.camera_name}")

    def _mount(self, mounting: MountingOptions) -> tuple[RigidTransform, list[str]]:
        """`base_from_camera` and what the person should know about it."""
        notes = list(self.info.notes)
        height_m = self.height_m
        if height_m is None:
            notes.append("camera height unknown: no /tf_static, odometry is that of the camera; give --height-m")
            height_m = 0.0
        direction = travel_direction(self._drive.trajectory)
        yaw_rad = math.atan2(direction[0], direction[2]) if direction is not None else 0.0
        # base_from_camera counts yaw to the left; travel to the image's right means a camera turned to the left.
        if mounting.pitch_deg is not None:
            return base_from_camera(height_m, math.radians(mounting.pitch_deg), yaw_rad=yaw_rad), notes
        if direction is not None:
            mounted = mounting_from_travel(direction, height_m)
            ahead, left, up = (float(value) for value in mounted.rotation[:, 2])
            notes.append(
                "mounting from the direction of travel: the camera looks "
                f"{math.degrees(math.atan2(-up, math.hypot(ahead, left))):.2f} deg down and "
                f"{math.degrees(math.atan2(left, ahead)):.2f} deg to the left"
            )
            return mounted, notes
        notes.append("camera pitch against the road unknown, taken as 0: less than 5 m driven; give --pitch-deg")
        return base_from_camera(height_m, 0.0), notes


def _tagged(drive: Drive) -> Iterator[tuple[DriveInfo, DriveFrame]]:
    return ((drive.info, frame) for frame in drive.frames())


def _put(writer: BagWriter, topic: str, stamp_ns: int, value: Any) -> None:
    writer.write(topic, stamp_ns, serialize(value), value.__msgtype__)


def _refuse(source: Path, kind: str, **given: object) -> None:
    """An option that a kind of source cannot use is refused: silently ignored, it would look obeyed."""
    for name, value in given.items():
        if value is not None:
            raise BagError(f"--{name} means nothing for {source}, which is {kind}; leave it out")
