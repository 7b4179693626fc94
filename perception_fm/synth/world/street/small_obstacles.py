"""What has fallen onto a road or was left there: lower than a bumper, and yet nothing to be driven over.

All stand on z = 0 with their middle above the origin; what is long lies along x.
"""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Asset, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.textures.library import coated
from perception_fm.synth.world.users.vehicle_parts import TYRE

KIND = "small_obstacle"
CRATE_M, KERBSTONE_M, LOG_M = 0.3, 0.3, 0.3
"""Heights of what has one height only."""
CONES_M = (0.3, 0.5, 0.75)  # EN 13422
_CRATES: tuple[Material, ...] = (
    coated("wood", (0.8, 0.72, 0.6)),
    Material((0.36, 0.24, 0.13), 0.9),  # cardboard
    Material((0.03, 0.07, 0.22), 0.5),
    Material((0.05, 0.05, 0.055), 0.5),
    Material((0.42, 0.03, 0.025), 0.5),
)
_SECTIONS_M = (0.205, 0.225, 0.245)  # of car tyres; lying, it is their height
_ORANGE = Material((0.72, 0.09, 0.02), 0.55)
_WHITE = Material((0.75, 0.75, 0.74), 0.3)
_FOOT = Material((0.03, 0.03, 0.03), 0.8)
_CONCRETE, _BARK = coated("concrete"), coated("bark")
# Cross-section (y, z) of a road kerb of 15 x 30 cm with its worn edge (EN 1340; DIN 483, shape H).
_KERB = ((-0.075, 0.0), (0.075, 0.0), (0.075, KERBSTONE_M), (-0.045, KERBSTONE_M), (-0.075, KERBSTONE_M - 0.03))


def crate(rng: np.random.Generator) -> Asset:
    """A box of 0.3 m, of wood, cardboard or plastic."""
    material = _CRATES[int(rng.integers(len(_CRATES)))]
    long, wide = float(rng.uniform(0.35, 0.6)), float(rng.uniform(0.3, 0.4))
    parts = [shapes.box((long - 0.02, wide - 0.02, CRATE_M - 0.01), (0.0, 0.0, 0.5 * CRATE_M - 0.005), material)]
    for z in (0.03, CRATE_M - 0.03):
        parts.append(shapes.box((long, wide, 0.06), (0.0, 0.0, z), material, (0.8, 0.8, 0.8)))
    return (Part(KIND, Mesh.merged(parts)),)


def tyre(rng: np.random.Generator) -> Asset:
    """A car's tyre that lies on its side, 0.2 to 0.25 m high."""
    high, radius = _SECTIONS_M[int(rng.integers(len(_SECTIONS_M)))], float(rng.uniform(0.3, 0.34))
    rim, shoulder = radius - 0.11, radius - 0.03
    lower = [(rim, 0.03), (shoulder, 0.0), (radius, 0.04)]
    upper = [(r, high - z) for r, z in reversed(lower)]
    return (Part(KIND, shapes.lathe([*lower, *upper, lower[0]], TYRE, 20)),)


def cone(rng: np.random.Generator) -> Asset:
    """A traffic cone of 0.3, 0.5 or 0.75 m with its white band."""
    high = CONES_M[int(rng.integers(len(CONES_M)))]
    foot_m, side, radius = 0.03, 0.12 + 0.36 * high, 0.04 + 0.14 * high

    def radius_at(z: float) -> float:
        return radius + (0.025 - radius) * (z - foot_m) / (high - foot_m)

    low, up = 0.45 * high, 0.7 * high
    band = shapes.frustum(radius_at(low) + 0.004, radius_at(up) + 0.004, (0, 0, low), (0, 0, up), _WHITE, 14,
                          is_capped=False)  # fmt: skip
    parts = [
        shapes.box((side, side, foot_m), (0.0, 0.0, 0.5 * foot_m), _FOOT),
        shapes.frustum(radius, 0.025, (0, 0, foot_m), (0, 0, high), _ORANGE, 14),
        band,
    ]
    return (Part(KIND, Mesh.merged(parts)),)


def kerbstone(rng: np.random.Generator) -> Asset:
    """A road kerb of 1 m that stands on its foot, 0.3 m high."""
    grey = float(rng.uniform(0.7, 1.0))
    sections = [[(x, y, z) for y, z in _KERB] for x in (-0.5, 0.5)]
    return (Part(KIND, shapes.loft(sections, _CONCRETE, (grey, grey, grey))),)


def log(rng: np.random.Generator) -> Asset:
    """A piece of a trunk, 0.3 m thick and 1.2 to 2 m long."""
    half, radius = 0.5 * float(rng.uniform(1.2, 2.0)), 0.5 * LOG_M
    return (Part(KIND, shapes.cylinder(radius, (-half, 0.0, radius), (half, 0.0, radius), _BARK, 12)),)
