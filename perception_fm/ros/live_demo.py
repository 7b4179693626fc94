"""A bag played to the live node over DDS, and what the node answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from perception_fm.bags.reader import BagReader
from perception_fm.config import NodeConfig
from perception_fm.errors import PerceptionError
from perception_fm.ros.bag_topics import BagTopics, find_topics
from perception_fm.ros.bag_transforms import mounting_parameters
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.node_process import NODE_NAME, NodeProcess
from perception_fm.ros.replay import BagReplay, ReplayOptions
from perception_fm.ros.transport import use_image_transport
from perception_fm_msgs.msg import FakeWallEvidence, FakeWallReport, FreeSpace, ObstacleArray, PerceptionStatus

OUTPUT_TYPES = {
    "fake_wall": FakeWallReport,
    "free_space": FreeSpace,
    "obstacles": ObstacleArray,
    "status": PerceptionStatus,
}
# Nothing may get lost while this process plays the clip: what is missing shall be the node's doing.
_KEEP_ALL_QOS = QoSProfile(depth=10_000, reliability=ReliabilityPolicy.RELIABLE)
_START_TIMEOUT_S = 60.0  # a cold start reads all Python modules from disk
_SUBSCRIBE_TIMEOUT_S = 10.0
_LAST_ANSWER_S = 3.0  # after the last image; the answers to a clip in real time take milliseconds
_POLL_S = 0.05


@dataclass
class LiveAnswers:
    """Messages of the node by topic and stamp, with the stamps of the images that it was given."""

    image_stamps_ns: frozenset[int]
    outputs: dict[str, dict[int, Any]] = field(default_factory=lambda: {topic: {} for topic in OUTPUT_TYPES})

    @property
    def answered_ns(self) -> list[int]:
        """Stamps of the images that got every output, in order."""
        complete = set(self.image_stamps_ns)
        for messages in self.outputs.values():
            complete &= set(messages)
        return sorted(complete)

    @property
    def foreign_claims(self) -> int:
        """Outputs that claim to know something at a stamp that no image has; an honest node makes none."""
        reports = self.outputs["fake_wall"].items()
        claims = sum(
            stamp not in self.image_stamps_ns and report.state != FakeWallReport.UNVERIFIED for stamp, report in reports
        )
        free = self.outputs["free_space"].items()
        return claims + sum(stamp not in self.image_stamps_ns and m.verified_free_distance_m > 0.0 for stamp, m in free)

    @property
    def dropped(self) -> int:
        """Images that the node says it dropped."""
        return max((status.dropped_count for status in self.outputs["status"].values()), default=0)

    @property
    def received(self) -> int:
        """Images that the node says it received; fewer than played when the machine is too busy to take them."""
        return max((status.received_count for status in self.outputs["status"].values()), default=0)

    @property
    def ages_s(self) -> list[float]:
        """Age of every answered image when its outputs were published."""
        return [self.outputs["status"][stamp].stamp_to_publish_age_s for stamp in self.answered_ns]

    def network(self) -> str:
        """What the node says of its network: model, runtime, precision and median time, or none."""
        statuses = [self.outputs["status"][stamp] for stamp in self.answered_ns]
        spent_ms = [item.latency_ms for status in statuses for item in status.latency if item.stage == "network"]
        if not spent_ms:
            return "none, geometry only"
        last = statuses[-1]
        return f"{last.model} in {last.backend}, {last.precision}, median {np.nanmedian(spent_ms):.0f} ms a frame"

    def strongest_claim(self) -> list[str]:
        """Where the learned depth contradicts the thing in the path most: what the report of that frame says."""
        told = [
            (one.log_likelihood_ratio, report, one)
            for report in self.outputs["fake_wall"].values()
            for one in report.evidence
            if one.cue == FakeWallEvidence.CUE_DEPTH_CONTRADICTION and one.is_available
        ]
        if not told:
            return []
        _, report, claim = max(told, key=lambda item: item[0])
        return [f"measured at {report.distance_m:.1f} m, time to contact {report.ttc_s:.1f} s; {claim.description}"]

    def first_confirmed(self) -> tuple[int, Any] | None:
        """Stamp and message of the first obstacle that is confirmed in the path, the nearest one of that frame."""
        for stamp, message in sorted(self.outputs["obstacles"].items()):
            confirmed = [item for item in message.obstacles if item.is_confirmed and item.is_in_path]
            if confirmed:
                return stamp, confirmed[0]
        return None


def play_to_live_node(
    bag: Path, model: str, on_time: Callable[[float, float], None] = lambda elapsed_s, total_s: None
) -> LiveAnswers:
    """Starts the node with `model`, plays the only camera of `bag` in real time, collects the answers, ends the node.

    `on_time` hears the bag time that has passed and its total. Raises `BagError` for an unusable bag and
    `PerceptionError` where the node does not start.
    """
    use_image_transport()  # before the first participant; the child process inherits it
    with BagReader(bag) as reader:
        topics = find_topics(reader.counts, reader.topics)
        is_compressed = reader.topics[topics.image].endswith("CompressedImage")
        stamps, frame_id = _images(reader, topics, CompressedImage if is_compressed else Image)
        answers = LiveAnswers(stamps)
        parameters = _parameters(reader, frame_id, is_compressed, model)
        played = (topics.image, topics.camera_info, topics.odometry, topics.twist, topics.imu)
        options = ReplayOptions(topics=tuple(topic for topic in played if topic))
        context = rclpy.Context()
        rclpy.init(context=context)
        try:
            node = rclpy.create_node("perception_demo", context=context)
            with NodeProcess(parameters, _remappings(topics)) as process:
                _converse(node, BagReplay(node, reader, options), process, answers, on_time)
        finally:
            rclpy.try_shutdown(context=context)
    return answers


def _converse(
    node: Node, replay: BagReplay, process: NodeProcess, answers: LiveAnswers, on_time: Callable[[float, float], None]
) -> None:
    for topic, message_type in OUTPUT_TYPES.items():
        messages = answers.outputs[topic]

        def keep(message: Any, messages: dict[int, Any] = messages) -> None:
            # The first one: after the clip `/clock` stands still, and what the node says then has the last stamp too.
            messages.setdefault(stamp_ns(message.header.stamp), message)

        node.create_subscription(message_type, f"/{NODE_NAME}/{topic}", keep, _KEEP_ALL_QOS)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    spinner = threading.Thread(target=_spin, args=(executor,), name="demo")
    spinner.start()

    def watch(elapsed_s: float) -> None:
        process.check()
        on_time(elapsed_s, replay.duration_s)

    try:
        _wait(lambda: node.count_publishers(f"/{NODE_NAME}/status") > 0, process, _START_TIMEOUT_S)
        replay.wait_for_subscribers(_SUBSCRIBE_TIMEOUT_S)
        replay.play(watch)
        replay.flush()
        deadline_s = time.monotonic() + _LAST_ANSWER_S
        while len(answers.answered_ns) < len(answers.image_stamps_ns) and time.monotonic() < deadline_s:
            process.check()
            time.sleep(_POLL_S)
    finally:
        # Also after Ctrl-C: a thread inside rclpy must not outlive the interpreter.
        executor.shutdown()
        spinner.join()


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return


def _wait(condition: Callable[[], bool], process: NodeProcess, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        process.check()
        if time.monotonic() > deadline_s:
            raise PerceptionError(f"the node did not come up within {timeout_s:g} s")
        time.sleep(_POLL_S)


def _images(reader: BagReader, topics: BagTopics, image_type: type) -> tuple[frozenset[int], str]:
    """Stamps of all images and their frame."""
    headers = [deserialize_message(cdr, image_type).header for _, _, _, cdr in reader.messages([topics.image])]
    return frozenset(stamp_ns(header.stamp) for header in headers), headers[0].frame_id


def _parameters(reader: BagReader, frame_id: str, is_compressed: bool, model: str) -> dict[str, Any]:
    """What the node needs to know of the bag. Its mounting goes as parameters: `tf2_ros` may not be installed."""
    transport = "compressed" if is_compressed else "raw"
    mounting = mounting_parameters(reader, NodeConfig().base_frame, frame_id)
    return {"autostart": True, "use_sim_time": True, "model": model, "image_transport": transport, **mounting}


def _remappings(topics: BagTopics) -> dict[str, str]:
    wanted = {
        "~/image": topics.image, "~/camera_info": topics.camera_info,
        "~/odometry": topics.odometry, "~/twist": topics.twist, "~/imu": topics.imu,
    }
    return {name: topic for name, topic in wanted.items() if topic is not None}
