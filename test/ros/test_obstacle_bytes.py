"""The packed array of obstacles is the message, byte for byte where bytes mean something."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from perception_fm.config import NodeConfig
from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.ros.obstacle_bytes import obstacle_bytes
from perception_fm.ros.results import obstacle_array
from perception_fm.ros.step import unknown_result
from perception_fm.types import Obstacle, Provenance
from perception_fm_msgs.msg import ObstacleArray

STAMP_NS = 1_700_000_000_123_456_789


def thing(number: int, class_id: int, rng: np.random.Generator) -> Obstacle:
    sure = [float(value) for value in rng.normal(size=12)]
    return Obstacle(
        obstacle_id=number, distance_m=sure[0], distance_sigma_m=sure[1], ttc_s=sure[2], ttc_sigma_s=math.nan,
        provenance=list(Provenance)[number % 4], existence_probability=0.3, is_confirmed=number % 2 == 0,
        centre_base_m=rng.normal(size=3), size_m=np.array([math.nan, sure[3], sure[4]]), slope_rad=sure[5],
        is_in_path=number % 3 == 0, class_id=class_id, class_probability=sure[6], yaw_rad=sure[7],
        yaw_sigma_rad=sure[8], position_sigma_m=rng.normal(size=3) if number % 2 else np.full(3, math.nan),
        velocity_mps=rng.normal(size=3), anomaly_flags=number, anomaly_score=sure[9],
    )  # fmt: skip


def as_received(message: ObstacleArray) -> list[str]:
    """In words, since NaN is not NaN."""
    return [str(one) for one in (message.header, *message.obstacles)]


@pytest.mark.parametrize("frame", ["base", "base_link", "b"])
def test_bytes_are_those_of_the_message(frame: str):
    rng = np.random.default_rng(0)
    classes = [*range(len(CITYSCAPES_CLASSES)), UNKNOWN_LABEL]
    things = tuple(thing(number, class_id, rng) for number, class_id in enumerate(classes * 2))
    result = dataclasses.replace(unknown_result(STAMP_NS, "camera", "none"), obstacles=things)
    config = NodeConfig(base_frame=frame)
    packed, message = obstacle_bytes(result, config), obstacle_array(result, config)
    serialised = bytes(serialize_message(message))
    assert len(packed) == len(serialised)
    received = (deserialize_message(one, ObstacleArray) for one in (packed, serialised))
    assert as_received(next(received)) == as_received(next(received))


def test_no_obstacles_are_an_empty_array():
    packed = obstacle_bytes(unknown_result(STAMP_NS, "camera", "none"), NodeConfig())
    message = deserialize_message(packed, ObstacleArray)
    assert list(message.obstacles) == []
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == divmod(STAMP_NS, 1_000_000_000)


def test_number_beyond_32_bits_is_infinite():
    one = dataclasses.replace(thing(1, 13, np.random.default_rng(0)), distance_sigma_m=1e300)
    result = dataclasses.replace(unknown_result(STAMP_NS, "camera", "none"), obstacles=(one,))
    (found,) = deserialize_message(obstacle_bytes(result, NodeConfig()), ObstacleArray).obstacles
    assert found.distance_sigma_m == math.inf
    assert found.distance_m == pytest.approx(one.distance_m)
