"""Bridges, gantries, billboards and traffic lights: what has its place before anything else."""

from __future__ import annotations

import itertools

import numpy as np

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Part
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.placing.occupancy import CLEAR
from perception_fm.synth.world.placing.roadside import KERBSIDE_M, along, beside
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.shapes import mirrored_y
from perception_fm.synth.world.street import furniture
from perception_fm.synth.world.street.bridges import ABUTMENT_M, APPROACH_M

_BRIDGE_WIDTH_M = (6.0, 10.0)
_BANK_M = 5.0  # the embankment's foot reaches this far beyond the bridge's width
_POST_M = 0.9  # foot of a gantry's post
_LIT_SHARE = 0.7  # of the junctions in a town


def place_landmarks(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """All of them. Raises `ConfigError` where one stands in a clearing, or a billboard finds no place."""
    road = site.roadway
    span = 2.0 * road.section.half_paved_m + 2.0
    for at in config.bridges:
        width = rng.uniform(*_BRIDGE_WIDTH_M)
        pose = upright(road.line, at, 0.0, 0.0)
        _check_feet(site, "bridges", at, pose, span, (0.5 * width + _BANK_M, ABUTMENT_M + APPROACH_M))
        site.reserve(furniture.bridge(span, width, rng), pose)
    for at in config.gantries:
        pose = upright(road.line, at, 0.0, 0.0)
        _check_feet(site, "gantries", at, pose, span - _POST_M, (0.5 * _POST_M, _POST_M))
        site.add(furniture.gantry(span, rng), pose)
    for at in config.billboards:
        _billboard(site, at, rng)
    if config.style == "town" and config.furniture > 0.0:
        _traffic_lights(site, rng)


def _check_feet(
    site: Site, key: str, station_m: float, pose: RigidTransform, span_m: float, foot_m: tuple[float, float]
) -> None:
    """Raises `ConfigError` if a foot on either side of a span, half as long as `foot_m[0]` and `foot_m[1]` wide, stands
    in a clearing.
    """
    half, reach = foot_m
    for side in (-1.0, 1.0):
        inner, outer = side * 0.5 * span_m, side * (0.5 * span_m + reach)
        foot = pose.apply(np.array([(x, y, 0.0) for x, y in _corners(half, inner, outer)]))[:, :2]
        if not site.occupancy.is_free(foot, CLEAR):
            raise ConfigError(
                f"world.{key}: what carries the one at {station_m:g} m stands where walls or actors need the ground; "
                "move it along the road"
            )


def _corners(half_x: float, from_y: float, to_y: float) -> list[tuple[float, float]]:
    return [(-half_x, from_y), (half_x, from_y), (half_x, to_y), (-half_x, to_y)]


def _billboard(site: Site, station_m: float, rng: np.random.Generator) -> None:
    """On the first free place beside the road, turned towards who comes."""
    asset, first, section = furniture.billboard(rng), rng.choice((-1.0, 1.0)), site.roadway.section
    turn = rng.uniform(0.1, 0.5)
    for shift, away, side in itertools.product((0.0, 6.0, -6.0, 12.0), np.arange(2.5, 20.0, 1.5), (first, -first)):
        lateral = side * (section.half_paved_m + away)
        pose = upright(site.roadway.line, station_m + shift, lateral, section.ground_m, np.pi + side * turn)
        if site.place(asset, pose):
            return
    raise ConfigError(
        f"world.billboards: there is no room for the one at {station_m:g} m on either side of the road, up to 20 m "
        "from it and 12 m along it; move it along the road"
    )


def _traffic_lights(site: Site, rng: np.random.Generator) -> None:
    for zone in site.roadway.zones:
        if zone.kind == "junction" and rng.random() < _LIT_SHARE:
            for station, side in ((zone.from_m - 0.8, -1.0), (zone.to_m + 0.8, 1.0)):
                # Its arm reaches over the lanes that it serves, to its right.
                light = tuple(Part(part.kind, mirrored_y(part.mesh)) for part in furniture.traffic_light(rng))
                beside(site, light, station, side, KERBSIDE_M, along(side))
