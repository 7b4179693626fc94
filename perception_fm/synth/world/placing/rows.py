"""Buildings along roads: closed rows in a town, houses with gardens in a suburb, farms in the country."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Part
from perception_fm.synth.world.buildings import building as buildings
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import CrossSection
from perception_fm.synth.world.ground.ground_materials import CONCRETE
from perception_fm.synth.world.ground.junctions import Junction
from perception_fm.synth.world.ground.markings import without
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.ground.zones import turn_reach_m
from perception_fm.synth.world.placing.occupancy import ASPHALT, CLEAR, DRIVEN, SOLID, TALL
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.shapes import box
from perception_fm.synth.world.street import furniture, vegetation

_SEEK_M = 1.5  # step along the road after a place was taken
_OVERHANG_M = 1.4  # balconies and awnings in front
_LEVEL_M = 10.0  # up to here the land lies level with the road
_PLINTH_M = 3.0  # foundations reach down a slope
_ARM_SHOWN_M = 70.0
_KINDS = {
    "town": ("town",),
    "suburb": ("suburb",),
    "country": ("suburb", "suburb", "warehouse"),
    "motorway": ("industrial", "warehouse"),
}
_END_SIZE_M = {"town": (21.0, 11.0, 14.0), "suburb": (15.0, 10.0, 8.0), "country": (18.0, 10.0, 7.0)}


@dataclass(frozen=True)
class RowStyle:
    """Ranges of a style's buildings: width along the road, depth, height, gap between them, distance from the
    pavement; `share` of the places that are built on at density 1.
    """

    width_m: tuple[float, float]
    depth_m: tuple[float, float]
    height_m: tuple[float, float]
    gap_m: tuple[float, float]
    setback_m: tuple[float, float]
    share: float


ROWS = {
    "town": RowStyle((9.0, 21.0), (9.0, 13.0), (8.0, 19.0), (0.0, 0.6), (0.1, 0.8), 0.88),
    "suburb": RowStyle((8.0, 13.0), (8.0, 10.0), (5.5, 8.5), (4.0, 9.0), (4.5, 8.0), 0.85),
    "country": RowStyle((10.0, 20.0), (8.0, 12.0), (5.0, 8.0), (20.0, 70.0), (6.0, 40.0), 0.22),
    "motorway": RowStyle((20.0, 45.0), (15.0, 30.0), (7.0, 14.0), (30.0, 120.0), (25.0, 60.0), 0.3),
}


@dataclass(frozen=True)
class Frontage:
    """One side of a road, `side` +1 left or -1 right, between two stations."""

    line: RoadLine
    section: CrossSection
    from_m: float
    to_m: float
    side: float

    def facing(self, station_m: float, away_m: float, height_m: float = 0.0) -> RigidTransform:
        """Pose of something that looks at the road from `away_m` beyond the pavement's outer edge."""
        lateral = self.side * (self.section.half_paved_m + away_m)
        return upright(self.line, station_m, lateral, self.section.ground_m + height_m, -0.5 * math.pi * self.side)


def frontages(site: Site) -> Iterator[Frontage]:
    """All sides of all roads, the driven road's first."""
    road = site.roadway
    for side in (-1.0, 1.0):
        # Opposite to a side road that ends at a junction the row goes on.
        gaps = [
            (junction.zone.from_m, junction.zone.to_m) for junction in road.junctions if _has_arm(road, junction, side)
        ]
        for low, high in without(road.span_m, gaps):
            yield Frontage(road.line, road.section, low, high, side)
    for arm in road.arms:
        for side in (-1.0, 1.0):
            yield Frontage(arm.line, arm.section, 0.0, _ARM_SHOWN_M, side)


def _has_arm(road: Roadway, junction: Junction, side: float) -> bool:
    """Whether something other than the row leads away on a side; always so at a turn."""
    ends = np.array([arm.line.points(5.0) for arm in junction.arms])
    return junction.zone.kind == "turn" or bool((np.sign(road.line.nearest(ends)[1]) == side).any())


