"""Which topics of a bag belong to the wanted camera: its image, its calibration, the motion of the vehicle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from perception_fm.errors import BagError

_IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
_TRUTH = "/ground_truth/"  # what only an evaluation may look at
# Depth maps and label images travel as Image too; a camera's picture is one of these (image_pipeline's names).
_PICTURE = re.compile(r"^(?P<namespace>.*)/image(_raw|_color|_mono|_rect|_rect_color)?(/compressed)?$")
_EGO_TYPES = {
    "odometry": "nav_msgs/msg/Odometry",
    "twist": "geometry_msgs/msg/TwistStamped",
    "imu": "sensor_msgs/msg/Imu",
}
_RANGE_TYPES = {
    "range": "sensor_msgs/msg/Range",
    "laser_scan": "sensor_msgs/msg/LaserScan",
    "point_cloud": "sensor_msgs/msg/PointCloud2",
}


@dataclass(frozen=True)
class BagTopics:
    """The topics to feed; None where the bag has none."""

    camera: str
    image: str
    camera_info: str
    odometry: str | None
    twist: str | None
    imu: str | None
    range: str | None = None


def find_topics(
    counts: Mapping[str, int], types: Mapping[str, str], camera: str | None = None, range_source: str = "none"
) -> BagTopics:
    """Topics of `camera` (its name or namespace; None: of the only camera) among those that hold messages.

    `range_source`: the setting of that name. Raw images are taken before compressed ones, and the standard names
    `/odometry`, `/twist`, `/imu`, `/range` before others.
    Raises `BagError` where there is no image, no calibration, no such camera, or a choice to be made.
    """
    filled = {topic: types[topic] for topic in sorted(types) if counts.get(topic, 0) and not topic.startswith(_TRUTH)}
    cameras = _cameras(filled)
    if not cameras:
        raise BagError(f"the bag has no camera images; it has {', '.join(filled) or 'no messages'}")
    namespace = _choose(cameras, camera)
    info = f"{namespace}/camera_info"
    if filled.get(info) != _INFO_TYPE:
        raise BagError(
            f"the bag has {cameras[namespace]} but no {info}: without calibration nothing can be measured; "
            "record camera_info too"
        )
    ego = {name: _ego_topic(filled, name, msgtype) for name, msgtype in _EGO_TYPES.items()}
    msgtype = _RANGE_TYPES.get(range_source)
    measured = None if msgtype is None else _ego_topic(filled, "range", msgtype)
    return BagTopics(_name(namespace), cameras[namespace], info, **ego, range=measured)


def _cameras(filled: Mapping[str, str]) -> dict[str, str]:
    """Namespace -> image topic, the preferred one of each camera."""
    cameras: dict[str, str] = {}
    pictures = [topic for topic, msgtype in filled.items() if msgtype in _IMAGE_TYPES and _PICTURE.match(topic)]
    for topic in sorted(pictures, key=lambda topic: (topic.endswith("/compressed"), "rect" in topic, topic)):
        match = _PICTURE.match(topic)
        if match:
            cameras.setdefault(match["namespace"], topic)
    return cameras


def _choose(cameras: Mapping[str, str], wanted: str | None) -> str:
    names = ", ".join(_name(namespace) for namespace in cameras)
    if wanted is None:
        if len(cameras) > 1:
            raise BagError(f"the bag has several cameras: {names}; choose one with --camera")
        return next(iter(cameras))
    matching = [namespace for namespace in cameras if wanted in (_name(namespace), namespace)]
    if len(matching) != 1:
        raise BagError(f"the bag has no single camera {wanted!r}; it has {', '.join(cameras)}")
    return matching[0]


def _name(namespace: str) -> str:
    return namespace.rpartition("/")[2] or "camera"


def _ego_topic(filled: Mapping[str, str], name: str, msgtype: str) -> str | None:
    found = [topic for topic, topic_type in filled.items() if topic_type == msgtype]
    if f"/{name}" in found:
        return f"/{name}"
    if len(found) > 1:
        raise BagError(f"the bag has several {name} topics: {', '.join(found)}; name the right one /{name}")
    return found[0] if found else None
