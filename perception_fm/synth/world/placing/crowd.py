"""People who walk along the pavement or wait at crossings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M
from perception_fm.synth.world.placing.occupancy import CLEAR, SOLID
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.road_line import RoadLine

_PER_HUNDRED_M = {"town": 7.0, "suburb": 2.5, "country": 0.3, "motorway": 0.0}
_SPEED_MPS = (0.9, 1.7)
_SHORTEST_WALK_M = 8.0
_BODY_M = 0.6


@dataclass(frozen=True)
class Walk:
    """To and fro between two stations at a constant speed."""

    line: RoadLine
    from_m: float
    to_m: float
    lateral_m: float
    height_m: float
    speed_mps: float
    lead_m: float

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`."""
        length = self.to_m - self.from_m
        travelled = (self.lead_m + self.speed_mps * time_s) % (2.0 * length)
        is_back = travelled > length
        station = self.from_m + (2.0 * length - travelled if is_back else travelled)
        return upright(self.line, station, self.lateral_m, self.height_m, math.pi if is_back else 0.0)


def people_the_pavements(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Walkers on both sides; some people stand where a zebra crossing begins."""
    road, section = site.roadway, site.roadway.section
    if config.pedestrians == 0.0 or _PER_HUNDRED_M[config.style] == 0.0:
        return
    if section.has_kerb:
        low, high, height = section.half_asphalt_m + 1.5, section.half_paved_m - 0.35, KERB_HEIGHT_M
    else:
        low, high, height = section.half_asphalt_m + 0.6, section.half_asphalt_m + 1.0, -0.05
    for from_m, to_m in _walks(site):
        count = rng.poisson(config.pedestrians * _PER_HUNDRED_M[config.style] * (to_m - from_m) / 100.0)
        for _ in range(count):
            lateral = rng.choice((-1.0, 1.0)) * rng.uniform(low, high)
            start, speed = rng.uniform(from_m, to_m), rng.uniform(*_SPEED_MPS)
            way = _free_way(site, lateral, start, (from_m, to_m))
            if way is not None:
                # Whoever meets steps through the other: nobody is told apart by that from a moving car.
                lead = start - way[0] if rng.random() < 0.5 else 2.0 * way[1] - way[0] - start
                walk = Walk(road.line, *way, lateral, height, speed, lead)
                site.add(palette.pick("pedestrian", rng), walk.pose(0.0), walk)
    for zebra in road.zebras:
        for side in (-1.0, 1.0):
            for _ in range(rng.poisson(0.7 * config.pedestrians)):
                lateral = side * (section.half_asphalt_m + rng.uniform(0.5, 1.1))
                station = rng.uniform(zebra.from_m + 0.4, zebra.to_m - 0.4)
                turn = -0.5 * math.pi * side + rng.normal(0.0, 0.3)
                site.place(
                    palette.pick("pedestrian", rng), upright(road.line, station, lateral, KERB_HEIGHT_M, turn), 0.05
                )


def _walks(site: Site) -> list[tuple[float, float]]:
    """Stretches of pavement without a junction or a tunnel."""
    road = site.roadway
    found = []
    for low, high in road.open_m:
        ends = [low + 1.0, high - 1.0]
        for zone in road.zones:
            if zone.kind == "tunnel" and low < zone.from_m < high:
                ends += [zone.from_m - 1.0, zone.to_m + 1.0]
        ends.sort()
        found += [(a, b) for a, b in zip(ends[::2], ends[1::2]) if b - a > _SHORTEST_WALK_M]
    return found


def _free_way(
    site: Site, lateral_m: float, start_m: float, within_m: tuple[float, float]
) -> tuple[float, float] | None:
    """How far somebody gets to and fro from a station before something stands in the way; None: hardly anywhere."""
    station = np.arange(within_m[0], within_m[1], 0.25)
    sides = lateral_m + np.array([-0.5, 0.5]) * _BODY_M
    points = site.roadway.line.points(station[:, None], sides)[..., :2]
    is_barred = (site.occupancy.at(points.reshape(-1, 2)) & (SOLID | CLEAR) > 0).reshape(points.shape[:2]).any(axis=1)
    barred = np.concatenate([[within_m[0]], station[is_barred], [within_m[1]]])
    first = int(np.searchsorted(barred, start_m)) - 1
    low, high = float(barred[first] + _BODY_M), float(barred[first + 1] - _BODY_M)
    return (low, high) if high - low > _SHORTEST_WALK_M and low <= start_m <= high else None
