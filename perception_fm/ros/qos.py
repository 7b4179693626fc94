"""Quality of service of every topic, and the choice of the image subscription's reliability."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

_EGO_DEPTH = 50  # a quarter of a second of a 200 Hz IMU
_IMAGE_DEPTH = 10  # what overflows here is lost without being counted, what reaches the worker's queue is counted


def output_qos() -> QoSProfile:
    """Outputs: reliable, volatile, depth 5."""
    return _profile(ReliabilityPolicy.RELIABLE, 5)


def latched_qos() -> QoSProfile:
    """What is said once: reliable, transient local, the last one (LabelInfo as Nav2 expects it)."""
    return QoSProfile(
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
    )


def image_qos(reliability: ReliabilityPolicy) -> QoSProfile:
    """Images: deep enough for a node that was held up for a moment; the worker's queue keeps the newest."""
    return _profile(reliability, _IMAGE_DEPTH)


def ego_qos() -> QoSProfile:
    """Odometry, twist and IMU: best effort takes every publisher."""
    return _profile(ReliabilityPolicy.BEST_EFFORT, _EGO_DEPTH)


def camera_info_qos() -> QoSProfile:
    """Calibration: best effort takes every publisher."""
    return _profile(ReliabilityPolicy.BEST_EFFORT, 5)


def range_qos() -> QoSProfile:
    """Ranges: best effort takes every publisher; only the newest few are ever read."""
    return _profile(ReliabilityPolicy.BEST_EFFORT, 5)


def image_reliability(setting: str, node: Node, topic: str) -> ReliabilityPolicy:
    """Reliability for an image topic; `auto` adopts what all of its publishers offer, best effort while there is none.

    A best-effort subscription receives from everybody; a reliable one gets no data at all from a best-effort publisher.
    """
    if setting == "reliable":
        return ReliabilityPolicy.RELIABLE
    if setting == "best_effort":
        return ReliabilityPolicy.BEST_EFFORT
    offered = [info.qos_profile.reliability for info in node.get_publishers_info_by_topic(topic)]
    is_reliable = bool(offered) and all(policy == ReliabilityPolicy.RELIABLE for policy in offered)
    return ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT


def _profile(reliability: ReliabilityPolicy, depth: int) -> QoSProfile:
    return QoSProfile(
        reliability=reliability,
        durability=DurabilityPolicy.VOLATILE,
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
    )
