"""Camera images of a bag as arrays, with no ROS installed: for calibration, not for measuring."""

from __future__ import annotations

from collections.abc import Iterator

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
        try:
            yield np.asarray(message_to_cvimage(deserialize(cdr, msgtype), "bgr8"), np.uint8)
        except (RosbagsImageError, ValueError) as error:
            raise BagError(
                f"{reader.path}: the image of {topic} at {stamp_ns} ns cannot be decoded: {error}"
            ) from error
