"""Grid, scan, sectors and marking points say the same: of grids made by hand, and of random ones."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_results import (
    CELL_M,
    FORWARD_M,
    REACH_M,
    cell_at,
    free_field,
    grid_of,
    scene_result,
    thing,
    with_geometry_grid,
)

from perception_fm.config import NodeConfig, SceneConfig
from perception_fm.ros.costmap import CELL_POINT_HEIGHT_M, grid_message, marking_cloud
from perception_fm.ros.obstacle_scan import obstacle_scan
from perception_fm.ros.results import free_space
from perception_fm.ros.step import unknown_result
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN
from perception_fm.types import Provenance
from perception_fm_msgs.msg import FreeSpaceSector

CONFIG = NodeConfig()
SECTOR_RAD = math.radians(1.0)


def beams(scan):
    return scan.angle_min + scan.angle_increment * np.arange(len(scan.ranges)), np.array(scan.ranges)


def beam(scan, bearing_rad):
    return scan.ranges[round((bearing_rad - scan.angle_min) / scan.angle_increment)]


def points_of(cloud):
    return np.frombuffer(cloud.data, np.float32).reshape(-1, 3)


def states_along(cells, bearing_rad, start_m, end_m):
    """States of the cells that a beam from the base's origin runs through."""
    ranges = np.arange(start_m, end_m, 0.25 * CELL_M) + 0.125 * CELL_M
    column = np.floor((ranges * math.cos(bearing_rad) + REACH_M) / CELL_M).astype(int)
    row = np.floor((ranges * math.sin(bearing_rad) + REACH_M) / CELL_M).astype(int)
    return cells[row, column]


def occupied_m(cells):
    row, column = np.nonzero(cells == OCCUPIED)
    return np.column_stack([column, row]) * CELL_M - REACH_M + 0.5 * CELL_M


def test_free_all_round_is_inf_up_to_twenty_metres_or_what_braking_needs():
    result = scene_result(grid_of(free_field()))
    scan = obstacle_scan(result, CONFIG)
    assert scan.range_max == 20.0
    assert np.isinf(scan.ranges).all()
    fast = obstacle_scan(dataclasses.replace(result, speed_mps=15.0), CONFIG)
    assert fast.range_max == pytest.approx(15.0**2 / 12.0 + 7.5)
    # Nobody knows what is beyond the grid.
    assert obstacle_scan(dataclasses.replace(result, speed_mps=40.0), CONFIG).range_max == pytest.approx(REACH_M)


def test_verified_road_beyond_twenty_metres_is_cleared_too():
    scan = obstacle_scan(scene_result(grid_of(free_field()), verified_free_distance_m=25.0), CONFIG)
    assert scan.range_max == pytest.approx(25.0 + FORWARD_M, abs=CELL_M)
    assert np.isinf(scan.ranges).all()


def test_occupied_cell_at_the_end_of_free_road_is_a_range_and_a_point():
    field = free_field()
    row, column = cell_at(10.1, 0.1)
    field[row, column] = OCCUPIED
    result = scene_result(grid_of(field))
    scan = obstacle_scan(result, CONFIG)
    assert beam(scan, math.radians(0.3)) == pytest.approx(10.0, abs=CELL_M)
    assert beam(scan, math.radians(10.0)) == math.inf
    np.testing.assert_allclose(points_of(marking_cloud(result, CONFIG)), [[10.125, 0.125, CELL_POINT_HEIGHT_M]])


def test_occupied_cell_behind_unknown_ground_is_no_range_but_a_point():
    field = free_field()
    field[:, cell_at(5.0, 0.0)[1] :] = UNKNOWN
    field[cell_at(15.0, 0.1)] = OCCUPIED
    result = scene_result(grid_of(field))
    assert math.isnan(beam(obstacle_scan(result, CONFIG), 0.0))
    assert len(points_of(marking_cloud(result, CONFIG))) == 1


def test_beam_that_leaves_free_ground_before_range_max_is_unknown():
    field = free_field()
    field[:, cell_at(12.0, 0.0)[1] :] = UNKNOWN
    scan = obstacle_scan(scene_result(grid_of(field)), CONFIG)
    assert math.isnan(beam(scan, 0.0))
    assert not np.isinf(beams(scan)[1][np.abs(beams(scan)[0]) < math.radians(50.0)]).any()


def test_hit_beyond_range_max_is_left_out_and_the_beam_is_free():
    field = free_field()
    field[cell_at(25.1, 0.1)] = OCCUPIED
    scan = obstacle_scan(scene_result(grid_of(field)), CONFIG)
    assert scan.range_max == 20.0
    assert beam(scan, 0.0) == math.inf


