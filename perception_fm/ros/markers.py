"""RViz markers: free sectors, the verified path, obstacles, the wall in the path, the state in words.

They vanish when output stops.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from perception_fm.config import NodeConfig
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.ros.path_strip import path_points_m
from perception_fm.ros.results import base_header, box_pose
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.types import Obstacle, PathState, PerceptionResult, obstacle_corners_m
from perception_fm.visual.pen import Colour
from perception_fm.visual.thing_colours import AMBER, is_structure, obstacle_colour, obstacle_name, speed_mps
from perception_fm.visual.wall_evidence import standing_wall, words_of_depth, words_of_measurement

FloatArray = NDArray[np.float64]


@lru_cache(maxsize=64)
def _paint(colour: Colour, opacity: float) -> ColorRGBA:
    blue, green, red = (channel / 255.0 for channel in colour)
    return ColorRGBA(r=red, g=green, b=blue, a=opacity)


_FREE = ColorRGBA(r=0.1, g=0.8, b=0.2, a=0.45)
_FREE_SECTORS = ColorRGBA(r=0.2, g=0.6, b=0.4, a=0.25)
_FAKE = ColorRGBA(r=0.8, g=0.15, b=0.8, a=0.5)
_STANDS = ColorRGBA(r=0.9, g=0.2, b=0.2, a=0.5)
_TEXT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
_SUSPECTED = _paint(AMBER, 0.6)
_CONFIRMED_OPACITY = 0.6
_STRIP_STEP_M = 5.0  # between corners of the strip: in a curve of 50 m radius it is off by 6 cm
_STRIP_ABOVE_M = 0.02  # over the sectors, or both flicker
_THINNEST_M = 0.1  # a box without length is a line that nobody sees
_TEXT_HEIGHT_M = 0.8
_TEXT_ABOVE_M = 3.0
_LABEL_HEIGHT_M, _LABEL_ABOVE_M = 0.6, 0.5
_OUTLINE_WIDTH_M = 0.08
_ARROW_WIDTHS_M = (0.15, 0.4, 0.5)  # shaft, head, length of the head
_TRIANGLES, _SIDES = [0, 1, 2, 0, 2, 3], [0, 1, 1, 2, 2, 3, 3, 0]  # of a quadrangle, by its corners


@dataclass(frozen=True, eq=False)
class Drawn:
    """A marker and its points (N, 3), which are not yet in it: a message for each of them is slow to make."""

    marker: Marker
    points_m: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))


def marker_array(result: PerceptionResult, config: NodeConfig) -> MarkerArray:
    """Markers in the base frame. Each frame replaces the last one's; all of them expire after `stale_after_s`."""
    drawn = drawn_markers(result, config)
    for one in drawn:
        one.marker.points = [Point(x=x, y=y, z=z) for x, y, z in one.points_m.tolist()]
    return MarkerArray(markers=[one.marker for one in drawn])


def drawn_markers(result: PerceptionResult, config: NodeConfig) -> list[Drawn]:
    """What `marker_array` is made of."""
    blank = _blank(result, config)
    markers = [Drawn(_marker(blank, "", Marker.CUBE))]
    markers[0].marker.action = Marker.DELETEALL
    markers.append(_text(blank, result))
    if result.sectors is not None and (result.sectors.free_m > 0.0).any():
        markers.append(_fan(blank, result.sectors))
    if result.verified_free_distance_m > 0.0:
        markers.append(_strip(blank, result, config))
    wall = standing_wall(result)
    if wall is not None and result.fake_wall is not None:
        markers += _wall(blank, result.state, result.fake_wall, wall)
    placed = [item for item in result.obstacles if all(map(math.isfinite, item.centre_base_m.tolist()))]
    suspected = [item for item in placed if not item.is_confirmed]
    if suspected:
        markers.append(_outlines(blank, suspected))
    for item in placed:
        if item.is_confirmed:
            markers.append(_box(blank, item))
            if not is_structure(item) and item is not wall:
                markers.append(_label(blank, item))
        if speed_mps(item) > 0.0:
            markers.append(_arrow(blank, item))
    return markers


def _blank(result: PerceptionResult, config: NodeConfig) -> Marker:
    """What all markers of a frame have in common."""
    whole, part = divmod(config.stale_after_s, 1.0)
    marker = Marker(header=base_header(result, config), action=Marker.ADD)
    marker.lifetime = Duration(sec=int(whole), nanosec=int(part * 1e9))
    return marker


def _marker(blank: Marker, namespace: str, kind: int) -> Marker:
    """A copy that shares its parts: a marker made anew makes a dozen messages that nobody needs."""
    marker = copy.copy(blank)
    marker.ns, marker.type = namespace, kind
    return marker


def _text(blank: Marker, result: PerceptionResult) -> Drawn:
    marker = _marker(blank, "state", Marker.TEXT_VIEW_FACING)
    marker.pose = Pose(position=Point(x=0.0, y=0.0, z=_TEXT_ABOVE_M))
    marker.scale = Vector3(x=0.0, y=0.0, z=_TEXT_HEIGHT_M)
    marker.color = _TEXT
    marker.text = f"{result.state.name} {result.verified_free_distance_m:.0f} m"
    if result.state is PathState.UNVERIFIED and result.reasons:
        marker.text += f"\n{result.reasons[0]}"
    return Drawn(marker)


def _strip(blank: Marker, result: PerceptionResult, config: NodeConfig) -> Drawn:
    count = max(2, math.ceil(result.verified_free_distance_m / _STRIP_STEP_M) + 1)
    along_m = np.linspace(0.0, result.verified_free_distance_m, count)
    half_width_m = 0.5 * config.vehicle.width_m
    left, right = (path_points_m(result, along_m, side_m) for side_m in (half_width_m, -half_width_m))
    quads = np.stack([left[:-1], right[:-1], right[1:], left[1:]], axis=1)
    return _ground(blank, "free_path", quads, _STRIP_ABOVE_M, _FREE)


