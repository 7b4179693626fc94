"""Street furniture. What has a front (a sign's face, a lamp's arm, a shelter's open side) has it on +x; what is long
(fences, rails, walls) runs along x.
"""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Asset, Colour, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.street.barriers import fence, garden_wall, guard_rail
from perception_fm.synth.world.street.bridges import bridge
from perception_fm.synth.world.street.road_signs import billboard, billboard_face, gantry, sign
from perception_fm.synth.world.street.street_lights import (
    DARK_PAINT,
    GALVANISED,
    GREEN_PAINT,
    lamp_post,
    pole,
    traffic_light,
)
from perception_fm.synth.world.textures.advert_textures import ADVERTS
from perception_fm.synth.world.textures.library import coated

__all__ = [
    "bench", "billboard", "billboard_face", "bin_", "bollard", "bridge", "bus_stop", "cabinet", "fence", "gantry",
    "garden_wall", "guard_rail", "lamp_post", "planter", "pole", "post_box", "sign", "traffic_light",
]  # fmt: skip

_WOOD, _CONCRETE, _SOIL = coated("wood"), coated("concrete"), coated("soil")
_LEAVES = coated("leaves")
_ADVERT_MATERIALS = tuple(coated(f"advert_{i}") for i in range(len(ADVERTS)))
_CLOUDY_GLASS = Material((0.22, 0.25, 0.26), 0.12)
_YELLOW = Material((0.62, 0.42, 0.02), 0.45)
_RED = Material((0.42, 0.03, 0.025), 0.45)
_WHITE = Material((0.75, 0.75, 0.74), 0.45)


def bus_stop(rng: np.random.Generator) -> Asset:
    """A shelter of 3.5 to 4.5 m along y that is open to +x, with a bench, a poster and the stop's flag."""
    length, depth, high = float(rng.uniform(3.5, 4.5)), 1.5, 2.45
    half, frame = 0.5 * length, GALVANISED if rng.random() < 0.5 else DARK_PAINT
    parts = [
        shapes.box((depth + 0.3, length + 0.2, 0.12), (0.1, 0.0, high + 0.06), frame),
        shapes.box((0.04, length, 1.9), (-0.5 * depth, 0.0, 1.25), _CLOUDY_GLASS),
        shapes.box((0.4, 0.6 * length, 0.06), (-0.5 * depth + 0.35, 0.0, 0.47), _WOOD),
        shapes.box((0.1, 0.5 * length, 0.44), (-0.5 * depth + 0.35, 0.0, 0.22), frame),
    ]
    for y in (-half, half):
        parts.append(shapes.box((0.08, 0.08, high), (-0.5 * depth, y, 0.5 * high), frame))
        parts.append(shapes.box((0.08, 0.08, high), (0.5 * depth, y, 0.5 * high), frame))
    parts.append(shapes.box((depth, 0.14, 2.0), (0.0, -half, 1.2), frame))
    poster = _ADVERT_MATERIALS[int(rng.integers(len(ADVERTS)))]
    for face, way in ((-half - 0.075, 1.0), (-half + 0.075, -1.0)):
        x = 0.45 * depth * way
        corners = [(-x, face, 0.35), (x, face, 0.35), (x, face, 2.1), (-x, face, 2.1)]
        parts.append(shapes.quad(corners, poster, ((0, 0), (1, 0), (1, 1), (0, 1))))
    flag_y = half + 0.9
    post = shapes.cylinder(0.035, (0.5, flag_y, 0.0), (0.5, flag_y, 2.9), GALVANISED, 6)
    flag = shapes.box((0.04, 0.5, 0.5), (0.5, flag_y + 0.28, 2.6), _YELLOW)
    return (
        Part("street_furniture", Mesh.merged(parts)),
        Part("pole", post),
        Part("sign", flag),
    )


def bin_(rng: np.random.Generator) -> Asset:
    """A litter bin, round, or a wheeled one."""
    if rng.random() < 0.5:
        paint = (DARK_PAINT, GREEN_PAINT, GALVANISED)[int(rng.integers(3))]
        body = shapes.lathe(((0.2, 0.0), (0.24, 0.8), (0.27, 0.82), (0.2, 0.92), (0.0, 0.95)), paint, 10)
        return (Part("street_furniture", body),)
    colours: tuple[Colour, ...] = ((0.03, 0.03, 0.035), (0.03, 0.09, 0.05), (0.03, 0.07, 0.2), (0.4, 0.28, 0.02))
    paint = Material(colours[int(rng.integers(len(colours)))], 0.5)
    lower = [(-0.26, -0.22, 0.06), (0.24, -0.22, 0.06), (0.24, 0.22, 0.06), (-0.26, 0.22, 0.06)]
    upper = [(-0.36, -0.28, 0.98), (0.34, -0.28, 0.98), (0.34, 0.28, 0.98), (-0.36, 0.28, 0.98)]
    parts = [
        shapes.loft((lower, upper), paint),
        shapes.box((0.8, 0.6, 0.08), (0.0, 0.0, 1.02), paint),
        shapes.cylinder(0.1, (-0.25, -0.27, 0.1), (-0.25, 0.27, 0.1), DARK_PAINT, 6),
    ]
    return (Part("street_furniture", Mesh.merged(parts)),)


