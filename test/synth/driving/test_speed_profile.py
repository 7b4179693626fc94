"""The speed profile: times and ways of the school's formulas, and limits that hold everywhere."""

import dataclasses

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.route import drive_path
from perception_fm.synth.driving.speed_profile import speed_profile
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.world.road_line import RoadLine

CALM = DriveConfig(wander_m=0.0, speed_mps=10.0)


def profile_of(config: DriveConfig, start_m: float, end_m: float, radius_m: float = np.inf):
    road = RoadLine.integrated(np.full(801, 1.0 / radius_m), np.zeros(801), 0.5)
    path = drive_path(road, 0.0, config, 0, start_m - 60.0, end_m + 60.0)
    start, end = path.way_at([start_m, end_m])
    return speed_profile(path, config, start, end), start, end


def test_constant_speed_takes_way_over_speed():
    profile, start, end = profile_of(CALM, 80.0, 180.0)
    assert profile.duration_s == pytest.approx(10.0, abs=1e-6)
    ways = np.interp([0.0, 10.0], profile.time_s, profile.way_m)
    np.testing.assert_allclose(ways, [start, end], atol=1e-6)
    assert profile.time_s[0] <= -3.0
    assert profile.time_s[-1] >= profile.duration_s + 1.0


def test_standstill_to_standstill():
    config = dataclasses.replace(
        CALM, start="standstill", end="standstill", acceleration_mps2=2.0, braking_mps2=4.0, wait_s=1.0
    )
    profile, start, end = profile_of(config, 80.0, 180.0)
    # 5 s up (25 m), 2.5 s down (12.5 m), 62.5 m at 10 m/s; one second of waiting and half the easing on both sides.
    assert profile.duration_s == pytest.approx(5.0 + 6.25 + 2.5 + 2.0 + 0.3, abs=0.02)
    assert profile.speed([0.0, 0.9, profile.duration_s - 0.9]) == pytest.approx(0.0, abs=1e-9)
    assert profile.speed_mps.max() == pytest.approx(10.0)
    assert np.interp([0.0, profile.duration_s], profile.time_s, profile.way_m) == pytest.approx([start, end], abs=5e-3)
    assert profile.acceleration_mps2.max() == pytest.approx(2.0, rel=1e-2)
    assert profile.acceleration_mps2.min() == pytest.approx(-4.0, rel=1e-2)


def test_bend_is_driven_no_faster_than_the_tyres_allow():
    profile, _, _ = profile_of(dataclasses.replace(CALM, lateral_mps2=2.0), 80.0, 180.0, radius_m=25.0)
    middle = profile.speed(0.5 * profile.duration_s)
    assert middle == pytest.approx(np.sqrt(2.0 * 25.0), rel=2e-3)


def test_speed_is_the_rate_of_the_way():
    profile, _, _ = profile_of(dataclasses.replace(CALM, end="standstill"), 80.0, 180.0)
    rate = np.gradient(profile.way_m, profile.time_s)
    np.testing.assert_allclose(rate[1:-1], profile.speed_mps[1:-1], atol=0.02)


def test_longer_recording_than_the_drive_is_refused():
    with pytest.raises(ConfigError, match=r"drive.duration_s: the drive ends after 10\.0 s"):
        profile_of(dataclasses.replace(CALM, duration_s=12.0), 80.0, 180.0)
    profile, _, _ = profile_of(dataclasses.replace(CALM, duration_s=4.0), 80.0, 180.0)
    assert profile.duration_s == 4.0
