"""What lies under foot and wheel: asphalt, concrete, pavers, kerb, grass, soil, gravel, road paint.

Reflectances after the tables of the ECOSTRESS spectral library (asphalt 0.08-0.2, concrete 0.3-0.45, grass 0.1-0.2).
"""

from __future__ import annotations

import numpy as np

from perception_fm.synth.world.textures.patterns import blurred, cells, courses, noise, per_stone, wandering_lines
from perception_fm.synth.world.textures.texture_maps import FloatMap, Maps, blended, shaded


def _worn(share: FloatMap, low: float, high: float) -> FloatMap:
    return np.clip(low + (high - low) * share, 0.0, 1.0).astype(np.float32)


def asphalt(rng: np.random.Generator) -> Maps:
    """Stones of a few millimetres in bitumen, polished in patches; a tile of 4 m. Cracks would show how it repeats."""
    grain, patches = noise(0.25, rng), noise(1.3, rng)
    stones = np.clip(grain - 1.1, 0.0, 2.0)
    polished = np.clip(0.5 + 0.35 * patches, 0.0, 1.0)
    grey = 0.128 + 0.005 * patches + 0.024 * grain + 0.035 * stones + 0.008 * polished
    height_m = 0.0011 * grain * (1.0 - 0.3 * polished)
    return Maps(shaded((1.0, 0.985, 0.96), np.clip(grey, 0.03, 0.4)), height_m, _worn(polished, 0.9, 0.78))


def old_asphalt(rng: np.random.Generator) -> Maps:
    """Bleached, cracked, patched asphalt of side roads and pavements; a tile of 4 m."""
    maps = asphalt(rng)
    patches = noise(1.6, rng)
    cracks = wandering_lines(9, 70, 6.0, rng)
    factor = (1.35 + 0.14 * patches) * (1.0 - 0.6 * blurred(cracks, 0.8))
    return Maps(maps.albedo * factor[..., None], maps.height_m - 0.006 * cracks, np.maximum(maps.roughness, 0.88))


def concrete(rng: np.random.Generator) -> Maps:
    """Cast concrete with pores and water marks; a tile of 3 m."""
    stains, fine = noise(1.5, rng), noise(0.5, rng)
    pores = np.clip(noise(0.3, rng) - 2.6, 0.0, 1.0)
    grey = np.clip(0.36 + 0.028 * stains + 0.018 * fine - 0.16 * pores, 0.1, 0.6)
    return Maps(shaded((1.0, 0.98, 0.94), grey), 0.0006 * fine - 0.004 * pores, _worn(0.5 + 0.2 * stains, 0.75, 0.95))


def pavers(rng: np.random.Generator) -> Maps:
    """Concrete stones of 20 x 10 cm with sanded joints; a tile of 1.6 m."""
    stones = courses(8, 16)
    fine, patches, tone = noise(0.5, rng), noise(1.4, rng), per_stone(stones, rng)
    body = np.clip((stones.edge_px - 0.6) / 2.2, 0.0, 1.0)
    grey = (0.30 + 0.026 * tone + 0.02 * fine + 0.014 * patches) * (0.42 + 0.58 * body)
    return Maps(shaded((1.0, 0.96, 0.9), grey), 0.004 * np.sqrt(body) + 0.0004 * fine, _worn(body, 0.97, 0.85))


def slabs(rng: np.random.Generator) -> Maps:
    """Pavement slabs of 50 cm; a tile of 2 m."""
    stones = courses(4, 4)
    fine, patches, tone = noise(0.5, rng), noise(1.4, rng), per_stone(stones, rng)
    body = np.clip((stones.edge_px - 0.8) / 1.6, 0.0, 1.0)
    grey = (0.33 + 0.03 * tone + 0.02 * fine + 0.02 * patches) * (0.4 + 0.6 * body)
    height_m = 0.003 * body + 0.0005 * fine + 0.0006 * tone
    return Maps(shaded((1.0, 0.975, 0.93), grey), height_m, _worn(body, 0.97, 0.82))


