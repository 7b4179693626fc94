"""A node that stands still before a thing that only its range sensor meets: over DDS, and in lock step from a bag."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from test_range_input import FACE, made_cloud, made_range, made_scan

from perception_fm.bags.message_types import message, serialize
from perception_fm.bags.writer import BagWriter
from perception_fm.config import MountingConfig, NodeConfig
from perception_fm.errors import BagError
from perception_fm.ros.bag_topics import find_topics
from perception_fm.ros.images import image_message
from perception_fm.ros.lockstep import LockstepRunner
from perception_fm.ros.messages import stamp_ns
from perception_fm.types import PathState, Provenance
from perception_fm_msgs.msg import FakeWallReport, FreeSpace, ObstacleArray, PerceptionStatus

STEP_NS = 100_000_000
FORWARD_M = 0.5
SENSOR_HEIGHT_M = 1.2


def measured(source: str, header: Any, height_m: float = 0.0) -> Any:
    """Something 9 m before the sensor; a cloud may be raised by a height."""
    if source == "range":
        return made_range(header, 9.0)
    if source == "laser_scan":
        return made_scan(header, [9.0] * 5)
    return made_cloud(header, FACE + np.array([0.0, 0.0, height_m]))


def raised_sensor() -> bytes:
    """`/tf_static` of the sensor's frame, `SENSOR_HEIGHT_M` above the base frame."""
    stamped = message(
        "geometry_msgs/msg/TransformStamped",
        header=message(
            "std_msgs/msg/Header", stamp=message("builtin_interfaces/msg/Time", sec=0, nanosec=0), frame_id="base_link"
        ),
        child_frame_id="lidar",
        transform=message(
            "geometry_msgs/msg/Transform",
            translation=message("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=SENSOR_HEIGHT_M),
            rotation=message("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        ),
    )
    return serialize(message("tf2_msgs/msg/TFMessage", transforms=[stamped]))


def noise(messages: Any, stamp: int) -> Any:
    """A picture that is neither frozen nor black."""
    pixels = np.random.default_rng(stamp % 2**32).integers(40, 200, (messages.height, messages.width), dtype=np.uint8)
    return image_message(pixels, "mono8", messages.header(stamp))


def test_a_cloud_over_dds_is_an_obstacle_at_standstill_and_its_silence_is_named(make_rig, messages):
    rig = make_rig(mounting__height_m=1.5, mounting__forward_m=FORWARD_M, range_source="point_cloud")
    reports, obstacles = rig.listen("fake_wall", FakeWallReport), rig.listen("obstacles", ObstacleArray)
    free, status = rig.listen("free_space", FreeSpace), rig.listen("status", PerceptionStatus)
    rig.start()
    rig.publish("camera_info", messages.camera_info())

    def tick(has_range: bool) -> int:
        stamp = time.time_ns()
        rig.publish("odometry", messages.odometry(stamp, 0.0))
        if has_range:
            rig.publish("range", measured("point_cloud", messages.header(stamp, "base_link"), SENSOR_HEIGHT_M))
        rig.publish("image", noise(messages, stamp))
        time.sleep(0.05)
        return stamp

    def is_found() -> list[Any]:
        tick(has_range=True)
        return [one for one in reports if one.state == FakeWallReport.OBSTACLE]

    report = rig.wait_for(is_found)[0]
    assert report.distance_m == pytest.approx(9.0 - FORWARD_M, abs=0.2)
    same = rig.wait_for(lambda: [one for one in obstacles if one.header.stamp == report.header.stamp])[0]
    (item,) = (one for one in same.obstacles if one.is_confirmed)
    assert item.provenance == item.PROVENANCE_RANGE
    limit = rig.wait_for(lambda: [one for one in free if one.header.stamp == report.header.stamp])[0]
    assert limit.verified_free_distance_m <= report.distance_m

    def is_named() -> list[Any]:
        stamp = tick(has_range=False)
        late = [one for one in status if stamp_ns(one.header.stamp) <= stamp and one.reasons]
        return [one for one in late if any(reason.startswith("range: ") for reason in one.reasons)]

    assert rig.wait_for(is_named)[0].mode != PerceptionStatus.NOMINAL


@pytest.fixture
def make_bag(tmp_path: Path, messages: Any):
    """A second and a half at standstill, with a range sensor of one type."""

    def make(source: str, topics: tuple[str, ...] = ("/range",), frame_id: str = "lidar") -> Path:
        path = tmp_path / source
        kind = {"range": "Range", "laser_scan": "LaserScan", "point_cloud": "PointCloud2"}[source]
        with BagWriter(path) as writer:
            writer.write("/tf_static", messages.start_ns, raised_sensor(), "tf2_msgs/msg/TFMessage")
            for step in range(16):
                stamp = messages.start_ns + step * STEP_NS
                written = {
                    "/camera/front/camera_info": (messages.camera_info(), "sensor_msgs/msg/CameraInfo"),
                    "/odometry": (messages.odometry(stamp, 0.0), "nav_msgs/msg/Odometry"),
                    "/camera/front/image_raw": (noise(messages, stamp), "sensor_msgs/msg/Image"),
                }
                for topic in topics:
                    found = measured(source, messages.header(stamp, frame_id))
                    written[topic] = (found, f"sensor_msgs/msg/{kind}")
                for topic, (content, msgtype) in written.items():
                    writer.write(topic, stamp, serialize_message(content), msgtype)
        return path

    return make


def config_of(source: str) -> NodeConfig:
    mounting = MountingConfig(height_m=1.5, forward_m=FORWARD_M)
    return NodeConfig(model="none", mounting=mounting, range_source=source)


@pytest.mark.parametrize("source", ["range", "laser_scan", "point_cloud"])
def test_each_type_is_an_obstacle_at_standstill(make_bag, source):
    with LockstepRunner(make_bag(source), config_of(source)) as runner:
        last = list(runner.steps())[-1].result
    assert last.state is PathState.OBSTACLE
    (item,) = (one for one in last.obstacles if one.is_confirmed)
    assert item.provenance is Provenance.RANGE
    assert item.distance_m == pytest.approx(9.0 - FORWARD_M, abs=0.2)
    assert last.verified_free_distance_m <= item.distance_m


@pytest.mark.parametrize("source", ["range", "laser_scan"])
def test_a_beam_along_the_road_is_none(make_bag, source):
    """The base frame lies on the road, so along its axis nothing is surely above it."""
    with LockstepRunner(make_bag(source, frame_id="base_link"), config_of(source)) as runner:
        steps = list(runner.steps())
    assert {step.result.state for step in steps} == {PathState.UNVERIFIED}
    assert all(step.frame.range_scan is not None for step in steps)


@pytest.mark.parametrize("source", ["range", "laser_scan", "point_cloud"])
def test_each_type_is_fed_from_a_bag(make_bag, source):
    with LockstepRunner(make_bag(source, topics=("/lidar/front",)), config_of(source)) as runner:
        assert runner.topics.range == "/lidar/front"
        scans = [step.frame.range_scan for step in runner.steps()]
    assert all(scan is not None and len(scan.points_base_m) for scan in scans)


def test_a_bag_without_the_sensor_is_run_and_says_so(make_bag):
    with LockstepRunner(make_bag("laser_scan", topics=()), config_of("laser_scan")) as runner:
        results = [step.result for step in runner.steps()]
    assert all("range: no message has arrived" in result.reasons for result in results)


def test_a_range_that_nobody_asked_for_is_left_alone(make_bag):
    with LockstepRunner(make_bag("point_cloud"), config_of("none")) as runner:
        assert runner.topics.range is None
        assert all(step.frame.range_scan is None for step in runner.steps())


def test_two_clouds_are_refused_unless_one_has_the_standard_name():
    names = {"image_raw": "Image", "camera_info": "CameraInfo"}
    types = {f"/camera/front/{topic}": f"sensor_msgs/msg/{name}" for topic, name in names.items()}
    clouds = dict.fromkeys(("/lidar/left", "/lidar/right"), "sensor_msgs/msg/PointCloud2")
    counts = dict.fromkeys((*types, *clouds, "/range"), 5)
    with pytest.raises(BagError, match="several range topics"):
        find_topics(counts, types | clouds, None, "point_cloud")
    named = types | clouds | {"/range": "sensor_msgs/msg/PointCloud2"}
    assert find_topics(counts, named, None, "point_cloud").range == "/range"
    assert find_topics(counts, types | clouds).range is None
