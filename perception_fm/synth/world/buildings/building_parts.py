"""Walls, openings, roofs and chimneys that buildings are put together from.

A building's frame: x out of its front, y to the left of somebody who comes out, z up, origin on the ground at its
middle.
"""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world import shapes
from perception_fm.synth.world.ground.facets import faceted
from perception_fm.synth.world.textures.facade_textures import BAY_M, BAYS, STOREY_M, STOREYS
from perception_fm.synth.world.textures.library import UV, cell_uv, coated
from perception_fm.synth.world.textures.window_textures import OPENING_CELLS

WHITE: Colour = (1.0, 1.0, 1.0)
PROUD_M = 0.04  # how far windows and signs stand out of the wall: less flickers at a distance
WINDOWS, DOORS, GARAGE_DOORS = range(8), range(8, 12), range(12, 16)  # cells of the texture "openings"
OPENINGS = coated("openings")
STONE = coated("concrete", (1.0, 0.97, 0.9))
WOODWORK = Material((0.62, 0.6, 0.56), 0.6)
DARK_METAL = Material((0.06, 0.06, 0.065), 0.45)
GLASS = Material((0.03, 0.033, 0.036), 0.07)


def tint_of(rng: np.random.Generator) -> Colour:
    """How much lighter, darker, warmer or colder than its pattern a building is."""
    light, warmth = rng.uniform(0.72, 1.12), rng.uniform(-0.07, 0.07)
    return float(light * (1.0 + warmth)), float(light), float(light * (1.0 - warmth))


def upright(
    foot: tuple[float, float, float, float],
    from_z: float,
    to_z: float,
    material: Material,
    tint: Colour = WHITE,
    uv: UV | None = None,
) -> Mesh:
    """A wall above `foot` (x0, y0, x1, y1), left to right as seen from its front.

    `uv` (u0, v0, u1, v1) spans it; without, its texture runs in metres from the ground.
    """
    x0, y0, x1, y1 = foot
    corners = ((x0, y0, from_z), (x1, y1, from_z), (x1, y1, to_z), (x0, y0, to_z))
    if uv is None:
        length = float(np.hypot(x1 - x0, y1 - y0))
        uv = (0.0, from_z, length, to_z)
    u0, v0, u1, v1 = uv
    return shapes.quad(corners, material, ((u0, v0), (u1, v0), (u1, v1), (u0, v1)), tint)


def sides_of(half_x: float, half_y: float) -> dict[str, tuple[float, float, float, float]]:
    """The feet of a rectangular building's four walls, for `upright`."""
    return {
        "front": (half_x, -half_y, half_x, half_y),
        "left": (half_x, half_y, -half_x, half_y),
        "back": (-half_x, half_y, -half_x, -half_y),
        "right": (-half_x, -half_y, half_x, -half_y),
    }


def storey_uv(length_m: float, height_m: float, first_bay: int) -> UV:
    """Whole bays and storeys of a facade's texture for a wall of that size."""
    bays, levels = max(1, round(length_m / BAY_M)), max(1, round(height_m / STOREY_M))
    return first_bay / BAYS, 0.0, (first_bay + bays) / BAYS, levels / STOREYS


def opening(
    cell: int, x: float, y: float, foot_z: float, size_m: tuple[float, float], tint: Colour = WHITE
) -> list[Mesh]:
    """A window or door of (width, height) in a wall that looks along +x, with a sill or a step below it."""
    wide, high = size_m
    foot = (x + PROUD_M, y - 0.5 * wide, x + PROUD_M, y + 0.5 * wide)
    uv = cell_uv(cell, OPENING_CELLS, OPENING_CELLS, 0.01)
    face = upright(foot, foot_z, foot_z + high, OPENINGS, tint, uv)
    if cell in WINDOWS:
        return [face, shapes.box((0.16, wide + 0.2, 0.08), (x + 0.06, y, foot_z - 0.04), STONE)]
    return [face]


def gable_roof(
    half_x: float, half_y: float, eaves_z: float, ridge_z: float, overhang_m: float, tiles: Material, tint: Colour
) -> list[Mesh]:
    """A pitched roof, ridge along y, with thickness: 20 triangles."""
    drop = (ridge_z - eaves_z) / half_x * overhang_m
    out_x, out_y, low, thick = half_x + overhang_m, half_y + overhang_m, eaves_z - drop, 0.22
    parts = []
    for sign in (1.0, -1.0):
        foot = np.array([[sign * out_x, -sign * out_y, low + thick], [sign * out_x, sign * out_y, low + thick]])
        ridge = np.array([[0.0, sign * out_y, ridge_z + thick], [0.0, -sign * out_y, ridge_z + thick]])
        down = np.array([0.0, 0.0, -thick])
        parts.append(shapes.quad(np.concatenate([foot, ridge]), tiles, tint=tint))
        parts.append(shapes.quad(np.stack([foot[0] + down, foot[1] + down, foot[1], foot[0]]), WOODWORK))
        parts.append(
            shapes.quad(np.stack([foot[1] + down, foot[0] + down, ridge[1] + down, ridge[0] + down]), WOODWORK)
        )
        parts.append(shapes.quad(np.stack([foot[1] + down, ridge[0] + down, ridge[0], foot[1]]), WOODWORK))
        parts.append(shapes.quad(np.stack([ridge[1] + down, foot[0] + down, foot[0], ridge[1]]), WOODWORK))
    return parts


def gables(half_x: float, half_y: float, eaves_z: float, ridge_z: float, wall: Material, tint: Colour) -> list[Mesh]:
    """The two triangles of wall below a ridge along y."""
    points = [[s * half_x, y, eaves_z] for y in (-half_y, half_y) for s in (-1, 1)]
    points += [[0.0, -half_y, ridge_z], [0.0, half_y, ridge_z]]
    return [faceted(points, [[0, 1, 4], [3, 2, 5]], wall, tint)]


def chimney(x: float, y: float, foot_z: float, top_z: float, material: Material) -> list[Mesh]:
    """A chimney with its cap."""
    middle = 0.5 * (foot_z + top_z)
    return [
        shapes.box((0.6, 0.8, top_z - foot_z), (x, y, middle), material),
        shapes.box((0.75, 0.95, 0.12), (x, y, top_z), STONE),
    ]
