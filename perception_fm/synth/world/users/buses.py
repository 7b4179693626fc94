"""Buses: a city bus, a coach and a double-decker from one description."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.shapes import box, loft, merged, mirrored_y, placed, quad, skin
from perception_fm.synth.world.users.vehicle_parts import (
    BLACK,
    GLASS,
    LAMP_AMBER,
    LAMP_CLEAR,
    LAMP_RED,
    PAINT,
    facing,
    plate,
    truck_wheel,
    upright,
)

DISPLAY = Material((0.9, 0.35, 0.02), roughness=0.5, emission=0.35)
STRIPE = Material((1.0, 1.0, 1.0), roughness=0.35)  # tinted with the second colour of the livery
POSTER_GAP_M = 0.012

_WIDTH_M = 2.55
_WHEEL_M = 0.48
_SILL_M = 0.32
_FLAT = np.array([1.0, 1.0, 0.0])
_PROUD_M = 0.007
# Plan of the body: distance from either end, share of the half width.
_ENDS = ((0.0, 0.86), (0.14, 0.97), (0.45, 1.0))


@dataclass(frozen=True)
class BusShape:
    """Metres: `bands_m` (foot, top) of the rows of windows, `screen_m` of the windscreen, `doors_m` from the front."""

    length_m: float
    height_m: float
    axles_from_front_m: tuple[float, ...]
    bands_m: tuple[tuple[float, float], ...]
    screen_m: tuple[float, float]
    doors_m: tuple[float, ...]
    poster_m: tuple[float, float]
    stripe_m: tuple[float, float] = (0.32, 0.55)


CITY_BUS = BusShape(12.0, 3.05, (2.7, 8.6), ((1.20, 2.55),), (1.0, 2.55), (0.65, 5.3), (0.98, 2.62))
COACH = BusShape(12.2, 3.55, (2.9, 8.6, 9.95), ((1.70, 3.05),), (1.15, 2.95), (0.7, 6.6), (1.05, 3.1))
DOUBLE_DECKER = BusShape(
    10.9, 4.35, (2.6, 8.2), ((1.25, 2.05), (2.85, 3.75)), (1.05, 2.2), (0.65, 4.6), (2.08, 2.82), (2.12, 2.2)
)


@lru_cache(maxsize=16)
def bus_mesh(shape: BusShape) -> Mesh:
    """A whole white bus with white stripes; its doors are on the right."""
    side = merged([*_wheels(shape), *_stripes(shape), *(_window_band(shape, *band) for band in shape.bands_m)])
    coolers = [box((1.8, 1.7, 0.22), (x, 0.0, shape.height_m + 0.08), PAINT) for x in (1.8, -2.4)]
    return merged(
        [_body(shape), side, mirrored_y(side), *_doors(shape), *_front(shape), *_rear(shape)]
        + (coolers if shape.height_m < 3.2 else [])
    )


def side_corners_m(shape: BusShape) -> NDArray[np.float64]:
    """The flat left side (4, 3): foot left, foot right, top right, top left as seen from the bus's left."""
    front, tail, y = shape.length_m / 2.0 - 0.9, -shape.length_m / 2.0 + 0.6, _WIDTH_M / 2.0 + POSTER_GAP_M
    foot, top = shape.poster_m
    return np.array([(front, y, foot), (tail, y, foot), (tail, y, top), (front, y, top)])


def _body(shape: BusShape) -> Mesh:
    half, height = shape.length_m / 2.0, shape.height_m
    rows = ((0.97, _SILL_M), (1.0, 0.7), (1.0, height - 0.30), (0.95, height - 0.08), (0.78, height))
    left = np.array(rows) * [_WIDTH_M / 2.0, 1.0]
    ring = np.concatenate([left, left[::-1] * [-1.0, 1.0]])
    stations = [(-half + back, share) for back, share in _ENDS] + [(half - back, share) for back, share in _ENDS[::-1]]
    return loft(
        [np.column_stack([np.full(10, x), ring * [share, 1.0]]) for x, share in stations], PAINT, crease_deg=50.0
    )


def _nose_path(shape: BusShape, columns: int) -> NDArray[np.float64]:
    """The front (2 * columns, 2) in plan, from right to left as seen from before it, a little outside."""
    half = shape.length_m / 2.0
    left = [(half - back + _PROUD_M, share * _WIDTH_M / 2.0 + _PROUD_M) for back, share in _ENDS[:columns]]
    return np.array([*((x, -y) for x, y in left[::-1]), *left])


def _window_band(shape: BusShape, foot: float, top: float) -> Mesh:
    """A dark band of glass along the left side, parted by thin posts."""
    y, front, tail = _WIDTH_M / 2.0 + _PROUD_M, shape.length_m / 2.0 - 0.5, -shape.length_m / 2.0 + 0.45
    posts = [
        upright(((x + 0.04, y + 0.003), (x - 0.04, y + 0.003)), foot, top, BLACK)
        for x in np.linspace(front - 1.5, tail + 1.5, 6)
    ]
    return merged([upright(((front, y), (tail, y)), foot, top, GLASS), *posts])


