"""Road markings as flat figures in stations and laterals (RMS, German guidelines for road marking)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import CrossSection
from perception_fm.synth.world.ground.zones import Zone

FloatArray = NDArray[np.float64]
Figure = FloatArray

LINE_M = 0.12
_BROAD_LINE_M = 0.25
_STOP_LINE_M = 0.5
ZEBRA_M = 4.0  # length of the stripes along the road
_STRIPE_M = 0.5
_BEFORE_JUNCTION_M = 0.6
# Length of dash and of gap.
_DASHES_M = {"town": (3.0, 6.0), "suburb": (3.0, 6.0), "country": (4.0, 8.0), "motorway": (6.0, 12.0)}
_ARROW_M = 5.0


@dataclass(frozen=True)
class Zebra:
    """A zebra crossing between two stations."""

    from_m: float
    to_m: float


def zebras(config: WorldConfig, level: Sequence[Zone], rng: np.random.Generator) -> tuple[Zebra, ...]:
    """Crossings for people: beside junctions and, in a town, one on the way."""
    if config.style not in ("town", "suburb"):
        return ()
    share = 0.8 if config.style == "town" else 0.3
    found = []
    for zone in level:
        if zone.kind in ("junction", "turn"):
            found += [
                Zebra(at, at + ZEBRA_M) for at in (zone.from_m - ZEBRA_M - 0.5, zone.to_m + 0.5) if rng.random() < share
            ]
    middle = rng.uniform(0.35, 0.7) * config.length_m
    if rng.random() < share and not any(zone.holds(middle, 25.0) for zone in level):
        found.append(Zebra(middle, middle + ZEBRA_M))
    return tuple(zebra for zebra in found if zebra.from_m > 12.0 and zebra.to_m < config.length_m)


def road_markings(
    config: WorldConfig,
    section: CrossSection,
    level: Sequence[Zone],
    crossed: Sequence[Zebra],
    span_m: tuple[float, float],
    rng: np.random.Generator,
) -> list[Figure]:
    """All figures of the driven road from `span_m[0]` to `span_m[1]`."""
    gaps = [(zone.from_m, zone.to_m) for zone in level if zone.kind != "tunnel"]
    gaps += [(zebra.from_m - 1.2, zebra.to_m + 1.2) for zebra in crossed]
    stretches = without(span_m, gaps)
    figures = _lines(config.style, section, stretches, rng)
    half = section.half_asphalt_m - 0.3
    for zebra in crossed:
        figures += _zebra(zebra, half)
    for zone in level:
        if zone.kind == "turn":
            figures += _at_turn(config, section, zone, crossed)
    return figures


def arm_markings(section: CrossSection, length_m: float) -> list[Figure]:
    """Of a side road: stop line at its mouth, dashes along its middle."""
    edge = section.half_median_m + section.lanes * section.lane_width_m
    stop = rectangle(_BEFORE_JUNCTION_M, _BEFORE_JUNCTION_M + _STOP_LINE_M, 0.1, edge)
    return [stop, *_dashed(0.0, LINE_M, (2.0, length_m), (3.0, 6.0), 0.0)]


def rectangle(from_m: float, to_m: float, right_m: float, left_m: float) -> Figure:
    """Anticlockwise from above."""
    return np.array([[from_m, right_m], [to_m, right_m], [to_m, left_m], [from_m, left_m]])


def without(span_m: tuple[float, float], gaps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What remains of an interval."""
    rest, at = [], span_m[0]
    for low, high in sorted(gaps):
        if low > at:
            rest.append((at, min(low, span_m[1])))
        at = max(at, high)
    if at < span_m[1]:
        rest.append((at, span_m[1]))
    return [(low, high) for low, high in rest if high - low > 0.3]


