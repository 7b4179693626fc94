"""Industrial halls and warehouses."""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world import shapes
from perception_fm.synth.world.buildings.building_parts import (
    DARK_METAL,
    DOORS,
    GARAGE_DOORS,
    GLASS,
    STONE,
    chimney,
    gable_roof,
    gables,
    opening,
    sides_of,
    storey_uv,
    tint_of,
    upright,
)
from perception_fm.synth.world.textures.library import coated

_METAL, _BRICK, _SLATE, _ROOF = coated("corrugated_metal"), coated("brick_red"), coated("slate"), coated("gravel")
_BRICK_WINDOWS = coated("facade_1")
_OFFICE = coated("facade_4")
_FASCIA = Material((0.85, 0.85, 0.85), 0.45)
_PAINTS: tuple[Colour, ...] = (
    (0.55, 0.56, 0.57),
    (0.2, 0.3, 0.42),
    (0.6, 0.57, 0.48),
    (0.24, 0.33, 0.27),
    (0.3, 0.3, 0.31),
)
_ACCENTS: tuple[Colour, ...] = ((0.5, 0.06, 0.05), (0.05, 0.14, 0.4), (0.6, 0.36, 0.03), (0.05, 0.28, 0.14))
_GATE_M = 3.4


def warehouse(rng: np.random.Generator, width_m: float, depth_m: float, height_m: float) -> list[Mesh]:
    """A hall of sheet metal with loading gates, a band in the company's colour and a flat roof."""
    half_x, half_y = 0.5 * depth_m, 0.5 * width_m
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    feet = sides_of(half_x, half_y)
    parts = [upright(foot, 0.0, height_m, _METAL, paint) for foot in feet.values()]
    parts += [
        upright(foot, height_m - 0.9, height_m, _FASCIA, accent)
        for foot in sides_of(half_x + 0.05, half_y + 0.05).values()
    ]
    parts.append(shapes.box((depth_m + 0.08, width_m + 0.08, 0.6), (0.0, 0.0, 0.3), STONE))
    parts.append(_roof(half_x, half_y, height_m - 0.3))
    parts += _gates(rng, half_x, half_y, height_m)
    for _ in range(3):
        at = (float(rng.uniform(-0.6, 0.6)) * half_x, float(rng.uniform(-0.7, 0.7)) * half_y, height_m + 0.3)
        parts.append(shapes.box((1.8, 1.4, 1.2), at, _METAL, (0.7, 0.7, 0.7)))
    return parts


def industrial_hall(rng: np.random.Generator, width_m: float, depth_m: float, height_m: float) -> list[Mesh]:
    """A brick works with a pitched roof and a stack, or an office block in front of a plain hall."""
    half_x, half_y = 0.5 * depth_m, 0.5 * width_m
    if rng.random() < 0.5:
        return _works(rng, half_x, half_y, height_m)
    return _office_and_hall(rng, half_x, half_y, height_m)


def _works(rng: np.random.Generator, half_x: float, half_y: float, height_m: float) -> list[Mesh]:
    tint = tint_of(rng)
    eaves_z = height_m - min(0.3 * half_x, 0.35 * height_m) - 0.22
    parts = []
    for side, foot in sides_of(half_x, half_y).items():
        uv = storey_uv(2.0 * (half_y if side in ("front", "back") else half_x), eaves_z - 0.8, 0)
        parts.append(upright(foot, 0.0, 0.8, _BRICK, tint))
        parts.append(upright(foot, 0.8, eaves_z, _BRICK_WINDOWS, tint, uv))
    parts += gable_roof(half_x, half_y, eaves_z, height_m - 0.22, 0.3, _SLATE, tint_of(rng))
    parts += gables(half_x, half_y, eaves_z, height_m - 0.22, _BRICK, tint)
    for y in np.linspace(-half_y, half_y, 5):
        parts.append(shapes.box((0.3, 0.5, eaves_z), (half_x + 0.1, 0.97 * float(y), 0.5 * eaves_z), _BRICK, tint))
    parts += opening(
        int(rng.choice(GARAGE_DOORS)), half_x, 0.25 * half_y, 0.02, (min(3.2, half_y), min(3.4, eaves_z - 0.2))
    )
    parts += opening(int(rng.choice(DOORS)), half_x, -0.25 * half_y, 0.02, (1.2, 2.2))
    return parts + chimney(-0.5 * half_x, 0.6 * half_y, eaves_z, height_m + 3.0, _BRICK)


def _office_and_hall(rng: np.random.Generator, half_x: float, half_y: float, height_m: float) -> list[Mesh]:
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    front_z = min(height_m, 3.1 * max(1, round(0.8 * height_m / 3.1)))
    parts = []
    for side, foot in sides_of(half_x, half_y).items():
        if side == "front":
            parts.append(upright(foot, 0.0, front_z, _OFFICE, tint_of(rng), storey_uv(2.0 * half_y, front_z, 0)))
            if front_z < height_m:
                parts.append(upright(foot, front_z, height_m, _METAL, paint))
        else:
            parts.append(upright(foot, 0.0, height_m, _METAL, paint))
    parts.append(_roof(half_x, half_y, height_m))
    parts.append(shapes.box((0.25, 2.0 * half_y, 0.5), (half_x + 0.1, 0.0, height_m - 0.25), _FASCIA))
    accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    wide = min(6.0, half_y)
    parts.append(shapes.box((0.2, wide, 1.1), (half_x + 0.3, 0.0, height_m - 0.4), _FASCIA, accent))
    porch = min(4.0, half_y)
    parts.append(shapes.box((1.8, porch, 0.2), (half_x + 0.9, 0.4 * half_y, 2.9), DARK_METAL))
    parts.append(shapes.box((0.08, 0.75 * porch, 2.6), (half_x + 0.06, 0.4 * half_y, 1.3), GLASS))
    return parts


def _gates(rng: np.random.Generator, x: float, half_y: float, height_m: float) -> list[Mesh]:
    """Loading gates with rubber bumpers, and an office door at one end."""
    from_y, to_y = -half_y + 0.3, half_y - 2.2
    high, wide = min(3.6, height_m - 1.2), min(_GATE_M, to_y - from_y)
    count = int(min(5, max(1, (to_y - from_y) // (1.6 * wide))))
    cell = int(rng.choice(GARAGE_DOORS))
    parts = []
    for y in from_y + (np.arange(count) + 0.5) * (to_y - from_y) / count:
        parts += opening(cell, x + 0.04, float(y), 0.05, (wide, high))
        parts.append(shapes.box((0.5, wide + 0.4, 0.2), (x + 0.25, y, high + 0.35), DARK_METAL))
    return parts + opening(int(rng.choice(DOORS)), x + 0.04, half_y - 1.4, 0.05, (1.1, 2.2))


def _roof(half_x: float, half_y: float, z: float) -> Mesh:
    level = [(-half_x, -half_y, z), (half_x, -half_y, z), (half_x, half_y, z), (-half_x, half_y, z)]
    return shapes.quad(level, _ROOF)
