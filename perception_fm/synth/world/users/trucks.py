"""Trucks: a cab over its engine, and behind it a box, a tarpaulin, a tank or a tipper, rigid or as a semitrailer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.shapes import box, cylinder, loft, merged, mirrored_y, placed, quad, skin
from perception_fm.synth.world.users.vehicle_parts import (
    BLACK,
    GLASS,
    LAMP_AMBER,
    LAMP_CLEAR,
    LAMP_RED,
    METAL,
    PAINT,
    STEEL,
    facing,
    plate,
    truck_wheel,
    upright,
)

# Tinted with the colour of each load bed, apart from the cab's.
CARGO = Material((1.0, 1.0, 1.0), roughness=0.55)
TARPAULIN = Material((1.0, 1.0, 1.0), roughness=0.7)
TANK = Material((0.70, 0.70, 0.71), roughness=0.30, metallic=1.0)
GRAVEL = Material((0.20, 0.17, 0.13), roughness=1.0)
POSTER_GAP_M = 0.01  # a print hangs this far off the bodywork

WIDTH_M = 2.55  # the most that is allowed on European roads (Directive 96/53/EC)
_WHEEL_M = 0.50
_FLOOR_M = 1.05
_RIGID_M = (8.6, 3.7)  # length and height
_SEMI_M = (16.4, 4.0)
# The cab in plan, seen from its front from right to left: distance behind the front, share of the half width.
_PLAN = np.array(
    [(-1.0, -1.0), (-0.38, -1.0), (-0.09, -0.88), (0.0, -0.5), (0.0, 0.5), (-0.09, 0.88), (-0.38, 1.0), (-1.0, 1.0)]
)
# Its levels: height (below 0: from the top), how far the front stands back, share of the width.
_LEVELS = ((0.42, 0.04, 0.99), (0.95, 0.0, 1.0), (1.70, 0.04, 1.0), (-0.42, 0.24, 0.98), (0.0, 0.55, 0.90))


@lru_cache(maxsize=16)
def truck_mesh(kind: str, is_semitrailer: bool, has_plain_rear: bool = False) -> Mesh:
    """A whole truck in white; `kind` "box", "tarpaulin", "tank" or "tipper"; a plain rear has no bars of its doors."""
    length, height = truck_size_m(is_semitrailer)
    nose, tail = length / 2.0, -length / 2.0
    cab_length, bed_front = (2.25, nose - 2.75) if is_semitrailer else (1.9, nose - 2.1)
    cab_height = height - 0.25 if is_semitrailer else 2.9
    axles = (nose - 1.4, nose - 5.0, tail + 3.3, tail + 1.9) if is_semitrailer else (nose - 1.35, tail + 2.3)
    body = {"box": _box_body, "tarpaulin": _tarpaulin, "tank": _tank, "tipper": _tipper}[kind]
    return merged(
        [placed(cab(cab_length, cab_height), (nose, 0.0, 0.0)), *_chassis(nose, tail, axles), *_rear_lamps(tail)]
        + body(bed_front, tail, height)
        + (_doors(tail, height) if kind == "box" and not has_plain_rear else [])
    )


def truck_size_m(is_semitrailer: bool) -> tuple[float, float]:
    """Length and height."""
    return _SEMI_M if is_semitrailer else _RIGID_M


def rear_corners_m(is_semitrailer: bool) -> NDArray[np.float64]:
    """The flat rear of a box (4, 3): foot left, foot right, top right, top left as seen from behind."""
    length, height = truck_size_m(is_semitrailer)
    foot, middle = _FLOOR_M + 0.06, (_FLOOR_M + height) / 2.0
    centre = (-length / 2.0 - POSTER_GAP_M, 0.0, middle + 0.01)
    return facing(centre, -1.0, WIDTH_M - 0.10, 2.0 * (middle - foot))


@lru_cache(maxsize=8)
def cab(length_m: float, height_m: float) -> Mesh:
    """A white cab with its front at x = 0."""
    rings = np.stack([_ring(length_m, height_m, level) for level in _LEVELS])
    left = [
        quad(_on_side(rings, 0.14, 0.62, 0.92), GLASS),
        upright(((-0.30, WIDTH_M / 2.0 + 0.005), (-0.32, WIDTH_M / 2.0 + 0.005)), 0.6, 1.7, BLACK),
        upright(((-1.50, WIDTH_M / 2.0 + 0.005), (-1.52, WIDTH_M / 2.0 + 0.005)), 0.6, 1.7, BLACK),
        box((0.14, 0.20, 0.62), (-0.10, WIDTH_M / 2.0 + 0.13, 2.15), BLACK),
        skin(_proud(rings, 0, 1, 0.62, 0.92)[:, 4:6] + np.array([0.004, 0.0, 0.0]), LAMP_CLEAR),
    ]
    half = merged(left)
    grille_rows = _proud(rings, 1, 2, 0.08, 0.72)[:, 3:5]
    return merged(
        [
            loft(rings, PAINT, crease_deg=50.0),
            half,
            mirrored_y(half),
            skin(_proud(rings, 2, 3, 0.04, 0.90)[:, 2:6], GLASS, crease_deg=60.0),
            skin(_proud(rings, 0, 1, 0.0, 0.56)[:, 1:7], BLACK, crease_deg=60.0),
            skin(grille_rows * [1.0, 1.25, 1.0], BLACK),
            plate((0.03, 0.0, 0.58), is_rear=False),
        ]
    )


def _ring(length_m: float, height_m: float, level: tuple[float, float, float]) -> NDArray[np.float64]:
    height, back, share = level
    x = np.where(_PLAN[:, 0] <= -1.0, -length_m, _PLAN[:, 0] - back)
    z = height if height > 0.0 else height_m + height
    return np.stack([x, _PLAN[:, 1] * share * WIDTH_M / 2.0, np.full(len(x), z)], axis=1)


def _proud(rings: NDArray[np.float64], low: int, high: int, start: float, end: float) -> NDArray[np.float64]:
    """Two rows (2, 8, 3) between two levels of the cab, a little outside of it."""
    step = rings[high] - rings[low]
    return np.stack([rings[low] + start * step, rings[low] + end * step]) * np.array([1.0, 1.006, 1.0]) + np.array(
        [0.008, 0.0, 0.0]
    )


def _on_side(rings: NDArray[np.float64], front: float, rear: float, top: float) -> NDArray[np.float64]:
    """Corners (4, 3) of the left side window."""
    low, high = _proud(rings, 2, 3, 0.02, top)[:, 6:]
    ends = [row[0] + share * (row[1] - row[0]) for row in (low, high) for share in (front, rear)]
    return np.stack([ends[0], ends[1], ends[3], ends[2]])


def _chassis(nose: float, tail: float, axles: Sequence[float]) -> list[Mesh]:
    y = WIDTH_M / 2.0 - 0.04
    wheels = [
        placed(truck_wheel(_WHEEL_M, 0.32 if number == 0 else 0.5, number == 0), (axle, y, _WHEEL_M))
        for number, axle in enumerate(axles)
    ]
    between = 0.5 * (axles[0] + axles[1])
    tank = box((1.1, 0.5, 0.5), (between, y - 0.27, 0.68), METAL if len(axles) > 2 else STEEL)
    left = merged([*wheels, tank])
    frame = box((nose - tail - 1.0, 0.9, 0.42), ((nose + tail) / 2.0, 0.0, 0.80), BLACK)
    return [left, mirrored_y(left), frame]


def _rear_lamps(tail: float) -> list[Mesh]:
    """Underrun bar with lamps and plate."""
    bar = box((0.1, WIDTH_M - 0.15, 0.16), (tail + 0.12, 0.0, 0.62), STEEL)
    lamps = [quad(facing((tail + 0.06, side * 1.0, 0.62), -1.0, 0.30, 0.13), LAMP_RED) for side in (-1.0, 1.0)]
    amber = [quad(facing((tail + 0.055, side * 1.17, 0.62), -1.0, 0.09, 0.13), LAMP_AMBER) for side in (-1.0, 1.0)]
    return [bar, *lamps, *amber, plate((tail + 0.05, 0.0, 0.62), is_rear=True)]


def _box_body(front: float, tail: float, height: float, material: Material = CARGO) -> list[Mesh]:
    middle, length = (front + tail) / 2.0, front - tail
    cargo = box((length, WIDTH_M, height - _FLOOR_M), (middle, 0.0, (height + _FLOOR_M) / 2.0), material)
    floor = box((length - 0.06, WIDTH_M - 0.06, 0.16), (middle, 0.0, _FLOOR_M - 0.08), STEEL)
    return [cargo, floor]


def _doors(tail: float, height: float) -> list[Mesh]:
    """Rear doors: a gap between two wings, four locking bars, a frame."""
    middle, tall = (height + _FLOOR_M) / 2.0, height - _FLOOR_M
    bars = [quad(facing((tail - 0.02, y, middle), -1.0, 0.035, tall - 0.1), STEEL) for y in (-0.8, -0.3, 0.3, 0.8)]
    gap = quad(facing((tail - 0.008, 0.0, middle), -1.0, 0.02, tall - 0.06), BLACK)
    sides = [quad(facing((tail - 0.008, y, middle), -1.0, 0.07, tall), STEEL) for y in (-1.235, 1.235)]
    ends = [
        quad(facing((tail - 0.008, 0.0, z), -1.0, WIDTH_M, 0.09), STEEL) for z in (_FLOOR_M + 0.045, height - 0.045)
    ]
    return [*bars, gap, *sides, *ends]


def _tarpaulin(front: float, tail: float, height: float) -> list[Mesh]:
    """A curtain-sider: like a box, with the seams of its straps and a rail."""
    y = WIDTH_M / 2.0 + 0.006
    straps = [
        upright(((x + 0.025, y), (x - 0.025, y)), _FLOOR_M, height - 0.12, STEEL)
        for x in np.linspace(front - 0.7, tail + 0.7, max(3, round((front - tail) / 1.6)))
    ]
    rail = upright(((front, y + 0.004), (tail, y + 0.004)), height - 0.14, height, STEEL)
    left = merged([*straps, rail])
    return [*_box_body(front, tail, height, TARPAULIN), left, mirrored_y(left), *_doors(tail, height)]


def _tank(front: float, tail: float, height: float) -> list[Mesh]:
    """A lying tank with domed ends; oval, so wider than high."""
    angles = 2.0 * np.pi * np.arange(10) / 10
    middle, tall = (height + _FLOOR_M) / 2.0 - 0.15, (height - _FLOOR_M) / 2.0 - 0.15
    sections = [
        np.stack([np.full(10, x), 1.24 * r * np.cos(angles), middle + tall * r * np.sin(angles)], axis=1)
        for x, r in ((tail, 0.72), (tail + 0.22, 1.0), (front - 0.22, 1.0), (front, 0.72))
    ]
    walk = box((front - tail - 1.0, 0.5, 0.08), ((front + tail) / 2.0, 0.0, middle + tall + 0.04), STEEL)
    saddle = box((front - tail - 0.8, 1.6, 0.3), ((front + tail) / 2.0, 0.0, _FLOOR_M + 0.05), STEEL)
    head = middle + tall
    dome = cylinder(0.25, (tail + 2.0, 0.0, head), (tail + 2.0, 0.0, head + 0.16), STEEL, 6)
    panel = quad(facing((tail - 0.006, 0.0, middle - 0.25), -1.0, 0.40, 0.30), LAMP_AMBER)
    return [loft(sections, TANK, crease_deg=60.0), walk, saddle, panel, dome]


def _tipper(front: float, tail: float, height: float) -> list[Mesh]:
    """An open steel trough with ribs, heaped with gravel, and a shield over the cab."""
    top = min(height - 0.9, 2.7)
    shield_z, middle = max(top + 0.3, 3.0), (front + tail) / 2.0
    outline = np.array([(1.05, _FLOOR_M), (WIDTH_M / 2.0 - 0.03, top), (-WIDTH_M / 2.0 + 0.03, top), (-1.05, _FLOOR_M)])
    sections = [np.column_stack([np.full(4, x), outline]) for x in (tail + 0.12, front - 0.1)]
    ribs = []
    for x in np.linspace(front - 0.6, tail + 0.5, 5):
        foot, head = np.array([1.065, _FLOOR_M]), np.array([WIDTH_M / 2.0 - 0.015, top])
        corners = [(x + 0.06, *foot), (x - 0.06, *foot), (x - 0.06, *head), (x + 0.06, *head)]
        ribs.append(quad(np.array(corners) + np.array([0.0, 0.03, 0.0]), CARGO, tint=(0.75, 0.75, 0.75)))
    rail = box((front - tail - 0.2, 0.10, 0.12), (middle, WIDTH_M / 2.0 - 0.05, top - 0.03), CARGO)
    left = merged([*ribs, rail])
    heap = loft(
        [_level(front - 0.2, tail + 0.2, 1.1, top - 0.05), _level(front - 1.2, tail + 1.3, 0.3, top + 0.35)], GRAVEL
    )
    shield = box((1.3, WIDTH_M - 0.2, 0.08), (front + 0.55, 0.0, shield_z), CARGO)
    board = box((0.08, WIDTH_M - 0.1, shield_z - _FLOOR_M), (front - 0.06, 0.0, (shield_z + _FLOOR_M) / 2.0), CARGO)
    return [loft(sections, CARGO), left, mirrored_y(left), heap, shield, board]


def _level(front: float, tail: float, half_width: float, z: float) -> list[tuple[float, float, float]]:
    """A level rectangle."""
    return [(front, half_width, z), (front, -half_width, z), (tail, -half_width, z), (tail, half_width, z)]
