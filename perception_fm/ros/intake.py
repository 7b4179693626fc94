"""Messages in, `CameraFrame`s or named refusals out. The live node and the bag runner share it; it knows no node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu

from perception_fm.config import NodeConfig
from perception_fm.errors import CameraError, ImageError, OdometryError, RangeSensorError, TransformError
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.ego import EgoHistory, EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.calibration import Calibration
from perception_fm.ros.images import ImageArray, image_array
from perception_fm.ros.messages import add_gyro, add_odometry, add_twist, stamp_ns
from perception_fm.ros.other_camera import OtherCamera
from perception_fm.ros.range_input import RangeInput
from perception_fm.ros.transforms import MountingSource, parameter_mounting
from perception_fm.types import CameraFrame

# Longer than any tracking window: no track survives it, and a clock that jumped forward looks the same.
MAX_IMAGE_GAP_NS = 2_000_000_000
# Ego samples may come late by their transport, never by this much: then the clock jumped or the bag began anew.
_EGO_JUMP_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Accepted:
    """A frame for the pipeline; with `must_reset` the pipeline is reset before it sees the frame. `others`: of other
    cameras, of about the same instant."""

    frame: CameraFrame
    must_reset: bool
    reasons: tuple[str, ...]
    others: tuple[CameraFrame, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An image that cannot be used: the output of its stamp is unknown. `name` is stable, `reason` is for people."""

    stamp_ns: int
    frame_id: str
    name: str
    reason: str
    must_reset: bool


