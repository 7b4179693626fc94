"""Fences, guard rails and garden walls: they run along x, their middle at the origin."""

from __future__ import annotations

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Asset, Colour, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.street.street_lights import DARK_PAINT
from perception_fm.synth.world.textures.library import coated

SHORTEST_M, LONGEST_M = 0.5, 100.0
_STEEL, _WOOD, _CONCRETE = coated("steel"), coated("wood"), coated("concrete")
_RAIL_TOP_M = 0.75  # EN 1317 W-beams: 75 cm over the road
# Profile of a W-beam, (y, z) from its lower edge, its waves towards the traffic (AASHTO M 180: 31 cm high, 8 cm deep).
_W_BEAM = ((0.0, 0.0), (0.08, 0.045), (0.08, 0.095), (0.0, 0.155), (0.08, 0.215), (0.08, 0.265), (0.0, 0.31))
_RAIL_POST_M = 4.0
_POST_M = 2.5
_STAINS: tuple[Colour, ...] = ((1.0, 1.0, 1.0), (0.55, 0.42, 0.33), (0.45, 0.46, 0.45), (1.5, 1.9, 2.0))


def fence(length_m: float, rng: np.random.Generator) -> Asset:
    """A fence of boards, pickets, rails or steel bars, 1 to 1.9 m high, at most 12 triangles per metre and 30.

    Raises `PerceptionError` for a length outside 0.5..100 m.
    """
    _check("a fence", length_m)
    stain = _STAINS[int(rng.integers(len(_STAINS)))]
    kind = int(rng.integers(4))
    if kind == 0:
        parts = _boards(length_m, float(rng.uniform(1.5, 1.9)), stain)
    elif kind == 1:
        parts = _strips(length_m, float(rng.uniform(0.9, 1.1)), 0.1, 0.22, _WOOD, stain)
    elif kind == 2:
        parts = _rails(length_m, float(rng.uniform(1.0, 1.3)), stain)
    else:
        parts = _strips(length_m, float(rng.uniform(1.1, 1.6)), 0.035, 0.23, DARK_PAINT, (1.0, 1.0, 1.0))
    return (Part("fence", Mesh.merged(parts)),)


def guard_rail(length_m: float) -> Asset:
    """A W-beam on posts, its face to the traffic on +y. Raises `PerceptionError` for a length outside 0.5..100 m."""
    _check("a guard rail", length_m)
    foot_z, half = _RAIL_TOP_M - _W_BEAM[-1][1], 0.5 * length_m
    points = np.array([[(x, y, foot_z + z) for x in (half, -half)] for y, z in _W_BEAM])
    parts = [shapes.skin(points, _STEEL)]
    for x in _posts(length_m, _RAIL_POST_M):
        parts.append(shapes.box((0.1, 0.12, _RAIL_TOP_M - 0.05), (x, -0.06, 0.5 * _RAIL_TOP_M - 0.025), _STEEL))
    return (Part("guard_rail", Mesh.merged(parts)),)


def garden_wall(length_m: float, rng: np.random.Generator) -> Asset:
    """A wall of 0.6 to 1.8 m with a coping and a pillar at each end. Raises `PerceptionError` as `fence` does."""
    _check("a garden wall", length_m)
    names: tuple[tuple[str, Colour], ...] = (
        ("brick_red", (1.0, 1.0, 1.0)),
        ("brick_yellow", (1.0, 1.0, 1.0)),
        ("rough_stone", (1.0, 1.0, 1.0)),
        ("cracked_plaster", (0.62, 0.58, 0.5)),
    )
    name, colour = names[int(rng.integers(len(names)))]
    wall, height = coated(name, colour), float(rng.uniform(0.6, 1.8))
    parts = [
        shapes.box((length_m, 0.24, height), (0.0, 0.0, 0.5 * height), wall),
        shapes.box((length_m, 0.34, 0.08), (0.0, 0.0, height + 0.04), _CONCRETE),
    ]
    if length_m > 2.0:
        for x in (-0.5 * length_m + 0.2, 0.5 * length_m - 0.2):
            parts.append(shapes.box((0.4, 0.4, height + 0.25), (x, 0.0, 0.5 * height + 0.125), wall))
            parts.append(shapes.box((0.48, 0.48, 0.08), (x, 0.0, height + 0.29), _CONCRETE))
    return (Part("garden_wall", Mesh.merged(parts)),)


def _boards(length_m: float, height_m: float, stain: Colour) -> list[Mesh]:
    panel = shapes.box((length_m, 0.03, height_m - 0.08), (0.0, 0.0, 0.5 * height_m + 0.04), _WOOD, stain)
    rail = shapes.box((length_m, 0.08, 0.06), (0.0, 0.0, height_m + 0.02), _WOOD, stain)
    return [panel, rail, *_post_boxes(length_m, height_m + 0.08, stain)]


def _rails(length_m: float, height_m: float, stain: Colour) -> list[Mesh]:
    parts = [
        shapes.box((length_m, 0.04, 0.14), (0.0, 0.05, share * height_m), _WOOD, stain) for share in (0.35, 0.64, 0.93)
    ]
    return [*parts, *_post_boxes(length_m, height_m + 0.06, stain)]


def _strips(
    length_m: float, height_m: float, wide_m: float, pitch_m: float, material: Material, stain: Colour
) -> list[Mesh]:
    """Upright pickets or bars, one flat strip each, before two rails."""
    count = max(2, round(length_m / pitch_m))
    middles = (np.arange(count) + 0.5) * (length_m / count) - 0.5 * length_m
    x = middles[:, None] + 0.5 * wide_m * np.array([1.0, -1.0, -1.0, 1.0])
    z = np.broadcast_to([0.06, 0.06, height_m, height_m], x.shape)
    points = np.stack([x, np.full(x.shape, 0.035), z], axis=2).reshape(-1, 3)
    quads = np.array([[0, 1, 2], [0, 2, 3]]) + 4 * np.arange(count)[:, None, None]
    tints = np.broadcast_to(np.array(stain), points.shape)
    normals = np.broadcast_to((0.0, 1.0, 0.0), points.shape)
    uv, one = points[:, [0, 2]], np.zeros(len(points), np.uint8)
    parts = [Mesh(points, normals, uv, tints, one, quads.reshape(-1, 3), (material,))]
    for share in (0.25, 0.8):
        parts.append(shapes.box((length_m, 0.04, 0.07), (0.0, 0.0, share * height_m), material, stain))
    return parts


def _post_boxes(length_m: float, height_m: float, stain: Colour) -> list[Mesh]:
    return [shapes.box((0.1, 0.1, height_m), (x, 0.0, 0.5 * height_m), _WOOD, stain) for x in _posts(length_m, _POST_M)]


def _posts(length_m: float, pitch_m: float) -> list[float]:
    """Where posts stand: at both ends and not more than `pitch_m` apart."""
    count = int(np.ceil(length_m / pitch_m))
    return [float(x) for x in np.linspace(-0.5, 0.5, count + 1) * (length_m - 0.1)]


def _check(what: str, length_m: float) -> None:
    if not SHORTEST_M <= length_m <= LONGEST_M:
        raise PerceptionError(f"{what}'s length_m lies in {SHORTEST_M:g}..{LONGEST_M:g}, got {length_m:g}")