def _wheels(shape: BusShape) -> list[Mesh]:
    """Left wheels in dark arches."""
    meshes = []
    angles = np.linspace(0.0, np.pi, 7)
    for number, from_front in enumerate(shape.axles_from_front_m):
        x, y = shape.length_m / 2.0 - from_front, _WIDTH_M / 2.0
        meshes.append(placed(truck_wheel(_WHEEL_M, 0.3, number == 0, 10), (x, y + 0.02, _WHEEL_M)))
        arch = 0.58 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = np.column_stack([x + arch[:, 0], np.full(7, y + 0.004), _WHEEL_M + arch[:, 1]])
        meshes.append(skin([points * _FLAT + np.array([0.0, 0.0, _SILL_M]), points], BLACK))
    return meshes


def _stripes(shape: BusShape) -> list[Mesh]:
    """A band in the second colour along the left side, cut out at the wheels."""
    y, foot, top = _WIDTH_M / 2.0 + _PROUD_M / 2.0, *shape.stripe_m
    if foot > 2.0 * _WHEEL_M:
        spans = [(shape.length_m / 2.0 - 0.45, 0.45 - shape.length_m / 2.0)]
    else:
        stops = [shape.length_m / 2.0 - 0.45]
        for from_front in shape.axles_from_front_m:
            axle = shape.length_m / 2.0 - from_front
            stops += [axle + 0.58, axle - 0.58]
        stops.append(0.45 - shape.length_m / 2.0)
        spans = [(start, end) for start, end in zip(stops[::2], stops[1::2]) if start - end > 0.3]
    return [upright(((start, y), (end, y)), foot, top, STRIPE) for start, end in spans]


def _doors(shape: BusShape) -> list[Mesh]:
    """Glass doors of two wings on the right side."""
    y, top = -_WIDTH_M / 2.0 - _PROUD_M, shape.bands_m[0][1] + 0.05
    meshes = []
    for from_front in shape.doors_m:
        x = shape.length_m / 2.0 - from_front
        meshes.append(upright(((x - 1.25, y - 0.003), (x, y - 0.003)), _SILL_M + 0.04, top, BLACK))
        wings = [(x - 1.19, x - 0.66), (x - 0.59, x - 0.06)]
        meshes += [
            upright(((rear, y - 0.006), (front, y - 0.006)), _SILL_M + 0.10, top - 0.06, GLASS) for rear, front in wings
        ]
    return meshes


def _front(shape: BusShape) -> list[Mesh]:
    nose = shape.length_m / 2.0
    foot, top = shape.screen_m
    wide, narrow = _nose_path(shape, 2), _nose_path(shape, 1)
    sign_foot = top + 0.04
    sign_top = min(sign_foot + 0.34, shape.height_m - 0.12)
    meshes = [
        upright(wide, foot, top, GLASS),
        upright(narrow, sign_foot, sign_top, BLACK),
        quad(
            facing((nose + 0.012, 0.0, (sign_foot + sign_top) / 2.0), 1.0, 1.2, 0.6 * (sign_top - sign_foot)), DISPLAY
        ),
        upright(wide, 0.34, 0.52, BLACK),
        plate((nose + 0.014, 0.0, 0.62), is_rear=False),
    ]
    meshes += [upright(wide, *band, GLASS) for band in shape.bands_m[1:]]
    for side in (-1.0, 1.0):
        meshes.append(quad(facing((nose + 0.01, side * 0.88, 0.74), 1.0, 0.36, 0.16), LAMP_CLEAR))
        meshes.append(box((0.16, 0.10, 0.42), (nose + 0.18, side * 1.27, min(top, 2.4) - 0.15), BLACK))
    return meshes


def _rear(shape: BusShape) -> list[Mesh]:
    tail = -shape.length_m / 2.0
    foot, top = shape.bands_m[-1]
    panels = [
        ((foot + top) / 2.0 + 0.05, 1.95, top - foot - 0.15, GLASS),
        (0.95, 1.5, 0.5, BLACK),
        (0.43, 2.1, 0.16, BLACK),
    ]
    meshes = [
        quad(facing((tail - _PROUD_M, 0.0, z), -1.0, width, tall), material) for z, width, tall, material in panels
    ]
    for side in (-1.0, 1.0):
        meshes.append(quad(facing((tail - 0.008, side * 0.99, 1.0), -1.0, 0.17, 0.5), LAMP_RED))
        meshes.append(quad(facing((tail - 0.008, side * 0.99, 1.33), -1.0, 0.17, 0.14), LAMP_AMBER))
    return [*meshes, plate((tail - 0.01, 0.0, 0.60), is_rear=True)]
