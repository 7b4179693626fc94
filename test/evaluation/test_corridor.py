"""What stands in a vehicle's corridor, from pictures of boxes on a plane whose places are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.evaluation.corridor import Swept, driven_way, merged, present_way, scan
from perception_fm.geometry.transform import BASE_FROM_OPTICAL_AXES, RigidTransform
from perception_fm.synth.painted.painted_wall import PaintedWall

EYE_M = 1.4
ROAD, WALL = 0, 3
K = np.array([[200.0, 0.0, 159.5], [0.0, 200.0, 99.5], [0.0, 0.0, 1.0]])
SHAPE = (200, 320)
SWEPT = Swept(width_m=1.9, low_m=0.5, high_m=2.5)


def pose(x_m=0.0, y_m=0.0, heading_rad=0.0):
    turn = np.array(
        [
            [math.cos(heading_rad), -math.sin(heading_rad), 0.0],
            [math.sin(heading_rad), math.cos(heading_rad), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    return RigidTransform(turn @ BASE_FROM_OPTICAL_AXES, np.array([x_m, y_m, EYE_M]))


def street(*boards, grade=0.0):
    """Depth and labels of a road with upright boards (distance, from left, to left, from height, to height), metres.

    The road rises by `grade` from the camera's foot on; boards stand on it.
    """
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    left = -(columns - K[0, 2]) / K[0, 0]
    up = -(rows - K[1, 2]) / K[1, 1]
    with np.errstate(divide="ignore"):
        depth = np.where(grade - up > 1e-6, EYE_M / (grade - up), np.inf)
    label = np.where(np.isfinite(depth), ROAD, 10).astype(np.uint8)
    for distance, right_end, left_end, low, high in boards:
        foot = grade * distance - EYE_M
        inside = (left * distance >= right_end) & (left * distance <= left_end)
        inside &= (up * distance >= foot + low) & (up * distance <= foot + high) & (distance < depth)
        depth[inside], label[inside] = distance, WALL
    return depth.astype(np.float32), label


def stretches(picture, way, margin_m=0.0):
    return scan(*picture, K, pose(), [way])[0].stretches(SWEPT, margin_m)


def straight():
    return present_way(pose(), 0.0, 10.0)


def test_board_across_the_road_is_found_at_its_distance():
    ((start, end),) = stretches(street((30.0, -3.0, 3.0, 0.0, 4.0)), straight())
    assert (start, end) == (pytest.approx(30.0, abs=1e-3), pytest.approx(30.0, abs=1e-3))


def test_empty_road_holds_nothing_level_and_uphill():
    assert stretches(street(), straight()) == ()
    assert stretches(street(grade=0.08), straight()) == ()


@pytest.mark.parametrize(
    ("low_m", "high_m", "is_in_way"), [(0.0, 0.4, False), (0.0, 1.0, True), (2.7, 5.0, False), (2.2, 5.0, True)]
)
def test_only_what_reaches_into_the_swept_height_counts(low_m, high_m, is_in_way):
    assert bool(stretches(street((20.0, -2.0, 2.0, low_m, high_m)), straight())) is is_in_way


def test_height_is_over_the_road_that_climbs():
    def found(low_m, high_m):
        return stretches(street((40.0, -2.0, 2.0, low_m, high_m), grade=0.08), straight())  # 3.2 m higher there

    assert len(found(0.0, 1.0)) == 1
    assert found(0.0, 0.4) == ()
    assert found(2.8, 4.5) == ()


def test_margin_decides_about_what_stands_beside():
    beside = street((20.0, 1.2, 2.5, 0.0, 2.0))
    assert stretches(beside, straight()) == ()
    assert len(stretches(beside, straight(), margin_m=0.5)) == 1


def test_things_behind_one_another_are_two_stretches():
    found = stretches(street((40.0, -3.0, 3.0, 0.0, 6.0), (20.0, -3.0, 0.0, 0.0, 2.0)), straight())
    assert [round(start) for start, _ in found] == [20, 40]


def test_driven_way_leads_round_what_stands_straight_ahead():
    bend = np.linspace(0.0, 1.2, 60)
    positions = np.column_stack([30.0 * np.sin(bend), 30.0 * (1.0 - np.cos(bend)), np.full(60, EYE_M)])
    ahead = street((25.0, -2.0, 2.0, 0.0, 3.0))  # 12 m beside the bend there
    assert stretches(ahead, driven_way(positions, 0)) == ()
    assert len(stretches(ahead, straight())) == 1


def test_driven_way_goes_on_straight_beyond_the_end_of_the_drive():
    positions = np.column_stack([np.arange(0.0, 15.1, 0.5), np.zeros(31), np.full(31, EYE_M)])
    found = stretches(street((25.0, -2.0, 2.0, 0.0, 3.0)), driven_way(positions, 0))
    assert found[0][0] == pytest.approx(25.0, abs=1e-3)
    assert stretches(street((45.6, -3.0, 3.0, 0.0, 3.0)), driven_way(positions, 0)) == ()


def test_drive_at_standstill_has_no_driven_way():
    assert stretches(street((25.0, -2.0, 2.0, 0.0, 3.0)), driven_way(np.zeros((5, 3)), 2)) == ()


def test_present_way_bends_as_the_wheels_stand_and_then_less():
    way = present_way(pose(), 0.05, 10.0)
    bend = np.interp([5.0, 60.0], way.distance_m, way.points_world_m[:, 1])
    assert bend[0] == pytest.approx(0.5 * 0.05 * 5.0**2, rel=0.1)
    assert bend[1] < 0.5 * 0.05 * 60.0**2


def test_present_way_follows_the_heading():
    way = present_way(pose(3.0, 4.0, 0.5 * math.pi), 0.0, 10.0)
    np.testing.assert_allclose(way.points_world_m[20], [3.0, 14.0, EYE_M], atol=1e-9)


def test_merged_distances():
    assert merged(np.array([])) == ()
    assert merged(np.array([5.0, 1.0, 1.4, 1.8])) == ((1.0, 1.8), (5.0, 5.0))


def canvas(x_m: float, y_m: float, slant_deg: float) -> PaintedWall:
    """Four metres wide, its middle there; at 0 degrees it faces who comes along x."""
    across = 2.0 * np.array([np.sin(np.radians(slant_deg)), -np.cos(np.radians(slant_deg)), 0.0])
    foot = np.array([x_m, y_m, 0.0])
    corners = np.stack([foot - across, foot + across, foot + across + [0, 0, 3.0], foot - across + [0, 0, 3.0]])
    return PaintedWall(corners, np.array([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("slant_deg", [-60.0, 0.0, 60.0])
def test_a_straight_way_meets_a_wall_where_it_stands(slant_deg):
    way = driven_way(np.column_stack([np.arange(0.0, 51.0), np.zeros(51), np.full(51, 1.4)]), 10)
    assert way.meets_m(canvas(60.0, 0.0, slant_deg)) == pytest.approx(50.0)
    assert way.meets_m(canvas(100.0, 0.0, slant_deg)) == pytest.approx(90.0)  # 20 m beyond what is prolonged
    assert math.isnan(way.meets_m(canvas(5.0, 0.0, 0.0)))  # passed


def test_a_bend_meets_a_slanted_wall_at_its_foot_on_the_way():
    """A left bend of 200 m radius, a canvas across it 80 m on that is turned by 60 degrees: straight ahead of where the
    bend begins its plane is 51 m away."""
    angle = np.linspace(0.0, 0.395, 80)
    positions = np.column_stack([200.0 * np.sin(angle), 200.0 * (1.0 - np.cos(angle)), np.full(80, 1.4)])
    foot = 200.0 * np.array([np.sin(0.4), 1.0 - np.cos(0.4)])
    wall = canvas(*foot, -60.0)
    assert driven_way(positions, 0).meets_m(wall) == pytest.approx(80.0, abs=0.3)
    straight = driven_way(np.column_stack([np.linspace(0.0, 20.0, 21), np.zeros(21), np.full(21, 1.4)]), 0)
    assert abs(straight.meets_m(wall) - 80.0) > 15.0
