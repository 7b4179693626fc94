"""The bare road world: road, junctions, tunnels and land, before anything stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Enclosure, Material, Part
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import CrossSection, cross_section
from perception_fm.synth.world.ground.ground_materials import ROAD_PAINT, SIDE_ASPHALT, WATER
from perception_fm.synth.world.ground.junctions import ARM_LENGTH_M, Arm, Junction, build_junction
from perception_fm.synth.world.ground.markings import Figure, Zebra, arm_markings, road_markings, without, zebras
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.ground.profile import build_profile
from perception_fm.synth.world.ground.ribbon import Carriageway, tessellation
from perception_fm.synth.world.ground.road_surface import carriageways, corridor, road_parts
from perception_fm.synth.world.ground.stains import puddles, stains
from perception_fm.synth.world.ground.terrain import Land, build_terrain
from perception_fm.synth.world.ground.tunnel import Tunnel, build_tunnel
from perception_fm.synth.world.ground.zones import Zone, zones
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

BEFORE_M, BEYOND_M = 30.0, 170.0  # the world reaches this far past the road's ends
_LAP_M = 0.02


@dataclass(frozen=True, eq=False)
class Roadway:
    """`parts` and `decals` in the world; `open_m` the stretches of the road between junctions and their like."""

    line: RoadLine
    section: CrossSection
    zones: tuple[Zone, ...]
    zebras: tuple[Zebra, ...]
    junctions: tuple[Junction, ...]
    tunnels: tuple[Tunnel, ...]
    open_m: tuple[tuple[float, float], ...]
    span_m: tuple[float, float]
    asphalt: Area
    land: Land
    parts: tuple[Part, ...]
    decals: tuple[Part, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All side roads."""
        return tuple(arm for junction in self.junctions for arm in junction.arms)

    def is_plain(self, station_m: float) -> bool:
        """Whether a station lies in no junction and no tunnel."""
        return not any(zone.holds(station_m) for zone in self.zones)

    @property
    def enclosures(self) -> tuple[Enclosure, ...]:
        """Of the tunnels."""
        return tuple(tunnel.enclosure for tunnel in self.tunnels)


def build_roadway(config: WorldConfig, seed: int) -> Roadway:
    """Everything on the ground. Raises `ConfigError` for a road that cannot be."""
    line, section, level = build_profile(config, seed), cross_section(config), zones(config)
    rng = np.random.default_rng((seed, 2))
    span = (-BEFORE_M, config.length_m + BEYOND_M)
    plain = without(span, [(zone.from_m, zone.to_m) for zone in level if zone.kind != "tunnel"])
    breaks = [at for piece in plain for at in piece]
    station = tessellation(line, *span, breaks)
    pieces = [_lapped(station[(station >= low - 1e-9) & (station <= high + 1e-9)]) for low, high in plain]
    junctions = tuple(build_junction(config, zone, line, rng) for zone in level if zone.kind != "tunnel")
    tunnels = tuple(build_tunnel(zone, line, section) for zone in level if zone.kind == "tunnel")
    parts = road_parts(line, section, pieces, config.style, rng)
    areas = [corridor(line, section.half_corridor_m, piece) for piece in pieces]
    asphalt = [corridor(line, section.half_asphalt_m, piece) for piece in pieces]
    crossed = zebras(config, level, rng)
    decals = _decals(config, section, carriageways(line, section, station), level, crossed, plain, rng)
    for junction in junctions:
        parts += junction.parts
        areas.append(junction.corridor)
        asphalt.append(junction.asphalt)
        for arm in junction.arms:
            at = _lapped(tessellation(arm.line, 0.0, ARM_LENGTH_M))
            parts += road_parts(arm.line, arm.section, [at], config.style, rng, SIDE_ASPHALT)
            decals += _draped(
                carriageways(arm.line, arm.section, at), "marking", arm_markings(arm.section, ARM_LENGTH_M), ROAD_PAINT
            )
            areas.append(corridor(arm.line, arm.section.half_corridor_m, at))
            asphalt.append(corridor(arm.line, arm.section.half_asphalt_m, at))
    for tunnel in tunnels:
        parts += tunnel.parts
    lines = [prolonged(line), *(arm.line for junction in junctions for arm in junction.arms)]
    # Neighbours meet to rounding only: filleting closes the slits between them.
    land = build_terrain(Area.joined(areas).filleted(0.05), lines, section.ground_m, config.style, rng)
    parts += land.parts
    return Roadway(
        line,
        section,
        level,
        crossed,
        junctions,
        tunnels,
        tuple(plain),
        span,
        Area.joined(asphalt).filleted(0.05),
        land,
        tuple(parts),
        tuple(decals),
    )


def _lapped(station_m: FloatArray) -> FloatArray:
    """Stations of a stretch that reaches a little into its neighbours, so that no light shows between them."""
    lapped = station_m.copy()
    lapped[0], lapped[-1] = station_m[0] - _LAP_M, station_m[-1] + _LAP_M
    return lapped


def prolonged(line: RoadLine) -> RoadLine:
    """Samples of the road with its straight prolongations; for `nearest` only, its stations begin below 0."""
    step = line.station_m[1] - line.station_m[0]
    before = -np.arange(step, BEFORE_M + step, step)[::-1]
    beyond = line.length_m + np.arange(step, BEYOND_M + step, step)
    x, y, z = line.points(np.concatenate([before, line.station_m, beyond])).T
    ends = ((len(before), len(beyond)), "edge")
    return RoadLine(
        np.concatenate([before, line.station_m, beyond]),
        x,
        y,
        z,
        np.pad(line.heading_rad, *ends),
        np.pad(line.grade, *ends),
    )


def _decals(
    config: WorldConfig,
    section: CrossSection,
    facets: tuple[Carriageway, ...],
    level: tuple[Zone, ...],
    crossed: tuple[Zebra, ...],
    plain: list[tuple[float, float]],
    rng: np.random.Generator,
) -> list[Part]:
    """Stains below, then markings, then water."""
    span = (plain[0][0], plain[-1][1])
    decals: list[Part] = []
    for material, figures in stains(section, span, config.style, rng).items():
        decals += _draped(facets, "stain", [figure for figure in figures if _is_within(figure, plain)], material)
    decals += _draped(facets, "marking", road_markings(config, section, level, crossed, span, rng), ROAD_PAINT)
    pools = [figure for figure in puddles(section, span, config.puddles, rng) if _is_within(figure, plain)]
    return decals + _draped(facets, "puddle", pools, WATER)


def _is_within(figure: Figure, plain: Sequence[tuple[float, float]]) -> bool:
    """Whether a figure lies on one plain stretch."""
    low, high = figure[:, 0].min(), figure[:, 0].max()
    return any(start <= low and high <= end for start, end in plain)


def _draped(facets: Sequence[Carriageway], kind: str, figures: list[Figure], material: Material) -> list[Part]:
    meshes = [carriageway.draped(figures, material) for carriageway in facets]
    return [Part(kind, mesh) for mesh in meshes if mesh is not None]