def _lines(
    style: str, section: CrossSection, stretches: Sequence[tuple[float, float]], rng: np.random.Generator
) -> list[Figure]:
    """Lane lines, middle and edges."""
    width = 0.15 if style == "motorway" else LINE_M
    phase = rng.uniform(0.0, sum(_DASHES_M[style]))
    inner = [section.half_median_m + number * section.lane_width_m for number in range(1, section.lanes)]
    edge = section.half_median_m + section.lanes * section.lane_width_m
    has_middle = style != "suburb" or rng.random() < 0.6
    figures: list[Figure] = []
    for stretch in stretches:
        for lateral in (*inner, *(-offset for offset in inner)):
            figures += _dashed(lateral, width, stretch, _DASHES_M[style], phase)
        if section.half_median_m > 0.0:
            for side in (-1.0, 1.0):
                figures.append(_line(side * (section.half_median_m + 0.18), 0.15, stretch))
        elif section.lanes > 1:
            figures += [_line(side * 0.12, LINE_M, stretch) for side in (-1.0, 1.0)]
        elif has_middle:
            figures += _dashed(0.0, width, stretch, _DASHES_M[style], phase)
        if style in ("country", "motorway"):
            broad = _BROAD_LINE_M if style == "motorway" else LINE_M
            figures += [_line(side * edge, broad, stretch) for side in (-1.0, 1.0)]
    return figures


def _line(lateral_m: float, width_m: float, stretch: tuple[float, float]) -> Figure:
    return rectangle(*stretch, lateral_m - 0.5 * width_m, lateral_m + 0.5 * width_m)


def _dashed(
    lateral_m: float, width_m: float, stretch: tuple[float, float], dash_gap_m: tuple[float, float], phase_m: float
) -> list[Figure]:
    dash, gap = dash_gap_m
    first = np.floor((stretch[0] - phase_m) / (dash + gap)) * (dash + gap) + phase_m
    starts = np.arange(first, stretch[1], dash + gap)
    pieces = [(max(at, stretch[0]), min(at + dash, stretch[1])) for at in starts]
    return [_line(lateral_m, width_m, piece) for piece in pieces if piece[1] - piece[0] > 0.2]


def _zebra(zebra: Zebra, half_width_m: float) -> list[Figure]:
    count = int((2.0 * half_width_m + _STRIPE_M) // (2.0 * _STRIPE_M))
    first = -0.5 * (2 * count - 1) * _STRIPE_M
    return [
        rectangle(zebra.from_m, zebra.to_m, first + 2 * n * _STRIPE_M, first + (2 * n + 1) * _STRIPE_M)
        for n in range(count)
    ]


def _at_turn(config: WorldConfig, section: CrossSection, zone: Zone, crossed: Sequence[Zebra]) -> list[Figure]:
    """Stop line and arrows of the road that ends at the T."""
    front = min([zone.from_m, *(zebra.from_m for zebra in crossed if zone.holds(zebra.to_m, 2.0))])
    front -= _BEFORE_JUNCTION_M if front == zone.from_m else 1.0
    edge = section.lanes * section.lane_width_m
    figures = [rectangle(front - _STOP_LINE_M, front, -edge, -0.1)]
    for lane in section.lane_list():
        if lane.direction > 0:
            figures += turn_arrow(front - 6.0 - _ARROW_M, lane.offset_m, 1.0 if config.turn == "left" else -1.0)
    return figures


def turn_arrow(from_m: float, lateral_m: float, side: float) -> list[Figure]:
    """A bent arrow in convex pieces, its head to the left (`side` +1) or to the right (-1)."""
    outline = [
        np.array([[0.0, -0.09], [3.4, -0.09], [3.7, 0.09], [0.0, 0.09]]),
        np.array([[3.4, -0.09], [3.95, 0.35], [3.75, 0.35], [3.4, 0.0]]),
        np.array([[3.45, 0.35], [4.25, 0.35], [3.85, 0.85]]),
    ]
    pieces = []
    for piece in outline:
        moved = piece * (1.0, side) + (from_m, lateral_m)
        pieces.append(moved if side > 0.0 else moved[::-1])
    return pieces
