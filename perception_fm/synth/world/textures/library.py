"""The textures of the synthetic world by name, made on first use and kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Colour, Material, Texture
from perception_fm.synth.world.textures import ground_textures as ground
from perception_fm.synth.world.textures import wall_textures as wall
from perception_fm.synth.world.textures.advert_textures import ADVERT_SHAPE, ADVERTS
from perception_fm.synth.world.textures.facade_textures import FACADE_HEIGHT_M, FACADE_WIDTH_M, FACADES
from perception_fm.synth.world.textures.picture_textures import boards, plates, signs
from perception_fm.synth.world.textures.shop_textures import SHOP_HEIGHT_M, SHOP_WIDTH_M, SHOPS
from perception_fm.synth.world.textures.texture_maps import Maps, bake
from perception_fm.synth.world.textures.window_textures import openings

UV = tuple[float, float, float, float]


class _Recipe(NamedTuple):
    draw: Callable[[np.random.Generator], Maps]
    width_m: float
    height_m: float


_REPEATING = {
    "asphalt": _Recipe(ground.asphalt, 4.0, 4.0),
    "old_asphalt": _Recipe(ground.old_asphalt, 4.0, 4.0),
    "concrete": _Recipe(ground.concrete, 3.0, 3.0),
    "pavers": _Recipe(ground.pavers, 1.6, 1.6),
    "slabs": _Recipe(ground.slabs, 2.0, 2.0),
    "kerb_stone": _Recipe(ground.kerb_stone, 2.0, 2.0),
    "grass": _Recipe(ground.grass, 3.0, 3.0),
    "meadow": _Recipe(ground.meadow, 4.0, 4.0),
    "crop": _Recipe(ground.crop, 3.0, 3.0),
    "soil": _Recipe(ground.soil, 3.0, 3.0),
    "gravel": _Recipe(ground.gravel, 1.5, 1.5),
    "road_paint": _Recipe(ground.road_paint, 2.0, 2.0),
    "brick_red": _Recipe(wall.brick_red, 2.0, 2.0),
    "brick_yellow": _Recipe(wall.brick_yellow, 2.0, 2.0),
    "plaster": _Recipe(wall.plaster, 4.0, 4.0),
    "cracked_plaster": _Recipe(wall.cracked_plaster, 4.0, 4.0),
    "rough_stone": _Recipe(wall.rough_stone, 2.0, 2.0),
    "roof_tiles": _Recipe(wall.roof_tiles, 2.0, 2.0),
    "slate": _Recipe(wall.slate, 2.0, 2.0),
    "wood": _Recipe(wall.wood, 1.0, 1.0),
    "corrugated_metal": _Recipe(wall.corrugated_metal, 2.0, 2.0),
    "panels": _Recipe(wall.panels, 4.0, 4.0),
    "steel": _Recipe(wall.rusty_steel, 2.0, 2.0),
    "tunnel_tiles": _Recipe(wall.tunnel_tiles, 3.0, 3.0),
    "leaves": _Recipe(wall.leaves, 1.2, 1.2),
    "needles": _Recipe(wall.needles, 1.0, 1.0),
    "bark": _Recipe(wall.bark, 1.0, 1.0),
}
_PICTURES = {
    **{f"facade_{i}": _Recipe(draw, FACADE_WIDTH_M, FACADE_HEIGHT_M) for i, draw in enumerate(FACADES)},
    **{f"shop_{i}": _Recipe(draw, SHOP_WIDTH_M, SHOP_HEIGHT_M) for i, draw in enumerate(SHOPS)},
    **{f"advert_{i}": _Recipe(draw, 4.0 * ADVERT_SHAPE[0], 4.0) for i, draw in enumerate(ADVERTS)},
    "openings": _Recipe(openings, 5.0, 5.0),
    "signs": _Recipe(signs, 4.0, 4.0),
    "boards": _Recipe(boards, 8.0, 5.0),
    "plates": _Recipe(plates, 1.04, 0.88),
}
_RECIPES = {**_REPEATING, **_PICTURES}
TEXTURE_NAMES = tuple(_RECIPES)


def texture_library(names: Iterable[str]) -> dict[str, Texture]:
    """Textures by name. Raises `PerceptionError` for a name that is not in `TEXTURE_NAMES`."""
    return {name: _texture(name) for name in names}


@cache
def _texture(name: str) -> Texture:
    recipe = _recipe(name)
    maps = recipe.draw(np.random.default_rng(zlib.crc32(name.encode())))
    texture = bake(maps, recipe.width_m, recipe.height_m)
    for array in (texture.albedo, texture.normal, texture.roughness):
        array.setflags(write=False)
    return texture


def _recipe(name: str) -> _Recipe:
    try:
        return _RECIPES[name]
    except KeyError:
        raise PerceptionError(f"{name!r} is no texture; known are {', '.join(sorted(TEXTURE_NAMES))}") from None


def coated(name: str, colour: Colour = (1.0, 1.0, 1.0), *, metallic: float = 0.0, bump: float = 1.0) -> Material:
    """A material of a texture. Repeating ones come with the size they are drawn for (uv in metres); pictures fill
    uv 0..1. Raises `PerceptionError` for an unknown name.
    """
    recipe = _recipe(name)
    tile_m = recipe.width_m if name in _REPEATING else 1.0
    return Material(colour, 1.0, metallic, texture=name, tile_m=tile_m, bump=bump)


def cell_uv(number: int, columns: int, rows: int, margin: float = 0.0) -> UV:
    """(u0, v0, u1, v1) of a cell of a sheet of pictures, counted along the rows from the top.

    `margin`: share of the cell that is left out on each side. Raises `PerceptionError` for a cell beyond the sheet.
    """
    if not 0 <= number < columns * rows:
        raise PerceptionError(f"a sheet of {columns} x {rows} pictures has no number {number}")
    row, column = divmod(number, columns)
    left, bottom = (column + margin) / columns, 1.0 - (row + 1 - margin) / rows
    return left, bottom, left + (1.0 - 2.0 * margin) / columns, bottom + (1.0 - 2.0 * margin) / rows
