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
_PUDDLES = 16.0
_KERBSIDE_SHARE = 0.3  # of the puddles; the others stand in wheel tracks
_CRACK_WIDTH_M = (0.008, 0.022)  # half of it, sealed with bitumen
_CRACK_STEP_M = (0.12, 0.35)
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
        length, width = rng.uniform(1.2, 6.5), rng.uniform(0.25, 0.7)
        lane = section.lane_list()[rng.integers(2 * section.lanes)]
        kerb = rng.choice((-1.0, 1.0)) * (section.half_asphalt_m - width)
        lateral = kerb if rng.random() < _KERBSIDE_SHARE else lane.offset_m + rng.choice((-0.8, 0.8))
        centre = np.array([rng.uniform(*span_m), lateral])
        angle = np.linspace(0.0, 2.0 * np.pi, 21)[:-1]
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
    """A line along or across the road that wanders but keeps its way, of changing width, thin at its ends."""
    way = rng.choice((0.0, 0.5 * np.pi)) + rng.normal(0.0, 0.25)
    count = int(rng.integers(8, 22))
    heading = way + rng.normal(0.0, 0.45, count)
    steps = rng.uniform(*_CRACK_STEP_M, count)[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    middle = np.array([station_m, lateral_m]) + np.concatenate([[(0.0, 0.0)], np.cumsum(steps, axis=0)])
    half = rng.uniform(*_CRACK_WIDTH_M, count + 1)
    half[[0, -1]] = 0.3 * _CRACK_WIDTH_M[0]
    side = half[:, None] * np.array([-np.sin(way), np.cos(way)])
    right, left = middle - side, middle + side
    return [np.stack(corners) for corners in zip(right[:-1], right[1:], left[1:], left[:-1])]


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
