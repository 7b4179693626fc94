"""`MarkerArray` as the bytes that go over the wire: its lines and triangles have a thousand corners."""

from __future__ import annotations

from collections.abc import Sequence

from std_msgs.msg import Header

from perception_fm.config import NodeConfig
from perception_fm.ros.cdr import CdrWriter
from perception_fm.ros.markers import Drawn, drawn_markers
from perception_fm.types import PerceptionResult

_NO_HEADER = Header()


def marker_bytes(result: PerceptionResult, config: NodeConfig) -> bytes:
    """What serialising `marker_array` of the same result gives, but for the bytes between fields, which are 0."""
    return packed_markers(drawn_markers(result, config))


def packed_markers(drawn: Sequence[Drawn]) -> bytes:
    """A `MarkerArray`; markers have no colours of single points, no textures and no meshes."""
    writer = CdrWriter()
    writer.numbers("I", len(drawn))
    for one in drawn:
        _pack(writer, one)
    return writer.message()


def _pack(writer: CdrWriter, drawn: Drawn) -> None:
    marker = drawn.marker
    place, turn, scale, colour = marker.pose.position, marker.pose.orientation, marker.scale, marker.color
    writer.header(marker.header)
    writer.text(marker.ns)
    writer.numbers("i", marker.id, marker.type, marker.action)
    writer.numbers("d", place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w, scale.x, scale.y, scale.z)
    writer.numbers("f", colour.r, colour.g, colour.b, colour.a)
    writer.numbers("i", marker.lifetime.sec)
    writer.numbers("I", marker.lifetime.nanosec)
    writer.numbers("B", marker.frame_locked)
    writer.array(drawn.points_m, len(drawn.points_m))
    writer.numbers("I", 0)  # colours
    writer.text("")  # texture: its name, a compressed image, its coordinates
    writer.header(_NO_HEADER)
    writer.text("")
    writer.numbers("I", 0, 0)
    writer.text(marker.text)
    writer.text("")  # mesh: its name, a file, whether it has materials
    writer.text("")
    writer.numbers("I", 0)
    writer.numbers("B", False)
