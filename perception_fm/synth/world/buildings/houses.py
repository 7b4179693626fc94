"""Suburban houses: pitched roofs, chimneys, doors, windows, garages."""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world import shapes
from perception_fm.synth.world.buildings.building_parts import (
    DOORS,
    GARAGE_DOORS,
    STONE,
    WOODWORK,
    chimney,
    gable_roof,
    gables,
    opening,
    sides_of,
    tint_of,
    upright,
)
from perception_fm.synth.world.textures.library import coated

_WALLS = (
    coated("plaster", (0.72, 0.7, 0.64)),
    coated("plaster", (0.66, 0.56, 0.38)),
    coated("plaster", (0.56, 0.38, 0.28)),
    coated("brick_red"),
    coated("brick_yellow"),
)
_TILES = (coated("roof_tiles"), coated("roof_tiles", (0.7, 0.6, 0.6)), coated("slate"))
_BRICK = coated("brick_red")
_GARAGE_M = 3.4
_STOREY_M = 2.75


def suburban_house(rng: np.random.Generator, width_m: float, depth_m: float, height_m: float) -> list[Mesh]:
    """A house with a gable to the street or to its neighbours, and a garage beside it where there is room."""
    wall, tiles = _WALLS[int(rng.integers(len(_WALLS)))], _TILES[int(rng.integers(len(_TILES)))]
    tint, roof_tint = tint_of(rng), tint_of(rng)
    has_garage = width_m > 10.5 and rng.random() < 0.6
    house_m = width_m - _GARAGE_M if has_garage else width_m
    shift_y = 0.5 * _GARAGE_M if has_garage else 0.0
    eaves_z = max(2.6, height_m - min(3.8, 0.36 * min(depth_m, house_m)) - 0.3)
    eaves_z = min(eaves_z, height_m - 1.0)
    shows_gable = house_m < 1.15 * depth_m and rng.random() < 0.5
    body = _body(depth_m, house_m, eaves_z, height_m, shows_gable, (wall, tint), (tiles, roof_tint))
    body += _front(rng, 0.5 * depth_m, 0.5 * house_m, eaves_z, height_m, shows_gable)
    body += _flanks(rng, 0.5 * depth_m, 0.5 * house_m, eaves_z)
    top_z = height_m + 0.8
    body += chimney(-0.1 * depth_m, float(rng.uniform(-0.25, 0.25)) * house_m, height_m - 1.6, top_z, _BRICK)
    parts = [shapes.placed(Mesh.merged(body), (0.0, shift_y, 0.0))]
    if has_garage:
        parts += _garage(rng, depth_m, 0.5 * width_m, (wall, tint))
    return parts


def _body(
    depth_m: float,
    wide_m: float,
    eaves_z: float,
    ridge_z: float,
    shows_gable: bool,
    wall: tuple[Material, Colour],
    roof: tuple[Material, Colour],
) -> list[Mesh]:
    material, tint = wall
    half_x, half_y = 0.5 * depth_m, 0.5 * wide_m
    parts = [upright(foot, 0.0, eaves_z, material, tint) for foot in sides_of(half_x, half_y).values()]
    across, along = (half_y, half_x) if shows_gable else (half_x, half_y)
    top = gable_roof(across, along, eaves_z, ridge_z - 0.22, 0.45, *roof)
    top += gables(across, along, eaves_z, ridge_z - 0.22, material, tint)
    parts.append(shapes.placed(Mesh.merged(top), (0.0, 0.0, 0.0), 0.5 * np.pi if shows_gable else 0.0))
    parts.append(shapes.box((depth_m + 0.06, wide_m + 0.06, 0.4), (0.0, 0.0, 0.2), STONE))
    return parts


def _front(
    rng: np.random.Generator, x: float, half_y: float, eaves_z: float, ridge_z: float, shows_gable: bool
) -> list[Mesh]:
    """Door with a canopy, windows in the storeys, one more in a gable."""
    levels = min(3, max(1, int((eaves_z + 0.15) / _STOREY_M)))
    columns = min(4, max(2, int(2.0 * half_y / 2.8)))
    places = np.linspace(-half_y, half_y, 2 * columns + 1)[1::2]
    door_column, cell = int(rng.integers(columns)), int(rng.integers(8))
    parts = []
    for level in range(levels):
        for column, y in enumerate(places):
            if level == 0 and column == door_column:
                parts += opening(int(rng.choice(DOORS)), x, float(y), 0.3, (1.15, 2.15))
                parts.append(shapes.box((1.0, 1.7, 0.12), (x + 0.5, y, 2.65), WOODWORK))
                parts.append(shapes.box((1.1, 1.7, 0.3), (x + 0.55, y, 0.15), STONE))
            else:
                wide = 1.3 if cell % 4 != 2 else 1.9
                parts += opening(cell, x, float(y), 0.95 + level * _STOREY_M, (min(wide, 1.6 * half_y / columns), 1.3))
    if shows_gable and ridge_z - eaves_z > 2.4:
        parts += opening(cell, x, 0.0, eaves_z + 0.35, (1.1, 1.15))
    return parts


def _flanks(rng: np.random.Generator, half_x: float, half_y: float, eaves_z: float) -> list[Mesh]:
    """A window or two in each of the other walls."""
    cell = int(rng.integers(8))
    parts = []
    for yaw, away in ((0.5 * np.pi, half_y), (-0.5 * np.pi, half_y), (np.pi, half_x)):
        for level in range(min(2, max(1, int((eaves_z + 0.15) / _STOREY_M)))):
            window = opening(cell, away, float(rng.uniform(-0.4, 0.4)), 0.95 + level * _STOREY_M, (1.2, 1.2))[0]
            parts.append(shapes.placed(window, (0.0, 0.0, 0.0), yaw))
    return parts


def _garage(rng: np.random.Generator, depth_m: float, half_y: float, wall: tuple[Material, Colour]) -> list[Mesh]:
    """A flat-roofed garage at the house's right side, set back a little."""
    material, tint = wall
    length = min(6.0, depth_m - 1.0)
    x = 0.5 * depth_m - 0.8
    y = -half_y + 0.5 * _GARAGE_M
    parts = [shapes.box((length, _GARAGE_M, 2.6), (x - 0.5 * length, y, 1.3), material, tint)]
    parts.append(shapes.box((length + 0.2, _GARAGE_M + 0.1, 0.2), (x - 0.5 * length, y, 2.7), WOODWORK))
    return parts + opening(int(rng.choice(GARAGE_DOORS)), x, y, 0.05, (2.6, 2.2))
