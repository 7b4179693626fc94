"""Messages in, `CameraFrame`s or named refusals out. The live node and the bag runner share it; it knows no node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu

from perception_fm.camera.model import CameraModel
from perception_fm.config import NodeConfig
from perception_fm.errors import CameraError, ImageError, OdometryError, TransformError
from perception_fm.geometry.ego import EgoHistory, EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.calibration import calibration_key, camera_model
from perception_fm.ros.images import ImageArray, image_array
from perception_fm.ros.messages import add_gyro, add_odometry, add_twist, stamp_ns
from perception_fm.ros.transforms import MountingSource, parameter_mounting
from perception_fm.types import CameraFrame

# Longer than any tracking window: no track survives it, and a clock that jumped forward looks the same.
MAX_IMAGE_GAP_NS = 2_000_000_000
# Ego samples may come late by their transport, never by this much: then the clock jumped or the bag began anew.
_EGO_JUMP_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Accepted:
    """A frame for the pipeline; with `must_reset` the pipeline is reset before it sees the frame."""

    frame: CameraFrame
    must_reset: bool
    reasons: tuple[str, ...]


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
        # With a mounting from parameters at hand nobody waits for TF.
        self._tf_timeout_s = config.tf_timeout_s if self._parameter_mounting is None else 0.0
        self._lock = threading.Lock()
        self._ego = EgoHistory()
        self._ego_problems: dict[str, str] = {}
        self._ego_stamp_ns: int | None = None
        self._camera: CameraModel | None = None
        self._camera_frame_id = ""
        self._camera_key: tuple[object, ...] | None = None
        self._camera_problem = "no camera_info has arrived"
        self._image_stamp_ns: int | None = None
        self._reset_reason: str | None = None

    def reset(self, reason: str) -> None:
        """Forget stamps and ego motion; the next frame is told to reset the pipeline. For jumps of the ROS clock."""
        with self._lock:
            self._forget_time(reason)

    def take_camera_info(self, message: CameraInfo) -> None:
        """The calibration for the following images; a refused one makes them refused, a changed one resets."""
        key = calibration_key(message)
        with self._lock:
            if key == self._camera_key:
                return
            is_first = self._camera_key is None
            self._camera_key = key
            self._camera_frame_id = message.header.frame_id
            try:
                self._camera = camera_model(message)
            except CameraError as error:
                self._camera, self._camera_problem = None, str(error)
            if not is_first:
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
            if self._camera is None:
                name = "missing_camera_info" if self._camera_key is None else "bad_camera_info"
                return refused(name, self._camera_problem)
            if frame_id != self._camera_frame_id:
                return refused(
                    "frame_id_mismatch",
                    f"the image is of frame {frame_id!r}, camera_info of {self._camera_frame_id!r}",
                )
            camera = self._camera
            ego, ego_reasons = self._ego_at(stamp)
        reasons = [reset_reason, *ego_reasons] if reset_reason else ego_reasons
        base_from_camera, mounting_reason = self._mounting_of(frame_id, stamp)
        reasons += [mounting_reason] if mounting_reason else []
        try:
            frame = CameraFrame(stamp, frame_id, pixels, camera, base_from_camera, ego)
        except ImageError as error:
            return refused("size_mismatch", str(error))
        return Accepted(frame, must_reset, tuple(reasons))

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

    def _mounting_of(self, frame_id: str, stamp: int) -> tuple[RigidTransform | None, str]:
        try:
            return self._mounting.base_from_sensor(frame_id, stamp, self._tf_timeout_s), ""
        except TransformError as error:
            if self._parameter_mounting is not None:
                return self._parameter_mounting, ""
            return None, f"the camera mounting is unknown: {error}; set mounting.height_m or publish TF"

    def _forget_time(self, reason: str) -> None:
        self._ego.clear()
        self._ego_stamp_ns = None
        self._image_stamp_ns = None
        self._reset_reason = reason
