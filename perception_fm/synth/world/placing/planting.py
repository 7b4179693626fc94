"""Trees and bushes."""

from __future__ import annotations

import numpy as np

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import Site, upright

_ROOTS_M = 0.08  # trunks go into the ground
_BELTS = 0.9  # belts of bushes on 100 m of open road
_BELT_M = (15.0, 50.0)


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
        if not road.is_plain(station):
            continue
        pose = upright(road.line, station, lateral, road.section.ground_m - 0.05, rng.uniform(0.0, 6.28))
        if not is_kerbside:
            pose = site.grounded(pose, _ROOTS_M)
        site.plant(palette.pick(name, rng), pose, 0.3)
    if config.style in ("country", "motorway"):
        _groves(site, config, palette, rng)
        _belts(site, config, palette, rng)


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


def _belts(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Bushes close together along the edge of the verge, here and there a tree among them."""
    road = site.roadway
    for _ in range(rng.poisson(_BELTS * config.trees * (road.span_m[1] - road.span_m[0]) / 100.0)):
        start, side = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0))
        away = road.section.half_corridor_m + rng.uniform(0.5, 5.0)
        station, end = start, start + rng.uniform(*_BELT_M)
        while station < end:
            if road.is_plain(station):
                lateral = side * (away + rng.normal(0.0, 0.4))
                pose = site.grounded(upright(road.line, station, lateral, 0.0, rng.uniform(0.0, 6.28)), _ROOTS_M)
                site.plant(palette.pick("tree" if rng.random() < 0.08 else "bush", rng), pose)
            station += rng.uniform(1.4, 3.2)