def test_confirmed_obstacle_is_a_range_where_the_grid_says_free():
    result = scene_result(grid_of(free_field()), obstacles=(thing(12.0, 0.0),))
    scan = obstacle_scan(result, CONFIG)
    assert beam(scan, 0.0) == pytest.approx(10.0, abs=0.01)
    assert beam(scan, math.radians(20.0)) == math.inf


def test_unconfirmed_obstacle_is_neither_range_nor_point():
    result = scene_result(grid_of(free_field()), obstacles=(thing(12.0, 0.0, is_confirmed=False),))
    assert np.isinf(obstacle_scan(result, CONFIG).ranges).all()
    assert len(points_of(marking_cloud(result, CONFIG))) == 0


def test_turned_box_is_met_at_its_corner_and_shows_two_sides():
    car = thing(12.0, 0.0, yaw_rad=math.radians(45.0))
    result = scene_result(grid_of(free_field()), obstacles=(car,))
    corners = car.corners_m()
    nearest = corners[np.argmin(corners[:, 0])]
    scan = obstacle_scan(result, CONFIG)
    # Along a side of the box a beam's range changes by up to its own width times the range.
    slack = 2.0 * scan.angle_increment * 12.0
    assert beam(scan, math.atan2(nearest[1], nearest[0])) == pytest.approx(np.hypot(*nearest), abs=slack)
    points = points_of(marking_cloud(result, CONFIG))
    assert np.hypot(*(points[:, :2] - nearest).T).min() < 1e-5
    farthest = corners[np.argmax(corners[:, 0])]
    assert np.hypot(*(points[:, :2] - farthest).T).min() > 1.0
    assert (points[:, 2].min(), points[:, 2].max()) == (0.0, 1.5)


def test_pole_between_two_beams_is_still_a_range():
    pole = thing(19.0, 0.0, size_m=np.array([0.02, 0.02, 2.0]))
    scan = obstacle_scan(scene_result(grid_of(free_field()), obstacles=(pole,)), CONFIG)
    assert np.isfinite(scan.ranges).sum() == 1


def test_box_around_the_origin_blocks_everything():
    scan = obstacle_scan(scene_result(grid_of(free_field()), obstacles=(thing(0.5, 0.0),)), CONFIG)
    np.testing.assert_allclose(scan.ranges, scan.range_min)


def test_without_a_network_every_confirmed_obstacle_is_a_range_however_far():
    far = thing(46.0, 0.0, provenance=Provenance.MOTION, size_m=np.array([math.nan, 2.0, 2.0]))
    seen = scene_result(obstacles=(far,), verified_free_distance_m=12.0, points=None)
    scan = obstacle_scan(with_geometry_grid(seen, 2.0), CONFIG)
    assert beam(scan, 0.0) == pytest.approx(46.0, abs=0.3)
    assert scan.range_max > 46.0
    assert not np.isinf(scan.ranges).any()


def test_scan_goes_as_far_round_as_the_cameras_see():
    result = scene_result(grid_of(free_field()))
    assert obstacle_scan(result, CONFIG).angle_max == pytest.approx(math.radians(60.0), abs=SECTOR_RAD)
    wide = dataclasses.replace(
        result.sectors, bearing_rad=np.linspace(-math.pi, math.pi, 360, endpoint=False) + math.radians(0.5)
    )
    scan = obstacle_scan(dataclasses.replace(result, sectors=wide), CONFIG)
    assert scan.angle_min == pytest.approx(-math.pi, abs=SECTOR_RAD)
    assert scan.angle_max == pytest.approx(math.pi, abs=SECTOR_RAD)


def test_grid_message_has_rows_to_the_left_and_columns_ahead():
    field = np.full((240, 240), UNKNOWN, np.int8)
    field[cell_at(10.1, 3.1)] = OCCUPIED
    field[cell_at(5.1, 0.1)] = FREE
    message = grid_message(scene_result(grid_of(field)), CONFIG)
    assert (message.info.width, message.info.height) == (240, 240)
    assert message.info.resolution == pytest.approx(CELL_M)
    data = np.array(message.data).reshape(240, 240)

    def state(x, y):
        column, row = ((np.array([x, y]) - (message.info.origin.position.x, message.info.origin.position.y))
                       / message.info.resolution).astype(int)  # fmt: skip
        return data[row, column]

    assert (state(10.1, 3.1), state(5.1, 0.1), state(10.1, -3.1)) == (100, 0, -1)


