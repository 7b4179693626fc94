"""What time leaves on asphalt, as flat figures in stations and laterals: repairs, cracks, covers, tyre marks, pools."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material
from perception_fm.synth.world.ground.cross_section import CrossSection
from perception_fm.synth.world.ground.ground_materials import (
    CAST_IRON,
    CONCRETE,
    CRACK_FILL,
    FRESH_ASPHALT,
    TYRE_RUBBER,
)
from perception_fm.synth.world.ground.markings import Figure, rectangle

FloatArray = NDArray[np.float64]

# How many there are on 100 m of road.
_PATCHES, _CRACKS, _COVERS, _SKIDS = 2.5, 7.0, 3.0, 1.0
_PUDDLES = 9.0
_CRACK_WIDTH_M = 0.035  # sealed with bitumen
_COVER_RADIUS_M = 0.31


def stains(
    section: CrossSection, span_m: tuple[float, float], style: str, rng: np.random.Generator
) -> Mapping[Material, list[Figure]]:
    """Figures by their material, in the order in which they lie on each other."""
    hundreds = (span_m[1] - span_m[0]) / 100.0

    def places(per_hundred: float) -> list[tuple[float, float]]:
        count = rng.poisson(per_hundred * hundreds)
        low = section.half_median_m + 0.4
        lateral = rng.uniform(low, section.half_asphalt_m - 0.4, count) * rng.choice((-1.0, 1.0), count)
        return list(zip(rng.uniform(*span_m, count), lateral))

    has_pipes = style in ("town", "suburb")
    covers = places(_COVERS if has_pipes else 0.0)
    found: dict[Material, list[Figure]] = {
        FRESH_ASPHALT: [_patch(s, t, section, rng) for s, t in places(_PATCHES)],
        TYRE_RUBBER: [figure for s, _ in places(_SKIDS) for figure in _skid(s, section, rng)],
        CRACK_FILL: [figure for s, t in places(_CRACKS) for figure in _crack(s, t, rng)],
        CONCRETE: [_disc(s, t, _COVER_RADIUS_M + 0.07) for s, t in covers],
        CAST_IRON: [_disc(s, t, _COVER_RADIUS_M) for s, t in covers],
    }
    if has_pipes:
        gullies = np.arange(span_m[0] + rng.uniform(0.0, 20.0), span_m[1], 24.0)
        edge = section.half_asphalt_m
        for side in (-1.0, 1.0):
            low, high = sorted((side * (edge - 0.36), side * (edge - 0.02)))
            found[CAST_IRON] += [rectangle(s, s + 0.5, low, high) for s in gullies]
    return {material: figures for material, figures in found.items() if figures}


def puddles(
    section: CrossSection, span_m: tuple[float, float], density: float, rng: np.random.Generator
) -> list[Figure]:
    """Pools in wheel tracks and along the kerb, each a fan of triangles."""
    figures: list[Figure] = []
    for _ in range(rng.poisson(_PUDDLES * density * (span_m[1] - span_m[0]) / 100.0)):
        length, width = rng.uniform(0.8, 4.5), rng.uniform(0.3, 0.9)
        lane = section.lane_list()[rng.integers(2 * section.lanes)]
        kerb = rng.choice((-1.0, 1.0)) * (section.half_asphalt_m - width)
        lateral = kerb if rng.random() < 0.4 else lane.offset_m + rng.choice((-0.8, 0.8))
        centre = np.array([rng.uniform(*span_m), lateral])
        angle = np.linspace(0.0, 2.0 * np.pi, 29)[:-1]
        waves = 1.0 + 0.18 * np.sin(2.0 * angle + rng.uniform(0, 6)) + 0.12 * np.sin(3.0 * angle + rng.uniform(0, 6))
        outline = centre + (waves * (0.5 * length * np.cos(angle), width * np.sin(angle))).T
        figures += [np.stack([centre, a, b]) for a, b in zip(outline, np.roll(outline, -1, axis=0))]
    return figures


def _patch(station_m: float, lateral_m: float, section: CrossSection, rng: np.random.Generator) -> Figure:
    """A repair, or a trench straight across."""
    if rng.random() < 0.25:
        low = section.half_median_m if lateral_m > 0.0 else -section.half_asphalt_m
        high = section.half_asphalt_m if lateral_m > 0.0 else -section.half_median_m
        return rectangle(station_m, station_m + rng.uniform(0.5, 1.0), low, high)
    length, width = rng.uniform(0.8, 4.0), rng.uniform(0.3, 0.8)
    return rectangle(station_m, station_m + length, lateral_m - width, lateral_m + width)


def _crack(station_m: float, lateral_m: float, rng: np.random.Generator) -> list[Figure]:
    """A wandering line."""
    heading, at = rng.choice((0.0, 0.5 * np.pi)) + rng.normal(0.0, 0.3), np.array([station_m, lateral_m])
    figures = []
    for _ in range(rng.integers(4, 10)):
        heading += rng.normal(0.0, 0.35)
        ahead = np.array([np.cos(heading), np.sin(heading)])
        side = 0.5 * _CRACK_WIDTH_M * np.array([-ahead[1], ahead[0]])
        following = at + rng.uniform(0.3, 0.8) * ahead
        figures.append(np.stack([at - side, following - side, following + side, at + side]))
        at = following
    return figures


def _disc(station_m: float, lateral_m: float, radius_m: float) -> Figure:
    angle = np.linspace(0.0, 2.0 * np.pi, 15)[:-1]
    return np.column_stack([station_m + radius_m * np.cos(angle), lateral_m + radius_m * np.sin(angle)])


def _skid(station_m: float, section: CrossSection, rng: np.random.Generator) -> list[Figure]:
    """Both wheels of a car that braked hard."""
    lane = section.lane_list()[rng.integers(2 * section.lanes)]
    middle, length = lane.offset_m + rng.normal(0.0, 0.2), rng.uniform(5.0, 14.0)
    return [
        rectangle(station_m, station_m + length, middle + side - 0.1, middle + side + 0.1) for side in (-0.75, 0.75)
    ]
