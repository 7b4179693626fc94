"""Windows and doors, drawn into a wall's picture. Dark glass with low roughness mirrors the renderer's sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception_fm.synth.scene import Colour
from perception_fm.synth.world.textures.texture_maps import SIZE, Maps, blended, plain, shaded

OPENING_CELLS = 4  # windows and doors lie in a grid of 4 x 4
GLASS_ROUGHNESS = 0.07
WHITE_PAINT: Colour = (0.72, 0.72, 0.7)


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
    frame: Colour = WHITE_PAINT
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
            frame = WHITE_PAINT if number % 3 else (0.1, 0.075, 0.05)
            fill(maps, box, frame, 0.0, 0.5)
            split = ((2, 1), (1, 2), (3, 1), (2, 2))[column]
            window(maps, box.grown(-6, -6, -6), WindowStyle(1, 1, 0, split, frame=frame, has_sill=False), rng)
        elif row == 2:
            _door(maps, box, door_colours[column], column % 2 == 0, rng)
        else:
            _garage_door(maps, box, (WHITE_PAINT, (0.1, 0.11, 0.12), (0.22, 0.13, 0.07), (0.3, 0.31, 0.3))[column])
    return maps


def _garage_door(maps: Maps, box: Box, colour: Colour) -> None:
    fill(maps, box, colour, 0.0, 0.5)
    for row in range(box.top + 12, box.bottom, 16):
        maps.albedo[row : row + 2, box.left : box.right] *= 0.45
        maps.height_m[row : row + 2, box.left : box.right] = -0.01
    maps.albedo[box.top : box.top + 8, box.left : box.right] *= 0.4
