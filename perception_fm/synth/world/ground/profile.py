"""Curves and hills of the road from its settings and the seed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from perception_fm.errors import ConfigError
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import cross_section
from perception_fm.synth.world.ground.zones import Zone, turn_radius_m, zones
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

STEP_M = 0.5
CALM_START_M = 10.0  # straight and level, so that a drive starts with a plain view
CALM_END_M = 5.0  # the road goes on straight past its end
_MOST_HEADING_RAD = 1.1  # the road never turns back on itself
_EASE_M = 14.0  # curvature and grade fade over this length before a zone


def build_profile(config: WorldConfig, seed: int) -> RoadLine:
    """The reference line. Raises `ConfigError` for zones that do not fit or curves too tight for the road's width."""
    section = cross_section(config)
    tightest_m = section.half_corridor_m + 6.0
    if 0.0 < config.curve_radius_m < tightest_m:
        raise ConfigError(
            f"world.curve_radius_m: a road with {section.half_corridor_m:.1f} m on either side curves with at least "
            f"{tightest_m:.1f} m, got {config.curve_radius_m:g}; 0 makes it straight"
        )
    rng = np.random.default_rng((seed, 1))
    level = zones(config)
    count = round(config.length_m / STEP_M)
    station = np.linspace(0.0, config.length_m, count + 1)
    calm = _away_from(station, level, config.length_m)
    curvature = _curves(station, config, rng) * calm + _turn(station, config)
    grade = _hills(station, config, rng) * calm
    return RoadLine.integrated(curvature, grade, config.length_m / count)


def _away_from(station: FloatArray, level: tuple[Zone, ...], length_m: float) -> FloatArray:
    """0 in zones and at both ends, 1 away from them, smooth between."""
    distance = np.minimum(station - CALM_START_M, length_m - CALM_END_M - station)
    for zone in level:
        distance = np.minimum(distance, np.maximum(zone.from_m - station, station - zone.to_m))
    x = np.clip(distance / _EASE_M, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x), dtype=np.float64)


def _curves(station: FloatArray, config: WorldConfig, rng: np.random.Generator) -> FloatArray:
    """Straights, clothoids and arcs by turns; the first arc is the tightest."""
    if config.curve_radius_m == 0.0:
        return np.zeros_like(station)
    at, heading, knots, values = CALM_START_M + rng.uniform(0.0, 12.0), 0.0, [0.0], [0.0]
    radius = config.curve_radius_m
    side = rng.choice((-1.0, 1.0))
    while at < station[-1]:
        ease = float(np.clip(0.4 * radius, 12.0, 60.0))
        arc = float(min(rng.uniform(0.3, 0.9) * radius, rng.uniform(40.0, 120.0)))
        turned = side * (arc + ease) / radius
        if abs(heading + turned) > _MOST_HEADING_RAD:
            side, turned = -side, -turned
        knots += [at, at + ease, at + ease + arc, at + 2.0 * ease + arc]
        values += [0.0, side / radius, side / radius, 0.0]
        heading += turned
        at = knots[-1] + rng.uniform(10.0, 50.0)
        radius = config.curve_radius_m * rng.uniform(1.0, 2.5)
        side = rng.choice((-1.0, 1.0))
    return np.interp(station, knots, values)


def _turn(station: FloatArray, config: WorldConfig) -> FloatArray:
    """A quarter circle. The samples beside its ends carry what makes the sum exactly 90 degrees."""
    if config.turn == "none":
        return np.zeros_like(station)
    radius = turn_radius_m(config)
    end_m = config.turn_at_m + 0.5 * math.pi * radius
    step = station[1] - station[0]
    covered = np.clip((station + 0.5 * step - config.turn_at_m) / step, 0.0, 1.0) - np.clip(
        (station + 0.5 * step - end_m) / step, 0.0, 1.0
    )
    return np.asarray((1.0 if config.turn == "left" else -1.0) * covered / radius, dtype=np.float64)


def _hills(station: FloatArray, config: WorldConfig, rng: np.random.Generator) -> FloatArray:
    """Grade between knots 50 to 90 m apart without overshoot, the steepest somewhere in the middle of the road."""
    knots = [0.0]
    while knots[-1] < station[-1] + 90.0:
        knots.append(knots[-1] + rng.uniform(50.0, 90.0))
    values = rng.uniform(-1.0, 1.0, len(knots))
    steepest = int(np.argmin(np.abs(np.array(knots) - 0.4 * station[-1])))
    values[steepest] = np.sign(values[steepest])
    return np.asarray(config.grade * PchipInterpolator(knots, values)(station), dtype=np.float64)
