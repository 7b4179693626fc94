"""Planes of climbing roads: through their hinge, no steeper than roads are, bent no sooner than a car can follow."""

import math

import numpy as np
import pytest
from motion_scene import HALF_WIDTH_M, HEIGHT_M

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.drivable_grade import grades, is_drivable
from perception_fm.motion.path_boxes import box_geometry

MOUNTING = base_from_camera(HEIGHT_M, 0.03)
ROAD = plane_from_mounting(MOUNTING)
FORWARD = MOUNTING.rotation[0]
PATH = PredictedPath(float(FORWARD[0] / FORWARD[2]), 0.0, HALF_WIDTH_M)
SAG_M = 144.0  # at 12 m/s


def upright(distance_m: float) -> np.ndarray:
    return box_geometry(distance_m, PATH, ROAD, 0.0, 2.5, 1.9).upright


def height_of(m: np.ndarray, ahead_m: float) -> float:
    """Height over the road, metres, of a plane m at a distance along the path: m . X = 1 there."""
    on_road = MOUNTING.inverse().apply(np.array([[ahead_m, 0.0, 0.0]]))[0]
    up = MOUNTING.rotation[2]  # the base's z axis in optical axes
    return float((1.0 - m @ on_road) / (m @ up))


def test_every_grade_rises_from_a_hinge_between_car_and_box():
    for m in grades(ROAD, upright(60.0), 60.0, SAG_M):
        near, far = height_of(m, 40.0), height_of(m, 60.0)
        grade = (far - near) / 20.0
        hinge_m = 60.0 - far / grade
        assert abs(grade) < 0.151
        assert 0.0 < hinge_m <= 60.0 - 0.5 * abs(grade) * SAG_M + 0.1
        assert height_of(m, hinge_m) == pytest.approx(0.0, abs=1e-6)


def test_the_planes_reach_the_steepest_road():
    steepest = max((height_of(m, 60.0) - height_of(m, 50.0)) / 10.0 for m in grades(ROAD, upright(60.0), 60.0, SAG_M))
    assert steepest == pytest.approx(0.15, abs=0.002)  # the optical axis is 0.03 rad off the road: 1 - cos is 0.0005


@pytest.mark.parametrize(
    ("grade", "hinge_m", "expected"),
    [
        (0.08, 40.0, True),  # a bend of 144 m takes 5.8 m to either side of the hinge
        (0.08, 58.0, False),  # bent within 4 m: no car drives up there at 12 m/s
        (0.3, 20.0, False),  # steeper than roads are
        (-0.03, 20.0, True),  # falling
    ],
)
def test_what_is_drivable(grade, hinge_m, expected):
    apparent_m = HEIGHT_M + grade * hinge_m
    m = (1.0 - grade * hinge_m / apparent_m) * ROAD.m + grade * hinge_m / apparent_m * upright(hinge_m)
    assert height_of(m, hinge_m + 10.0) == pytest.approx(10.0 * grade, rel=0.02)
    assert is_drivable(m, ROAD, 60.0, SAG_M) is expected


def test_a_wall_is_not_drivable_and_the_road_is():
    assert not is_drivable(upright(30.0), ROAD, 30.0, SAG_M)
    assert is_drivable(ROAD.m, ROAD, 30.0, SAG_M)


def test_nothing_bends_that_fast_near_the_car_at_high_speed():
    sag_m = 40.0**2
    assert all(abs(height_of(m, 10.0)) < 0.5 for m in grades(ROAD, upright(10.0), 10.0, sag_m))
    assert math.isclose(len(grades(ROAD, upright(10.0), 10.0, sag_m)), 0.0)
