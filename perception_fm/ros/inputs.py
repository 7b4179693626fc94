"""The subscriptions of the node: ego motion, ranges and calibration go to the intake, images to the worker's queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu

from perception_fm.config import NodeConfig
from perception_fm.ros.intake import FrameIntake
from perception_fm.ros.qos import camera_info_qos, ego_qos, image_qos, image_reliability, range_qos
from perception_fm.ros.range_points import RANGE_TYPES

_IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
_COMPRESSED_SUFFIX = "/compressed"


class Inputs:
    """Open subscriptions; `close` ends them."""

    def __init__(
        self,
        node: Node,
        config: NodeConfig,
        intake: FrameIntake,
        on_image: Callable[[Image | CompressedImage], None],
    ) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._others = [
            _subscribe(node, CameraInfo, "~/camera_info", intake.take_camera_info, camera_info_qos()),
            _subscribe(node, Odometry, "~/odometry", intake.take_odometry, ego_qos()),
            _subscribe(node, TwistStamped, "~/twist", intake.take_twist, ego_qos()),
            _subscribe(node, Imu, "~/imu", intake.take_imu, ego_qos()),
        ]
        if config.range_source in RANGE_TYPES:
            kind = RANGE_TYPES[config.range_source]
            self._others.append(_subscribe(node, kind, "~/range", intake.range.take, range_qos()))
        self._images = [_ImageInput(node, config, "~/image", on_image)]
        for name, camera in intake.others.items():
            info = f"~/{name}/camera_info"
            self._others.append(_subscribe(node, CameraInfo, info, camera.take_camera_info, camera_info_qos()))
            self._images.append(_ImageInput(node, config, f"~/{name}/image", camera.take_image))
        self.adopt_publishers()

    def adopt_publishers(self) -> None:
        """Subscribes to an image anew where its publishers came or went and offer another transport or reliability."""
        with self._lock:
            for image in self._images:
                image.adopt_publishers()

    def close(self) -> None:
        """Ends all subscriptions."""
        with self._lock:
            for image in self._images:
                image.close()
            for subscription in self._others:
                self._node.destroy_subscription(subscription)
            self._others, self._images = [], []


class _ImageInput:
    """The subscription to one camera's images, which follows its publishers."""

    def __init__(
        self, node: Node, config: NodeConfig, topic: str, on_image: Callable[[Image | CompressedImage], None]
    ) -> None:
        self._node, self._config, self._base, self._on_image = node, config, topic, on_image
        self._subscription: Subscription | None = None
        self._adopted: tuple[str, ReliabilityPolicy] | None = None

    def adopt_publishers(self) -> None:
        transport = self._transport()
        topic = self._topic(transport)
        wanted = transport, image_reliability(self._config.image_reliability, self._node, topic)
        if wanted != self._adopted:
            self.close()
            qos = image_qos(wanted[1])
            self._subscription = _subscribe(self._node, _IMAGE_TYPES[transport], topic, self._on_image, qos)
            self._adopted = wanted

    def close(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _transport(self) -> str:
        """`auto` stays with what it has while that is published, else takes what is; raw where both or none are."""
        if self._config.image_transport != "auto":
            return self._config.image_transport
        current = self._adopted[0] if self._adopted else "raw"
        for transport in (current, "raw", "compressed"):
            if self._node.count_publishers(self._topic(transport)):
                return transport
        return current

    def _topic(self, transport: str) -> str:
        """The base name is remapped and the transport appended, as image_transport does; both spellings are taken."""
        topic = str(self._node.resolve_topic_name(self._base))
        if transport == "compressed" and not topic.endswith(_COMPRESSED_SUFFIX):
            return topic + _COMPRESSED_SUFFIX
        return topic


def _subscribe(node: Node, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile) -> Subscription:
    # A group each: rclpy's executor spins while a ready callback waits for another one of its group.
    group = MutuallyExclusiveCallbackGroup()
    return node.create_subscription(kind, topic, callback, qos, callback_group=group)
