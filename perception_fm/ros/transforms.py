"""Where sensors sit on the vehicle: from TF where `tf2_ros` imports, else from parameters. Never a guess."""

from __future__ import annotations

import math
import time
from typing import Protocol

from rclpy.node import Node
from rclpy.time import Time

from perception_fm.config import MountingConfig
from perception_fm.errors import TransformError
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.ros.messages import rigid_transform, time_message

_TF_POLL_S = 0.005  # one TF message period of a 200 Hz publisher


class MountingSource(Protocol):
    """Whoever knows where the sensors sit."""

    def base_from_sensor(self, frame_id: str, stamp_ns: int, timeout_s: float = 0.0) -> RigidTransform:
        """Mounting of a sensor frame at a stamp; waits at most the time-out, then raises `TransformError`."""


def parameter_mounting(config: MountingConfig) -> RigidTransform | None:
    """`base_from_camera` of the mounting parameters; None while the height is NaN."""
    if math.isnan(config.height_m):
        return None
    return base_from_camera(
        config.height_m, config.pitch_rad, config.forward_m, config.left_m, config.roll_rad, config.yaw_rad
    )


class StaticTransforms:
    """Mountings from a tree of static transforms that somebody feeds, for example from a bag's `/tf_static`."""

    def __init__(self, base_frame: str) -> None:
        self._base_frame = base_frame
        self._parents: dict[str, tuple[str, RigidTransform]] = {}

    def add(self, parent: str, child: str, parent_from_child: RigidTransform) -> None:
        """One edge of the tree; a newer one of the same child replaces it."""
        self._parents[child.lstrip("/")] = (parent.lstrip("/"), parent_from_child)

    def base_from_sensor(self, frame_id: str, stamp_ns: int, timeout_s: float = 0.0) -> RigidTransform:
        """Mounting of a frame; raises `TransformError` at once where the tree does not lead from it to the base."""
        base_path, base_root = self._to_root(self._base_frame)
        sensor_path, sensor_root = self._to_root(frame_id)
        if sensor_root != base_root:
            raise TransformError(f"no static transform leads from {frame_id!r} to {self._base_frame!r}")
        return base_path.inverse() @ sensor_path

    def _to_root(self, frame_id: str) -> tuple[RigidTransform, str]:
        root_from_frame, frame = RigidTransform.identity(), frame_id.lstrip("/")
        for _ in range(len(self._parents) + 1):
            if frame not in self._parents:
                return root_from_frame, frame
            frame, parent_from_child = self._parents[frame]
            root_from_frame = parent_from_child @ root_from_frame
        raise TransformError(f"the static transforms above {frame_id!r} form a loop")


class TfTransforms:
    """Mountings from TF at the image stamp. Raises ImportError where `tf2_ros` is not installed."""

    def __init__(self, node: Node, base_frame: str) -> None:
        import tf2_ros

        self._tf2 = tf2_ros
        self._base_frame = base_frame
        # Not Buffer(node=node): on the node it leaves a service and a clock callback behind for every configure. Clock
        # jumps reach it through `clear`.
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def base_from_sensor(self, frame_id: str, stamp_ns: int, timeout_s: float = 0.0) -> RigidTransform:
        """Mounting of a frame at a stamp; waits at most the time-out, then raises `TransformError`."""
        # The buffer's own time-out runs on the ROS clock, which stands still while a bag is paused.
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                when = Time.from_msg(time_message(stamp_ns))
                return rigid_transform(self._buffer.lookup_transform(self._base_frame, frame_id, when).transform)
            except (self._tf2.TransformException, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise TransformError(
                        f"no transform from {frame_id!r} to {self._base_frame!r}: {error}"
                    ) from error
            time.sleep(_TF_POLL_S)

    def clear(self) -> None:
        """Forget the moving transforms: after a clock jump no old one may answer."""
        self._buffer.clear()

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


class NoTransforms:
    """The source of a node without TF: every mounting is unknown unless parameters give it."""

    def base_from_sensor(self, frame_id: str, stamp_ns: int, timeout_s: float = 0.0) -> RigidTransform:
        """Raises `TransformError`."""
        raise TransformError(f"tf2_ros is not installed, so nothing tells where {frame_id!r} sits")

    def clear(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to close."""


def open_transforms(node: Node, base_frame: str) -> TfTransforms | NoTransforms:
    """TF where it is installed."""
    try:
        return TfTransforms(node, base_frame)
    except ImportError:
        return NoTransforms()
