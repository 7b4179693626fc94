"""Town houses: shops or flats on the ground floor, storeys of windows, cornice, balconies, flat or pitched roof."""

from __future__ import annotations

import itertools

import numpy as np

from perception_fm.synth.scene import Colour, Mesh
from perception_fm.synth.world import shapes
from perception_fm.synth.world.buildings.building_parts import (
    DARK_METAL,
    DOORS,
    GLASS,
    STONE,
    WOODWORK,
    chimney,
    gable_roof,
    gables,
    opening,
    sides_of,
    storey_uv,
    tint_of,
    upright,
)
from perception_fm.synth.world.textures.facade_textures import BAY_M, FACADES, SIDES, STOREY_M
from perception_fm.synth.world.textures.library import coated
from perception_fm.synth.world.textures.shop_textures import SHOP_HEIGHT_M, SHOP_WIDTH_M, SHOPS

_PITCHED_RISE_M = 3.2
_PARAPET_M = 0.7
_CORNICE_M = 0.45  # how far it stands out
_BALCONY_M = 1.1
_MOST_BALCONIES = 4  # what the budget of triangles allows
_FACADE_MATERIALS = tuple(coated(f"facade_{i}") for i in range(len(FACADES)))
_SHOP_MATERIALS = tuple(coated(f"shop_{i}") for i in range(len(SHOPS)))
_SIDE_MATERIALS = tuple(coated(name, colour) for name, colour in SIDES)
_ROOF_TILES, _SLATE, _GRAVEL = coated("roof_tiles"), coated("slate"), coated("gravel")
_BRICK = coated("brick_red")
_ROW = (0, 3, 1, 4, 2, 5, 1, 0, 4, 3, 5, 2)  # facades along a street, neighbours unlike
_SHOPS_APART = 4  # from house to house: more shops than a house has
_MODERN = (4, 5)  # facades without cornices, pitched roofs and bay balconies


def town_house(
    rng: np.random.Generator, width_m: float, depth_m: float, height_m: float, house_number: int
) -> list[Mesh]:
    """A house of the town whose sides may touch its neighbours; its number says which facade and shops it has."""
    number = _ROW[house_number % len(_ROW)]
    is_modern = number in _MODERN
    tint = tint_of(rng)
    has_pitched_roof = not is_modern and height_m > 9.0 and rng.random() < 0.6
    top_z = height_m - (_PITCHED_RISE_M if has_pitched_roof else _PARAPET_M)
    has_shops = height_m > 8.0 and rng.random() < 0.7
    ground_z = SHOP_HEIGHT_M if has_shops else 0.6
    half_x, half_y = 0.5 * depth_m, 0.5 * width_m
    parts = _walls(rng, half_x, half_y, ground_z, top_z, number, tint)
    parts += (
        _shops(rng, half_x, half_y, _SHOPS_APART * house_number)
        if has_shops
        else _plinth(rng, half_x, half_y, ground_z)
    )
    if not is_modern:
        parts += _cornice(half_x, half_y, ground_z if has_shops else 0.0, top_z)
        if number == 2 or rng.random() < 0.3:
            parts += _balconies(rng, half_x, half_y, ground_z, top_z)
    if has_pitched_roof:
        tiles = _ROOF_TILES if rng.random() < 0.65 else _SLATE
        parts += gable_roof(half_x, half_y, top_z, height_m, 0.3, tiles, tint_of(rng))
        parts += gables(half_x, half_y, top_z, height_m, _SIDE_MATERIALS[number], tint)
        parts += _dormers(rng, half_x, half_y, top_z, height_m)
        parts += chimney(-0.15 * half_x, float(rng.uniform(-0.6, 0.6)) * half_y, top_z + 1.5, height_m + 0.9, _BRICK)
    else:
        parts += _flat_roof(rng, half_x, half_y, top_z, height_m, number, tint)
    return parts


def _walls(
    rng: np.random.Generator, half_x: float, half_y: float, ground_z: float, top_z: float, number: int, tint: Colour
) -> list[Mesh]:
    parts = []
    for side, foot in sides_of(half_x, half_y).items():
        length = 2.0 * (half_y if side in ("front", "back") else half_x)
        has_windows = side in ("front", "back") or rng.random() < 0.45
        if has_windows and top_z - ground_z >= 0.5 * STOREY_M:
            uv = storey_uv(length, top_z - ground_z, int(rng.integers(4)))
            parts.append(upright(foot, ground_z, top_z, _FACADE_MATERIALS[number], tint, uv))
        else:
            parts.append(upright(foot, ground_z, top_z, _SIDE_MATERIALS[number], tint))
        if side != "front":
            parts.append(upright(foot, 0.0, ground_z, _SIDE_MATERIALS[number], tint))
    return parts


def _shops(rng: np.random.Generator, half_x: float, half_y: float, first: int) -> list[Mesh]:
    """Shop fronts side by side, one or two of them with an awning."""
    count = max(1, round(2.0 * half_y / SHOP_WIDTH_M))
    edges = np.linspace(-half_y, half_y, count + 1)
    parts = []
    for number, (left, right) in enumerate(itertools.pairwise(edges)):
        material = _SHOP_MATERIALS[(first + number) % len(SHOPS)]  # neighbours sell different things
        foot = (half_x, float(left), half_x, float(right))
        parts.append(upright(foot, 0.0, SHOP_HEIGHT_M, material, tint_of(rng), (0.002, 0.002, 0.998, 0.998)))
        if rng.random() < 0.4 and right - left > 4.0 and len(parts) < 8:
            parts += _awning(rng, half_x, float(left), float(right))
    for y in (-half_y + 0.2, half_y - 0.2):
        parts.append(shapes.box((0.25, 0.4, SHOP_HEIGHT_M), (half_x + 0.05, y, 0.5 * SHOP_HEIGHT_M), STONE))
    return parts


