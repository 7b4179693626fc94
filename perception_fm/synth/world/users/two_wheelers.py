"""Cyclists and motorcyclists: a rider and what is ridden, as parts of their own kinds.

Both drive towards x; the origin lies on the ground below the middle of the wheelbase.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from perception_fm.synth.scene import Asset, Colour, Mesh, Part
from perception_fm.synth.world.shapes import box, cylinder, lathe, loft, merged, placed, quad, tube
from perception_fm.synth.world.users.figure import Looks, Pose, figure
from perception_fm.synth.world.users.people import BRIGHT, HAIRS, MUTED, SHOES, SKINS, pick, street_looks
from perception_fm.synth.world.users.vehicle_parts import (
    BLACK,
    GLASS,
    LAMP_CLEAR,
    LAMP_RED,
    LYING,
    METAL,
    PAINT,
    RIM,
    STEEL,
    TYRE,
    facing,
    paint_colour,
    plate,
    recoloured,
)

_BICYCLE_WHEEL_M = 0.34  # 28 inch
_AXLE_M = 0.52  # from the middle to either hub
_BOTTOM_BRACKET = np.array([-0.09, 0.0, 0.285])
_CRANK_M = 0.17
_PEDAL = 0.045 * np.array([(-1.0, -1.0, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, 0.0), (-1.0, 1.0, 0.0)])
_SEAT_TUBE_TOP = np.array([-0.26, 0.0, 0.80])
_HEAD_TUBE = np.array([[0.38, 0.0, 0.66], [0.34, 0.0, 0.86]])

_HELMETS: tuple[Colour, ...] = (*MUTED[:2], *BRIGHT[:4])
_MOTORCYCLE_WHEEL_M = 0.315
_MOTORCYCLE_AXLE_M = 0.71


def cyclist(rng: np.random.Generator) -> Asset:
    """Somebody pedalling, upright or sporty, with or without a helmet: parts "rider" and "bicycle"."""
    height = float(np.clip(rng.normal(1.74, 0.08), 1.52, 1.95))
    crank = float(rng.uniform(0.0, 2.0 * np.pi))
    is_sporty = bool(rng.random() < 0.4)
    saddle = 0.285 + 0.41 * height
    grips = np.array([[0.40, 0.21, 0.90], [0.40, -0.21, 0.90]]) if is_sporty else _upright_grips()
    pedals = _pedals_m(crank)
    pose = Pose(
        pelvis_m=np.array([-0.30, 0.0, saddle + 0.05]),
        ankles_m=pedals + np.array([-0.06, 0.0, 0.075]),
        wrists_m=grips + np.array([-0.05, 0.0, 0.03]),
        lean_rad=0.80 if is_sporty else 0.38,
        toes_rad=(0.15, 0.15),
        knee_out=0.12,
    )
    frame: Colour = pick(rng, BRIGHT if rng.random() < 0.6 else MUTED)
    bicycle = merged([recoloured(_bicycle(is_sporty), {PAINT: frame}), *_drive(pedals), *_seat(saddle)])
    rider = figure(height, pose, _cyclist_looks(rng, is_sporty))
    return Part("rider", rider), Part("bicycle", bicycle)


def motorcyclist(rng: np.random.Generator) -> Asset:
    """Somebody on a motorcycle or a scooter with a full helmet: parts "rider" and "motorcycle"."""
    height = float(np.clip(rng.normal(1.77, 0.07), 1.58, 1.95))
    is_scooter = bool(rng.random() < 0.35)
    colour = paint_colour(rng)
    if is_scooter:
        feet, knee_out, seat, lean = np.array([[0.22, 0.12, 0.36], [0.22, -0.12, 0.36]]), 0.25, 0.83, 0.10
        grips = np.array([[0.42, 0.30, 1.02], [0.42, -0.30, 1.02]])
    else:
        feet, knee_out, seat, lean = np.array([[-0.16, 0.17, 0.40], [-0.16, -0.17, 0.40]]), 0.45, 0.86, 0.32
        grips = np.array([[0.40, 0.32, 1.04], [0.40, -0.32, 1.04]])
    pose = Pose(
        np.array([-0.28, 0.0, seat + 0.09]), feet, grips + np.array([-0.06, 0.0, 0.03]), lean, (0.1, 0.1), knee_out
    )
    machine = recoloured(_scooter() if is_scooter else _motorcycle(), {PAINT: colour})
    return Part("rider", figure(height, pose, _motorcyclist_looks(rng))), Part("motorcycle", machine)


def _cyclist_looks(rng: np.random.Generator, is_sporty: bool) -> Looks:
    has_helmet = bool(rng.random() < (0.9 if is_sporty else 0.45))
    helmet = pick(rng, BRIGHT if rng.random() < 0.6 else MUTED) if has_helmet else None
    if is_sporty:
        return Looks(
            top=pick(rng, BRIGHT),
            legs=MUTED[0],
            shoes=pick(rng, SHOES),
            skin=pick(rng, SKINS),
            hair=pick(rng, HAIRS),
            helmet=helmet,
            is_bare_armed=bool(rng.random() < 0.5),
        )
    looks = street_looks(rng, is_woman=bool(rng.random() < 0.5), is_child=False)
    return replace(looks, skirt_to=0.0, coat_to=0.0, helmet=helmet)


def _motorcyclist_looks(rng: np.random.Generator) -> Looks:
    return Looks(
        top=pick(rng, MUTED if rng.random() < 0.7 else BRIGHT),
        legs=MUTED[int(rng.integers(3))],
        shoes=SHOES[0],
        skin=MUTED[0],  # gloves
        hair=MUTED[0],
        girth=float(rng.uniform(1.15, 1.4)),
        helmet=pick(rng, _HELMETS),
        has_visor=True,
    )


def _upright_grips() -> np.ndarray:
    return np.array([[0.16, 0.28, 1.06], [0.16, -0.28, 1.06]])


def _pedals_m(crank_rad: float) -> np.ndarray:
    """Middle of the left and the right pedal (2, 3)."""
    reach = _CRANK_M * np.array([np.cos(crank_rad), 0.0, np.sin(crank_rad)])
    return _BOTTOM_BRACKET + np.stack([reach, -reach]) + np.array([[0.0, 0.12, 0.0], [0.0, -0.12, 0.0]])


@lru_cache
def _bicycle(is_sporty: bool) -> Mesh:
    """Frame in white, wheels, bars, without saddle and cranks."""
    low, high = _HEAD_TUBE
    rear = np.array([-_AXLE_M, 0.0, _BICYCLE_WHEEL_M])
    front = np.array([_AXLE_M, 0.0, _BICYCLE_WHEEL_M])
    aside = np.array([0.0, 0.05, 0.0])
    thick = [(_BOTTOM_BRACKET, low), (_BOTTOM_BRACKET, _SEAT_TUBE_TOP), (_SEAT_TUBE_TOP, high), (low, high)]
    thin = [(end, rear + sign * aside) for end in (_BOTTOM_BRACKET, _SEAT_TUBE_TOP) for sign in (-1.0, 1.0)]
    fork = [(low, front + sign * aside) for sign in (-1.0, 1.0)]
    tubes = [tube(ends, 0.018, PAINT, 4, is_capped=False) for ends in thick]
    tubes += [tube(ends, 0.010, PAINT, 3, is_capped=False) for ends in (*thin, *fork)]
    wheels = [placed(_thin_wheel(), hub) for hub in (rear, front)]
    lamps = [
        quad(facing((0.42, 0.0, 0.90), 1.0, 0.07, 0.07), LAMP_CLEAR),
        quad(facing((-0.36, 0.0, 0.70), -1.0, 0.07, 0.06), LAMP_RED),
    ]
    return merged([*tubes, *wheels, *_bars(high, is_sporty), *lamps])


def _bars(stem: np.ndarray, is_sporty: bool) -> list[Mesh]:
    if is_sporty:
        path = [(0.40, 0.22, 0.88), (0.42, 0.20, 0.93), (0.36, 0.0, 0.94), (0.42, -0.20, 0.93), (0.40, -0.22, 0.88)]
        return [tube(path, 0.013, BLACK, 3), tube([stem, (0.36, 0.0, 0.94)], 0.014, STEEL, 3)]
    path = [(0.13, 0.29, 1.06), (0.30, 0.16, 1.08), (0.30, -0.16, 1.08), (0.13, -0.29, 1.06)]
    return [tube(path, 0.014, STEEL, 3), tube([stem, (0.30, 0.0, 1.08)], 0.014, STEEL, 3)]


@lru_cache
def _thin_wheel() -> Mesh:
    """A bicycle wheel around the origin, in the plane y = 0: dark tyre, light rim, a few spokes."""
    radius = _BICYCLE_WHEEL_M
    tyre = lathe([(radius - 0.03, -0.016), (radius, 0.0), (radius - 0.03, 0.016)], TYRE, 14)
    rim = lathe([(radius - 0.05, 0.0), (radius - 0.029, -0.012)], RIM, 14)
    spokes = [
        tube([(-c * reach, -s * reach, 0.0), (c * reach, s * reach, 0.0)], 0.003, STEEL, 3, is_capped=False)
        for c, s, reach in ((np.cos(a), np.sin(a), radius - 0.04) for a in np.pi * np.arange(3) / 3)
    ]
    return merged([tyre, rim, *spokes]).moved(LYING)


def _drive(pedals: np.ndarray) -> list[Mesh]:
    """Cranks, pedals and chain ring."""
    ring = cylinder(0.085, _BOTTOM_BRACKET - [0.0, 0.055, 0.0], _BOTTOM_BRACKET - [0.0, 0.045, 0.0], STEEL, 6)
    meshes = [ring]
    for pedal, sign in zip(pedals, (1.0, -1.0)):
        side = np.array([0.0, 0.06 * sign, 0.0])
        inner = np.array([pedal[0], side[1], pedal[2]])
        meshes.append(tube([_BOTTOM_BRACKET + side, inner], 0.012, STEEL, 3, is_capped=False))
        meshes.append(quad(pedal + _PEDAL, BLACK))
    return meshes


def _seat(saddle_m: float) -> list[Mesh]:
    post = tube([_SEAT_TUBE_TOP, (-0.30, 0.0, saddle_m - 0.02)], 0.014, STEEL, 3, is_capped=False)
    return [post, box((0.26, 0.15, 0.06), (-0.30, 0.0, saddle_m - 0.01), BLACK)]


@lru_cache
def _thick_wheel(radius_m: float, half_width_m: float) -> Mesh:
    """A motorcycle wheel around the origin, in the plane y = 0."""
    rim = 0.68 * radius_m
    profile = [(rim, -0.9), (radius_m, -0.55), (radius_m, 0.55), (rim, 0.9)]
    tyre = lathe([(r, share * half_width_m) for r, share in profile], TYRE, 12, crease_deg=80.0)
    spokes = [
        quad(
            [
                (-s * w, c * w, 0.0),
                (s * w, -c * w, 0.0),
                (c * rim + s * w, s * rim - c * w, 0.0),
                (c * rim - s * w, s * rim + c * w, 0.0),
            ],
            RIM,
        )
        for c, s, w in ((np.cos(a), np.sin(a), 0.022) for a in 2.0 * np.pi * np.arange(5) / 5)
    ]
    return merged([tyre, *spokes]).moved(LYING)


def _wheels(radius_m: float, axle_m: float) -> list[Mesh]:
    return [
        placed(_thick_wheel(radius_m, 0.085), (-axle_m, 0.0, radius_m)),
        placed(_thick_wheel(radius_m, 0.06), (axle_m, 0.0, radius_m)),
    ]


def _hull(stations: list[tuple[float, float, float, float]]) -> Mesh:
    """A painted body through six-cornered sections: x, half width, foot and top of each."""
    sections = [
        [(x, w, z0 + 0.5 * (z1 - z0)), (x, 0.5 * w, z1), (x, -0.5 * w, z1),
         (x, -w, z0 + 0.5 * (z1 - z0)), (x, -0.5 * w, z0), (x, 0.5 * w, z0)]
        for x, w, z0, z1 in stations
    ]  # fmt: skip
    return loft(sections, PAINT, crease_deg=60.0)


@lru_cache
def _motorcycle() -> Mesh:
    """White tank, tail and nose around a dark engine."""
    radius, axle = _MOTORCYCLE_WHEEL_M, _MOTORCYCLE_AXLE_M
    fork = [tube([(axle, y, radius), (0.46, y, 0.98)], 0.025, METAL, 4, is_capped=False) for y in (-0.10, 0.10)]
    swing = tube([(-axle, 0.11, radius), (-0.15, 0.11, 0.42)], 0.03, STEEL, 4, is_capped=False)
    return merged(
        [
            *_wheels(radius, axle),
            *fork,
            swing,
            box((0.56, 0.36, 0.42), (0.06, 0.0, 0.44), BLACK),
            _hull([(-0.14, 0.10, 0.72, 0.86), (0.12, 0.17, 0.70, 0.98), (0.34, 0.13, 0.74, 0.98)]),
            _hull([(-0.92, 0.07, 0.82, 0.92), (-0.55, 0.13, 0.70, 0.86), (-0.14, 0.12, 0.66, 0.80)]),
            _hull([(0.44, 0.16, 0.76, 1.06), (0.62, 0.15, 0.78, 1.04), (0.72, 0.06, 0.82, 0.94)]),
            box((0.62, 0.22, 0.08), (-0.44, 0.0, 0.86), BLACK),
            cylinder(0.05, (-0.05, -0.19, 0.34), (-0.78, -0.20, 0.44), METAL, 5),
            *_lights(0.73, 0.92, -0.93, 0.88),
            tube([(0.40, 0.36, 1.05), (0.47, 0.0, 1.03), (0.40, -0.36, 1.05)], 0.016, BLACK, 4),
            quad([(0.66, 0.13, 1.04), (0.66, -0.13, 1.04), (0.50, -0.12, 1.24), (0.50, 0.12, 1.24)][::-1], GLASS),
            *_mirrors(0.46, 1.14),
        ]
    )


@lru_cache
def _scooter() -> Mesh:
    """White leg shield, footboard and tail."""
    radius, axle = 0.25, 0.66
    return merged(
        [
            *_wheels(radius, axle),
            _hull([(0.30, 0.20, 0.30, 0.92), (0.42, 0.24, 0.34, 1.0), (0.52, 0.10, 0.52, 0.96)]),
            _hull([(-0.80, 0.10, 0.56, 0.78), (-0.50, 0.19, 0.40, 0.80), (-0.06, 0.16, 0.26, 0.74)]),
            _hull([(0.52, 0.06, 0.44, 0.54), (0.66, 0.09, 0.48, 0.56), (0.90, 0.05, 0.36, 0.44)]),
            box((0.50, 0.34, 0.10), (0.14, 0.0, 0.30), BLACK),
            box((0.62, 0.26, 0.09), (-0.40, 0.0, 0.83), BLACK),
            box((0.34, 0.20, 0.22), (-0.52, 0.0, 0.32), STEEL),
            tube([(axle, 0.0, radius), (0.42, 0.0, 0.98)], 0.05, STEEL, 5, is_capped=False),
            *_lights(0.53, 0.86, -0.81, 0.68),
            tube([(0.40, 0.34, 1.03), (0.44, 0.0, 1.05), (0.40, -0.34, 1.03)], 0.018, BLACK, 4),
            *_mirrors(0.44, 1.16),
        ]
    )


def _lights(nose: float, nose_z: float, tail: float, tail_z: float) -> list[Mesh]:
    return [
        cylinder(0.085, (nose - 0.05, 0.0, nose_z), (nose, 0.0, nose_z), LAMP_CLEAR, 5),
        quad(facing((tail - 0.004, 0.0, tail_z), -1.0, 0.14, 0.06), LAMP_RED),
        quad(facing((tail + 0.03, 0.0, tail_z - 0.16), -1.0, 0.18, 0.26), BLACK),
        plate((tail + 0.02, 0.0, tail_z - 0.17), is_rear=True, width_m=0.22),
    ]


def _mirrors(x: float, z: float) -> list[Mesh]:
    return [quad(facing((x, side * 0.36, z), -1.0, 0.14, 0.09), BLACK) for side in (-1.0, 1.0)]