def _fan(blank: Marker, sectors: FreeSpaceSectors) -> Drawn:
    """What is free between the nearest ground that is shown and the end of each sector."""
    is_free = sectors.free_m > sectors.near_m
    edges = sectors.bearing_rad[is_free, None] + 0.5 * sectors.width_rad * np.array([1.0, -1.0, -1.0, 1.0])
    near, free = sectors.near_m[is_free], sectors.free_m[is_free]
    away = np.stack([near, near, free, free], axis=1)[..., None] * np.stack([np.cos(edges), np.sin(edges)], axis=-1)
    return _ground(blank, "free_sectors", np.array(sectors.origin_m) + away, 0.0, _FREE_SECTORS)


def _ground(blank: Marker, name: str, quads_m: FloatArray, height_m: float, colour: ColorRGBA) -> Drawn:
    """Quadrangles (N, 4, 2) on the ground, whose corners go round, as one list of triangles."""
    marker = _marker(blank, name, Marker.TRIANGLE_LIST)
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    marker.color = colour
    return Drawn(marker, _raised(quads_m[:, _TRIANGLES], height_m))


def _wall(blank: Marker, state: PathState, finding: FakeWallFinding, wall: Obstacle) -> list[Drawn]:
    """The face of what stands in the path, its outline, and what is said of it above."""
    face = _marker(blank, "wall", Marker.TRIANGLE_LIST)
    face.scale, face.color = Vector3(x=1.0, y=1.0, z=1.0), _FAKE if state is PathState.FAKE_WALL else _STANDS
    outline = _marker(blank, "wall_outline", Marker.LINE_STRIP)
    outline.scale, outline.color = Vector3(x=_OUTLINE_WIDTH_M), _TEXT
    words = _marker(blank, "wall_words", Marker.TEXT_VIEW_FACING)
    x, y, _ = finding.polygon_m.mean(axis=0).tolist()
    words.pose = Pose(position=Point(x=x, y=y, z=float(finding.polygon_m[:, 2].max()) + 2.0 * _LABEL_ABOVE_M))
    words.scale, words.color = Vector3(z=_LABEL_HEIGHT_M), _TEXT
    words.text = f"{words_of_measurement(finding, wall)}\n{words_of_depth(finding)}"
    corners = finding.polygon_m
    return [Drawn(face, corners[_TRIANGLES]), Drawn(outline, corners[[0, 1, 2, 3, 0]]), Drawn(words)]


def _of_obstacle(blank: Marker, item: Obstacle, namespace: str, kind: int) -> Marker:
    marker = _marker(blank, namespace, kind)
    # Marker ids are int32 and obstacle ids uint32.
    marker.id = item.obstacle_id & 0x7FFFFFFF
    return marker


def _outlines(blank: Marker, items: Sequence[Obstacle]) -> Drawn:
    """What boxes cover of the ground, all as one list of lines: in a street a hundred things are suspected."""
    marker = _marker(blank, "suspicions", Marker.LINE_LIST)
    marker.scale, marker.color = Vector3(x=_OUTLINE_WIDTH_M), _SUSPECTED
    return Drawn(marker, _raised(obstacle_corners_m(items, _THINNEST_M)[:, _SIDES], _STRIP_ABOVE_M))


def _raised(ground_m: FloatArray, height_m: float) -> FloatArray:
    """Points (N, 3) at one height above those (..., 2) on the ground."""
    points = np.full((ground_m.size // 2, 3), height_m)
    points[:, :2] = ground_m.reshape(-1, 2)
    return points


def _box(blank: Marker, item: Obstacle) -> Drawn:
    marker = _of_obstacle(blank, item, "obstacles", Marker.CUBE)
    marker.pose = box_pose(item)
    length, width, height = (value if value > _THINNEST_M else _THINNEST_M for value in item.size_m.tolist())
    marker.scale = Vector3(x=length, y=width, z=height)
    marker.color = _paint(obstacle_colour(item), _CONFIRMED_OPACITY)
    return Drawn(marker)


def _label(blank: Marker, item: Obstacle) -> Drawn:
    """Name, distance and speed above the box."""
    marker = _of_obstacle(blank, item, "obstacle_labels", Marker.TEXT_VIEW_FACING)
    x, y, z = item.centre_base_m.tolist()
    height = float(item.size_m[2])
    top = z + 0.5 * (0.0 if math.isnan(height) else height)
    marker.pose = Pose(position=Point(x=x, y=y, z=top + _LABEL_ABOVE_M))
    marker.scale = Vector3(x=0.0, y=0.0, z=_LABEL_HEIGHT_M)
    marker.color = _TEXT
    words = [obstacle_name(item) or "thing"]
    if math.isfinite(item.distance_m):
        words.append(f"{item.distance_m:.0f} m")
    speed = speed_mps(item)
    if speed > 0.0:
        words.append(f"{speed:.0f} m/s")
    marker.text = " ".join(words)
    return Drawn(marker)


def _arrow(blank: Marker, item: Obstacle) -> Drawn:
    """From its middle to where it will be in a second."""
    marker = _of_obstacle(blank, item, "obstacle_velocities", Marker.ARROW)
    way = np.append(item.velocity_mps[:2], 0.0)
    shaft, head, length = _ARROW_WIDTHS_M
    marker.scale = Vector3(x=shaft, y=head, z=length)
    marker.color = _TEXT
    return Drawn(marker, np.stack([item.centre_base_m, item.centre_base_m + way]))