def bench(rng: np.random.Generator) -> Asset:
    """A bench along y; who sits on it looks along +x."""
    stain = (1.0, 1.0, 1.0) if rng.random() < 0.5 else (0.5, 0.4, 0.33)
    parts = [
        shapes.box((0.42, 1.7, 0.05), (0.05, 0.0, 0.45), _WOOD, stain),
        shapes.box((0.05, 1.7, 0.16), (-0.2, 0.0, 0.63), _WOOD, stain),
        shapes.box((0.05, 1.7, 0.14), (-0.23, 0.0, 0.83), _WOOD, stain),
    ]
    for y in (-0.7, 0.7):
        parts.append(shapes.box((0.42, 0.06, 0.43), (0.03, y, 0.215), DARK_PAINT))
        parts.append(shapes.box((0.05, 0.06, 0.5), (-0.24, y, 0.65), DARK_PAINT))
    return (Part("street_furniture", Mesh.merged(parts)),)


def bollard(rng: np.random.Generator) -> Asset:
    """A post of 0.8 to 1 m that keeps cars off."""
    height, radius = float(rng.uniform(0.8, 1.0)), float(rng.uniform(0.045, 0.09))
    paint = (DARK_PAINT, GALVANISED, GREEN_PAINT)[int(rng.integers(3))]
    profile = ((radius, 0.0), (radius, height - 0.06), (0.6 * radius, height), (0.0, height + 0.01))
    band = shapes.cylinder(radius * 1.04, (0, 0, height - 0.22), (0, 0, height - 0.12), _WHITE, 8, is_capped=False)
    return (Part("street_furniture", Mesh.merged([shapes.lathe(profile, paint, 8), band])),)


def cabinet(rng: np.random.Generator) -> Asset:
    """A grey cabinet of the telephone or the power company, its doors on +x."""
    wide, high = float(rng.uniform(0.7, 1.4)), float(rng.uniform(1.0, 1.45))
    grey = Material((0.36, 0.37, 0.35) if rng.random() < 0.6 else (0.14, 0.19, 0.15), 0.6)
    parts = [
        shapes.box((0.36, wide, high - 0.1), (0.0, 0.0, 0.5 * high + 0.05), grey),
        shapes.box((0.42, wide + 0.05, 0.06), (0.0, 0.0, high + 0.03), grey),
        shapes.box((0.3, wide - 0.06, 0.1), (0.0, 0.0, 0.05), _CONCRETE),
        shapes.box((0.01, 0.015, high - 0.25), (0.182, 0.0, 0.5 * high + 0.05), DARK_PAINT),
    ]
    return (Part("street_furniture", Mesh.merged(parts)),)


def post_box(rng: np.random.Generator) -> Asset:
    """A letter box on its post, its slot on +x."""
    paint = _YELLOW if rng.random() < 0.6 else _RED
    parts = [
        shapes.box((0.36, 0.5, 0.62), (0.0, 0.0, 1.12), paint),
        shapes.box((0.02, 0.34, 0.04), (0.185, 0.0, 1.33), DARK_PAINT),
        shapes.box((0.1, 0.1, 0.82), (0.0, 0.0, 0.41), DARK_PAINT),
    ]
    return (Part("street_furniture", Mesh.merged(parts)),)


def planter(rng: np.random.Generator) -> Asset:
    """A concrete tub with flowers."""
    radius = float(rng.uniform(0.4, 0.7))
    tub = shapes.lathe(((0.75 * radius, 0.0), (radius, 0.5), (0.88 * radius, 0.5), (0.85 * radius, 0.42), (0.0, 0.42)),
                       _CONCRETE, 10)  # fmt: skip
    parts = [tub]
    colours: tuple[Colour, ...] = ((1.0, 1.0, 1.0), (1.9, 0.5, 0.7), (1.8, 1.3, 0.4))
    for index in range(4):
        turn = 1.7 * index + float(rng.uniform(0.0, 1.0))
        at = (0.4 * radius * np.cos(turn), 0.4 * radius * np.sin(turn), 0.5)
        size = (0.4 * radius, 0.4 * radius, float(rng.uniform(0.15, 0.3)))
        parts.append(shapes.ellipsoid(size, at, _LEAVES, 0, colours[int(rng.integers(3))]))
    return (Part("street_furniture", Mesh.merged(parts)),)
