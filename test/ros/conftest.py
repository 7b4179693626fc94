"""Messages and a rig for the ROS edge. The tests need rclpy and the message package; `make test` provides both."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

_HAS_ROS = all(importlib.util.find_spec(name) is not None for name in ("rclpy", "perception_fm_msgs"))
collect_ignore_glob = [] if _HAS_ROS else ["test_*.py"]

# Domains 0 to 101 are safe on Linux; neither a vehicle on the same network nor a second run of the tests may answer.
os.environ["ROS_DOMAIN_ID"] = str(20 + os.getpid() % 80)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"

WIDTH, HEIGHT, FOCAL_PX = 64, 48, 50.0
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
FRAME_ID = "front_optical"


class Messages:
    """Small valid messages; tests break one thing in them."""

    width, height, focal_px, frame_id = WIDTH, HEIGHT, FOCAL_PX, FRAME_ID
    start_ns, second_ns = START_NS, SECOND_NS

    def header(self, stamp_ns: int = START_NS, frame_id: str = FRAME_ID) -> Any:
        from std_msgs.msg import Header

        from perception_fm.ros.messages import time_message

        return Header(stamp=time_message(stamp_ns), frame_id=frame_id)

    def image(
        self, stamp_ns: int = START_NS, width: int = WIDTH, height: int = HEIGHT, frame_id: str = FRAME_ID
    ) -> Any:
        from perception_fm.ros.images import image_message

        pixels = np.arange(height * width * 3, dtype=np.uint32).astype(np.uint8).reshape(height, width, 3)
        return image_message(pixels, "bgr8", self.header(stamp_ns, frame_id))

    def camera_info(self, width: int = WIDTH, height: int = HEIGHT, focal_px: float = FOCAL_PX) -> Any:
        from sensor_msgs.msg import CameraInfo

        message = CameraInfo(header=self.header(), width=width, height=height, distortion_model="plumb_bob")
        message.d = [0.0] * 5
        message.k = np.array([focal_px, 0.0, width / 2, 0.0, focal_px, height / 2, 0.0, 0.0, 1.0])
        return message

    def odometry(self, stamp_ns: int = START_NS, speed_mps: float = 10.0, x_m: float = 0.0) -> Any:
        from nav_msgs.msg import Odometry

        message = Odometry(header=self.header(stamp_ns, "odom"), child_frame_id="base_link")
        message.pose.pose.position.x = x_m
        message.pose.pose.orientation.w = 1.0
        message.twist.twist.linear.x = speed_mps
        return message


@pytest.fixture
def messages() -> Messages:
    return Messages()


class Rig:
    """The node and a client in one process, both spinning; `received` holds what the client got, by topic."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import MultiThreadedExecutor
        from rclpy.node import Node
        from rclpy.parameter import Parameter

        from perception_fm.ros import node as node_module

        self._context = Context()
        rclpy.init(context=self._context)
        parameters = [Parameter(name, value=value) for name, value in overrides.items()]
        self.node = node_module.PerceptionNode(context=self._context, parameter_overrides=parameters)
        self.client = Node("client", context=self._context)
        self._executor = MultiThreadedExecutor(num_threads=4, context=self._context)
        for node in (self.node, self.client):
            self._executor.add_node(node)
        self._failures: list[Exception] = []
        arguments = (self._executor, threading.Event(), self._failures)
        self._thread = threading.Thread(target=node_module._spin, args=arguments, daemon=True)
        self._thread.start()
        self.received: dict[str, list[Any]] = {}
        self._publishers: dict[str, Any] = {}

    def listen(self, topic: str, kind: type, absolute: bool = False) -> list[Any]:
        """The growing list of messages on a topic of the node."""
        got = self.received.setdefault(topic, [])
        self.client.create_subscription(kind, topic if absolute else f"/perception_node/{topic}", got.append, 50)
        return got

    def publish(self, topic: str, message: Any) -> None:
        """Sends a message to an input of the node, after the node's subscription was found."""
        name = f"/perception_node/{topic}"
        if topic not in self._publishers:
            self._publishers[topic] = self.client.create_publisher(type(message), name, 10)
        self.wait_for(lambda: self._publishers[topic].get_subscription_count() > 0)
        self._publishers[topic].publish(message)

    def start(self) -> None:
        """Configure and activate."""
        from rclpy.lifecycle import TransitionCallbackReturn

        assert self.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() == TransitionCallbackReturn.SUCCESS

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 40.0) -> Any:
        """The first true value of the condition; fails the test where it does not come."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.01)
        pytest.fail(f"nothing happened within {timeout_s} s")

    def close(self) -> None:
        self.node.shut_down()
        self._executor.shutdown()
        self._thread.join(5.0)
        self.node.destroy_node()
        self.client.destroy_node()
        self._context.try_shutdown()
        assert self._failures == []  # no callback of node or client may fail unseen


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**overrides: Any) -> Rig:
        overrides.setdefault("model", "none")
        # A subscription that changes its reliability in the middle of a test may miss the one image that is sent.
        overrides.setdefault("image_reliability", "reliable")
        rigs.append(Rig({name.replace("__", "."): value for name, value in overrides.items()}))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()
