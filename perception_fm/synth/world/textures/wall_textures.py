"""Walls, roofs and plants: brick, plaster, stone, tiles, wood, sheet metal, leaves, bark."""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Colour
from perception_fm.synth.world.textures.patterns import (
    blurred,
    cells,
    courses,
    noise,
    per_stone,
    scattered,
    wandering_lines,
)
from perception_fm.synth.world.textures.texture_maps import SIZE, Maps, blended, shaded

_LEAF = np.array([[-0.5, 0.0], [-0.2, 0.24], [0.15, 0.22], [0.5, 0.0], [0.15, -0.22], [-0.2, -0.24]])


def brick(rng: np.random.Generator, colour: Colour, mortar: Colour, columns: int = 8, rows: int = 24) -> Maps:
    """Courses of bricks with mortar joints; 8 x 24 of them fill a tile of 2 m."""
    stones = courses(columns, rows)
    fine, stains, tone = noise(0.5, rng), noise(1.4, rng), per_stone(stones, rng)
    body = np.clip((stones.edge_px - 0.7) / 1.4, 0.0, 1.0)
    light = np.clip(1.0 + 0.14 * tone + 0.07 * fine + 0.06 * stains, 0.35, 1.8)
    albedo = blended(shaded(mortar, 1.0 + 0.06 * fine), shaded(colour, light), body)
    return Maps(albedo, 0.005 * body + 0.0006 * fine, (0.95 - 0.1 * body).astype(np.float32))


def brick_red(rng: np.random.Generator) -> Maps:
    """Red bricks; a tile of 2 m."""
    return brick(rng, (0.24, 0.085, 0.055), (0.34, 0.31, 0.27))


def brick_yellow(rng: np.random.Generator) -> Maps:
    """London stock: yellow-brown bricks; a tile of 2 m."""
    return brick(rng, (0.36, 0.26, 0.15), (0.3, 0.28, 0.25))


def plaster(rng: np.random.Generator) -> Maps:
    """Rendered wall, nearly white so that the material's albedo colours it; a tile of 4 m."""
    fine, stains = noise(0.6, rng), noise(1.5, rng, stretch=(0.45, 1.0))
    light = np.clip(0.92 + 0.022 * fine + 0.03 * stains, 0.4, 1.0)
    return Maps(shaded((1.0, 0.995, 0.985), light), 0.0012 * fine, np.full_like(fine, 0.92))


def rough_stone(rng: np.random.Generator) -> Maps:
    """Masonry of field stones; a tile of 2 m."""
    stones = cells(11, rng, jitter=0.75)
    tone, fine, coarse = per_stone(stones, rng), noise(0.6, rng), noise(1.3, rng)
    body = np.clip((stones.edge_px - 1.5) / 5.0, 0.0, 1.0)
    warm = np.clip(0.5 + 0.4 * per_stone(stones, rng), 0.0, 1.0)
    light = np.clip(1.0 + 0.17 * tone + 0.08 * fine + 0.08 * coarse, 0.35, 1.7)
    colour = blended((0.27, 0.255, 0.235), (0.34, 0.29, 0.22), warm) * light[..., None]
    albedo = blended(shaded((0.17, 0.155, 0.135), 1.0 + 0.1 * fine), colour, body)
    return Maps(albedo, 0.025 * np.sqrt(body) + 0.002 * coarse * body, np.full_like(fine, 0.92))


def roof_tiles(rng: np.random.Generator) -> Maps:
    """Clay pantiles in rows of 33 cm; a tile of 2 m. Nearly neutral red, to be coloured."""
    stones = courses(10, 6, shift=0.0)
    tone, fine, stains = per_stone(stones, rng), noise(0.5, rng), noise(1.4, rng)
    y = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 6 / SIZE % 1.0)[:, None]
    x = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 10 / SIZE % 1.0)[None, :]
    roll = 0.5 + 0.5 * np.cos(2.0 * np.pi * x)
    below_edge = np.clip(1.0 - (y - 0.02) / 0.12, 0.0, 1.0)  # the row above casts its shadow here
    light = np.clip(1.0 + 0.13 * tone + 0.06 * fine + 0.1 * stains, 0.3, 1.8)
    light = light * (0.62 + 0.38 * roll) * (1.0 - 0.6 * below_edge)
    height_m = (0.03 * roll + 0.03 * y).astype(np.float32)
    return Maps(shaded((0.33, 0.15, 0.095), light), height_m, np.full_like(fine, 0.85))


