"""Lamps, signs, bins and whatever else stands beside a road."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from perception_fm.synth.scene import Asset
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M
from perception_fm.synth.world.placing.open_road import line_open_road
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.placing.traffic_signs import place_signs
from perception_fm.synth.world.street import furniture

_LAMP_SPACING_M = {"town": 26.0, "suburb": 34.0, "country": 0.0, "motorway": 0.0}
_STREET_FURNITURE = (
    (furniture.bin_, 45.0),
    (furniture.bollard, 30.0),
    (furniture.cabinet, 80.0),
    (furniture.bench, 70.0),
    (furniture.post_box, 110.0),
    (furniture.planter, 60.0),
)
KERBSIDE_M = 0.55


def along(side: float) -> float:
    """Yaw of what looks at the traffic that comes on its side of the road."""
    return math.pi if side < 0.0 else 0.0


def across(side: float) -> float:
    """Yaw of what looks at the road."""
    return -0.5 * math.pi * side


def place_furniture(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """Signs before all that may stand anywhere, because their places mean something."""
    if config.furniture == 0.0:
        return
    if config.style in ("country", "motorway"):
        line_open_road(site, config, rng)
    place_signs(site, config, rng)
    _in_steps(site, _LAMP_SPACING_M[config.style] / config.furniture, furniture.lamp_post, across, 0.0, rng)
    if config.style in ("town", "suburb"):
        if config.style == "town" and config.length_m > 80.0:
            station, side = rng.uniform(0.2, 0.9) * config.length_m, rng.choice((-1.0, 1.0))
            beside(site, furniture.bus_stop(rng), station, side, 2.0, across(side))
        for maker, spacing in _STREET_FURNITURE:
            _in_steps(site, spacing / config.furniture, maker, across, 0.5, rng)


def _in_steps(
    site: Site,
    spacing_m: float,
    maker: Callable[[np.random.Generator], Asset],
    yaw: Callable[[float], float],
    jitter: float,
    rng: np.random.Generator,
) -> None:
    """Things along both sides by turns, near the kerb or the edge of the verge; 0 spacing: none."""
    if not 0.0 < spacing_m < 1e4:
        return
    station, side = site.roadway.span_m[0] + rng.uniform(0.0, spacing_m), rng.choice((-1.0, 1.0))
    while station < site.roadway.span_m[1]:
        beside(site, maker(rng), station, side, KERBSIDE_M, yaw(side))
        station += 0.5 * spacing_m * rng.uniform(1.0 - jitter, 1.0 + jitter)
        side = -side


def beside(site: Site, asset: Asset, station_m: float, side: float, away_m: float, yaw_rad: float) -> bool:
    """Puts something up beside the asphalt, plumb; says whether there was room."""
    road = site.roadway
    if not road.is_plain(station_m):
        return False
    section = road.section
    away = section.half_asphalt_m + (away_m if section.has_kerb else away_m + 1.2)
    height = KERB_HEIGHT_M if section.has_kerb else -0.1
    return site.place(asset, upright(road.line, station_m, side * away, height, yaw_rad))
