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
        if "wall" not in reader.custom_data:
            raise PerceptionError(f"{bag} has no wall in the way of its drive: its metadata holds no wall")
        wall = read_wall(json.loads(reader.custom_data["wall"]))
        topics = [
            topic
            for topic, msgtype in reader.topics.items()
            if msgtype == _POSE_TYPE and topic.startswith("/ground_truth/") and topic.endswith("/pose")
        ]
        if len(topics) != 1:
            raise PerceptionError(f"{bag} holds {len(topics)} topics of true poses: record it with its ground truth")
        distances = {}
        for _, msgtype, _, cdr in reader.messages(topics):
            stamped = deserialize(cdr, msgtype)
            stamp_ns = stamped.header.stamp.sec * 1_000_000_000 + stamped.header.stamp.nanosec
            distances[stamp_ns] = wall.distance_to_wall_m(_pose(stamped.pose))
    return {stamp: distance for stamp, distance in distances.items() if distance > 0.0}


def read_wall(document: dict[str, Any]) -> PaintedWall:
    """The wall of a metadata document."""
    return PaintedWall(np.array(document["corners_world_m"]), np.array(document["approach_world"]))


def _pose(message: Any) -> RigidTransform:
    q, p = message.orientation, message.position
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
