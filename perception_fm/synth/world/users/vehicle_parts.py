"""What all road vehicles share: paint, glass, lamps, number plates, wheels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world.ground.facets import WHITE
from perception_fm.synth.world.shapes import lathe, merged, quad, skin

# Tinted with the colour of each vehicle, so that all vehicles share one material.
PAINT = Material((1.0, 1.0, 1.0), roughness=0.28)
GLASS = Material((0.012, 0.014, 0.016), roughness=0.06)
BLACK = Material((0.018, 0.018, 0.019), roughness=0.6)  # plastic trim, underbody, gaps
TYRE = Material((0.022, 0.022, 0.023), roughness=0.9)
METAL = Material((0.62, 0.62, 0.64), roughness=0.35, metallic=1.0)
RIM = Material((0.50, 0.51, 0.53), roughness=0.4)
STEEL = Material((0.22, 0.22, 0.23), roughness=0.55)
LAMP_CLEAR = Material((0.72, 0.74, 0.76), roughness=0.12)
LAMP_RED = Material((0.34, 0.008, 0.010), roughness=0.2, emission=0.04)
LAMP_AMBER = Material((0.75, 0.22, 0.01), roughness=0.2)
PLATE = Material((1.0, 1.0, 1.0), roughness=0.45)
PLATE_TEXT = Material((0.10, 0.10, 0.10), roughness=0.5)  # characters and the ground between them
PLATE_TINTS: tuple[Colour, ...] = ((0.80, 0.80, 0.78), (0.80, 0.80, 0.78), (0.75, 0.52, 0.04))

# Wheels are turned about z and then laid on their side, the first corner of their circle down on the road.
LYING = RigidTransform(np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]), np.zeros(3))
_TREAD_SHARE = 0.3  # of a turn to either side of the road
PROUD_M = 0.006  # how far details lie above the body, so that they win in the depth buffer

# Linear RGB with the share of new cars in Europe, rounded (BASF Color Report 2023: three in four without a hue).
_PAINTS: tuple[tuple[float, Colour], ...] = (
    (0.27, (0.74, 0.74, 0.72)),
    (0.18, (0.012, 0.012, 0.013)),
    (0.20, (0.11, 0.115, 0.12)),
    (0.10, (0.42, 0.43, 0.44)),
    (0.06, (0.015, 0.04, 0.16)),
    (0.04, (0.05, 0.14, 0.32)),
    (0.07, (0.33, 0.012, 0.012)),
    (0.02, (0.015, 0.07, 0.03)),
    (0.03, (0.16, 0.10, 0.06)),
    (0.02, (0.62, 0.19, 0.012)),
    (0.01, (0.65, 0.45, 0.02)),
)


def paint_colour(rng: np.random.Generator) -> Colour:
    """Linear RGB of a car as often as it is seen on the road, each a little different."""
    weights = np.array([weight for weight, _ in _PAINTS])
    colour = np.array(_PAINTS[rng.choice(len(_PAINTS), p=weights / weights.sum())][1])
    red, green, blue = np.clip(colour * rng.uniform(0.85, 1.12), 0.0, 0.85)
    return float(red), float(green), float(blue)


def van_colour(rng: np.random.Generator) -> Colour:
    """Linear RGB of a van or a truck's cab: two in three are white."""
    return (0.74, 0.74, 0.72) if rng.random() < 0.62 else paint_colour(rng)


def plate(centre_m: ArrayLike, is_rear: bool, width_m: float = 0.52) -> Mesh:
    """A white number plate, 0.11 m high, with three dark groups of characters; it faces backwards or forwards."""
    sign = -1.0 if is_rear else 1.0
    centre = np.asarray(centre_m, np.float64)
    groups = [
        quad(facing(centre + np.array([0.004 * sign, share * width_m, 0.0]), sign, group * width_m, 0.055), PLATE_TEXT)
        for share, group in ((-0.29, 0.2), (0.0, 0.2), (0.28, 0.22))
    ]
    return merged([quad(facing(centre, sign, width_m, 0.11), PLATE), *groups])


