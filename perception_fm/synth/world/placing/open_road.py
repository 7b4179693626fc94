"""Beside roads outside of towns: rails, delineators, noise barriers, poles with their wires, fences."""

from __future__ import annotations

import itertools
import math

import numpy as np

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Asset, Part
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.placing.site import Site, upright
from perception_fm.synth.world.street import furniture
from perception_fm.synth.world.street.open_road import WIRE_SPREAD_M, delineator, noise_barrier, wires

_RAIL_M, _FENCE_M, _BARRIER_M = 8.0, 6.0, 8.0  # pieces
_DELINEATORS_M, _DELINEATORS_IN_BENDS_M = 50.0, 25.0  # RPS and HLB: 50 m, less in bends
_TIGHT_M = 300.0  # radius from which on a bend has more of them
_FROM_ASPHALT_M = {"country": 0.5, "motorway": 1.3}  # behind the rail of a motorway
_BARRIERS = 0.35  # noise barriers on 100 m
_BARRIER_AWAY_M, _BARRIER_FOOT_M = 3.0, -0.35
_POLE_SPACING_M = 38.0
_LONGEST_WIRE_M = 60.0


def line_open_road(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """All that lines a country road or a motorway but signs."""
    if config.style == "motorway":
        _rails(site)
        _noise_barriers(site, config, rng)
    else:
        _power_line(site, config, rng)
        _fences(site, config, rng)
    _delineators(site, config)


def _delineators(site: Site, config: WorldConfig) -> None:
    road, asset = site.roadway, delineator()
    has_bends = 0.0 < config.curve_radius_m < _TIGHT_M
    away = road.section.half_asphalt_m + _FROM_ASPHALT_M[config.style]
    for station in np.arange(*road.span_m, _DELINEATORS_IN_BENDS_M if has_bends else _DELINEATORS_M):
        for side in (-1.0, 1.0):
            if road.is_plain(float(station)):
                site.place(asset, upright(road.line, float(station), side * away, -0.05))


def _noise_barriers(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    road = site.roadway
    for _ in range(rng.poisson(_BARRIERS * config.furniture * (road.span_m[1] - road.span_m[0]) / 100.0)):
        start, side = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0))
        asset = noise_barrier(_BARRIER_M, float(rng.uniform(2.5, 4.0)), int(rng.integers(4)))
        lateral = side * (road.section.half_asphalt_m + _BARRIER_AWAY_M)
        station = start + _BARRIER_M * np.arange(rng.integers(6, 18))
        site.place_row(asset, [road.line.pose(float(at), lateral, _BARRIER_FOOT_M) for at in station])


def _power_line(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """Poles of one kind along one side, and wires between those that found a place."""
    road, side = site.roadway, rng.choice((-1.0, 1.0))
    asset = furniture.pole(rng)
    lateral = side * (road.section.half_corridor_m + 2.7)
    poses = []
    for station in np.arange(
        road.span_m[0] + rng.uniform(0.0, 30.0), road.span_m[1], _POLE_SPACING_M / config.furniture
    ):
        pose = site.grounded(upright(road.line, float(station), lateral, 0.0))
        if road.is_plain(float(station)) and site.place(asset, pose):
            poses.append(pose)
    for one, other in itertools.pairwise(poses):
        if np.linalg.norm(other.translation_m - one.translation_m) < _LONGEST_WIRE_M:
            strung = wires(_insulators(asset, one), _insulators(asset, other))
            site.add((Part("pole", strung),), RigidTransform.identity())


def _insulators(asset: Asset, pose: RigidTransform) -> list[np.ndarray]:
    """Where wires hang on a pole: on its arm, or on its top when it has none."""
    points = np.concatenate([part.mesh.positions_m for part in asset])
    top, has_arm = float(points[:, 2].max()), float(np.ptp(points[:, 1])) > 1.0
    if not has_arm:
        return [pose.apply(np.array([0.0, 0.0, top]))]
    return [pose.apply(np.array([0.1, y, top - 0.28 if y else top])) for y in WIRE_SPREAD_M]


def _rails(site: Site) -> None:
    """Guard rails on both sides and in the median, not in tunnels."""
    road = site.roadway
    rail = furniture.guard_rail(_RAIL_M)
    outer = road.section.half_asphalt_m + 0.7
    # Faces look at the traffic: those in the median outwards.
    rails = ((-outer, 0.0), (-0.5, math.pi), (0.5, 0.0), (outer, math.pi))
    station = np.arange(road.span_m[0], road.span_m[1] - _RAIL_M, _RAIL_M) + 0.5 * _RAIL_M
    plain = [float(at) for at in station if not any(zone.holds(at, 0.5 * _RAIL_M) for zone in road.zones)]
    for lateral, turn in rails:
        poses = [road.line.pose(at, lateral, 0.0, turn) for at in plain]
        site.place_row(rail, poses, in_median=abs(lateral) < road.section.half_median_m)


def _fences(site: Site, config: WorldConfig, rng: np.random.Generator) -> None:
    """Along fields."""
    road = site.roadway
    for _ in range(rng.poisson(1.5 * config.furniture * config.length_m / 100.0)):
        start, side = rng.uniform(*road.span_m), rng.choice((-1.0, 1.0))
        lateral = side * (road.section.half_corridor_m + rng.uniform(0.5, 3.0))
        station = start + _FENCE_M * np.arange(rng.integers(4, 12))
        poses = [road.line.pose(float(at), lateral, road.section.ground_m) for at in station if road.is_plain(at)]
        site.place_row(furniture.fence(_FENCE_M, rng), poses)
