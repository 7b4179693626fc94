"""Facades: a texture holds two storeys of four bays, so that eight windows differ before they repeat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perception_fm.synth.scene import Colour
from perception_fm.synth.world.textures.texture_maps import SIZE, Maps
from perception_fm.synth.world.textures.wall_textures import brick, cracked_plaster, panels, stained
from perception_fm.synth.world.textures.window_textures import Box, WindowStyle, fill, window

BAYS = 4
STOREYS = 2
BAY_M = 2.9
STOREY_M = 3.1
FACADE_WIDTH_M = BAYS * BAY_M
FACADE_HEIGHT_M = STOREYS * STOREY_M


def storeys(wall: Maps, styles: tuple[WindowStyle, ...], rng: np.random.Generator, band: Colour | None) -> Maps:
    """Two storeys of four bays; `styles` take turns from bay to bay, `band` is the colour of the string course."""
    wide, high = SIZE // BAYS, SIZE // STOREYS
    for storey in range(STOREYS):
        floor = (storey + 1) * high
        if band is not None:
            fill(wall, Box(0, floor - 12, SIZE, floor - 1), band, 0.05, 0.88)
            wall.albedo[floor - 1 : floor + 3] *= 0.55
        for bay in range(BAYS):
            style = styles[bay % len(styles)]
            across = round(0.5 * style.width * wide)
            middle = bay * wide + wide // 2
            foot = floor - round(style.foot * high)
            window(wall, Box(middle - across, foot - round(style.height * high), middle + across, foot), style, rng)
    return wall


def _coloured(wall: Maps, colour: Colour) -> Maps:
    return Maps(wall.albedo * np.array(colour, np.float32), wall.height_m, wall.roughness)


def facade_plaster(rng: np.random.Generator) -> Maps:
    """Rendered town house with stone surrounds and string courses."""
    wall = _coloured(cracked_plaster(rng), (0.62, 0.52, 0.36))
    style = WindowStyle(0.4, 0.56, 0.26, (2, 1), surround=(0.5, 0.48, 0.44))
    return storeys(wall, (style,), rng, (0.5, 0.48, 0.44))


def facade_brick(rng: np.random.Generator) -> Maps:
    """Red brick with sash windows and pale lintels."""
    wall = brick(rng, (0.24, 0.09, 0.06), (0.34, 0.31, 0.27), columns=48, rows=80)
    style = WindowStyle(0.38, 0.58, 0.24, (1, 2), surround=(0.42, 0.39, 0.34))
    return storeys(stained(wall, rng, 0.08), (style,), rng, None)


def facade_balconies(rng: np.random.Generator) -> Maps:
    """Pale flats: windows and French doors with railings take turns."""
    wall = _coloured(cracked_plaster(rng), (0.66, 0.65, 0.61))
    styles = (
        WindowStyle(0.5, 0.5, 0.3, (2, 1), frame=(0.12, 0.12, 0.13)),
        WindowStyle(0.44, 0.74, 0.06, (2, 1), frame=(0.12, 0.12, 0.13), has_sill=False, has_railing=True),
    )
    return storeys(wall, styles, rng, (0.4, 0.39, 0.37))


def facade_shutters(rng: np.random.Generator) -> Maps:
    """Warm plaster, green shutters."""
    wall = _coloured(cracked_plaster(rng), (0.58, 0.36, 0.24))
    style = WindowStyle(0.34, 0.56, 0.25, (2, 1), surround=(0.55, 0.5, 0.42), shutters=(0.06, 0.11, 0.08))
    return storeys(wall, (style,), rng, None)


def facade_office(rng: np.random.Generator) -> Maps:
    """Ribbon windows between bands of cladding."""
    style = WindowStyle(1.0, 0.6, 0.26, (2, 1), frame=(0.2, 0.2, 0.21), has_sill=False)
    return storeys(_coloured(panels(rng), (0.6, 0.6, 0.6)), (style,), rng, None)


def facade_concrete(rng: np.random.Generator) -> Maps:
    """Slab block of the sixties: big joints, wide windows, coloured breast panels."""
    wall = _coloured(stained(panels(rng), rng, 0.12), (0.5, 0.49, 0.46))
    for storey in range(STOREYS):
        for bay in range(BAYS):
            breast = Box(bay * 128, storey * 256, (bay + 1) * 128, (storey + 1) * 256).part(0.2, 0.76, 0.8, 0.97)
            fill(wall, breast, (0.2, 0.27, 0.33) if bay % 2 else (0.42, 0.34, 0.2), 0.02, 0.6)
    style = WindowStyle(0.6, 0.5, 0.25, (3, 1), has_sill=False)
    return storeys(wall, (style,), rng, (0.33, 0.32, 0.3))


FACADES: tuple[Callable[[np.random.Generator], Maps], ...] = (
    facade_plaster,
    facade_brick,
    facade_balconies,
    facade_shutters,
    facade_office,
    facade_concrete,
)
# Texture and colour of the walls without windows beside each facade.
SIDES: tuple[tuple[str, Colour], ...] = (
    ("cracked_plaster", (0.62, 0.52, 0.36)),
    ("brick_red", (1.0, 1.0, 1.0)),
    ("cracked_plaster", (0.66, 0.65, 0.61)),
    ("cracked_plaster", (0.58, 0.36, 0.24)),
    ("panels", (0.6, 0.6, 0.6)),
    ("panels", (0.5, 0.49, 0.46)),
)
