"""Turn an imported drive into a bag: images, camera_info, odometry, transforms, and truth where the source has it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
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
from perception_fm.bags.trajectory import OdometrySample, mounting_from_travel, odometry_from_poses, travel_direction
from perception_fm.bags.video import VideoDrive
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError
from perception_fm.geometry.transform import RigidTransform, base_from_camera


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
    """The plan of one conversion: mounting and odometry are settled when made, images flow in `write`."""

    def __init__(self, drive: Drive, mounting: MountingOptions, *, is_raw: bool) -> None:
        self.info: DriveInfo = drive.info
        self._drive = drive
        self._is_raw = is_raw
        self.height_m = mounting.height_m if mounting.height_m is not None else drive.info.camera_height_m
        self.base_from_camera, self.notes = self._mount(mounting)
        samples = odometry_from_poses(drive.trajectory, self.base_from_camera)
        self._odometry: dict[int, OdometrySample] = {sample.stamp_ns: sample for sample in samples}
        if not samples:
            self.notes.append("no camera poses: no /odometry and no /tf")

    def custom_data(self) -> dict[str, str]:
        """Origin and licence, for the metadata of the bag."""
        names = json.dumps(dict(self.info.class_names))
        return {"source": self.info.source, "licence": self.info.licence, "class_names": names}

    def write(self, writer: BagWriter) -> Iterator[int]:
        """Write all messages; yields the stamp after each frame, so that the caller can show progress."""
        is_first = True
        for frame in self._drive.frames():
            if is_first and self.height_m is not None:
                mounting = build.transforms(frame.stamp_ns, "base_link", self.info.optical_frame, self.base_from_camera)
                _put(writer, "/tf_static", frame.stamp_ns, mounting)
            is_first = False
            self._write_frame(writer, frame)
            yield frame.stamp_ns
        if is_first:
            raise BagError(f"{self.info.source} holds no frames")

    def _write_frame(self, writer: BagWriter, frame: DriveFrame) -> None:
        stamp_ns, optical, camera = frame.stamp_ns, self.info.optical_frame, f"/camera/{self.info.camera_name}"
        sample = self._odometry.get(stamp_ns)
        if sample is not None:
            _put(writer, "/odometry", stamp_ns, build.odometry(sample))
            _put(writer, "/tf", stamp_ns, build.transforms(stamp_ns, "odom", "base_link", sample.odom_from_base))
        _put(writer, f"{camera}/camera_info", stamp_ns, build.camera_info(stamp_ns, optical, self.info.calibration))
        if self._is_raw:
            pixels = decode(frame.image, self.info.source) if isinstance(frame.image, EncodedImage) else frame.image
            _put(writer, f"{camera}/image_raw", stamp_ns, build.image(stamp_ns, optical, pixels))
        else:
            encoded = frame.image if isinstance(frame.image, EncodedImage) else encode_jpeg(frame.image)
            _put(writer, f"{camera}/image_raw/compressed", stamp_ns, build.compressed_image(stamp_ns, optical, encoded))
        self._write_truth(writer, frame)

    def _write_truth(self, writer: BagWriter, frame: DriveFrame) -> None:
        stamp_ns, optical, truth = frame.stamp_ns, self.info.optical_frame, f"/ground_truth/{self.info.camera_name}"
        if frame.depth_m is not None:
            _put(writer, f"{truth}/depth", stamp_ns, build.image(stamp_ns, optical, frame.depth_m))
        if frame.label is not None:
            _put(writer, f"{truth}/label", stamp_ns, build.image(stamp_ns, optical, frame.label))
        if frame.world_from_camera is not None:
            pose = build.pose_stamped(stamp_ns, "world", frame.world_from_camera)
            _put(writer, f"{truth}/pose", stamp_ns, pose)
        if not math.isnan(frame.speed_mps):
            _put(writer, "/ground_truth/speed", stamp_ns, build.speed_stamped(stamp_ns, frame.speed_mps))

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


def _put(writer: BagWriter, topic: str, stamp_ns: int, value: Any) -> None:
    writer.write(topic, stamp_ns, serialize(value), value.__msgtype__)


def _refuse(source: Path, kind: str, **given: object) -> None:
    """An option that a kind of source cannot use is refused: silently ignored, it would look obeyed."""
    for name, value in given.items():
        if value is not None:
            raise BagError(f"--{name} means nothing for {source}, which is {kind}; leave it out")
