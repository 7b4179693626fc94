"""Where the sensors of a bag sit, from its `/tf_static`."""

from __future__ import annotations

import dataclasses

from scipy.spatial.transform import Rotation

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.config import MountingConfig
from perception_fm.errors import BagError, TransformError
from perception_fm.geometry.transform import BASE_FROM_OPTICAL_AXES, RigidTransform
from perception_fm.ros.transforms import StaticTransforms

_TF_STATIC = "/tf_static"


def bag_transforms(reader: BagReader, base_frame: str) -> StaticTransforms:
    """All static transforms of the bag, whenever they were recorded: on the wire they are latched.

    Raises `BagError` for one that holds NaN or no rotation.
    """
    # rosbags reads them, since tf2_msgs has no wheel and the node needs none of it.
    transforms = StaticTransforms(base_frame)
    if _TF_STATIC not in reader.topics:
        return transforms
    for _, msgtype, _, cdr in reader.messages([_TF_STATIC]):
        for stamped in deserialize(cdr, msgtype).transforms:
            r, t = stamped.transform.rotation, stamped.transform.translation
            try:
                edge = RigidTransform.from_quaternion([r.x, r.y, r.z, r.w], [t.x, t.y, t.z])
            except TransformError as error:
                raise BagError(f"{_TF_STATIC} of {stamped.child_frame_id!r} cannot be used: {error}") from error
            transforms.add(stamped.header.frame_id, stamped.child_frame_id, edge)
    return transforms


def mounting_parameters(reader: BagReader, base_frame: str, sensor_frame: str) -> dict[str, float]:
    """ROS parameters `mounting.*` of a sensor of the bag, for a node without `tf2_ros`; empty where it is not known."""
    try:
        transform = bag_transforms(reader, base_frame).base_from_sensor(sensor_frame, 0)
    except TransformError:  # then the node says itself, in its status, that the mounting is unknown
        return {}
    return {f"mounting.{name}": value for name, value in dataclasses.asdict(mounting_config(transform)).items()}


def mounting_config(base_from_camera: RigidTransform) -> MountingConfig:
    """The numbers of `geometry.transform.base_from_camera` that give this transform."""
    tilt = base_from_camera.rotation @ BASE_FROM_OPTICAL_AXES.T
    yaw_rad, pitch_rad, roll_rad = (float(angle) for angle in Rotation.from_matrix(tilt).as_euler("ZYX"))
    forward_m, left_m, height_m = (float(value) for value in base_from_camera.translation_m)
    return MountingConfig(height_m, pitch_rad, roll_rad, yaw_rad, forward_m, left_m)