def build_rows(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Buildings along all roads, with gardens where the style has them."""
    close_view(site, config, rng)
    if config.buildings == 0.0:
        return
    style = ROWS[config.style]
    share = min(1.0, style.share * config.buildings)
    for frontage in frontages(site):
        station, house_number = frontage.from_m + rng.uniform(0.0, style.gap_m[1]), int(rng.integers(1000))
        while station < frontage.to_m:
            width = rng.uniform(*style.width_m)
            if rng.random() > share:
                station += 0.7 * width
                continue
            setback, depth = rng.uniform(*style.setback_m), rng.uniform(*style.depth_m)
            size = (width, depth, rng.uniform(*style.height_m))
            if _build(site, frontage, station + 0.5 * width, setback, size, config, rng, house_number):
                house_number += 1
                if config.style == "suburb":
                    _garden(site, frontage, station, width, setback, palette, rng)
                station += width + rng.uniform(*style.gap_m)
            else:
                station += _SEEK_M


def close_view(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """A building across the end of the stem of a T-junction, as the other arm's row would have it."""
    for junction in site.roadway.junctions:
        if junction.zone.kind == "turn":
            arm = junction.arms[0]
            # The far side of the T is on the left of an arm that leads right, which is where the road does not turn.
            side = 1.0 if config.turn == "left" else -1.0
            middle_m = -turn_reach_m(config)
            frontage = Frontage(arm.line, arm.section, middle_m, 0.0, side)
            _build(site, frontage, middle_m + rng.uniform(-2.0, 2.0), 0.6, _END_SIZE_M[config.style], config, rng)


def _build(
    site: Site,
    frontage: Frontage,
    station_m: float,
    setback_m: float,
    size_m: tuple[float, float, float],
    config: WorldConfig,
    rng: np.random.Generator,
    house_number: int = 0,
) -> bool:
    """A building on a plinth, if there is room for it."""
    width, depth, height = size_m
    pose = frontage.facing(station_m, setback_m + 0.5 * depth)
    plot, reach = (
        pose.apply(np.array([(x, y, 0.0) for x, y in _corners(depth + 2.0 * over, width + over)]))[:, :2]
        for over in (0.0, _OVERHANG_M)
    )
    if not site.occupancy.is_free(plot, SOLID | ASPHALT | DRIVEN) or not site.occupancy.is_free(reach, CLEAR):
        return False
    site.occupancy.take(plot, SOLID | TALL)
    if setback_m > _LEVEL_M:
        pose = site.grounded(pose, 0.0, (depth, width))
    kinds = _KINDS[config.style]
    site.add(buildings.building(rng, width, depth, height, kinds[rng.integers(len(kinds))], house_number), pose)
    plinth = box((depth - 0.1, width - 0.1, _PLINTH_M), (0.0, 0.0, 0.02 - 0.5 * _PLINTH_M), CONCRETE)
    site.add((Part("building", plinth),), pose)
    return True


def _corners(length_m: float, width_m: float) -> list[tuple[float, float]]:
    x, y = 0.5 * length_m, 0.5 * width_m
    return [(-x, -y), (x, -y), (x, y), (-x, y)]


def _garden(
    site: Site,
    frontage: Frontage,
    station_m: float,
    width_m: float,
    setback_m: float,
    palette: Palette,
    rng: np.random.Generator,
) -> None:
    """Something along the pavement with a gate in it, bushes and a tree behind."""
    border = (furniture.fence, vegetation.hedge, furniture.garden_wall)[rng.integers(3)]
    gate = rng.uniform(0.3, 0.6) * width_m
    for low, high in ((-1.5, gate), (gate + 2.8, width_m + 1.5)):
        length = min(high - low, 14.0)
        if length > 1.0:
            pose = frontage.facing(station_m + 0.5 * (low + high), 0.45)
            along = RigidTransform(Rotation.from_euler("z", 0.5 * math.pi).as_matrix(), np.zeros(3))
            site.place(border(length, rng), pose @ along)
    for _ in range(rng.integers(0, 4)):
        at = station_m + rng.uniform(0.0, width_m)
        site.plant(palette.pick("bush", rng), frontage.facing(at, rng.uniform(1.6, max(setback_m - 1.0, 1.7))), 0.1)