def upright(path_xy: ArrayLike, from_z: float, to_z: float, material: Material) -> Mesh:
    """An upright surface over a path (N, 2) that runs to the right as seen from its front."""
    path = np.asarray(path_xy, np.float64)
    return skin([np.column_stack([path, np.full(len(path), z)]) for z in (from_z, to_z)], material, crease_deg=60.0)


def facing(centre_m: ArrayLike, sign: float, width_m: float, height_m: float) -> NDArray[np.float64]:
    """Corners (4, 3) of an upright rectangle that faces forwards (sign 1) or backwards (-1), for `quad`."""
    across, up = np.array([0.0, sign * width_m / 2.0, 0.0]), np.array([0.0, 0.0, height_m / 2.0])
    return np.asarray(centre_m, np.float64) + np.stack([-across - up, across - up, across + up, up - across])


def recoloured(mesh: Mesh, colours: Mapping[Material, Colour]) -> Mesh:
    """The mesh with the tints of these materials multiplied by a linear RGB colour each; others stay."""
    factors = np.ones((len(mesh.materials), 3), np.float32)
    for number, material in enumerate(mesh.materials):
        factors[number] = colours.get(material, WHITE)
    return replace(mesh, tints=mesh.tints * factors[mesh.material_of])


@lru_cache(maxsize=64)
def wheel(radius_m: float, width_m: float, rim_share: float = 0.64, spokes: int = 5, segments: int = 10) -> Mesh:
    """A wheel whose outer face lies in the plane y = 0 looking to the left, axis at the origin.

    A black tyre with a light rim (`rim_share` of its radius) and spokes with nothing behind them; 0 spokes: a pressed
    steel disc. The tread ends where the wheel arch hides it. About 6 * segments triangles.
    """
    rim, dish = rim_share * radius_m, 0.2 * width_m
    bodies = [
        _tread(radius_m, width_m, segments),
        lathe([(radius_m, -0.1 * width_m), (rim, 0.0)], TYRE, segments),
        lathe([(rim, 0.006), (0.86 * rim, -0.4 * dish)], RIM, segments),
    ]
    if spokes:
        bodies.append(_spokes(rim, dish, spokes))
    else:
        bodies.append(lathe([(0.88 * rim, -dish), (0.0, 0.0)], RIM, segments))
    return merged(bodies).moved(LYING)


@lru_cache(maxsize=16)
def truck_wheel(radius_m: float, width_m: float, is_front: bool, segments: int = 9) -> Mesh:
    """A heavy wheel like `wheel`, 5 * segments triangles; its rim bulges in front and is hollow behind (twin tyres)."""
    rim, hub = 0.56 * radius_m, 0.03 if is_front else -0.14
    tyre = lathe([(radius_m, -width_m), (radius_m, -0.03), (rim, 0.0)], TYRE, segments, crease_deg=60.0)
    disc = lathe([(rim, 0.0), (0.0, hub)], RIM if is_front else STEEL, segments)
    return merged([tyre, disc]).moved(LYING)


def _tread(radius_m: float, width_m: float, segments: int) -> Mesh:
    """The lower part of a tyre's tread around z."""
    reach = round(_TREAD_SHARE * segments)
    turns = 2.0 * np.pi * np.arange(-reach, reach + 1) / segments
    ring = radius_m * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    edges = [np.column_stack([ring, np.full(len(ring), z)]) for z in (-width_m, -0.1 * width_m)]
    return skin(edges, TYRE, crease_deg=60.0)


def _spokes(rim: float, dish: float, count: int) -> Mesh:
    """Flat spokes in the plane z = 0 from the hub to the rim."""
    half = 0.34 * rim * np.sin(np.pi / count) + 0.012
    bodies = []
    for angle in 2.0 * np.pi * np.arange(count) / count:
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        foot, tip = -0.1 * rim * along, 0.92 * rim * along
        corners = [foot - half * across, tip - 0.7 * half * across, tip + 0.7 * half * across, foot + half * across]
        bodies.append(quad(np.column_stack([corners, [-0.4 * dish] * 4]), RIM))
    return merged(bodies)
