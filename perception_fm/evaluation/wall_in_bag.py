"""The true distance of the wall in a synthetic recording, from its metadata and the true poses of its camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import PaintedWall

_POSE_TYPE = "geometry_msgs/msg/PoseStamped"


def bag_wall_distances(bag: Path) -> dict[int, float]:
    """Stamp in ns -> true distance in metres while the wall is ahead.

    Raises `PerceptionError` for a bag without a wall in the way or without true poses.
    """
    with BagReader(bag) as reader:
        wall = wall_in_way(reader)
        if wall is None:
            raise PerceptionError(f"{bag} has no wall in the way of its drive: its metadata holds no wall")
        poses = true_poses(reader, pose_topic(reader))
    distances = {stamp: wall.distance_to_wall_m(pose) for stamp, pose in poses.items()}
    return {stamp: distance for stamp, distance in distances.items() if distance > 0.0}


def wall_in_way(reader: BagReader) -> PaintedWall | None:
    """The wall that the drive meets first, None where the bag's metadata holds none."""
    document = reader.custom_data.get("wall")
    return None if document is None else read_wall(json.loads(document))


def pose_topic(reader: BagReader) -> str:
    """Topic of the true poses of the camera. Raises `PerceptionError` unless there is exactly one."""
    topics = [
        topic
        for topic, msgtype in reader.topics.items()
        if msgtype == _POSE_TYPE and topic.startswith("/ground_truth/") and topic.endswith("/pose")
    ]
    if len(topics) != 1:
        count = len(topics)
        raise PerceptionError(f"{reader.path} holds {count} topics of true poses: record it with its ground truth")
    return topics[0]


def true_poses(reader: BagReader, topic: str) -> dict[int, RigidTransform]:
    """Stamp in ns -> `world_from_camera`, in the order of the bag."""
    poses = {}
    for _, msgtype, _, cdr in reader.messages([topic]):
        stamped = deserialize(cdr, msgtype)
        poses[stamp_ns(stamped.header)] = _pose(stamped.pose)
    return poses


def stamp_ns(header: Any) -> int:
    """Stamp of a message's header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def read_wall(document: dict[str, Any]) -> PaintedWall:
    """The wall of a metadata document."""
    return PaintedWall(np.array(document["corners_world_m"]), np.array(document["approach_world"]))


def _pose(message: Any) -> RigidTransform:
    q, p = message.orientation, message.position
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