def kerb_stone(rng: np.random.Generator) -> Maps:
    """Granite kerbs of 1 m, joints upright; a tile of 2 m."""
    fine, coarse = noise(0.2, rng), noise(1.3, rng)
    x = (np.arange(fine.shape[1]) + 0.5) % (fine.shape[1] // 2)
    joint = np.clip(np.minimum(x, fine.shape[1] // 2 - x) / 2.5, 0.0, 1.0)[None, :].astype(np.float32)
    grey = (0.37 + 0.05 * fine + 0.025 * coarse) * (0.4 + 0.6 * joint)
    return Maps(
        shaded((1.0, 0.99, 0.97), np.clip(grey, 0.1, 0.7)), 0.004 * joint + 0.0007 * fine, _worn(joint, 0.95, 0.8)
    )


def grass(rng: np.random.Generator) -> Maps:
    """Lawn: tufts, dry and bare patches; a tile of 3 m."""
    blades, tufts, patches = noise(0.35, rng), noise(1.0, rng), noise(1.5, rng)
    dry = np.clip(0.33 + 0.25 * patches + 0.12 * blades, 0.0, 1.0)
    colour = blended((0.085, 0.155, 0.034), (0.215, 0.205, 0.085), dry)
    light = np.clip(1.0 + 0.27 * blades + 0.16 * tufts, 0.25, 2.0)
    return Maps(colour * light[..., None], 0.003 * blades + 0.008 * tufts, _worn(dry, 0.88, 0.96))


def meadow(rng: np.random.Generator) -> Maps:
    """Long grass with weeds and a few flowers; a tile of 4 m."""
    maps = grass(rng)
    weeds, dots = noise(1.1, rng), noise(0.15, rng)
    colour = blended(maps.albedo, maps.albedo * np.array((0.75, 0.95, 0.7), np.float32), 0.5 + 0.5 * weeds)
    colour = blended(colour, (0.55, 0.5, 0.3), np.where(dots > 3.3, 0.7, 0.0))
    return Maps(colour, 1.6 * maps.height_m, maps.roughness)


def soil(rng: np.random.Generator) -> Maps:
    """Bare earth with small stones; a tile of 3 m."""
    fine, clods, patches = noise(0.4, rng), noise(1.1, rng), noise(1.5, rng)
    stones = np.clip(noise(0.55, rng) - 2.2, 0.0, 1.0)
    light = np.clip(1.0 + 0.16 * fine + 0.18 * clods + 0.1 * patches, 0.3, 2.0)
    colour = blended(shaded((0.165, 0.115, 0.075), light), (0.3, 0.28, 0.25), stones)
    return Maps(colour, 0.0025 * fine + 0.008 * clods, _worn(stones, 0.97, 0.85))


def crop(rng: np.random.Generator) -> Maps:
    """Plants in rows upwards, 25 cm apart, in grey: the material's colour says which; a tile of 3 m."""
    fine, tufts, patches = noise(0.35, rng), noise(0.9, rng), noise(1.5, rng)
    x = (np.arange(fine.shape[1]) + 0.5) / fine.shape[1]
    rows = 0.5 + 0.5 * np.cos(2.0 * np.pi * 12.0 * x + 0.35 * tufts)
    light = np.clip(0.36 + 0.14 * rows + 0.07 * fine + 0.03 * tufts + 0.03 * patches, 0.08, 0.9)
    return Maps(shaded((1.0, 1.0, 1.0), light), 0.02 * rows + 0.004 * fine, _worn(rows, 0.97, 0.9))


def gravel(rng: np.random.Generator) -> Maps:
    """Loose chippings of some centimetres; a tile of 1.5 m."""
    stones = cells(52, rng)
    tone, fine, patches = per_stone(stones, rng), noise(0.5, rng), noise(1.4, rng)
    body = np.clip(stones.edge_px / 3.5, 0.0, 1.0)
    grey = np.clip(0.36 + 0.065 * tone + 0.02 * fine + 0.015 * patches, 0.08, 0.6) * (0.3 + 0.7 * body)
    return Maps(shaded((1.0, 0.96, 0.9), grey), 0.006 * np.sqrt(body) + 0.002 * tone * body, _worn(body, 0.97, 0.85))


def road_paint(rng: np.random.Generator) -> Maps:
    """Thermoplastic marking, worn and dirty, the asphalt showing through here and there; a tile of 2 m."""
    wear, fine = noise(1.2, rng), noise(0.3, rng)
    gone = np.clip(1.5 * (0.55 * fine + 0.75 * wear - 1.05), 0.0, 0.9)
    clean = shaded((1.0, 0.99, 0.96), np.clip(0.68 + 0.05 * wear + 0.03 * fine, 0.0, 0.85))
    return Maps(blended(clean, (0.16, 0.157, 0.15), gone), 0.0005 * fine - 0.001 * gone, _worn(gone, 0.6, 0.85))
