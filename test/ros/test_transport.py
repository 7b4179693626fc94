"""Whole images reach another process, and a user's own choice of transports stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from perception_fm.ros import transport
from perception_fm.ros.transport import transport_variables, use_image_transport

PROFILE = Path(__file__).parents[2] / "config" / "fastdds.xml"
VARIABLES = ("FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


@pytest.fixture(autouse=True)
def share(monkeypatch):
    """The profile of this checkout, whether or not the installed one is up to date."""
    monkeypatch.setattr(transport, "get_package_share_directory", lambda package: str(PROFILE.parents[1]))


@pytest.mark.parametrize(
    ("distro", "variable"),
    [
        ("humble", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ],
)
def test_each_distribution_gets_the_profile_under_the_name_that_it_reads(distro, variable):
    assert transport_variables({"ROS_DISTRO": distro}) == {variable: str(PROFILE)}


@pytest.mark.parametrize("chosen", VARIABLES)
def test_a_choice_of_the_user_stands(chosen):
    assert transport_variables({chosen: "mine"}) == {}
    assert transport_variables({chosen: ""}) != {}


def test_shared_memory_holds_several_images():
    tags = {element.tag.rpartition("}")[2]: element.text for element in ElementTree.parse(PROFILE).iter()}
    image_bytes = 1920 * 1080 * 3
    assert int(tags["segment_size"]) > 4 * image_bytes


def test_use_sets_the_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    use_image_transport()
    assert os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] == str(PROFILE)


COUNT = 20
SHARED_MEMORY_BYTES = 100_000_000  # the profile's and what other processes of the tests hold
PUBLISHER = textwrap.dedent(f"""
    import array, time, rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image
    rclpy.init()
    node = rclpy.create_node("camera")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(Image, "/whole_image", qos)
    image = Image(width=1280, height=720, step=3840, encoding="bgr8", data=array.array("B", bytes(3840 * 720)))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(0.5)
    for _ in range({COUNT}):
        publisher.publish(image)
        time.sleep(0.1)
    time.sleep(1.0)
""")
SUBSCRIBER = textwrap.dedent(f"""
    import time, rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image
    rclpy.init()
    node = rclpy.create_node("viewer")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = []
    node.create_subscription(Image, "/whole_image", images.append, qos)
    deadline = time.monotonic() + 30.0
    while len(images) < {COUNT} and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.2)
    print(len(images))
""")


@pytest.mark.skipif("fastrtps" not in os.environ.get("RMW_IMPLEMENTATION", "fastrtps"), reason="another middleware")
@pytest.mark.skipif(
    not os.path.isdir("/dev/shm") or shutil.disk_usage("/dev/shm").free < SHARED_MEMORY_BYTES,
    reason="/dev/shm is missing or too small (docker run --shm-size=512m)",
)
def test_best_effort_images_reach_a_process_with_default_transports():
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with_profile = {**environment, **transport_variables(environment)}
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER], env=with_profile)
    try:
        viewer = subprocess.run(
            [sys.executable, "-c", SUBSCRIBER], env=environment, capture_output=True, text=True, timeout=90, check=True
        )
    finally:
        publisher.kill()
        publisher.wait()
    # With the defaults on both sides none or one arrives; a busy machine may delay the subscriber several times.
    assert int(viewer.stdout) >= COUNT // 2
