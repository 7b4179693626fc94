"""What the node costs beyond the pipeline: messages in, checks, messages out."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from perception_fm.config import NodeConfig
from perception_fm.dense import DensePredictor
from perception_fm.evaluation.benchmark import WARM_UP_FRAMES, Timing, passes
from perception_fm.geometry.transform import RigidTransform
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.ros.images import image_message
from perception_fm.ros.intake import FrameIntake
from perception_fm.ros.messages import time_message
from perception_fm.ros.outputs import Publication, outputs_for
from perception_fm.ros.publishing import Publishers
from perception_fm.ros.qos import output_qos
from perception_fm.ros.step import Step, process_image
from perception_fm.ros.transforms import StaticTransforms
from perception_fm.ros.worker import SWITCH_INTERVAL_S
from perception_fm.types import CameraFrame

_LARGE = ("overlay", "birds_eye")  # for people; planners subscribe to the small outputs
_PLANNER = ("obstacles", "free_space")
SCENE_STAGES = ("scene_points", "scene_free_space", "scene_obstacles", "fusion")


def time_node(frames: Sequence[CameraFrame], config: NodeConfig, total: int) -> tuple[dict[str, Timing], float]:
    """Timings of `bare pipeline`, `node` and `publish small outputs`, and the ratio of node to bare pipeline.

    Each frame passes both ways in turn, so that what else the machine does hits both alike. `node` is everything from
    the bytes of an image message to published outputs with a subscriber each; the executor's wake-up is not in it.
    """
    bare_ms: list[float] = []
    node_ms: list[float] = []
    publish_ms: list[float] = []
    bare, own = PerceptionPipeline(config), PerceptionPipeline(config)
    small = [output.topic for output in outputs_for(()) if output.topic not in _LARGE]
    with _subscribed_publishers(small) as publishers:
        since_begin = 0
        intake = _intake(frames[0], config)
        for frame, begins in passes(frames, total):
            cdr, odometry = _image_cdr(frame), _odometry(frame, config)
            if begins:
                bare.reset()
                own.reset()
                intake = _intake(frame, config)
                since_begin = 0
            since_begin += 1
            if odometry is not None:
                intake.take_odometry(odometry)
            clock = [time.perf_counter()]
            bare.process(frame)
            clock.append(time.perf_counter())
            step = process_image(intake, own, deserialize_message(cdr, Image))
            clock.append(time.perf_counter())
            publishers.publish(Publication(step, config))
            clock.append(time.perf_counter())
            if since_begin > WARM_UP_FRAMES:
                bare_ms.append((clock[1] - clock[0]) * 1e3)
                node_ms.append((clock[3] - clock[1]) * 1e3)
                publish_ms.append((clock[3] - clock[2]) * 1e3)
    timings = {
        "bare pipeline": Timing.of(bare_ms),
        "node": Timing.of(node_ms),
        "publish small outputs": Timing.of(publish_ms),
    }
    return timings, float(np.median(node_ms) / np.median(bare_ms))


def time_scene(
    frames: Sequence[CameraFrame], config: NodeConfig, total: int, predictor: DensePredictor
) -> tuple[dict[str, Timing], float]:
    """Timings of what comes after the network, and the median number of obstacles.

    One row per stage of the scene, `publish planner topics` (obstacles and free space) and `publish all topics`, each
    with a subscriber, and `after the network, planner topics` and `..., all topics`: stages and publishing together.
    """
    pipeline = PerceptionPipeline(config, predictor)
    rows: dict[str, list[float]] = {}
    counts: list[int] = []
    heads = predictor.state.heads
    everything = tuple(output.topic for output in outputs_for(heads))
    chosen = {"planner topics": _PLANNER, "all topics": everything}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_threads_of_the_node())
        publishers = {
            name: stack.enter_context(_subscribed_publishers(topics, heads)) for name, topics in chosen.items()
        }
        since_begin = 0
        for frame, begins in passes(frames, total):
            if begins:
                pipeline.reset()
                since_begin = 0
            since_begin += 1
            result = pipeline.process(frame)
            publication = Publication(Step(result, frame), config, model=pipeline.model)
            stages = {name: value for name, value in result.latency_ms.items() if name in SCENE_STAGES}
            times = {f"stage {name}": value for name, value in stages.items()}
            for name, one in publishers.items():
                start = time.perf_counter()
                one.publish(publication)
                times[f"publish {name}"] = (time.perf_counter() - start) * 1e3
                times[f"after the network, {name}"] = sum(stages.values()) + times[f"publish {name}"]
            if since_begin > WARM_UP_FRAMES:
                counts.append(len(result.obstacles))
                for name, value in times.items():
                    rows.setdefault(name, []).append(value)
    return {name: Timing.of(values) for name, values in rows.items()}, float(np.median(counts))


@contextlib.contextmanager
def _subscribed_publishers(topics: Collection[str], heads: Sequence[str] = ()) -> Iterator[Publishers]:
    """The node's publishers with one subscriber for each of the topics; nobody takes the messages."""
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node: Node = rclpy.create_node(f"benchmark_of_{len(topics)}", context=context)
        publishers = Publishers(node, heads)
        chosen = [output for output in outputs_for(heads) if output.topic in topics]
        for output in chosen:
            node.create_subscription(output.message_type, f"~/{output.topic}", lambda message: None, output_qos())
        while any(node.count_subscribers(f"/{node.get_name()}/{output.topic}") == 0 for output in chosen):
            time.sleep(0.01)
        yield publishers
    finally:
        rclpy.try_shutdown(context=context)


@contextlib.contextmanager
def _threads_of_the_node() -> Iterator[None]:
    """Threads that take turns as those of the node's process do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _header(frame: CameraFrame, frame_id: str) -> Header:
    stamp: Time = time_message(frame.stamp_ns)
    return Header(stamp=stamp, frame_id=frame_id)


def _image_cdr(frame: CameraFrame) -> bytes:
    encoding = "mono8" if frame.image.ndim == 2 else "bgr8"
    return bytes(serialize_message(image_message(frame.image, encoding, _header(frame, frame.frame_id))))


def _intake(frame: CameraFrame, config: NodeConfig) -> FrameIntake:
    """An intake that knows calibration and mounting of the frame."""
    transforms = StaticTransforms(config.base_frame)
    transforms.add(config.base_frame, frame.frame_id, frame.base_from_camera or RigidTransform.identity())
    intake = FrameIntake(config, transforms)
    camera = frame.camera
    k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    info = CameraInfo(
        header=_header(frame, frame.frame_id),
        width=camera.width,
        height=camera.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=k,
        r=np.eye(3).ravel().tolist(),
        p=[k[0], 0.0, k[2], 0.0, 0.0, k[4], k[5], 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    intake.take_camera_info(info)
    return intake


def _odometry(frame: CameraFrame, config: NodeConfig) -> Odometry | None:
    if frame.ego is None:
        return None
    message = Odometry(header=_header(frame, "odom"), child_frame_id=config.base_frame)
    pose, twist = message.pose.pose, message.twist.twist
    q, t = frame.ego.odom_from_base.quaternion_xyzw(), frame.ego.odom_from_base.translation_m
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = (float(value) for value in q)
    pose.position.x, pose.position.y, pose.position.z = (float(value) for value in t)
    twist.linear.x, twist.angular.z = float(frame.ego.speed_mps), float(frame.ego.yaw_rate_rps)
    return message
