"""Shop fronts: a texture holds one shop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perception_fm.synth.scene import Colour
from perception_fm.synth.world.textures.patterns import noise
from perception_fm.synth.world.textures.picture_textures import words
from perception_fm.synth.world.textures.texture_maps import SIZE, Maps, decoded, encoded, plain
from perception_fm.synth.world.textures.window_textures import WHITE_PAINT, Box, fill, glass

SHOP_WIDTH_M = 8.0
SHOP_HEIGHT_M = 4.0


def _lettering(maps: Maps, box: Box, text: str, colour: Colour) -> None:
    """Words in the middle of a box."""
    picture = np.ascontiguousarray(encoded(maps.albedo[box.area]))
    red, green, blue = (int(value) for value in encoded(np.array(colour, np.float32)))
    words(picture, text, (0.5, 0.5), (0.86, 0.55), (red, green, blue))
    maps.albedo[box.area] = decoded(picture)


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
        maps.albedo[blind.area] = np.where(stripe[None, :, None], np.array(awning), np.array(WHITE_PAINT))
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


def shop_bank(rng: np.random.Generator) -> Maps:
    """Pale stone and blue."""
    return shop(rng, (0.42, 0.4, 0.37), (0.03, 0.07, 0.2), (0.75, 0.76, 0.78), ("BANK", "TRAVEL", "LAUNDRY"), None)


def shop_toys(rng: np.random.Generator) -> Maps:
    """White with red letters and a blue awning."""
    return shop(
        rng, (0.6, 0.6, 0.58), (0.68, 0.67, 0.63), (0.4, 0.03, 0.03), ("TOYS", "SHOES", "PIZZA"), (0.05, 0.1, 0.3)
    )


def shop_cinema(rng: np.random.Generator) -> Maps:
    """Black with a red fascia."""
    return shop(rng, (0.06, 0.06, 0.065), (0.38, 0.03, 0.035), (0.78, 0.76, 0.7), ("CINEMA", "BIKES", "MUSIC"), None)


def shop_bistro(rng: np.random.Generator) -> Maps:
    """Wood and a green awning."""
    return shop(
        rng, (0.2, 0.12, 0.07), (0.12, 0.07, 0.04), (0.72, 0.6, 0.36), ("BISTRO", "WINE", "TEA"), (0.05, 0.2, 0.1)
    )


def shop_phones(rng: np.random.Generator) -> Maps:
    """White and turquoise."""
    return shop(rng, (0.62, 0.63, 0.63), (0.03, 0.3, 0.32), (0.78, 0.79, 0.79), ("MOBILE", "DENTAL", "YOGA"), None)


def shop_hair(rng: np.random.Generator) -> Maps:
    """Grey and pink."""
    return shop(rng, (0.24, 0.24, 0.25), (0.5, 0.16, 0.24), (0.78, 0.78, 0.76), ("HAIR", "NAILS", "JEWELS"), None)


SHOPS: tuple[Callable[[np.random.Generator], Maps], ...] = (
    shop_bakery,
    shop_market,
    shop_pharmacy,
    shop_bank,
    shop_toys,
    shop_cinema,
    shop_bistro,
    shop_phones,
    shop_hair,
)
