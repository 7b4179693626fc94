"""A tunnel through a small hill: tube, lamps, portals, and the hill with its cuttings."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Enclosure, Mesh, Part
from perception_fm.synth.world.ground.cross_section import CrossSection
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.ground.ground_materials import CONCRETE, LAMP, MEADOW, TUNNEL_WALL
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.ground.zones import TUNNEL_LENGTH_M, Zone
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.shapes import box, grid, merged

FloatArray = NDArray[np.float64]

WALL_M, CEILING_M = 4.6, 5.8  # height of the upright walls; of the ceiling
_CHAMFER_M = 1.4  # the ceiling is narrower by this on either side
_TILED_M = 3.0
_HILL_M = 8.3  # over the road
_HILL_SLOPE, _CUT_SLOPE, _END_SLOPE = 0.55, 0.7, 0.5
_APPROACH_M = 20.0  # the cutting before a portal
_PARAPET_M = 0.7
_LAMP_SPACING_M = 6.0
_DARK = (0.5, 0.5, 0.5)  # soot


@dataclass(frozen=True, eq=False)
class Tunnel:
    """`parts` in the world; the `hill` in plan; `enclosure` without sky."""

    parts: tuple[Part, ...]
    hill: FloatArray
    enclosure: Enclosure


def build_tunnel(zone: Zone, line: RoadLine, section: CrossSection) -> Tunnel:
    """The tunnel of a zone; its frame stands at the entrance, x into it."""
    frame = line.pose(zone.from_m)
    half_m = section.half_paved_m + (0.3 if section.has_kerb else 1.0)
    shape = _Shape(half_m, section.half_corridor_m)
    parts = [
        Part("tunnel", _tube(half_m)),
        Part("tunnel", _lamps(half_m)),
        Part("grass", _hill(shape)),
        *(Part("retaining_wall", _portal(shape, x)) for x in (0.0, TUNNEL_LENGTH_M)),
    ]
    middle = RigidTransform(np.eye(3), np.array([0.5 * TUNNEL_LENGTH_M, 0.0, 0.5 * CEILING_M]))
    half_size = (0.5 * TUNNEL_LENGTH_M, half_m + 0.1, 0.5 * CEILING_M + 0.2)
    reach = half_m + 2.0 + _HILL_M / _HILL_SLOPE
    corners = [(x, y, 0.0) for x, y in _outline(-_APPROACH_M, TUNNEL_LENGTH_M + _APPROACH_M, reach)]
    return Tunnel(
        tuple(Part(part.kind, part.mesh.moved(frame)) for part in parts),
        frame.apply(np.array(corners))[:, :2],
        Enclosure(frame @ middle, half_size),
    )


@dataclass(frozen=True)
class _Shape:
    half_m: float
    half_corridor_m: float

    def top(self, y: FloatArray) -> FloatArray:
        """Height of the hill over the tunnel."""
        return _HILL_M - _HILL_SLOPE * np.maximum(np.abs(y) - self.half_m - 2.0, 0.0)

    def cut(self, y: FloatArray) -> FloatArray:
        """Height of the slopes beside the road before a portal."""
        return -0.4 + _CUT_SLOPE * np.maximum(np.abs(y) - self.half_corridor_m, 0.0)

    def wall_end(self) -> float:
        """Where the slope of the cutting reaches the hill."""
        y = np.linspace(self.half_corridor_m, self.half_corridor_m + 30.0, 301)
        return float(y[np.argmax(self.cut(y) >= self.top(y))])


def _outline(from_x: float, to_x: float, half_y: float) -> list[tuple[float, float]]:
    return [(from_x, -half_y), (to_x, -half_y), (to_x, half_y), (from_x, half_y)]


def _profile(half_m: float) -> FloatArray:
    """Inside of the tube, (6, 2) of y and z, from the left foot over the ceiling to the right foot."""
    left = np.array([[half_m, -0.3], [half_m, WALL_M], [half_m - _CHAMFER_M, CEILING_M]])
    return np.concatenate([left, left[::-1] * (-1.0, 1.0)])


def _tube(half_m: float) -> Mesh:
    x = np.linspace(0.0, TUNNEL_LENGTH_M, 11)
    tiled = [np.array([[side * half_m, 0.0], [side * half_m, _TILED_M]]) for side in (1.0, -1.0)]
    upper = _profile(half_m)
    upper[[0, -1], 1] = _TILED_M
    meshes = []
    for profile, material in ((tiled[0], TUNNEL_WALL), (tiled[1][::-1], TUNNEL_WALL), (upper, CONCRETE)):
        for low, high in itertools.pairwise(profile):
            corners = np.stack([low, high])
            points = np.empty((len(x), 2, 3))
            points[..., 0], points[..., 1:] = x[:, None], corners
            tint = (1.0, 1.0, 1.0) if material is TUNNEL_WALL else _DARK
            meshes.append(grid(points, material, tint=tint))
    return merged(meshes)


def _lamps(half_m: float) -> Mesh:
    x = np.arange(0.5 * _LAMP_SPACING_M, TUNNEL_LENGTH_M, _LAMP_SPACING_M)
    y = 0.6 * (half_m - _CHAMFER_M)
    return merged([box((1.3, 0.24, 0.1), (at, side * y, CEILING_M - 0.06), LAMP) for at in x for side in (-1.0, 1.0)])


def _portal(shape: _Shape, x_m: float) -> Mesh:
    """A concrete face with the tube's opening, and its upper edge."""
    end = shape.wall_end()
    y = np.unique(np.concatenate([np.linspace(-end, end, 9), [-shape.half_m - 2.0, shape.half_m + 2.0]]))
    upper = np.column_stack([y, shape.top(y) + _PARAPET_M])
    outline = np.concatenate([[[-end, -0.6]], upper, [[end, -0.6]]])
    opening = _profile(shape.half_m)
    opening[[0, -1], 1] = -1.0
    points, faces = (Area.outlined(outline) - Area.outlined(opening)).triangles()
    outward = -1.0 if x_m == 0.0 else 1.0
    level = np.column_stack([np.full(len(points), x_m), points])
    normals = np.broadcast_to((outward, 0.0, 0.0), level.shape)
    face = surface(level, normals, points, faces if outward > 0.0 else faces[:, ::-1], CONCRETE)
    inner_x = x_m - outward * 0.6
    ledge = np.stack([np.column_stack([np.full(len(y), x), upper]) for x in sorted((x_m, inner_x))])
    back = np.stack([np.column_stack([np.full(len(y), inner_x), y, z]) for z in (upper[:, 1] - 1.5, upper[:, 1])])
    return merged([face, grid(ledge[:, ::-1], CONCRETE), grid(back, CONCRETE)])


