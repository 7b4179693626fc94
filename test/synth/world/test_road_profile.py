"""Curves, hills and the stretches that stay straight and level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import cross_section
from perception_fm.synth.world.ground.profile import CALM_START_M, build_profile
from perception_fm.synth.world.ground.zones import turn_radius_m, zones

SEEDS = range(6)


def curvature_per_m(line) -> np.ndarray:
    return np.diff(line.heading_rad) / np.diff(line.station_m)


@pytest.mark.parametrize("seed", SEEDS)
def test_tightest_curve_has_the_wanted_radius(seed: int) -> None:
    line = build_profile(WorldConfig(length_m=600.0, curve_radius_m=80.0), seed)
    assert np.abs(curvature_per_m(line)).max() == pytest.approx(1.0 / 80.0, rel=1e-6)
    assert np.abs(line.heading_rad).max() < math.pi / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_steepest_slope_is_reached_and_not_exceeded(seed: int) -> None:
    line = build_profile(WorldConfig(length_m=600.0, grade=0.08), seed)
    assert np.abs(line.grade).max() == pytest.approx(0.08, abs=0.002)  # samples beside the knot are a little flatter
    assert np.abs(line.grade).max() <= 0.08


@pytest.mark.parametrize("seed", SEEDS)
def test_the_start_is_straight_and_level(seed: int) -> None:
    line = build_profile(WorldConfig(curve_radius_m=60.0, grade=0.08), seed)
    is_start = line.station_m <= CALM_START_M
    assert np.abs(line.z_m[is_start]).max() == 0.0
    assert np.abs(line.y_m[is_start]).max() == 0.0


@pytest.mark.parametrize(("turn", "sign"), [("left", 1.0), ("right", -1.0)])
@pytest.mark.parametrize("turn_at_m", [60.0, 70.3])
def test_the_turn_is_a_quarter_circle(turn: str, sign: float, turn_at_m: float) -> None:
    config = WorldConfig(turn=turn, turn_at_m=turn_at_m)
    line, radius = build_profile(config, 0), turn_radius_m(config)
    assert radius == pytest.approx(9.0, abs=0.5)
    assert line.heading_rad[-1] == pytest.approx(sign * math.pi / 2, abs=1e-9)
    # The chord of a quarter circle, to a fraction of the 0.5 m between samples.
    chord = line.points(turn_at_m + math.pi / 2 * radius)[:2] - line.points(turn_at_m)[:2]
    assert chord == pytest.approx([radius, sign * radius], abs=0.05)


def test_zones_are_straight_and_level() -> None:
    config = WorldConfig(length_m=500.0, curve_radius_m=90.0, grade=0.06, junctions=(60.0,), tunnels=(200.0,))
    line = build_profile(config, 4)
    for zone in zones(config):
        within = (line.station_m > zone.from_m) & (line.station_m < zone.to_m)
        assert np.ptp(line.heading_rad[within]) == 0.0
        assert np.ptp(line.z_m[within]) == 0.0
    assert np.ptp(line.heading_rad) > 0.1


def test_same_seed_same_road() -> None:
    config = WorldConfig(curve_radius_m=80.0, grade=0.05)
    assert np.array_equal(build_profile(config, 7).x_m, build_profile(config, 7).x_m)
    assert not np.array_equal(build_profile(config, 7).y_m, build_profile(config, 8).y_m)


def test_a_curve_tighter_than_the_road_is_wide_is_refused() -> None:
    with pytest.raises(ConfigError, match="curve_radius_m"):
        build_profile(WorldConfig(curve_radius_m=10.0), 0)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (WorldConfig(junctions=(60.0, 70.0)), "overlap"),
        (WorldConfig(tunnels=(200.0,)), "leaves the road"),
        (WorldConfig(turn="left", turn_at_m=236.0), "leaves the road"),
        (WorldConfig(style="motorway", junctions=(60.0,)), "junctions"),
        (WorldConfig(style="motorway", turn="left"), "turn"),
        (WorldConfig(tunnels=(60.0,), bridges=(80.0,)), "bridges"),
        (WorldConfig(gantries=(400.0,)), "gantries"),
    ],
)
def test_impossible_zones_are_refused(config: WorldConfig, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        zones(config)


def test_lanes_lie_side_by_side_with_right_hand_traffic() -> None:
    lanes = cross_section(WorldConfig(lanes=2, lane_width_m=3.0)).lane_list()
    assert [lane.offset_m for lane in lanes] == [-1.5, -4.5, 1.5, 4.5]
    assert [lane.direction for lane in lanes] == [1, 1, -1, -1]
