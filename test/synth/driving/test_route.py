"""The driven path: straight roads, circles, wander, bends too tight."""

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.route import drive_path
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.world.road_line import RoadLine

CALM = DriveConfig(wander_m=0.0)


def straight(grade: float = 0.0, length_m: float = 300.0) -> RoadLine:
    count = int(length_m / 0.5) + 1
    return RoadLine.integrated(np.zeros(count), np.full(count, grade), 0.5)


def circle(radius_m: float) -> RoadLine:
    return RoadLine.integrated(np.full(601, 1.0 / radius_m), np.zeros(601), 0.5)


def test_straight_road_is_driven_in_the_lane():
    path = drive_path(straight(), -1.75, CALM, 0, 10.0, 100.0)
    way = path.way_at([10.0, 60.0])
    np.testing.assert_allclose(path.points(way), [[10.0, -1.75, 0.0], [60.0, -1.75, 0.0]], atol=1e-9)
    assert path.curvature(way) == pytest.approx(0.0, abs=1e-9)


def test_way_counts_along_the_slope():
    path = drive_path(straight(grade=0.08), 0.0, CALM, 0, 0.0, 100.0)
    travelled = np.ptp(path.way_at([0.0, 100.0]))
    assert travelled == pytest.approx(100.0 * math.hypot(1.0, 0.08), rel=1e-6)


def test_inner_lane_of_a_circle_has_the_shorter_radius():
    path = drive_path(circle(50.0), 3.0, CALM, 0, 20.0, 100.0)
    # Rounding over 1.2 m draws the circle in by s^2/(2R) = 15 mm.
    assert path.curvature(path.way_at(60.0)) == pytest.approx(1.0 / 47.0, rel=2e-3)
    assert np.ptp(path.way_at([20.0, 100.0])) == pytest.approx(80.0 * 47.0 / 50.0, rel=2e-3)


def test_wander_stays_within_its_amplitude_and_follows_the_seed():
    config = DriveConfig(wander_m=0.3)
    laterals = []
    for seed in (1, 1, 2):
        path = drive_path(straight(), 0.0, config, seed, 0.0, 250.0)
        laterals.append(path.points(path.way_at(np.arange(0.0, 250.0)))[:, 1])
    assert 0.1 < np.abs(laterals[0]).max() <= 0.3
    np.testing.assert_array_equal(laterals[0], laterals[1])
    assert np.abs(laterals[0] - laterals[2]).max() > 0.05


def test_path_beyond_the_centre_of_a_bend_is_refused():
    with pytest.raises(ConfigError, match="too tight"):
        drive_path(circle(8.0), 8.5, CALM, 0, 20.0, 60.0)