def test_missing_grid_is_an_unknown_grid_no_old_one():
    config = NodeConfig(scene=SceneConfig(max_range_m=10.0, cell_m=0.5))
    message = grid_message(unknown_result(1, "front_optical", "no image"), config)
    assert set(message.data) == {-1}
    assert message.info.width * message.info.resolution == pytest.approx(22.0, abs=1.0)


def test_nothing_known_gives_messages_that_claim_nothing():
    nothing = unknown_result(1, "front_optical", "no image")
    assert np.isnan(obstacle_scan(nothing, CONFIG).ranges).all()
    assert marking_cloud(nothing, CONFIG).width == 0
    assert free_space(nothing, CONFIG).sectors == []


def test_obstacle_of_unknown_place_or_height_is_left_out():
    lost = (
        thing(10.0, 0.0, centre_base_m=np.full(3, math.nan)),
        thing(10.0, 0.0, size_m=np.full(3, math.nan)),
    )
    result = scene_result(grid_of(free_field()), obstacles=lost, speed_mps=math.nan)
    assert marking_cloud(result, CONFIG).width == 0
    assert np.isinf(obstacle_scan(result, CONFIG).ranges).all()


def test_sectors_are_those_of_the_grid():
    field = free_field()
    field[cell_at(10.1, 0.1)] = OCCUPIED
    result = scene_result(grid_of(field))
    message = free_space(result, CONFIG)
    assert message.sector_width_rad == pytest.approx(SECTOR_RAD)
    ahead = min(message.sectors, key=lambda one: abs(one.bearing_rad - 0.01))
    assert ahead.boundary == FreeSpaceSector.OBSTACLE
    assert ahead.range_m == pytest.approx(10.0 - FORWARD_M, abs=CELL_M)
    assert ahead.near_m == 0.0
    assert 0.5 < ahead.confidence < 1.0
    bearings = [one.bearing_rad for one in message.sectors]
    assert bearings == sorted(bearings)


def test_sector_without_free_space_has_no_confidence():
    sector = free_space(scene_result(grid_of(np.full((240, 240), UNKNOWN, np.int8))), CONFIG).sectors[0]
    assert (sector.near_m, sector.range_m, sector.boundary) == (0.0, 0.0, FreeSpaceSector.UNKNOWN)
    assert math.isnan(sector.confidence)


@st.composite
def fields(draw):
    """Free grids with rectangles of occupied and unknown cells."""
    field = free_field()
    for _ in range(draw(st.integers(0, 6))):
        row, column = draw(st.integers(0, 239)), draw(st.integers(0, 239))
        height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        field[row : row + height, column : column + width] = draw(st.sampled_from([OCCUPIED, UNKNOWN]))
    return field


@st.composite
def things(draw):
    return tuple(
        thing(draw(st.floats(3.0, 28.0)), draw(st.floats(-15.0, 15.0)), yaw_rad=draw(st.floats(-3.0, 3.0)),
              size_m=np.array([draw(st.floats(0.1, 8.0)), draw(st.floats(0.1, 3.0)), 1.5]))
        for _ in range(draw(st.integers(0, 2)))
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(field=fields(), obstacles=things(), speed_mps=st.floats(0.0, 16.0))
def test_scan_grid_and_points_agree(field, obstacles, speed_mps):
    result = scene_result(grid_of(field), obstacles=obstacles, speed_mps=speed_mps)
    scan, points = obstacle_scan(result, CONFIG), points_of(marking_cloud(result, CONFIG)).astype(float)
    occupied = occupied_m(field)
    for place in occupied[:: max(1, len(occupied) // 50)]:
        assert np.hypot(*(points[:, :2] - place).T).min() < 1e-5
    for bearing, distance in zip(*beams(scan)):
        if math.isinf(distance):
            # Between two looks at the grid, half a cell apart, a beam may cut off a corner.
            states = states_along(field, bearing, 0.0, scan.range_max - 0.5 * CELL_M)
            assert np.count_nonzero(states != FREE) * 0.25 * CELL_M <= 0.5 * CELL_M
        elif math.isfinite(distance):
            end = distance * np.array([math.cos(bearing), math.sin(bearing)])
            # All beams of a sector have the nearest cell of it; points lie on faces a step apart.
            slack = 1.5 * CELL_M + distance * SECTOR_RAD
            assert np.hypot(*(points[:, :2] - end).T).min() <= slack
