"""Camera images of a bag as arrays, with no ROS installed: for calibration, not for measuring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.image import ImageError as RosbagsImageError
from rosbags.image import message_to_cvimage

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.errors import BagError


def camera_images(reader: BagReader, topic: str, count: int) -> Iterator[NDArray[np.uint8]]:
    """At most `count` images (H, W, 3) uint8 BGR of an image topic, spread evenly over the bag.

    Raises `BagError` for a topic that the bag lacks, and for an image that cannot be decoded.
    """
    total = reader.counts.get(topic, 0)
    wanted = {index * total // count for index in range(count)} if total > count else set(range(total))
    for index, (_, msgtype, stamp_ns, cdr) in enumerate(reader.messages([topic])):
        if index not in wanted:
            continue
        where = f"{reader.path}: the image of {topic} at {stamp_ns} ns"
        yield _pixels(deserialize(cdr, msgtype), where)


def _pixels(message: Any, where: str) -> NDArray[np.uint8]:
    try:
        return np.asarray(message_to_cvimage(message, "bgr8"), np.uint8)
    # rosbags asserts where OpenCV could not decode.
    except (RosbagsImageError, AssertionError, ValueError, cv2.error) as error:
        raise BagError(f"{where} cannot be decoded: {error or 'no picture'}") from error
