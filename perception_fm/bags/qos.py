"""Quality of service offered by recorded topics, so that a played bag reaches late and reliable subscribers."""

from __future__ import annotations

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

_INFINITE = QosTime(9223372036, 854775807)  # what rosbag2 itself records for "no deadline"
_SENSOR_DEPTH = 5
_TF_DEPTH = 100  # as tf2's own listener; several static broadcasters may stand in one bag
_LATCHED = ("/tf_static", "label_info")


def is_latched(topic: str) -> bool:
    """True for topics that a late subscriber must still receive."""
    return topic.endswith(_LATCHED)


def offered_qos(topic: str) -> Qos:
    """Reliable and volatile with depth 5; transient local where `is_latched`."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=_TF_DEPTH if topic in ("/tf", "/tf_static") else _SENSOR_DEPTH,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if is_latched(topic) else QosDurability.VOLATILE,
        deadline=_INFINITE,
        lifespan=_INFINITE,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_INFINITE,
        avoid_ros_namespace_conventions=False,
    )