def slate(rng: np.random.Generator) -> Maps:
    """Dark slates or concrete tiles; a tile of 2 m."""
    stones = courses(8, 10)
    tone, fine, stains = per_stone(stones, rng), noise(0.5, rng), noise(1.4, rng)
    y = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 10 / SIZE % 1.0)[:, None]
    body = np.clip((stones.edge_px - 0.5) / 1.5, 0.0, 1.0)
    light = np.clip(1.0 + 0.16 * tone + 0.06 * fine + 0.1 * stains, 0.3, 1.8) * (0.4 + 0.6 * body)
    light = light * (1.0 - 0.35 * np.clip(1.0 - y / 0.15, 0.0, 1.0))
    height_m = (0.012 * y + 0.002 * body).astype(np.float32)
    return Maps(shaded((0.095, 0.095, 0.105), light), height_m, (0.8 - 0.15 * body).astype(np.float32))


def wood(rng: np.random.Generator) -> Maps:
    """Upright boards of 12.5 cm; a tile of 1 m. Light, to be coloured."""
    stones = courses(8, 1, shift=0.0)
    x = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 8 / SIZE) % 1.0
    gap = np.clip(np.minimum(x, 1.0 - x) * SIZE / 8 / 2.5, 0.0, 1.0)[None, :]
    grain = noise(0.9, rng, stretch=(10.0, 1.0), lowest=5.0)
    tone = per_stone(stones, rng)
    light = np.clip(1.0 + 0.12 * tone + 0.1 * grain, 0.35, 1.6) * (0.25 + 0.75 * gap)
    return Maps(shaded((0.42, 0.31, 0.2), light), 0.006 * gap + 0.0006 * grain, np.full_like(grain, 0.85))


def corrugated_metal(rng: np.random.Generator) -> Maps:
    """Trapezoidal sheet, ribs upright every 20 cm; a tile of 2 m. Light grey, to be coloured."""
    x = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 10 / SIZE) % 1.0
    rib = np.clip(2.2 * np.abs(2.0 * x - 1.0) - 0.6, 0.0, 1.0)[None, :]
    dirt = noise(1.1, rng, stretch=(0.25, 1.6), lowest=2.0)
    light = np.clip(0.9 + 0.04 * dirt, 0.0, 1.0) * (0.75 + 0.25 * rib)
    return Maps(
        shaded((0.9, 0.91, 0.92), light),
        np.broadcast_to(0.035 * rib, dirt.shape).astype(np.float32),
        0.45 + 0.04 * dirt,
    )


def panels(rng: np.random.Generator) -> Maps:
    """Cladding panels 2 x 1 m with open joints; a tile of 4 m. Light, to be coloured."""
    stones = courses(2, 4, shift=0.0)
    tone, dirt = per_stone(stones, rng), noise(1.4, rng, stretch=(0.4, 1.0))
    body = np.clip((stones.edge_px - 1.0) / 1.0, 0.0, 1.0)
    light = np.clip(0.86 + 0.02 * tone + 0.02 * dirt, 0.0, 1.0) * (0.2 + 0.8 * body)
    return Maps(shaded((1.0, 1.0, 1.0), light), 0.01 * body, (0.9 - 0.4 * body).astype(np.float32))


