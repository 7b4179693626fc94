"""The table of outputs: topic, type and how a step becomes the message. Node and bag runner read the same table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from perception_fm.config import NodeConfig
from perception_fm.dense import ModelState
from perception_fm.ros.costmap import marking_cloud, obstacle_scan
from perception_fm.ros.dense_messages import depth_message, grid_camera_info, mono_message, normals_message
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
    model: ModelState = field(default_factory=ModelState)


def _status(publication: Publication) -> PerceptionStatus:
    p = publication
    return perception_status(p.step.result, p.config, p.model, p.counts, p.age_s)


def _overlay(publication: Publication) -> Image | None:
    """The picture with the result drawn on it; None where the image was refused: then there is nothing to draw on."""
    frame = publication.step.frame
    if frame is None:
        return None
    header = Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)
    return image_message(draw_overlay(frame, publication.step.result, publication.config), "bgr8", header)


def _dense(name: str, build: Callable[[Any, Header], Any]) -> Callable[[Publication], Any]:
    """The message of one part of the dense prediction, None where this step has none."""

    def message(publication: Publication) -> Any:
        dense, frame = publication.step.result.dense, publication.step.frame
        part = None if dense is None else getattr(dense, name)
        if part is None or frame is None:
            return None
        return build(part, Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id))

    return message


@dataclass(frozen=True)
class Output:
    """One topic below `~/`; `build` gives its message, or None where this step has none. `head`: it needs a model that
    has that head.
    """

    topic: str
    message_type: type
    build: Callable[[Publication], Any]
    head: str = ""


# The small ones that planners wait for come first.
OUTPUTS: tuple[Output, ...] = (
    Output("fake_wall", FakeWallReport, lambda p: fake_wall_report(p.step.result, p.config)),
    Output("free_space", FreeSpace, lambda p: free_space(p.step.result, p.config)),
    Output("obstacles", ObstacleArray, lambda p: obstacle_array(p.step.result, p.config)),
    Output("status", PerceptionStatus, _status),
    Output("obstacles/scan", LaserScan, lambda p: obstacle_scan(p.step.result, p.config)),
    Output("obstacles/points", PointCloud2, lambda p: marking_cloud(p.step.result, p.config)),
    Output("markers", MarkerArray, lambda p: marker_array(p.step.result, p.config)),
    Output("depth/image", Image, _dense("depth_m", depth_message), "depth"),
    Output("depth/camera_info", CameraInfo, _dense("camera", grid_camera_info), "depth"),
    Output("depth/std", Image, _dense("depth_std_m", depth_message), "depth_log_variance"),
    Output("segmentation/label", Image, _dense("label", mono_message), "label"),
    Output("segmentation/confidence", Image, _dense("confidence", mono_message), "confidence"),
    Output("normals/image", Image, _dense("normals", normals_message), "normals"),
    Output("overlay", Image, _overlay),
)


def outputs_for(heads: Sequence[str]) -> tuple[Output, ...]:
    """What a model with these heads lets the node say; without a model there are none."""
    return tuple(output for output in OUTPUTS if not output.head or output.head in heads)