class FrameIntake:
    """Joins images with calibration, mounting and ego motion, and refuses what cannot be trusted.

    Every method may be called from any thread. Bad ego samples are dropped and named in the next frame's `reasons`.
    """

    def __init__(self, config: NodeConfig, mounting: MountingSource) -> None:
        self._base_frame = config.base_frame
        self._mounting = mounting
        self._parameter_mounting = parameter_mounting(config.mounting)
        self._tf_timeout_s = config.tf_timeout_s
        self._lock = threading.Lock()
        self._ego = EgoHistory()
        self._ego_problems: dict[str, str] = {}
        self._ego_stamp_ns: int | None = None
        self._calibration = Calibration()
        self.range = RangeInput(config, mounting)
        self._max_spread_ns = round(config.max_camera_spread_s * 1e9)
        self.others = {name: OtherCamera(name, config.other_mounting(name)) for name in config.other_cameras}
        self._image_stamp_ns: int | None = None
        self._reset_reason: str | None = None

    def reset(self, reason: str) -> None:
        """Forget stamps and ego motion; the next frame is told to reset the pipeline. For jumps of the ROS clock."""
        with self._lock:
            self._forget_time(reason)

    def take_camera_info(self, message: CameraInfo) -> None:
        """The calibration for the following images; a refused one makes them refused, a changed one resets."""
        with self._lock:
            if self._calibration.take(message):
                self._reset_reason = "the camera calibration changed"

    def take_odometry(self, message: Odometry) -> None:
        """Pose and speed of the vehicle."""
        self._take_ego("odometry", message, lambda: add_odometry(self._ego, message, self._base_frame))

    def take_twist(self, message: TwistStamped) -> None:
        """Speed and yaw rate of the vehicle."""
        self._take_ego("twist", message, lambda: add_twist(self._ego, message, self._base_frame))

    def take_imu(self, message: Imu) -> None:
        """Angular velocity; without a known mounting of the IMU its samples are dropped."""
        frame_id = message.header.frame_id

        def add() -> None:
            base_from_imu = RigidTransform.identity()
            if frame_id != self._base_frame:
                base_from_imu = self._mounting.base_from_sensor(frame_id, stamp_ns(message.header.stamp))
            add_gyro(self._ego, message, base_from_imu)

        self._take_ego("imu", message, add)

    def take_image(self, message: Image | CompressedImage) -> Accepted | Refused:
        """The frame of one image, or the named reason why there is none."""
        stamp, frame_id = stamp_ns(message.header.stamp), message.header.frame_id
        try:
            pixels: ImageArray | None = image_array(message)
            problem = ""
        except ImageError as error:
            pixels, problem = None, str(error)
        with self._lock:
            is_repeated = self._advance(stamp)
            reset_reason, self._reset_reason = self._reset_reason, None
            must_reset = reset_reason is not None

            def refused(name: str, reason: str) -> Refused:
                return Refused(stamp, frame_id, name, reason, must_reset)

            if is_repeated:
                return refused("repeated_stamp", f"two images have the same stamp {stamp} ns")
            if pixels is None:
                return refused("bad_image", problem)
            calibration = self._calibration
            if calibration.camera is None:
                return refused(calibration.name, calibration.problem)
            if frame_id != calibration.frame_id:
                return refused(
                    "frame_id_mismatch",
                    f"the image is of frame {frame_id!r}, camera_info of {calibration.frame_id!r}",
                )
            camera = calibration.camera
            ego, ego_reasons = self._ego_at(stamp)
        reasons = [reset_reason, *ego_reasons] if reset_reason else ego_reasons
        base_from_camera, mounting_reason = self._mounting_of(frame_id, stamp, self._parameter_mounting)
        reasons += [mounting_reason] if mounting_reason else []
        scan, range_reason = self._range_scan(stamp)
        reasons += [range_reason] if range_reason else []
        try:
            frame = CameraFrame(stamp, frame_id, pixels, camera, base_from_camera, ego, scan)
        except ImageError as error:
            return refused("size_mismatch", str(error))
        others = self._other_frames(frame, reasons)
        return Accepted(frame, must_reset, tuple(reasons), others)

    def _range_scan(self, stamp: int) -> tuple[RangeScan | None, str]:
        """What the range sensor has met, or why it says nothing."""

        def ego_at(when: int) -> EgoState | None:
            with self._lock:
                return self._ego.at(when)

        try:
            return self.range.scan(stamp, ego_at), ""
        except (RangeSensorError, TransformError) as error:
            return None, f"range: {error}"

    def _other_frames(self, frame: CameraFrame, reasons: list[str]) -> tuple[CameraFrame, ...]:
        """What the other cameras saw at about the same time; a camera without is named in the reasons."""
        found: list[CameraFrame] = []
        for camera in self.others.values():
            try:
                other = self._other_frame(camera, frame.stamp_ns)
                if other.frame_id in (frame.frame_id, *(one.frame_id for one in found)):
                    raise ImageError(f"its frame {other.frame_id!r} is that of another camera")
            except (ImageError, CameraError, TransformError) as error:
                reasons.append(f"camera {camera.name}: {error}")
                continue
            found.append(other)
        return tuple(found)

    def _other_frame(self, camera: OtherCamera, stamp: int) -> CameraFrame:
        """Raises `ImageError`, `CameraError`, `TransformError`."""
        message = camera.nearest(stamp, self._max_spread_ns)
        pixels, model = camera.picture(message)
        own_stamp, frame_id = stamp_ns(message.header.stamp), message.header.frame_id
        mounting, problem = self._mounting_of(frame_id, own_stamp, camera.mounting)
        if mounting is None:
            raise TransformError(problem)
        with self._lock:
            ego = self._ego.at(own_stamp)
        return CameraFrame(own_stamp, frame_id, pixels, model, mounting, ego)

    def _advance(self, stamp: int) -> bool:
        """Notes an image stamp; True where it repeats the last one. A step back or a long gap asks for a reset."""
        last, self._image_stamp_ns = self._image_stamp_ns, stamp
        if last is None or 0 < stamp - last <= MAX_IMAGE_GAP_NS:
            return False
        if stamp == last:
            return True
        step_s = (stamp - last) * 1e-9
        if step_s > 0.0:
            self._reset_reason = f"no usable image for {step_s:.1f} s"
            return False
        # Odometry of the new time may be there already; what lies in the future of this image is of the old one.
        if self._ego_stamp_ns is not None and self._ego_stamp_ns - stamp > _EGO_JUMP_NS:
            self._ego.clear()
            self._ego_stamp_ns = None
        self._reset_reason = f"the image stamp went back by {-step_s:.3f} s"
        return False

    def _take_ego(self, source: str, message: Odometry | TwistStamped | Imu, add: Callable[[], None]) -> None:
        stamp = stamp_ns(message.header.stamp)
        with self._lock:
            if self._ego_stamp_ns is not None and self._ego_stamp_ns - stamp > _EGO_JUMP_NS:
                self._ego.clear()
            try:
                add()
            except (OdometryError, TransformError) as error:
                self._ego_problems[source] = f"{source} dropped: {error}"
                return
            self._ego_stamp_ns = stamp
            self._ego_problems.pop(source, None)

    def _ego_at(self, stamp: int) -> tuple[EgoState | None, list[str]]:
        ego = self._ego.at(stamp)
        reasons = list(self._ego_problems.values())
        if ego is None:
            reasons.append("no odometry near the image stamp")
        elif not ego.has_translation:
            reasons.append("no speed: only a gyro gives ego motion")
        return ego, reasons

    def _mounting_of(
        self, frame_id: str, stamp: int, fallback: RigidTransform | None
    ) -> tuple[RigidTransform | None, str]:
        """Of TF, else of the parameters; with those at hand nobody waits for TF."""
        try:
            timeout_s = self._tf_timeout_s if fallback is None else 0.0
            return self._mounting.base_from_sensor(frame_id, stamp, timeout_s), ""
        except TransformError as error:
            if fallback is not None:
                return fallback, ""
            return None, f"the camera mounting is unknown: {error}; set mounting.height_m or publish TF"

    def _forget_time(self, reason: str) -> None:
        for camera in self.others.values():
            camera.clear()
        self.range.clear()
        self._ego.clear()
        self._ego_stamp_ns = None
        self._image_stamp_ns = None
        self._reset_reason = reason