def leaves(rng: np.random.Generator) -> Maps:
    """Foliage: layers of leaves of some centimetres over dark gaps; a tile of 1.2 m."""
    count = 800
    depth = np.linspace(0.25, 1.0, count)
    ink = np.stack([depth * rng.uniform(0.6, 1.0, count), rng.uniform(0.0, 1.0, count), depth], axis=1)
    layers = scattered(_LEAF, rng.uniform(16.0, 29.0, count), ink, rng)  # light, hue, height
    light, hue, level = np.moveaxis(layers, -1, 0)
    clumps = noise(1.1, rng)
    colour = blended((0.145, 0.26, 0.055), (0.26, 0.32, 0.085), hue)
    factor = np.clip(1.0 + 0.16 * clumps, 0.4, 1.5) * (0.2 + 1.2 * light)
    return Maps(colour * factor[..., None], 0.02 * level + 0.006 * light, 0.95 - 0.35 * level)


def needles(rng: np.random.Generator) -> Maps:
    """Twigs of a conifer; a tile of 1 m."""
    twigs, clumps, fine = noise(0.8, rng, stretch=(2.2, 1.0)), noise(1.2, rng), noise(0.3, rng)
    light = np.clip(0.85 + 0.3 * twigs + 0.22 * clumps + 0.12 * fine, 0.12, 2.0)
    return Maps(shaded((0.07, 0.11, 0.048), light), 0.012 * twigs + 0.02 * clumps, np.full_like(fine, 0.9))


def bark(rng: np.random.Generator) -> Maps:
    """Furrowed bark; a tile of 1 m."""
    furrows, fine = noise(1.0, rng, stretch=(4.0, 1.0), lowest=6.0), noise(0.5, rng)
    light = np.clip(1.0 + 0.3 * furrows + 0.12 * fine, 0.25, 1.9)
    return Maps(shaded((0.135, 0.105, 0.08), light), 0.007 * furrows + 0.0015 * fine, np.full_like(fine, 0.95))


def rusty_steel(rng: np.random.Generator) -> Maps:
    """Galvanised steel with runs of rust and dirt; a tile of 2 m."""
    runs, flakes = noise(1.1, rng, stretch=(2.5, 1.0)), noise(0.7, rng)
    rust = np.clip(0.8 * (0.7 * runs + 0.5 * flakes - 1.1), 0.0, 0.8)
    steel = shaded((0.36, 0.37, 0.375), np.clip(1.0 + 0.06 * runs + 0.05 * flakes, 0.5, 1.4))
    return Maps(blended(steel, (0.16, 0.085, 0.05), rust), 0.0004 * flakes, (0.42 + 0.45 * rust).astype(np.float32))


def tunnel_tiles(rng: np.random.Generator) -> Maps:
    """Glazed panels of a tunnel's wall, sooty; a tile of 3 m."""
    stones = courses(4, 4, shift=0.0)
    soot, fine = noise(1.5, rng, stretch=(1.0, 2.0)), noise(0.5, rng)
    body = np.clip((stones.edge_px - 0.8) / 1.2, 0.0, 1.0)
    light = np.clip(0.55 + 0.05 * soot + 0.012 * fine + 0.01 * per_stone(stones, rng), 0.1, 0.8) * (0.45 + 0.55 * body)
    return Maps(shaded((1.0, 0.985, 0.94), light), 0.003 * body, (0.85 - 0.45 * body).astype(np.float32))


def stained(maps: Maps, rng: np.random.Generator, strength: float) -> Maps:
    """The same wall after years of rain."""
    runs = blurred(noise(1.0, rng, stretch=(3.5, 1.0)), 1.0)
    factor = np.clip(1.0 - strength * np.clip(runs, 0.0, 2.0), 0.4, 1.0)
    return Maps(maps.albedo * factor[..., None], maps.height_m, maps.roughness)


def cracked_plaster(rng: np.random.Generator) -> Maps:
    """Old render, weather-worn; a tile of 4 m."""
    maps = stained(plaster(rng), rng, 0.09)
    cracks = blurred(wandering_lines(4, 40, 5.0, rng), 0.6)
    maps.albedo *= (1.0 - 0.4 * cracks)[..., None]
    maps.height_m -= 0.002 * cracks
    return maps
