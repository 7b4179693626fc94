"""The nearest surface among points before a level camera 1.4 m above the road, path straight ahead, 1.9 m wide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.config import SweepConfig
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.fakewall.range_surface import RangeReading, nearest_surface
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import ROWS

MOUNTING = base_from_camera(1.4, 0.0, forward_m=1.0)
ROAD = plane_from_mounting(MOUNTING)
PATH = PredictedPath(0.0, 0.0, 0.95)


def wall(x_m: float, low_m: float = 0.0, high_m: float = 4.0, left_m: float = 3.0, right_m: float = -3.0) -> np.ndarray:
    """Points (N, 3) of an upright face, base frame, 0.25 m apart."""
    y, z = np.mgrid[right_m : left_m + 1e-9 : 0.25, low_m : high_m + 1e-9 : 0.25]
    return np.column_stack([np.full(y.size, x_m), y.ravel(), z.ravel()])


def nearest(points: np.ndarray, sigma_m: float = 0.02, spread_m: float | None = None) -> RangeReading | None:
    return nearest_surface(RangeScan(points, sigma_m, spread_m), PATH, ROAD, MOUNTING, SweepConfig())


def test_a_wall_is_as_far_from_the_camera_as_it_stands():
    reading = nearest(wall(21.0))
    assert reading.distance_m == pytest.approx(20.0)
    assert reading.sigma_m == pytest.approx(0.02)
    assert reading.top_m == pytest.approx(2.5)  # what is higher is driven under
    assert reading.aside_m == pytest.approx((-0.75, 0.75))


def test_blocks_are_those_that_were_met():
    blocks = nearest(wall(3.0)).blocks
    assert blocks.shape == (ROWS, COLUMNS)
    assert blocks[:-1].all()  # the lowest is as high as what matters at least
    only_left = nearest(wall(3.0, right_m=0.25)).blocks  # base y is to the left
    assert only_left[:, :2].any()
    assert not only_left[:, 2:].any()
    one_beam = nearest(wall(3.0, 1.2, 1.2)).blocks
    assert one_beam[2].all()
    assert one_beam.sum() == COLUMNS


@pytest.mark.parametrize(
    "points",
    [
        wall(21.0, right_m=1.2),  # beside the path
        wall(21.0, 2.75, 4.0),  # a gantry
        wall(21.0, 0.0, 0.25),  # lower than what matters
        wall(0.5),  # behind the camera
        np.empty((0, 3)),
    ],
)
def test_what_is_not_in_the_path_is_no_surface(points):
    assert nearest(points) is None


def test_a_level_beam_far_away_may_have_met_the_road():
    """The mounting's pitch is known to 1.5 degrees: at 40 m a point 0.6 m high may lie on the road."""
    assert nearest(wall(41.0, 0.6, 0.6)) is None
    assert nearest(wall(11.0, 0.6, 0.6)) is not None


def test_one_or_two_drops_of_rain_are_no_surface():
    rain = np.array([[6.0, 0.1, 1.2], [9.0, -0.3, 1.5]])
    assert nearest(rain) is None
    assert nearest(np.concatenate([rain, wall(21.0)])).distance_m == pytest.approx(20.0)


def test_the_nearer_of_two_surfaces_counts():
    assert nearest(np.concatenate([wall(31.0), wall(11.0, high_m=1.0)])).distance_m == pytest.approx(10.0)


def test_noise_is_averaged_and_widens_sigma():
    points = wall(21.0)
    points[:, 0] += np.random.default_rng(0).normal(0.0, 0.05, len(points))
    reading = nearest(points)
    assert reading.distance_m == pytest.approx(20.0, abs=0.06)
    assert 0.03 < reading.sigma_m < 0.1


def test_a_bent_path_meets_what_stands_in_its_bend():
    bent = PredictedPath(0.0, 0.02, 0.95)  # 4 m to the left after 20 m
    scan = RangeScan(wall(21.0, left_m=6.0, right_m=2.0), 0.02)
    assert nearest_surface(scan, bent, ROAD, MOUNTING, SweepConfig()).distance_m == pytest.approx(20.0)
    assert nearest_surface(scan, PATH, ROAD, MOUNTING, SweepConfig()) is None


def test_a_cone_within_the_path_counts_and_a_wider_one_says_nothing():
    echo = np.array([[7.0, 0.1, 1.0]])
    reading = nearest(echo, 0.05, spread_m=0.6)
    assert reading.distance_m == pytest.approx(6.0)
    assert reading.sigma_m == pytest.approx(0.05)
    assert reading.blocks.any(axis=0).sum() >= 2
    assert not reading.blocks.all()
    assert nearest(echo, 0.05, spread_m=0.9) is None  # it may be beside the path


def test_a_scan_without_sigma_or_at_absurd_places_is_survived():
    points = np.array([[1e3, 0.0, 1.0], [1e-9, 0.0, 1.0], [-1e3, 1e3, -1e3]])
    assert nearest(points) is None
    assert math.isfinite(nearest(wall(21.0), 0.0).sigma_m)


RAISED = np.array([0.0, 0.0, 1.1])


def ramp(grade_rad: float, begins_m: float, ends_m: float, noise_m: float = 0.0) -> np.ndarray:
    """Points (N, 3) of a road that rises, a row each metre, base frame."""
    x, y = np.mgrid[begins_m : ends_m : 1.0, -2.0:2.01:0.1]
    z = (x - begins_m) * math.tan(grade_rad) + np.random.default_rng(1).normal(0.0, noise_m, x.shape)
    return np.column_stack([x.ravel(), y.ravel(), z.ravel()])


@pytest.mark.parametrize("grade_deg", [4.0, 6.0, 11.0])
@pytest.mark.parametrize("noise_m", [0.0, 0.04])
def test_a_rising_road_is_no_surface(grade_deg, noise_m):
    assert nearest(ramp(math.radians(grade_deg), 6.0, 40.0, noise_m)) is None


def test_what_stands_on_a_rising_road_is_one():
    standing = wall(28.0, 2.0, 2.45)
    reading = nearest(np.concatenate([ramp(math.radians(4.0), 6.0, 40.0, 0.02), standing]))
    assert reading.distance_m == pytest.approx(27.0, abs=0.1)


@pytest.mark.parametrize(
    "points",
    [
        np.concatenate([wall(12.0, 0.0, 1.2), ramp(0.0, 12.0, 18.0) + RAISED]),  # flatbed: level, not rising
        ramp(math.radians(40.0), 12.0, 15.0),  # bonnet and windscreen
        np.concatenate([wall(12.0, 0.0, 1.0), ramp(math.radians(8.0), 12.0, 18.0) + RAISED]),  # loading ramp
    ],
)
def test_what_cannot_be_driven_up_is_a_surface(points):
    assert nearest(points).distance_m == pytest.approx(11.0, abs=1.6)
