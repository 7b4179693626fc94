"""ROS messages of an imported drive, built from definitions alone: no ROS installation is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import Calibration
from perception_fm.bags.encoded_image import EncodedImage
from perception_fm.bags.message_types import message
from perception_fm.bags.trajectory import OdometrySample
from perception_fm.geometry.transform import RigidTransform

_ENCODINGS = {
    ("uint8", 2): "mono8",
    ("uint8", 3): "bgr8",
    ("uint16", 2): "mono16",
    ("float32", 2): "32FC1",
    ("float32", 3): "32FC3",
}


def header(stamp_ns: int, frame_id: str) -> Any:
    """`std_msgs/Header`."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = message("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
    return message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def image(stamp_ns: int, frame_id: str, pixels: NDArray[np.generic]) -> Any:
    """`sensor_msgs/Image`: uint8 (H, W) is mono8, (H, W, 3) bgr8; uint16 mono16; float32 (H, W) 32FC1, (H, W, 3) 32FC3.
    """
    row = np.ascontiguousarray(pixels)
    return message(
        "sensor_msgs/msg/Image",
        header=header(stamp_ns, frame_id),
        height=row.shape[0],
        width=row.shape[1],
        encoding=_ENCODINGS[row.dtype.name, row.ndim],
        is_bigendian=0,
        step=row.strides[0],
        data=row.view(np.uint8).reshape(-1),
    )


def compressed_image(stamp_ns: int, frame_id: str, encoded: EncodedImage) -> Any:
    """`sensor_msgs/CompressedImage` with the file's own bytes."""
    return message(
        "sensor_msgs/msg/CompressedImage",
        header=header(stamp_ns, frame_id),
        format=encoded.format,
        data=np.frombuffer(encoded.data, np.uint8),
    )


def camera_info(stamp_ns: int, frame_id: str, calibration: Calibration) -> Any:
    """`sensor_msgs/CameraInfo` of a monocular camera: R is identity, P is K."""
    (fx, fy), (cx, cy) = calibration.focal_px, calibration.principal_px
    roi = message(
        "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return message(
        "sensor_msgs/msg/CameraInfo",
        header=header(stamp_ns, frame_id),
        height=calibration.height,
        width=calibration.width,
        distortion_model=calibration.distortion_model,
        d=np.array(calibration.distortion, dtype=np.float64),
        k=np.array([fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]),
        r=np.eye(3).reshape(-1),
        p=np.array([fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def odometry(
    sample: OdometrySample,
    pose_variance: NDArray[np.float64] | None = None,
    twist_variance: NDArray[np.float64] | None = None,
) -> Any:
    """`nav_msgs/Odometry` from odom to base_link; variances (6,) of x, y, z, roll, pitch, yaw; None: zero (unknown)."""
    twist = _twist(sample.linear_mps, sample.angular_rps)
    return message(
        "nav_msgs/msg/Odometry",
        header=header(sample.stamp_ns, "odom"),
        child_frame_id="base_link",
        pose=message(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=_pose(sample.odom_from_base),
            covariance=_diagonal(pose_variance, 6),
        ),
        twist=message("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=_diagonal(twist_variance, 6)),
    )


def imu(
    stamp_ns: int,
    frame_id: str,
    angular_rps: NDArray[np.float64],
    force_mps2: NDArray[np.float64],
    angular_variance: float,
    force_variance: float,
) -> Any:
    """`sensor_msgs/Imu` without an orientation; `force_mps2` (3,) is the specific force, +g upwards at rest."""
    unmeasured = np.zeros(9)
    unmeasured[0] = -1.0  # as the message asks
    return message(
        "sensor_msgs/msg/Imu",
        header=header(stamp_ns, frame_id),
        orientation=_quaternion(RigidTransform.identity()),
        orientation_covariance=unmeasured,
        angular_velocity=_vector(angular_rps),
        angular_velocity_covariance=_diagonal(np.full(3, angular_variance), 3),
        linear_acceleration=_vector(force_mps2),
        linear_acceleration_covariance=_diagonal(np.full(3, force_variance), 3),
    )


def clock(stamp_ns: int) -> Any:
    """`rosgraph_msgs/Clock`."""
    return message("rosgraph_msgs/msg/Clock", clock=header(stamp_ns, "").stamp)


def transforms(stamp_ns: int, parent: str, child: str, parent_from_child: RigidTransform) -> Any:
    """`tf2_msgs/TFMessage` with one transform."""
    stamped = message(
        "geometry_msgs/msg/TransformStamped",
        header=header(stamp_ns, parent),
        child_frame_id=child,
        transform=message(
            "geometry_msgs/msg/Transform",
            translation=_vector(parent_from_child.translation_m),
            rotation=_quaternion(parent_from_child),
        ),
    )
    return message("tf2_msgs/msg/TFMessage", transforms=[stamped])


def pose_stamped(stamp_ns: int, frame_id: str, pose: RigidTransform) -> Any:
    """`geometry_msgs/PoseStamped`."""
    return message("geometry_msgs/msg/PoseStamped", header=header(stamp_ns, frame_id), pose=_pose(pose))


def speed_stamped(stamp_ns: int, speed_mps: float) -> Any:
    """`geometry_msgs/TwistStamped` with nothing but the speed along base x; what is not known is NaN."""
    unknown = float("nan")
    twist = _twist(np.array([speed_mps, unknown, unknown]), np.full(3, unknown))
    return message("geometry_msgs/msg/TwistStamped", header=header(stamp_ns, "base_link"), twist=twist)


def _diagonal(variances: NDArray[np.float64] | None, size: int) -> NDArray[np.float64]:
    """Covariance matrix row by row; zeros, which mean not known, for None."""
    return np.zeros(size * size) if variances is None else np.diag(variances).reshape(-1)


def _vector(values: NDArray[np.float64]) -> Any:
    x, y, z = (float(value) for value in values)
    return message("geometry_msgs/msg/Vector3", x=x, y=y, z=z)


def _quaternion(transform: RigidTransform) -> Any:
    x, y, z, w = (float(value) for value in transform.quaternion_xyzw())
    return message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)


def _pose(transform: RigidTransform) -> Any:
    x, y, z = (float(value) for value in transform.translation_m)
    point = message("geometry_msgs/msg/Point", x=x, y=y, z=z)
    return message("geometry_msgs/msg/Pose", position=point, orientation=_quaternion(transform))


def _twist(linear_mps: NDArray[np.float64], angular_rps: NDArray[np.float64]) -> Any:
    return message("geometry_msgs/msg/Twist", linear=_vector(linear_mps), angular=_vector(angular_rps))