def _awning(rng: np.random.Generator, x: float, left: float, right: float) -> list[Mesh]:
    """A blind over the pavement, sloping, with a valance."""
    colours: tuple[Colour, ...] = ((0.36, 0.05, 0.04), (0.05, 0.16, 0.09), (0.06, 0.1, 0.24), (0.5, 0.44, 0.3))
    cloth, tint = WOODWORK, colours[int(rng.integers(len(colours)))]
    start, end, top, low = left + 0.5, left + 0.62 * (right - left), 3.0, 2.45
    reach = x + 1.2
    slope = [(reach, start, low), (reach, end, low), (x, end, top), (x, start, top)]
    valance = [(reach, start, low - 0.22), (reach, end, low - 0.22), (reach, end, low), (reach, start, low)]
    return [shapes.quad(slope, cloth, tint=tint), shapes.quad(valance, cloth, tint=tint)]


def _plinth(rng: np.random.Generator, half_x: float, half_y: float, height_m: float) -> list[Mesh]:
    """A stone foot and the house's door."""
    parts = [shapes.box((0.12, 2.0 * half_y, height_m), (half_x + 0.02, 0.0, 0.5 * height_m), STONE)]
    bays = max(1, round(2.0 * half_y / BAY_M))
    bay = int(rng.integers(bays))
    y = -half_y + (bay + 0.5) * 2.0 * half_y / bays
    parts += opening(int(rng.choice(DOORS)), half_x + 0.08, y, 0.15, (1.5, 2.75))
    parts.append(shapes.box((0.7, 1.9, 0.15), (half_x + 0.35, y, 0.075), STONE))
    parts.append(shapes.box((0.6, 1.9, 0.14), (half_x + 0.3, y, 3.0), STONE))
    return parts


def _cornice(half_x: float, half_y: float, string_z: float, top_z: float) -> list[Mesh]:
    """Mouldings under the roof and above the shops."""
    parts = [
        shapes.box((_CORNICE_M, 2.0 * half_y, 0.22), (half_x + 0.5 * _CORNICE_M, 0.0, top_z - 0.11), STONE),
        shapes.box((0.22, 2.0 * half_y, 0.3), (half_x + 0.11, 0.0, top_z - 0.37), STONE),
    ]
    if string_z > 0.0:
        parts.append(shapes.box((0.3, 2.0 * half_y, 0.25), (half_x + 0.15, 0.0, string_z + 0.05), STONE))
    return parts


def _balconies(rng: np.random.Generator, half_x: float, half_y: float, ground_z: float, top_z: float) -> list[Mesh]:
    """A few balconies one above the other or side by side."""
    bays, levels = max(1, round(2.0 * half_y / BAY_M)), max(1, round((top_z - ground_z) / STOREY_M))
    wide, high = 2.0 * half_y / bays, (top_z - ground_z) / levels
    places = [(bay, level) for bay in range(0, bays, 2) for level in range(1, levels)]
    material = GLASS if rng.random() < 0.3 else DARK_METAL
    parts = []
    for index in rng.permutation(len(places))[:_MOST_BALCONIES]:
        bay, level = places[index]
        y, z = -half_y + (bay + 0.5) * wide, ground_z + level * high + 0.05
        x = half_x + 0.5 * _BALCONY_M
        parts.append(shapes.box((_BALCONY_M, 0.85 * wide, 0.16), (x, y, z), STONE))
        parts.append(shapes.box((0.05, 0.85 * wide, 0.95), (x + 0.5 * _BALCONY_M - 0.04, y, z + 0.55), material))
    return parts


def _dormers(rng: np.random.Generator, half_x: float, half_y: float, eaves_z: float, ridge_z: float) -> list[Mesh]:
    """Up to three windows in the roof."""
    count = min(3, round(2.0 * half_y / 4.0))
    if rng.random() < 0.35:
        return []
    parts = []
    slope = (ridge_z - eaves_z) / half_x
    cell = int(rng.integers(4))
    for y in np.linspace(-half_y, half_y, count + 2)[1:-1]:
        face_x = half_x - 0.5
        foot_z = eaves_z + 0.5 * slope + 0.1
        depth = min(1.5 / slope, face_x)
        parts.append(shapes.box((depth, 1.5, 1.5), (face_x - 0.5 * depth, y, foot_z + 0.75), _SLATE))
        parts += opening(cell, face_x, float(y), foot_z + 0.15, (1.1, 1.2))[:1]
    return parts


def _flat_roof(
    rng: np.random.Generator, half_x: float, half_y: float, top_z: float, height_m: float, number: int, tint: Colour
) -> list[Mesh]:
    """Parapets around a gravel roof with a lift housing on it."""
    wall = _SIDE_MATERIALS[number]
    middle_z, rise = 0.5 * (top_z + height_m), height_m - top_z
    level = [(-half_x, -half_y, top_z), (half_x, -half_y, top_z), (half_x, half_y, top_z), (-half_x, half_y, top_z)]
    parts = [shapes.quad(level, _GRAVEL)]
    for x in (half_x - 0.12, -half_x + 0.12):
        parts.append(shapes.box((0.24, 2.0 * half_y, rise), (x, 0.0, middle_z), wall, tint))
    for y in (half_y - 0.12, -half_y + 0.12):
        parts.append(shapes.box((2.0 * half_x - 0.48, 0.24, rise), (0.0, y, middle_z), wall, tint))
    at = (float(rng.uniform(-0.5, 0.1)) * half_x, float(rng.uniform(-0.5, 0.5)) * half_y, top_z + 0.9)
    parts.append(shapes.box((min(3.0, half_x), min(2.5, half_y), 1.8), at, wall, tint))
    return parts
