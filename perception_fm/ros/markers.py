"""RViz markers: the verified path, obstacle boxes and the state in words. They vanish when output stops."""

from __future__ import annotations

import math

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from perception_fm.config import NodeConfig
from perception_fm.ros.path_strip import path_points_m
from perception_fm.ros.results import base_header
from perception_fm.types import Obstacle, PathState, PerceptionResult

_FREE = ColorRGBA(r=0.1, g=0.8, b=0.2, a=0.45)
_CONFIRMED = ColorRGBA(r=0.9, g=0.1, b=0.1, a=0.6)
_SUSPECTED = ColorRGBA(r=1.0, g=0.65, b=0.1, a=0.4)
_TEXT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
_STRIP_STEP_M = 5.0  # between corners of the strip: in a curve of 50 m radius it is off by 6 cm
_THINNEST_M = 0.1  # a box without length is a line that nobody sees
_TEXT_HEIGHT_M = 0.8
_TEXT_ABOVE_M = 3.0


def marker_array(result: PerceptionResult, config: NodeConfig) -> MarkerArray:
    """Markers in the base frame. Each frame replaces the last one's; all of them expire after `stale_after_s`."""
    markers = [_marker(result, config, "", Marker.CUBE)]
    markers[0].action = Marker.DELETEALL
    markers.append(_text(result, config))
    if result.verified_free_distance_m > 0.0:
        markers.append(_strip(result, config))
    markers.extend(_box(result, config, item) for item in result.obstacles if _is_drawable(item))
    return MarkerArray(markers=markers)


def _marker(result: PerceptionResult, config: NodeConfig, namespace: str, kind: int) -> Marker:
    whole, part = divmod(config.stale_after_s, 1.0)
    marker = Marker(header=base_header(result, config), ns=namespace, type=kind, action=Marker.ADD)
    marker.lifetime = Duration(sec=int(whole), nanosec=int(part * 1e9))
    marker.pose = Pose()
    return marker


def _text(result: PerceptionResult, config: NodeConfig) -> Marker:
    marker = _marker(result, config, "state", Marker.TEXT_VIEW_FACING)
    marker.pose.position = Point(x=0.0, y=0.0, z=_TEXT_ABOVE_M)
    marker.scale = Vector3(x=0.0, y=0.0, z=_TEXT_HEIGHT_M)
    marker.color = _TEXT
    marker.text = f"{result.state.name} {result.verified_free_distance_m:.0f} m"
    if result.state is PathState.UNVERIFIED and result.reasons:
        marker.text += f"\n{result.reasons[0]}"
    return marker


def _strip(result: PerceptionResult, config: NodeConfig) -> Marker:
    marker = _marker(result, config, "free_path", Marker.TRIANGLE_LIST)
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    marker.color = _FREE
    count = max(2, math.ceil(result.verified_free_distance_m / _STRIP_STEP_M) + 1)
    along_m = np.linspace(0.0, result.verified_free_distance_m, count)
    half_width_m = 0.5 * config.vehicle.width_m
    left, right = (
        [Point(x=float(x), y=float(y)) for x, y in path_points_m(result, along_m, side_m)]
        for side_m in (half_width_m, -half_width_m)
    )
    for i in range(count - 1):
        marker.points += [left[i], right[i], left[i + 1], left[i + 1], right[i], right[i + 1]]
    return marker


def _box(result: PerceptionResult, config: NodeConfig, item: Obstacle) -> Marker:
    marker = _marker(result, config, "obstacles", Marker.CUBE)
    # Marker ids are int32 and obstacle ids uint32.
    marker.id = item.obstacle_id & 0x7FFFFFFF
    x, y, z = (float(value) for value in item.centre_base_m)
    marker.pose.position = Point(x=x, y=y, z=z)
    length, width, height = (max(_THINNEST_M, float(np.nan_to_num(value))) for value in item.size_m)
    marker.scale = Vector3(x=length, y=width, z=height)
    marker.color = _CONFIRMED if item.is_confirmed else _SUSPECTED
    return marker


def _is_drawable(item: Obstacle) -> bool:
    return bool(np.isfinite(item.centre_base_m).all())
