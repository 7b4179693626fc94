"""What stands beside roads outside of towns: delineators, noise barriers, wires from pole to pole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.synth.scene import Asset, Colour, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.street.street_lights import GALVANISED
from perception_fm.synth.world.textures.library import coated

FloatArray = NDArray[np.float64]

WIRE_SPREAD_M = (-0.8, 0.0, 0.8)  # of wires across a pole's arm
_POST = Material((0.72, 0.72, 0.7), 0.5)
_BAND = Material((0.02, 0.02, 0.022), 0.5)
_REFLECTOR = Material((0.75, 0.74, 0.7), 0.15)
_WIRE = Material((0.03, 0.03, 0.03), 0.6)
_DELINEATOR_M = 1.0
_BAY_M = 4.0  # from post to post of a noise barrier
_WIRE_M = 0.025  # a bundle's thickness; a single wire would be thinner than anybody sees
_SAG = 0.02  # of the span
_WIRE_STEPS = 8
# Panels: timber, concrete, green and grey aluminium.
_PANELS: tuple[tuple[str, Colour], ...] = (
    ("wood", (0.75, 0.7, 0.65)),
    ("concrete", (0.85, 0.83, 0.8)),
    ("corrugated_metal", (0.22, 0.38, 0.27)),
    ("corrugated_metal", (0.6, 0.62, 0.64)),
)


def delineator() -> Asset:
    """A white post of 1 m with a slanted black band and a reflector on both sides (VwV-StVO, sign 620)."""
    half = 0.06
    body = shapes.box((0.1, 2.0 * half, _DELINEATOR_M), (0.0, 0.0, 0.5 * _DELINEATOR_M), _POST)
    parts = [body]
    for side in (1.0, -1.0):
        x = side * 0.054
        left, right = (-half, half) if side > 0.0 else (half, -half)
        slant = 0.06 * side  # the band falls towards the road on one side, so it rises as seen from the other
        band = [(x, left, 0.68 - slant), (x, right, 0.68 + slant), (x, right, 0.93 + slant), (x, left, 0.93 - slant)]
        parts.append(shapes.quad([(a, b, min(c, _DELINEATOR_M)) for a, b, c in band], _BAND))
        x += side * 0.004
        left, right = 0.45 * left, 0.45 * right
        parts.append(shapes.quad([(x, left, 0.74), (x, right, 0.74), (x, right, 0.88), (x, left, 0.88)], _REFLECTOR))
    return (Part("pole", Mesh.merged(parts)),)


def noise_barrier(length_m: float, height_m: float, kind: int) -> Asset:
    """Panels between steel posts along x; `kind` 0 to 3: timber, concrete, green or grey metal."""
    name, colour = _PANELS[kind]
    panel = coated(name, colour)
    count = max(1, round(length_m / _BAY_M))
    parts = [shapes.box((length_m, 0.14, height_m), (0.0, 0.0, 0.5 * height_m), panel)]
    for x in np.linspace(-0.5, 0.5, count + 1)[:-1] * length_m:
        parts.append(shapes.box((0.18, 0.26, height_m + 0.05), (float(x), 0.0, 0.5 * height_m), GALVANISED))
    parts.append(shapes.box((length_m, 0.24, 0.5), (0.0, 0.0, 0.2), coated("concrete")))
    return (Part("barrier", Mesh.merged(parts)),)


def wires(from_m: Sequence[ArrayLike], to_m: Sequence[ArrayLike]) -> Mesh:
    """Wires from points (3,) to points (3,) that hang through by a parabola: two crossed ribbons each."""
    share = np.linspace(0.0, 1.0, _WIRE_STEPS + 1)[:, None]
    ribbons = []
    for start, end in zip(from_m, to_m):
        first, last = np.asarray(start, np.float64), np.asarray(end, np.float64)
        span = float(np.linalg.norm(last - first))
        middle = first + share * (last - first)
        middle[:, 2] -= 4.0 * _SAG * span * (share * (1.0 - share))[:, 0]
        along = (last - first) / span
        across = np.array([-along[1], along[0], 0.0])
        for thick in (0.5 * _WIRE_M * np.array([0.0, 0.0, 1.0]), 0.5 * _WIRE_M * across):
            ribbons.append(shapes.grid(np.stack([middle - thick, middle + thick]), _WIRE))
    return Mesh.merged(ribbons)
