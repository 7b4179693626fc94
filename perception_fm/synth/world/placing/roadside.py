"""Lamps, signs, trees, rails and whatever else stands beside a road."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from perception_fm.synth.scene import Asset
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.placing.palette import Palette
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
_RAIL_M, _FENCE_M = 8.0, 6.0  # pieces
KERBSIDE_M = 0.55
_ROOTS_M = 0.08  # trunks go into the ground


def along(side: float) -> float:
    """Yaw of what looks at the traffic that comes on its side of the road."""
    return math.pi if side < 0.0 else 0.0


def across(side: float) -> float:
    """Yaw of what looks at the road."""
    return -0.5 * math.pi * side


def place_furniture(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """Signs first, because their places mean something; lamps, bins, rails and fences."""
    if config.furniture == 0.0:
        return
    if config.style == "motorway":
        _rails(site)
    place_signs(site, config, rng)
    _in_steps(site, _LAMP_SPACING_M[config.style] / config.furniture, furniture.lamp_post, across, 0.0, rng)
    if config.style in ("town", "suburb"):
        if config.style == "town" and config.length_m > 80.0:
            station, side = rng.uniform(0.2, 0.9) * config.length_m, rng.choice((-1.0, 1.0))
            beside(site, furniture.bus_stop(rng), station, side, 2.0, across(side))
        for maker, spacing in _STREET_FURNITURE:
            _in_steps(site, spacing / config.furniture, maker, across, 0.5, rng)
    elif config.style == "country":
        _fields(site, config, rng)


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
    if not _is_open(road, station_m):
        return False
    section = road.section
    away = section.half_asphalt_m + (away_m if section.has_kerb else away_m + 1.2)
    height = KERB_HEIGHT_M if section.has_kerb else -0.1
    return site.place(asset, upright(road.line, station_m, side * away, height, yaw_rad))


def _rails(site: Site) -> None:
    """Guard rails on both sides and in the median, not in tunnels."""
    road = site.roadway
    rail = furniture.guard_rail(_RAIL_M)
    outer = road.section.half_asphalt_m + 0.7
    # Faces look at the traffic: those in the median outwards.
    rails = ((-outer, 0.0), (-0.5, math.pi), (0.5, 0.0), (outer, math.pi))
    station = np.arange(road.span_m[0], road.span_m[1] - _RAIL_M, _RAIL_M) + 0.5 * _RAIL_M
    station = [float(at) for at in station if not any(zone.holds(at, 0.5 * _RAIL_M) for zone in road.zones)]
    for lateral, turn in rails:
        poses = [road.line.pose(at, lateral, 0.0, turn) for at in station]
        site.place_row(rail, poses, in_median=abs(lateral) < road.section.half_median_m)


def _fields(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """A line of poles, and fences along the fields."""
    road, side = site.roadway, rng.choice((-1.0, 1.0))
    away = road.section.verge_m + 1.5
    for station in np.arange(road.span_m[0] + rng.uniform(0.0, 30.0), road.span_m[1], 38.0 / config.furniture):
        beside(site, furniture.pole(rng), float(station), side, away, 0.0)
    for _ in range(rng.poisson(1.5 * config.furniture * config.length_m / 100.0)):
        start, side = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0))
        lateral = side * (road.section.half_corridor_m + rng.uniform(0.5, 3.0))
        station = start + _FENCE_M * np.arange(rng.integers(4, 12))
        poses = [road.line.pose(float(at), lateral, road.section.ground_m) for at in station if _is_open(road, at)]
        site.place_row(furniture.fence(_FENCE_M, rng), poses)


def _is_open(road: Roadway, station_m: float) -> bool:
    """Whether a station lies in no zone."""
    return not any(zone.holds(station_m) for zone in road.zones)


def plant(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Trees and bushes: along the kerb in a town, in gardens, in rows and groves in the country."""
    road = site.roadway
    if config.trees == 0.0:
        return
    per_hundred = {"town": 14.0, "suburb": 16.0, "country": 17.0, "motorway": 15.0}[config.style] * config.trees
    count = int(per_hundred * (road.span_m[1] - road.span_m[0]) / 100.0)
    for _ in range(count):
        station, side = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0))
        away, is_kerbside = _distance(road, config.style, rng)
        name = "street_tree" if is_kerbside else "bush" if rng.random() < 0.3 else "tree"
        lateral = side * (road.section.half_asphalt_m + away)
        if not _is_open(road, station):
            continue
        pose = upright(road.line, station, lateral, road.section.ground_m - 0.05, rng.uniform(0.0, 6.28))
        if not is_kerbside:
            pose = site.grounded(pose, _ROOTS_M)
        site.plant(palette.pick(name, rng), pose, 0.3)
    if config.style in ("country", "motorway"):
        _groves(site, config, palette, rng)


def _distance(road: Roadway, style: str, rng: np.random.Generator) -> tuple[float, bool]:
    """How far from the asphalt a tree stands, and whether it lines the street."""
    if style == "town" and rng.random() < 0.8:
        return 0.9, True
    if style == "suburb" and rng.random() < 0.25:
        return road.section.half_paved_m - road.section.half_asphalt_m + 1.0, True
    beyond = road.section.half_paved_m - road.section.half_asphalt_m
    low = {"town": 1.0, "suburb": 2.0, "country": 2.2, "motorway": 4.0}[style]
    return beyond + low + rng.gamma(1.6, 7.0), False


def _groves(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Clumps of trees out in the fields."""
    road = site.roadway
    for _ in range(rng.poisson(1.2 * config.trees * (road.span_m[1] - road.span_m[0]) / 100.0)):
        centre, away = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0)) * rng.uniform(25.0, 80.0)
        for _ in range(rng.integers(4, 10)):
            station, lateral = centre + rng.normal(0.0, 8.0), away + rng.normal(0.0, 6.0)
            pose = site.grounded(upright(road.line, station, lateral, 0.0, rng.uniform(0.0, 6.28)), _ROOTS_M)
            site.plant(palette.pick("tree", rng), pose, 0.3)
