"""A bridge that carries another road over this one."""

from __future__ import annotations

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Asset, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.ground.facets import faceted
from perception_fm.synth.world.street.street_lights import DARK_PAINT
from perception_fm.synth.world.textures.library import coated

BRIDGE_CLEARANCE_M = 4.7  # RAA 2008: room for the traffic below
BRIDGE_SPAN_M = (5.0, 60.0)
BRIDGE_WIDTH_M = (2.0, 40.0)
ABUTMENT_M = 1.2
APPROACH_M = 16.0  # of embankment behind each abutment
_CONCRETE, _ASPHALT, _GRASS = coated("concrete"), coated("asphalt"), coated("grass")
_STONE = coated("rough_stone")
_KERB_M = 0.35
_RAMP_M = 7.0  # of the embankment's end, which slopes


def bridge(span_m: float, width_m: float, rng: np.random.Generator) -> Asset:
    """A bridge of `width_m` along x over `span_m` along y between its abutments, at least 4.7 m above the road.

    Embankments reach `ABUTMENT_M + APPROACH_M` beyond the span on both sides and 5 m beyond the width. Raises
    `PerceptionError` for a span outside 5..60 m or a width outside 2..40 m.
    """
    for name, size, (low, high) in (("span_m", span_m, BRIDGE_SPAN_M), ("width_m", width_m, BRIDGE_WIDTH_M)):
        if not low <= size <= high:
            raise PerceptionError(f"a bridge's {name} lies in {low:g}..{high:g}, got {size:g}")
    half_y, half_x = 0.5 * span_m, 0.5 * width_m
    under_z = BRIDGE_CLEARANCE_M + float(rng.uniform(0.1, 0.8))
    top_z = under_z + 0.5 + span_m / 40.0
    parts = [
        shapes.box((width_m, span_m + 2 * ABUTMENT_M, top_z - under_z), (0, 0, 0.5 * (top_z + under_z)), _CONCRETE)
    ]
    masonry = _STONE if rng.random() < 0.4 else _CONCRETE
    for side in (-1.0, 1.0):
        at = (0.0, side * (half_y + 0.5 * ABUTMENT_M), 0.5 * under_z)
        parts.append(shapes.box((width_m + 0.4, ABUTMENT_M, under_z), at, masonry))
    parts += _parapets(half_x, half_y + ABUTMENT_M, top_z, has_railing=bool(rng.random() < 0.6))
    banks, roads = [], []
    for side in (-1.0, 1.0):
        yaw = 0.0 if side > 0.0 else np.pi
        start = (0.0, side * (half_y + ABUTMENT_M), 0.0)
        banks.append(shapes.placed(_embankment(half_x, top_z), start, yaw))
        parts += [shapes.placed(mesh, start, yaw) for mesh in _wings(half_x, top_z, masonry)]
    road_length = span_m + 2.0 * (ABUTMENT_M + APPROACH_M - _RAMP_M)
    lane = shapes.box((width_m - 2 * _KERB_M, road_length, 0.06), (0.0, 0.0, top_z + 0.03), _ASPHALT)
    roads.append(lane)
    return (
        Part("bridge", Mesh.merged(parts)),
        Part("grass", Mesh.merged(banks)),
        Part("side_road", Mesh.merged(roads)),
    )


def _parapets(half_x: float, half_y: float, top_z: float, has_railing: bool) -> list[Mesh]:
    """Edge beams, and on them a railing or a wall."""
    parts = []
    for x in (-half_x + 0.5 * _KERB_M, half_x - 0.5 * _KERB_M):
        high = 0.35 if has_railing else 1.0
        size = (_KERB_M, 2.0 * half_y, high)
        parts.append(shapes.box(size, (x, 0.0, top_z + 0.5 * high), _CONCRETE))
        if has_railing:
            for z in (0.7, 1.1):
                parts.append(shapes.box((0.06, 2.0 * half_y, 0.06), (x, 0.0, top_z + z), DARK_PAINT))
            for y in np.linspace(-half_y + 0.1, half_y - 0.1, max(3, round(half_y))):
                parts.append(shapes.box((0.05, 0.05, 0.8), (x, float(y), top_z + 0.7), DARK_PAINT))
    return parts


def _embankment(half_x: float, top_z: float) -> Mesh:
    """A grassy ramp from an abutment at y = 0 towards +y, its flanks at 1:1."""
    near, end, top_end, wide = 0.0, APPROACH_M, APPROACH_M - _RAMP_M, half_x + min(5.0, top_z)
    foot = [(-half_x, near, 0.0), (half_x, near, 0.0), (wide, end, 0.0), (-wide, end, 0.0)]
    top = [(-half_x, near, top_z), (half_x, near, top_z), (half_x, top_end, top_z), (-half_x, top_end, top_z)]
    faces = [[4, 5, 6], [4, 6, 7], [1, 2, 6], [1, 6, 5], [3, 0, 4], [3, 4, 7], [2, 3, 7], [2, 7, 6]]
    return faceted(np.array(foot + top), faces, _GRASS)


def _wings(half_x: float, top_z: float, masonry: Material) -> list[Mesh]:
    """Wing walls that hold the bank beside the abutment; they slope down along the road."""
    parts = []
    for side in (-1.0, 1.0):
        x, reach = side * (half_x + 0.2), side * (half_x + 4.0)
        low, top = [(x, 0.0, 0.0), (reach, 1.5, 0.0)], [(reach, 1.5, 0.8), (x, 0.0, top_z)]
        ring = [*low, *top] if side > 0.0 else [low[1], low[0], top[1], top[0]]
        parts.append(shapes.quad(ring, masonry))
    return parts
