"""Sensor messages into core types: stamps, transforms, ego motion."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Transform, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from perception_fm.errors import OdometryError, TransformError
from perception_fm.geometry.ego import EgoHistory
from perception_fm.geometry.transform import RigidTransform

_NS = 1_000_000_000
_NOT_MEASURED = -1.0  # sensor_msgs/Imu: the covariance begins with -1 where the sensor does not give the value


def stamp_ns(stamp: Time) -> int:
    """Nanoseconds of a message stamp."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def time_message(nanoseconds: int) -> Time:
    """A message stamp; `stamp_ns` of it gives the same nanoseconds back."""
    return Time(sec=nanoseconds // _NS, nanosec=nanoseconds % _NS)


def rigid_transform(message: Transform) -> RigidTransform:
    """Target-from-source of `geometry_msgs/Transform`; raises `TransformError` for NaN or a quaternion that is none."""
    q, t = message.rotation, message.translation
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [t.x, t.y, t.z])


def add_odometry(ego: EgoHistory, message: Odometry, base_frame: str) -> None:
    """One `nav_msgs/Odometry` of the base frame into the history.

    Raises `OdometryError` for NaN, a quaternion that is none, a stamp that does not advance, or odometry of another
    body.
    """
    if message.child_frame_id != base_frame:
        raise OdometryError(f"odometry is of frame {message.child_frame_id!r}, expected {base_frame!r}")
    twist = message.twist.twist
    ego.add_odometry(stamp_ns(message.header.stamp), _pose(message.pose.pose), twist.linear.x, twist.angular.z)


def add_twist(ego: EgoHistory, message: TwistStamped, base_frame: str) -> None:
    """One `geometry_msgs/TwistStamped` of the base frame into the history; errors as for odometry."""
    if message.header.frame_id != base_frame:
        raise OdometryError(f"twist is in frame {message.header.frame_id!r}, expected {base_frame!r}")
    ego.add_twist(stamp_ns(message.header.stamp), message.twist.linear.x, message.twist.angular.z)


def add_gyro(ego: EgoHistory, message: Imu, base_from_imu: RigidTransform) -> None:
    """The angular velocity of one `sensor_msgs/Imu` into the history.

    Raises `OdometryError` for NaN, a stamp that does not advance, or an IMU that says it has no gyro.
    """
    if message.angular_velocity_covariance[0] == _NOT_MEASURED:
        raise OdometryError("the IMU says that it measures no angular velocity")
    rate = message.angular_velocity
    ego.add_gyro(stamp_ns(message.header.stamp), base_from_imu.rotation @ np.array([rate.x, rate.y, rate.z]))


def _pose(message: Pose) -> RigidTransform:
    q, p = message.orientation, message.position
    try:
        return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
    except TransformError as error:
        raise OdometryError(f"the odometry pose cannot be used: {error}") from error
