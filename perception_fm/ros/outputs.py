"""The table of outputs: topic, type and how a step becomes the message. Node and bag runner read the same table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensor_msgs.msg import Image, LaserScan, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from perception_fm.config import NodeConfig
from perception_fm.ros.costmap import marking_cloud, obstacle_scan
from perception_fm.ros.images import image_message
from perception_fm.ros.markers import marker_array
from perception_fm.ros.messages import time_message
from perception_fm.ros.results import FrameCounts, fake_wall_report, free_space, obstacle_array, perception_status
from perception_fm.ros.step import Step
from perception_fm.visual.overlay import draw_overlay
from perception_fm_msgs.msg import FakeWallReport, FreeSpace, ObstacleArray, PerceptionStatus


@dataclass(frozen=True, eq=False)
class Publication:
    """What the messages of one frame are made from. `age_s` is from the image stamp to now, NaN without an image."""

    step: Step
    config: NodeConfig
    counts: FrameCounts = field(default_factory=FrameCounts)
    age_s: float = math.nan


def _overlay(publication: Publication) -> Image | None:
    """The picture with the result drawn on it; None where the image was refused: then there is nothing to draw on."""
    frame = publication.step.frame
    if frame is None:
        return None
    header = Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)
    return image_message(draw_overlay(frame, publication.step.result, publication.config), "bgr8", header)


@dataclass(frozen=True)
class Output:
    """One topic below `~/`; `build` gives its message, or None where this step has none."""

    topic: str
    message_type: type
    build: Callable[[Publication], Any]


# The small ones that planners wait for come first. Depth, segmentation, normals and points need a model: no topics.
OUTPUTS: tuple[Output, ...] = (
    Output("fake_wall", FakeWallReport, lambda p: fake_wall_report(p.step.result, p.config)),
    Output("free_space", FreeSpace, lambda p: free_space(p.step.result, p.config)),
    Output("obstacles", ObstacleArray, lambda p: obstacle_array(p.step.result, p.config)),
    Output("status", PerceptionStatus, lambda p: perception_status(p.step.result, p.config, p.counts, p.age_s)),
    Output("obstacles/scan", LaserScan, lambda p: obstacle_scan(p.step.result, p.config)),
    Output("obstacles/points", PointCloud2, lambda p: marking_cloud(p.step.result, p.config)),
    Output("markers", MarkerArray, lambda p: marker_array(p.step.result, p.config)),
    Output("overlay", Image, _overlay),
)
