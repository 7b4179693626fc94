"""The publishers of the node. A message is only made for a topic that somebody listens to."""

from __future__ import annotations

import threading

from rclpy.node import Node

from perception_fm.ros.outputs import OUTPUTS, Publication
from perception_fm.ros.qos import output_qos


class Publishers:
    """Open publishers of every output; `close` ends them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()  # worker and watchdog publish, and neither may meet a closed publisher
        qos = output_qos()
        self._publishers = [
            (output, node.create_publisher(output.message_type, f"~/{output.topic}", qos)) for output in OUTPUTS
        ]

    def publish(self, publication: Publication) -> None:
        """Sends what this frame has for every topic with a subscriber."""
        with self._lock:
            for output, publisher in self._publishers:
                message = output.build(publication) if publisher.get_subscription_count() else None
                if message is not None:
                    publisher.publish(message)

    def close(self) -> None:
        """Ends all publishers."""
        with self._lock:
            for _, publisher in self._publishers:
                self._node.destroy_publisher(publisher)
            self._publishers = []
