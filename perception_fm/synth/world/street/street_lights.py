"""Lamp posts, traffic lights and bare poles."""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Asset, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.ground.facets import surface

GALVANISED = Material((0.4, 0.41, 0.42), 0.5)
DARK_PAINT = Material((0.035, 0.04, 0.04), 0.5)
GREEN_PAINT = Material((0.04, 0.09, 0.06), 0.5)
WEATHERED_WOOD = Material((0.16, 0.12, 0.085), 0.9)
# A lit lamp's cover is about as bright as a white wall in the shade; its glare belongs to the camera.
LAMP_GLASS = Material((0.85, 0.82, 0.74), 0.3, emission=0.5)
_PORCELAIN = Material((0.5, 0.48, 0.44), 0.3)
_SIGNAL_HOUSING = Material((0.02, 0.022, 0.022), 0.6)
_UNLIT = {"red": (0.1, 0.012, 0.01), "amber": (0.12, 0.06, 0.01), "green": (0.01, 0.07, 0.035)}
_LIT = {"red": (1.0, 0.06, 0.03), "amber": (1.0, 0.5, 0.03), "green": (0.05, 1.0, 0.45)}
_SIGNAL_EMISSION = 1.6  # a signal outshines a white wall in the sun (EN 12368: 200 cd through a lens of 200 mm)
_LENS_M = 0.1


def lamp_post(rng: np.random.Generator) -> Asset:
    """A street lamp of 4 to 9 m whose arm reaches along +x, over the road when its front looks there."""
    kind = int(rng.integers(3))
    paint = (GALVANISED, DARK_PAINT, GREEN_PAINT)[int(rng.integers(3))]
    parts = (_curved_lamp, _straight_lamp, _lantern)[kind](rng, paint)
    return (Part("lamp_post", Mesh.merged(parts)),)


def _curved_lamp(rng: np.random.Generator, paint: Material) -> list[Mesh]:
    height, reach = float(rng.uniform(7.0, 9.0)), float(rng.uniform(1.2, 2.2))
    path = [(0, 0, 0), (0, 0, height - 1.0), (0.35 * reach, 0, height - 0.2), (reach, 0, height)]
    return [
        shapes.tube(path, [0.1, 0.06, 0.045, 0.04], paint, 6, is_capped=False),
        shapes.box((0.75, 0.3, 0.12), (reach + 0.3, 0, height + 0.02), paint),
        shapes.box((0.6, 0.24, 0.05), (reach + 0.32, 0, height - 0.06), LAMP_GLASS),
    ]


def _straight_lamp(rng: np.random.Generator, paint: Material) -> list[Mesh]:
    height = float(rng.uniform(6.0, 8.5))
    return [
        shapes.frustum(0.09, 0.05, (0, 0, 0), (0, 0, height), paint, 6, is_capped=False),
        shapes.box((0.9, 0.32, 0.09), (0.4, 0, height), paint),
        shapes.box((0.7, 0.26, 0.04), (0.46, 0, height - 0.06), LAMP_GLASS),
    ]


def _lantern(rng: np.random.Generator, paint: Material) -> list[Mesh]:
    height = float(rng.uniform(3.8, 5.0))
    return [
        shapes.frustum(0.08, 0.05, (0, 0, 0), (0, 0, height), paint, 6, is_capped=False),
        shapes.frustum(0.11, 0.2, (0, 0, height), (0, 0, height + 0.42), LAMP_GLASS, 6),
        shapes.cone(0.27, (0, 0, height + 0.42), (0, 0, height + 0.65), paint, 6),
    ]


def pole(rng: np.random.Generator) -> Asset:
    """A pole for wires of 6.5 to 9 m, wood with a cross-arm along y, or steel."""
    height = float(rng.uniform(6.5, 9.0))
    if rng.random() < 0.5:
        shaft = shapes.frustum(0.09, 0.06, (0, 0, 0), (0, 0, height), GALVANISED, 7)
        return (Part("pole", shaft),)
    parts = [
        shapes.frustum(0.14, 0.1, (0, 0, 0), (0, 0, height), WEATHERED_WOOD, 7),
        shapes.box((0.1, 1.8, 0.12), (0.1, 0, height - 0.5), WEATHERED_WOOD),
    ]
    for y in (-0.8, 0.8):
        parts.append(shapes.frustum(0.04, 0.03, (0.1, y, height - 0.44), (0.1, y, height - 0.28), _PORCELAIN, 5))
    return (Part("pole", Mesh.merged(parts)),)


def traffic_light(rng: np.random.Generator) -> Asset:
    """A signal that looks along +x, on a post of its own, red, amber or green; a second one above on some."""
    lit = ("red", "red", "green", "green", "amber")[int(rng.integers(5))]
    post = [shapes.cylinder(0.055, (0, 0, 0), (0, 0, 3.5), GALVANISED if rng.random() < 0.6 else DARK_PAINT, 7)]
    heads = _signal(0.0, 2.35, lit)
    if rng.random() < 0.35:
        reach = float(rng.uniform(2.5, 4.0))
        post = [
            shapes.tube(
                [(0, 0, 0), (0, 0, 5.6), (0, 0.5, 5.9), (0, reach, 5.95)], [0.1, 0.08, 0.07, 0.05], GALVANISED, 6
            )
        ]
        heads += _signal(reach, 5.45, lit)
    return (Part("pole", Mesh.merged(post)), Part("traffic_light", Mesh.merged(heads)))


def _signal(y: float, foot_z: float, lit: str) -> list[Mesh]:
    """Three lenses in their housing, red on top."""
    parts = [shapes.box((0.18, 0.32, 0.95), (0.16, y, foot_z + 0.475), _SIGNAL_HOUSING)]
    for index, colour in enumerate(("green", "amber", "red")):
        z = foot_z + 0.17 + 0.305 * index
        is_lit = colour == lit
        lens = Material(_LIT[colour] if is_lit else _UNLIT[colour], 0.25, emission=_SIGNAL_EMISSION if is_lit else 0.0)
        turns = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)
        rim = np.stack([np.full(8, 0.27), y + _LENS_M * np.cos(turns), z + _LENS_M * np.sin(turns)], axis=1)
        fan = np.array([[0, i, i + 1] for i in range(1, 7)])
        parts.append(surface(rim, np.broadcast_to((1.0, 0.0, 0.0), rim.shape), rim[:, 1:], fan, lens))
        hood = [
            (0.25, y - 0.13, z + 0.05),
            (0.25, y + 0.13, z + 0.05),
            (0.42, y + 0.12, z + 0.13),
            (0.42, y - 0.12, z + 0.13),
        ]
        parts.append(shapes.quad(hood, _SIGNAL_HOUSING))
    return parts
