"""The publishers of the node. A message is only made for a topic that somebody listens to."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from perception_fm.ros.dense_messages import label_info
from perception_fm.ros.outputs import Output, Publication, outputs_for
from perception_fm.ros.qos import latched_qos, output_qos


class Publishers:
    """Open publishers of every output that a model with these heads makes possible; `close` ends them."""

    def __init__(self, node: Node, heads: Sequence[str]) -> None:
        self._node = node
        self._lock = threading.Lock()  # worker and watchdog publish, and neither may meet a closed publisher
        qos = output_qos()
        self._publishers = [
            (output, node.create_publisher(output.message_type, f"~/{output.topic}", qos))
            for output in outputs_for(heads)
        ]
        self._label_info = self._latch_label_info() if "label" in heads else None

    def publish(self, publication: Publication) -> None:
        """Sends what this frame has for every topic with a subscriber, in the order of the table of outputs."""
        with self._lock:
            for output, publisher in self._publishers:
                if publisher.get_subscription_count():
                    _send(output, publisher, publication)

    def _latch_label_info(self) -> Publisher | None:
        """Names of the labels for whoever comes later too; None where vision_msgs is not installed."""
        message = label_info(Header(stamp=self._node.get_clock().now().to_msg()))
        if message is None:
            return None
        publisher = self._node.create_publisher(type(message), "~/segmentation/label_info", latched_qos())
        publisher.publish(message)
        return publisher

    def close(self) -> None:
        """Ends all publishers."""
        with self._lock:
            for _, publisher in self._publishers:
                self._node.destroy_publisher(publisher)
            self._publishers = []
            if self._label_info is not None:
                self._node.destroy_publisher(self._label_info)
                self._label_info = None


def _send(output: Output, publisher: Publisher, publication: Publication) -> None:
    """Nothing where the frame has nothing for this topic."""
    message = (output.pack or output.build)(publication)
    if message is not None:
        publisher.publish(message)
