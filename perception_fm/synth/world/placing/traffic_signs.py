"""Traffic signs where they have a meaning, their faces to the traffic that they are for, their backs to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M, CrossSection
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.placing.traffic import is_kept_free
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.street import furniture

_LIMITS = {
    "town": ("limit_50", "limit_30"),
    "suburb": ("limit_30", "limit_50"),
    "country": ("limit_100", "limit_70"),
    "motorway": ("limit_120", "limit_100"),
}
_LIMIT_EVERY_M = {"town": 180.0, "suburb": 160.0, "country": 260.0, "motorway": 320.0}
_PARKING_EVERY_M = {"town": 70.0, "suburb": 150.0}
_WARNED_M = 45.0  # from a warning to what it warns of; 150 m in open country, which few roads here are long enough for
_SHARP_M = 160.0  # bends of a smaller radius are announced
_MARKED_M = 110.0  # those of a smaller one carry curve markers
_MARKER_EVERY_M = 12.0
_FROM_KERB_M, _FROM_ASPHALT_M = 0.55, 1.75
_GIVE_M = (0.0, 2.5, -2.5, 5.0, -5.0, 7.5)  # where else along the road a sign that finds its place taken may stand


def place_signs(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """All signs beside the driven road and at the mouths of its side roads."""
    road = site.roadway
    for direction in (1.0, -1.0):
        _limits(site, config, direction, rng)
        for zebra in road.zebras:
            at = zebra.from_m - 0.4 if direction > 0.0 else zebra.to_m + 0.4
            _beside(site, at, direction, ("crossing",), rng)
            if config.style == "suburb":
                _beside(site, at - direction * _WARNED_M, direction, ("pedestrians",), rng)
        _at_junctions(site, config, direction, rng)
        _at_bends(site, config, direction, rng)
        if config.style in _PARKING_EVERY_M:
            face = "parking" if config.parked > 0.0 else "no_parking"
            for station in _spread(road, _PARKING_EVERY_M[config.style] / config.furniture, rng):
                if not is_kept_free(road, station):
                    _beside(site, station, direction, (face,), rng)
    for junction in road.junctions:
        if junction.zone.kind == "junction":
            face = "stop" if rng.random() < 0.3 else "give_way"
            for arm in junction.arms:
                _at_side(site, _Side(arm.line, arm.section, -1.0), 0.9, (face,), rng)


@dataclass(frozen=True)
class _Side:
    """The side of a road on which those who drive in a `direction` have their signs."""

    line: RoadLine
    section: CrossSection
    direction: float


def _limits(site: Site, config: WorldConfig, direction: float, rng: np.random.Generator) -> None:
    road, (usual, lower) = site.roadway, _LIMITS[config.style]
    face = lower if 0.0 < config.curve_radius_m < _SHARP_M or rng.random() < 0.25 else usual
    start = 12.0 + rng.uniform(0.0, 20.0)
    spacing = _LIMIT_EVERY_M[config.style] / config.furniture
    for way in np.arange(start, config.length_m, spacing):
        _beside(site, float(way if direction > 0.0 else road.line.length_m - way), direction, (face,), rng)


def _at_junctions(site: Site, config: WorldConfig, direction: float, rng: np.random.Generator) -> None:
    """The right of way before junctions, and where the side road leads to."""
    for zone in site.roadway.zones:
        if zone.kind == "tunnel":
            continue
        before = zone.from_m if direction > 0.0 else zone.to_m
        if zone.kind == "turn":
            if direction > 0.0:
                _beside(site, before - 1.0, direction, ("stop" if rng.random() < 0.5 else "give_way",), rng)
            continue
        if config.style == "town":
            _beside(site, before - 9.0 * direction, direction, ("priority",), rng)
        else:
            _beside(site, before - _WARNED_M * direction, direction, ("side_roads",), rng)
        if config.style != "town" or rng.random() < 0.4:
            _beside(site, before - 14.0 * direction, direction, ("direction",), rng)


def _at_bends(site: Site, config: WorldConfig, direction: float, rng: np.random.Generator) -> None:
    """A warning before each sharp bend, in the country also markers on its outside."""
    if config.style not in ("suburb", "country") or config.curve_radius_m == 0.0:
        return
    line = site.roadway.line
    for from_m, to_m, bend in _bends(line):
        side = 1.0 if bend * direction > 0.0 else -1.0  # to the left of who comes
        name = "left" if side > 0.0 else "right"
        before = from_m if direction > 0.0 else to_m
        _beside(site, before - direction * _WARNED_M, direction, (f"bend_{name}",), rng)
        if config.style == "country" and abs(bend) > 1.0 / _MARKED_M:
            outside = -math.copysign(1.0, bend)
            for station in np.arange(from_m, to_m, _MARKER_EVERY_M):
                _at_side(site, _Side(line, site.roadway.section, direction), station, (f"curve_{name}",), rng, outside)


def _bends(line: RoadLine) -> list[tuple[float, float, float]]:
    """Stretches of one sharp bend, from station to station, with their strongest curvature, positive to the left."""
    curvature = np.gradient(line.heading_rad, line.station_m)
    sharp = np.where(np.abs(curvature) > 1.0 / _SHARP_M, np.sign(curvature), 0.0)
    edges = np.flatnonzero(np.diff(sharp)) + 1
    found = []
    for piece in np.split(np.arange(len(sharp)), edges):
        if sharp[piece[0]] != 0.0 and len(piece) > 1:
            strongest = float(curvature[piece][np.abs(curvature[piece]).argmax()])
            found.append((float(line.station_m[piece[0]]), float(line.station_m[piece[-1]]), strongest))
    return found


def _spread(road: Roadway, spacing_m: float, rng: np.random.Generator) -> list[float]:
    """Stations some way apart."""
    at, found = float(rng.uniform(0.3, 1.0)) * spacing_m, []
    while at < road.line.length_m:
        found.append(at)
        at += spacing_m * float(rng.uniform(0.7, 1.4))
    return found


def _beside(site: Site, station_m: float, direction: float, faces: tuple[str, ...], rng: np.random.Generator) -> None:
    """To the right of who drives in a direction along the driven road, not in a junction or a tunnel."""
    road = site.roadway
    side = _Side(road.line, road.section, direction)
    if 0.0 <= station_m <= road.span_m[1] and not any(zone.holds(station_m) for zone in road.zones):
        _at_side(site, side, station_m, faces, rng)


def _at_side(
    site: Site,
    side: _Side,
    station_m: float,
    faces: tuple[str, ...],
    rng: np.random.Generator,
    hand: float | None = None,
) -> None:
    """Puts signs up beside a road, a little farther along it where the place is taken; `hand` +1 on the road's left."""
    asset = furniture.sign(faces, rng)
    section, hand = side.section, -side.direction if hand is None else hand
    lateral = hand * (section.half_asphalt_m + (_FROM_KERB_M if section.has_kerb else _FROM_ASPHALT_M))
    if "direction" in faces:
        lateral += hand * 0.6
    height = KERB_HEIGHT_M if section.has_kerb else -0.1
    turned = math.pi if side.direction > 0.0 else 0.0
    for give in _GIVE_M:
        pose = upright(side.line, station_m - side.direction * give, lateral, height, turned)
        if site.place(asset, pose):
            return
