"""A camera in a process of its own: sends images to the node and prints how many of them the node counted."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from perception_fm.ros.images import image_message
from perception_fm.ros.messages import stamp_ns, time_message
from perception_fm_msgs.msg import PerceptionStatus

WIDTH, HEIGHT = 1280, 720
PERIOD_S = 1.0 / 20.0
TIMEOUT_S = 30.0


def main(reliability: str, frames: int) -> None:
    rclpy.init()
    node = Node("camera")
    status: list[PerceptionStatus] = []
    node.create_subscription(PerceptionStatus, "/perception_node/status", status.append, 50)
    image = node.create_publisher(
        Image, "/perception_node/image", QoSProfile(depth=5, reliability=ReliabilityPolicy[reliability])
    )
    info = node.create_publisher(CameraInfo, "/perception_node/camera_info", 5)
    calibration = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5)
    calibration.k = np.array([1000.0, 0.0, WIDTH / 2, 0.0, 1000.0, HEIGHT / 2, 0.0, 0.0, 1.0])
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def spin_for(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            rclpy.spin_once(node, timeout_sec=left)

    def send() -> int:
        stamp = time.time_ns()
        calibration.header = Header(stamp=time_message(stamp), frame_id="front_optical")
        info.publish(calibration)
        image.publish(image_message(pixels, "bgr8", calibration.header))
        spin_for(PERIOD_S)
        return stamp

    deadline = time.monotonic() + TIMEOUT_S
    # The node subscribes anew once when it learns what this publisher offers; counting begins after its first answers.
    while len([message for message in status if message.received_count]) < 10 and time.monotonic() < deadline:
        send()
    spin_for(0.5)
    before = status[-1].received_count
    stamps = [send() for _ in range(frames)]
    while stamp_ns(status[-1].header.stamp) < stamps[-1] and time.monotonic() < deadline:
        spin_for(PERIOD_S)
    last = status[-1]
    accounted = last.processed_count + last.dropped_count + last.rejected_count
    json.dump({"received": last.received_count - before, "accounted": accounted == last.received_count}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
