"""People who walk along the pavement or wait at crossings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.cross_section import KERB_HEIGHT_M
from perception_fm.synth.world.palette import Palette
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.site import Clearing, Site, upright

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
            # Everybody keeps to a line of their own only roughly: whoever meets steps through, as nobody looks closely.
            lateral = rng.choice((-1.0, 1.0)) * rng.uniform(low, high)
            if _is_barred(lateral, from_m, to_m, site.keep_clear):
                continue
            walk = Walk(
                road.line,
                from_m,
                to_m,
                lateral,
                height,
                rng.uniform(*_SPEED_MPS),
                rng.uniform(0.0, 2.0 * (to_m - from_m)),
            )
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


def _is_barred(lateral_m: float, from_m: float, to_m: float, clearings: tuple[Clearing, ...]) -> bool:
    return any(
        clearing.right_m - _BODY_M < lateral_m < clearing.left_m + _BODY_M
        and clearing.from_m < to_m
        and clearing.to_m > from_m
        for clearing in clearings
    )
