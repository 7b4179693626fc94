"""The table of outputs: topic, type and how a step becomes the message. Node and bag runner read the same table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from perception_fm.config import NodeConfig
from perception_fm.dense import ModelState
from perception_fm.ros.costmap import grid_message, marking_cloud
from perception_fm.ros.dense_messages import depth_message, grid_camera_info, mono_message, normals_message
from perception_fm.ros.foreign_objects import AUTOWARE, VISION, autoware_objects, detections
from perception_fm.ros.free_space_bytes import free_space_bytes
from perception_fm.ros.images import image_bytes, image_message
from perception_fm.ros.marker_bytes import marker_bytes
from perception_fm.ros.markers import marker_array
from perception_fm.ros.messages import time_message
from perception_fm.ros.obstacle_bytes import obstacle_bytes
from perception_fm.ros.obstacle_scan import obstacle_scan
from perception_fm.ros.points_message import points_message
from perception_fm.ros.results import (
    FrameCounts,
    base_header,
    fake_wall_report,
    free_space,
    obstacle_array,
    perception_status,
)
from perception_fm.ros.step import Step
from perception_fm.visual.birds_eye import draw_birds_eye
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


_Picture = tuple[NDArray[np.uint8], Header]  # BGR


def _status(publication: Publication) -> PerceptionStatus:
    p = publication
    return perception_status(p.step.result, p.config, p.model, p.counts, p.age_s)


def _overlay(publication: Publication) -> _Picture | None:
    """The picture with the result drawn on it; None where the image was refused: then there is nothing to draw on."""
    frame = publication.step.frame
    if frame is None:
        return None
    header = Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)
    return draw_overlay(frame, publication.step.result, publication.config), header


def _birds_eye(publication: Publication) -> _Picture:
    """The scene from above, also where there is no image: then it shows that nothing is known."""
    result, config = publication.step.result, publication.config
    return draw_birds_eye(result, config), base_header(result, config)


def _sent(convert: Callable[..., Any], draw: Callable[[Publication], _Picture | None]) -> Callable[[Publication], Any]:
    """Sends what is drawn, None where nothing is; `convert` makes the message or its bytes."""

    def message(publication: Publication) -> Any:
        drawn = draw(publication)
        return None if drawn is None else convert(drawn[0], "bgr8", drawn[1])

    return message


def _points(publication: Publication) -> PointCloud2 | None:
    """Coloured and labelled points, None where this step has none."""
    points, frame = publication.step.result.points, publication.step.frame
    if points is None or frame is None:
        return None
    return points_message(points, frame, Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id))


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
    """One topic below `~/`; `build` gives its message, or None where this step has none. `heads`: it needs a model that
    has all of them. `pack` gives the same message as bytes, where that is much faster."""

    topic: str
    message_type: type
    build: Callable[[Publication], Any]
    heads: tuple[str, ...] = ()
    pack: Callable[[Publication], bytes | None] | None = None


def _foreign() -> Iterator[Output]:
    """Messages of packages that need not be installed."""
    if VISION is not None:
        build = partial(_of_package, detections, VISION)
        yield Output("detections", VISION.Detection3DArray, build)
    if AUTOWARE is not None:
        build = partial(_of_package, autoware_objects, AUTOWARE)
        yield Output("objects", AUTOWARE.DetectedObjects, build)


def _of_package(convert: Callable[..., Any], package: Any, publication: Publication) -> Any:
    return convert(publication.step.result, publication.config, package)


_FOREIGN = tuple(_foreign())

# Those that planners wait for come first, pictures last. In a second thread they would take turns with this one
# at every call into OpenCV, and both together take longer.
OUTPUTS: tuple[Output, ...] = (
    Output("fake_wall", FakeWallReport, lambda p: fake_wall_report(p.step.result, p.config)),
    Output(
        "free_space", FreeSpace, lambda p: free_space(p.step.result, p.config),
        pack=lambda p: free_space_bytes(p.step.result, p.config),
    ),
    Output(
        "obstacles", ObstacleArray, lambda p: obstacle_array(p.step.result, p.config),
        pack=lambda p: obstacle_bytes(p.step.result, p.config),
    ),
    Output("status", PerceptionStatus, _status),
    Output("obstacles/scan", LaserScan, lambda p: obstacle_scan(p.step.result, p.config)),
    Output("obstacles/points", PointCloud2, lambda p: marking_cloud(p.step.result, p.config)),
    Output("free_space/grid", OccupancyGrid, lambda p: grid_message(p.step.result, p.config)),
    *_FOREIGN,
    Output(
        "markers", MarkerArray, lambda p: marker_array(p.step.result, p.config),
        pack=lambda p: marker_bytes(p.step.result, p.config),
    ),
    Output("depth/image", Image, _dense("depth_m", depth_message), ("depth",)),
    Output("depth/camera_info", CameraInfo, _dense("camera", grid_camera_info), ("depth",)),
    Output("depth/std", Image, _dense("depth_std_m", depth_message), ("depth_log_variance",)),
    Output("segmentation/label", Image, _dense("label", mono_message), ("label",)),
    Output("segmentation/confidence", Image, _dense("confidence", mono_message), ("confidence",)),
    Output("normals/image", Image, _dense("normals", normals_message), ("normals",)),
    Output("points", PointCloud2, _points, ("depth", "label")),
    Output("overlay", Image, _sent(image_message, _overlay), pack=_sent(image_bytes, _overlay)),
    Output("birds_eye", Image, _sent(image_message, _birds_eye), pack=_sent(image_bytes, _birds_eye)),
)


def outputs_for(heads: Sequence[str]) -> tuple[Output, ...]:
    """What a model with these heads lets the node say; without a model there are none."""
    return tuple(output for output in OUTPUTS if set(output.heads) <= set(heads))
