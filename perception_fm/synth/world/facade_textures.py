"""Facades: storeys of windows, shop fronts, and single windows and doors.

A facade's texture holds two storeys of four bays, so that eight windows differ before they repeat; a shop front's
holds one shop of 8 x 4 m. Dark glass with low roughness mirrors the renderer's sky.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from perception_fm.synth.scene import Colour
from perception_fm.synth.world.patterns import noise
from perception_fm.synth.world.texture_maps import SIZE, Maps, blended, decoded, encoded, plain, shaded
from perception_fm.synth.world.wall_textures import brick, cracked_plaster, panels, stained

BAYS = 4
STOREYS = 2
BAY_M = 2.9
STOREY_M = 3.1
FACADE_WIDTH_M = BAYS * BAY_M
FACADE_HEIGHT_M = STOREYS * STOREY_M
SHOP_WIDTH_M = 8.0
SHOP_HEIGHT_M = 4.0
OPENING_CELLS = 4  # windows and doors lie in a grid of 4 x 4
GLASS_ROUGHNESS = 0.07
_WHITE: Colour = (0.72, 0.72, 0.7)


@dataclass(frozen=True)
class Box:
    """A rectangle of the picture in texels, `top` above `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(max(self.top, 0), self.bottom), slice(max(self.left, 0), self.right)

    def part(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The box between fractions of this one."""
        wide, high = self.right - self.left, self.bottom - self.top
        return Box(
            self.left + round(left * wide),
            self.top + round(top * high),
            self.left + round(right * wide),
            self.top + round(bottom * high),
        )

    def grown(self, across: int, up: int, down: int) -> Box:
        """The box with margins in texels (negative: shrunk)."""
        return Box(self.left - across, self.top - up, self.right + across, self.bottom + down)


@dataclass(frozen=True)
class WindowStyle:
    """How a window is made: size within its bay, `split` panes across and up, what surrounds it."""

    width: float
    height: float
    foot: float
    split: tuple[int, int] = (2, 1)
    frame: Colour = _WHITE
    surround: Colour | None = None
    shutters: Colour | None = None
    has_sill: bool = True
    has_railing: bool = False


def fill(maps: Maps, box: Box, colour: Colour, height_m: float, roughness: float) -> None:
    """Paint a rectangle evenly."""
    maps.albedo[box.area] = colour
    maps.height_m[box.area] = height_m
    maps.roughness[box.area] = roughness


def glass(maps: Maps, box: Box, rng: np.random.Generator, depth_m: float = 0.12) -> None:
    """A dark room behind a pane, with curtains, a blind or a lamp now and then."""
    high, wide = maps.albedo[box.area].shape[:2]
    if not high or not wide:
        return
    room = float(rng.uniform(0.012, 0.045))
    fade = np.linspace(0.75, 1.3, high, dtype=np.float32)[:, None] * np.ones((1, wide), np.float32)
    colour = shaded((room, 1.03 * room, 1.08 * room), fade)
    furnishing = rng.random()
    x = np.linspace(0.0, 1.0, wide, dtype=np.float32)[None, :] * np.ones((high, 1), np.float32)
    if furnishing < 0.42:
        cloth = float(rng.uniform(0.16, 0.42))
        folds = 0.8 + 0.2 * np.cos(2.0 * np.pi * x * rng.integers(6, 12))
        share = np.clip((np.abs(x - 0.5) - rng.uniform(0.18, 0.4)) * 30.0, 0.0, 0.85)
        tint = (cloth, cloth * rng.uniform(0.85, 1.0), cloth * rng.uniform(0.7, 0.95))
        colour = blended(colour, shaded(tint, folds), share)
    elif furnishing < 0.6:
        drawn = round(high * rng.uniform(0.2, 0.9))
        slats = 0.85 + 0.15 * np.cos(np.arange(drawn, dtype=np.float32) * 1.7)[:, None] * np.ones((1, wide), np.float32)
        colour[:drawn] = shaded((0.42, 0.4, 0.36), slats)
    maps.albedo[box.area] = colour
    maps.height_m[box.area] = -depth_m
    maps.roughness[box.area] = GLASS_ROUGHNESS


def window(maps: Maps, box: Box, style: WindowStyle, rng: np.random.Generator) -> None:
    """A recessed window: surround, frame, panes, the lintel's shadow, sill."""
    if style.surround is not None:
        fill(maps, box.grown(7, 9, 3), style.surround, 0.03, 0.85)
    if style.shutters is not None:
        wide = round(0.42 * (box.right - box.left))
        for left in (box.left - wide - 3, box.right + 3):
            leaf = Box(left, box.top, left + wide, box.bottom)
            fill(maps, leaf, style.shutters, 0.04, 0.7)
            for row in range(leaf.top + 2, leaf.bottom - 2, 5):
                maps.albedo[row, leaf.left + 2 : leaf.right - 2] *= 0.55
    fill(maps, box, style.frame, -0.08, 0.5)
    across, up = style.split
    for column in range(across):
        for row in range(up):
            pane = box.part(column / across, row / up, (column + 1) / across, (row + 1) / up)
            glass(maps, pane.grown(-2, -3, -3), rng)
    rows, columns = box.area
    shade = max(3, (box.bottom - box.top) // 14)
    maps.albedo[rows.start : rows.start + shade, columns] *= 0.45
    maps.albedo[rows, columns.start : columns.start + 2] *= 0.6
    if style.has_sill:
        sill = Box(box.left - 4, box.bottom, box.right + 4, box.bottom + 5)
        fill(maps, sill, (0.5, 0.48, 0.45), 0.08, 0.85)
        maps.albedo[sill.bottom : sill.bottom + 4, sill.left : sill.right] *= 0.6
    if style.has_railing:
        _railing(maps, box.part(-0.04, 0.58, 1.04, 1.0))


def _railing(maps: Maps, box: Box) -> None:
    for column in range(box.left, box.right, 5):
        fill(maps, Box(column, box.top, column + 1, box.bottom), (0.03, 0.03, 0.035), 0.1, 0.5)
    fill(maps, Box(box.left, box.top, box.right, box.top + 3), (0.03, 0.03, 0.035), 0.1, 0.5)


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


def _lettering(maps: Maps, box: Box, text: str, colour: Colour) -> None:
    """Words in the middle of a box."""
    rows, columns = box.area
    picture = np.ascontiguousarray(encoded(maps.albedo[rows, columns]))
    font, thickness = cv2.FONT_HERSHEY_DUPLEX, 2
    (wide, high), _ = cv2.getTextSize(text, font, 1.0, thickness)
    scale = min(0.62 * picture.shape[0] / high, 0.9 * picture.shape[1] / wide)
    at = (round(0.5 * (picture.shape[1] - scale * wide)), round(0.5 * (picture.shape[0] + scale * high)))
    ink = tuple(int(value) for value in encoded(np.array(colour, np.float32)))
    cv2.putText(picture, text, at, font, scale, ink, thickness, cv2.LINE_AA)
    maps.albedo[rows, columns] = decoded(picture)


def _goods(maps: Maps, box: Box, rng: np.random.Generator) -> None:
    """Things on shelves behind a shop window."""
    shelf = max(8, (box.bottom - box.top) // 3)
    for bottom in range(box.bottom - 4, box.top + shelf, -shelf):
        left = box.left + 4
        while left < box.right - 14:
            wide, high = int(rng.integers(6, 22)), int(rng.integers(shelf // 3, shelf - 6))
            colour = rng.uniform(0.04, 0.22) * rng.uniform(0.6, 1.5, 3)
            maps.albedo[bottom - high : bottom, left : min(left + wide, box.right - 4)] = colour
            left += wide + int(rng.integers(2, 12))
        maps.albedo[bottom : bottom + 3, box.left + 2 : box.right - 2] = 0.2


def shop(
    rng: np.random.Generator, front: Colour, sign: Colour, ink: Colour, words: tuple[str, ...], awning: Colour | None
) -> Maps:
    """One shop: fascia with its name, window with goods, glass door, plinth."""
    maps = plain(front, 0.6)
    maps.albedo *= np.clip(1.0 + 0.04 * noise(1.2, rng), 0.6, 1.4)[..., None]
    whole = Box(0, 0, SIZE, SIZE)
    fill(maps, whole.part(0.0, 0.0, 1.0, 0.05), (0.4, 0.38, 0.35), 0.12, 0.9)
    fascia = whole.part(0.03, 0.08, 0.97, 0.24)
    fill(maps, fascia, sign, 0.05, 0.5)
    _lettering(maps, fascia, words[int(rng.integers(len(words)))], ink)
    door = whole.part(0.62, 0.3, 0.78, 0.99)
    for pane in (
        whole.part(0.05, 0.3, 0.31, 0.86),
        whole.part(0.33, 0.3, 0.59, 0.86),
        whole.part(0.81, 0.3, 0.95, 0.86),
    ):
        fill(maps, pane.grown(4, 4, 4), tuple(0.4 * value for value in front), 0.03, 0.5)
        glass(maps, pane, rng, 0.1)
        _goods(maps, pane, rng)
        maps.albedo[pane.top : pane.top + 14, pane.left : pane.right] *= 0.5
    fill(maps, door, tuple(0.5 * value for value in front), -0.05, 0.5)
    glass(maps, door.grown(-8, -10, -30), rng, 0.15)
    fill(maps, whole.part(0.0, 0.96, 0.62, 1.0), (0.16, 0.155, 0.15), 0.06, 0.9)
    if awning is not None:
        blind = whole.part(0.03, 0.25, 0.6, 0.36)
        stripe = (np.arange(SIZE) // 18 % 2 == 0)[blind.area[1]]
        maps.albedo[blind.area] = np.where(stripe[None, :, None], np.array(awning), np.array(_WHITE))
        maps.height_m[blind.area] = 0.1
        maps.roughness[blind.area] = 0.9
        maps.albedo[blind.bottom : blind.bottom + 10, blind.left : blind.right] *= 0.5
    return maps


def shop_bakery(rng: np.random.Generator) -> Maps:
    """Shop with a striped awning."""
    return shop(
        rng, (0.5, 0.47, 0.4), (0.25, 0.06, 0.05), (0.75, 0.68, 0.45), ("BAKERY", "FLOWERS", "CAFE"), (0.4, 0.05, 0.04)
    )


def shop_market(rng: np.random.Generator) -> Maps:
    """Shop with a bright fascia."""
    return shop(rng, (0.3, 0.31, 0.32), (0.55, 0.38, 0.03), (0.03, 0.03, 0.04), ("MARKET", "ELECTRO", "SPORT"), None)


def shop_pharmacy(rng: np.random.Generator) -> Maps:
    """Shop in dark green."""
    return shop(rng, (0.05, 0.1, 0.075), (0.03, 0.06, 0.045), (0.7, 0.7, 0.62), ("PHARMACY", "BOOKS", "OPTICIAN"), None)


SHOPS: tuple[Callable[[np.random.Generator], Maps], ...] = (shop_bakery, shop_market, shop_pharmacy)


def _door(maps: Maps, box: Box, colour: Colour, has_light: bool, rng: np.random.Generator) -> None:
    fill(maps, box, (0.55, 0.54, 0.5), 0.0, 0.8)
    leaf = box.grown(-8, -8, 0)
    fill(maps, leaf, colour, -0.06, 0.45)
    for left in (0.12, 0.55):
        for top, bottom in ((0.1, 0.45), (0.53, 0.92)):
            panel = leaf.part(left, top, left + 0.33, bottom)
            if has_light and top < 0.3:
                glass(maps, panel, rng)
            else:
                maps.albedo[panel.area] *= 0.7
                maps.height_m[panel.area] = -0.08
    fill(maps, leaf.part(0.88, 0.48, 0.95, 0.52), (0.5, 0.42, 0.2), 0.0, 0.3)


def openings(rng: np.random.Generator) -> Maps:
    """4 x 4 cells: eight windows, four doors, four garage doors, from the top."""
    maps = plain((0.6, 0.6, 0.58), 0.8)
    cell = SIZE // OPENING_CELLS
    door_colours: tuple[Colour, ...] = ((0.16, 0.03, 0.025), (0.03, 0.06, 0.11), (0.04, 0.09, 0.05), (0.2, 0.11, 0.05))
    for number in range(OPENING_CELLS**2):
        row, column = divmod(number, OPENING_CELLS)
        box = Box(column * cell, row * cell, (column + 1) * cell, (row + 1) * cell)
        if row < 2:
            frame = _WHITE if number % 3 else (0.1, 0.075, 0.05)
            fill(maps, box, frame, 0.0, 0.5)
            split = ((2, 1), (1, 2), (3, 1), (2, 2))[column]
            window(maps, box.grown(-6, -6, -6), WindowStyle(1, 1, 0, split, frame=frame, has_sill=False), rng)
        elif row == 2:
            _door(maps, box, door_colours[column], column % 2 == 0, rng)
        else:
            _garage_door(maps, box, (_WHITE, (0.1, 0.11, 0.12), (0.22, 0.13, 0.07), (0.3, 0.31, 0.3))[column])
    return maps


def _garage_door(maps: Maps, box: Box, colour: Colour) -> None:
    fill(maps, box, colour, 0.0, 0.5)
    for row in range(box.top + 12, box.bottom, 16):
        maps.albedo[row : row + 2, box.left : box.right] *= 0.45
        maps.height_m[row : row + 2, box.left : box.right] = -0.01
    maps.albedo[box.top : box.top + 8, box.left : box.right] *= 0.4


# Texture and colour of the walls without windows beside each facade.
SIDES: tuple[tuple[str, Colour], ...] = (
    ("cracked_plaster", (0.62, 0.52, 0.36)),
    ("brick_red", (1.0, 1.0, 1.0)),
    ("cracked_plaster", (0.66, 0.65, 0.61)),
    ("cracked_plaster", (0.58, 0.36, 0.24)),
    ("panels", (0.6, 0.6, 0.6)),
    ("panels", (0.5, 0.49, 0.46)),
)