def _hill(shape: _Shape) -> Mesh:
    """Over the tube, and the cuttings at both ends."""
    reach = shape.half_m + 2.0 + (_HILL_M + 1.0) / _HILL_SLOPE
    over = np.linspace(-reach, reach, 17)
    beside = np.linspace(shape.half_corridor_m - 0.2, reach, 10)
    fields = [_field(np.linspace(0.0, TUNNEL_LENGTH_M, 9), over, lambda x, y: shape.top(y))]
    for x in (np.linspace(-_APPROACH_M, 0.0, 7), TUNNEL_LENGTH_M + np.linspace(0.0, _APPROACH_M, 7)):
        for y in (beside, -beside[::-1]):
            fields.append(_field(x, y, lambda x, y: np.minimum(_approach(shape, x, y), shape.cut(y))))
    return merged(fields)


def _approach(shape: _Shape, x: FloatArray, y: FloatArray) -> FloatArray:
    outside = np.maximum(np.maximum(-x, x - TUNNEL_LENGTH_M), 0.0)
    return shape.top(y) - _END_SLOPE * outside


def _field(x: FloatArray, y: FloatArray, height: Callable[[FloatArray, FloatArray], FloatArray]) -> Mesh:
    """A height field over a grid."""
    grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
    points = np.stack([grid_x, grid_y, np.maximum(height(grid_x, grid_y), -1.0)], axis=-1)
    return grid(points[:, ::-1], MEADOW, uv_m=points[:, ::-1, :2])
