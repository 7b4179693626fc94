"""The lock-step runner: every image of a bag through the node's own intake, pipeline and message conversion.

No frame is dropped and nothing depends on the clock, so that two runs of one bag give the same messages but for the
latencies in `status`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, Range

from perception_fm.bags.reader import BagMessage, BagReader
from perception_fm.bags.writer import BagWriter
from perception_fm.config import NodeConfig
from perception_fm.errors import BagError
from perception_fm.models.loaded import LoadedModel
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.ros.bag_topics import BagTopics, find_topics
from perception_fm.ros.bag_transforms import bag_transforms
from perception_fm.ros.intake import FrameIntake
from perception_fm.ros.outputs import Publication, outputs_for
from perception_fm.ros.range_points import RANGE_TYPES
from perception_fm.ros.results import FrameCounts
from perception_fm.ros.step import Step, process_image

OUTPUT_PREFIX = "/perception_node/"  # where the live node's `~/` resolves to by default
# As large as the input, and made again from the other topics at will.
_NOT_RECORDED = ("overlay", "birds_eye", "points")


class LockstepRunner:
    """Runs one camera of a bag; use it in a `with` block.

    `load`: gives what `config.model` names, once the bag has proved usable; the caller closes it; else geometry only.
    `config.camera_name` is replaced by the camera that was found. Raises `BagError` for a bag that cannot be read or
    lacks images or calibration.
    """

    def __init__(
        self, bag: Path, config: NodeConfig, camera: str | None = None, load: Callable[[], LoadedModel] = LoadedModel
    ) -> None:
        self._reader = BagReader(bag)
        try:
            types, counts = self._reader.topics, self._reader.counts
            self.topics = find_topics(counts, types, camera, config.range_source)
            self._others = {name: find_topics(counts, types, name) for name in config.other_cameras}
            self.model = load()
        except BaseException:
            self._reader.close()
            raise
        self.config = dataclasses.replace(config, camera_name=self.topics.camera)
        self._outputs = [output for output in outputs_for(self.model.state.heads) if output.topic not in _NOT_RECORDED]
        self.image_count = counts[self.topics.image]
        self._types = types
        self._counts = FrameCounts()

    def steps(self, writer: BagWriter | None = None) -> Iterator[Step]:
        """One step per image, in the order of the bag; with `writer`, its messages go into that bag."""
        intake = FrameIntake(self.config, bag_transforms(self._reader, self.config.base_frame))
        intake.take_camera_info(self._first_camera_info(self.topics))
        pipeline = PerceptionPipeline(self.config, self.model.predictor, self.model.refusal)
        take: dict[str | None, tuple[type, Any]] = {
            self.topics.camera_info: (CameraInfo, intake.take_camera_info),
            self.topics.odometry: (Odometry, intake.take_odometry),
            self.topics.twist: (TwistStamped, intake.take_twist),
            self.topics.imu: (Imu, intake.take_imu),
            self.topics.range: (RANGE_TYPES.get(self.config.range_source, Range), intake.range.take),
        }
        for name, topics in self._others.items():
            intake.others[name].take_camera_info(self._first_camera_info(topics))
            take[topics.camera_info] = (CameraInfo, intake.others[name].take_camera_info)
            take[topics.image] = (self._image_type(topics.image), intake.others[name].take_image)
        fed = [topic for topic in (self.topics.image, *take) if topic is not None]
        self._counts = FrameCounts()
        # Other cameras' images of the same instant may be logged a little later.
        slack_ns = round(self.config.max_camera_spread_s * 1e9) if self._others else 0
        for topic, _, log_ns, cdr in images_last(self._reader.messages(fed), self.topics.image, slack_ns):
            if topic != self.topics.image:
                message_type, feed = take[topic]
                feed(_message(cdr, message_type, topic))
                continue
            step = process_image(intake, pipeline, _message(cdr, self._image_type(topic), topic))
            self._count(step)
            if writer is not None:
                self._write(writer, step, log_ns)
            yield step

    def _count(self, step: Step) -> None:
        """Lock-step: every image that was received is processed or rejected, none is dropped."""
        rejected = self._counts.rejected + bool(step.refusal)
        received = self._counts.received + 1
        self._counts = FrameCounts(received=received, processed=received - rejected, rejected=rejected)

    def _write(self, writer: BagWriter, step: Step, log_ns: int) -> None:
        publication = Publication(step, self.config, self._counts, model=self.model.state)
        for output in self._outputs:
            message = output.build(publication)
            if message is not None:
                package, kind = output.message_type.__module__.split(".")[0], output.message_type.__name__
                cdr = serialize_message(message)
                writer.write(OUTPUT_PREFIX + output.topic, log_ns, cdr, f"{package}/msg/{kind}")

    def _image_type(self, topic: str) -> type:
        return CompressedImage if self._types[topic].endswith("CompressedImage") else Image

    def _first_camera_info(self, topics: BagTopics) -> CameraInfo:
        """A recorder may log the first image before its calibration; here the order does not cost a frame."""
        for topic, _, _, cdr in self._reader.messages([topics.camera_info]):
            return _message(cdr, CameraInfo, topic)
        raise BagError(f"{topics.camera_info} holds no message")

    def close(self) -> None:
        """Release the bag."""
        self._reader.close()

    def __enter__(self) -> LockstepRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def images_last(messages: Iterable[BagMessage], image_topic: str, slack_ns: int = 0) -> Iterator[BagMessage]:
    """The messages in order, but an image comes after all that was logged at its instant or up to `slack_ns` later."""
    waiting: deque[BagMessage] = deque()
    for item in messages:
        while waiting and item[2] > waiting[0][2] + slack_ns:
            yield waiting.popleft()
        if item[0] == image_topic:
            waiting.append(item)
        else:
            yield item
    yield from waiting


def _message(cdr: bytes, message_type: type, topic: str) -> Any:
    try:
        return deserialize_message(cdr, message_type)
    except Exception as error:  # rclpy raises its own C extension's errors, RMWError among them
        raise BagError(f"{topic} holds bytes that are no {message_type.__name__}: {error}") from error
