"""Free space by bearing: as free as the least free ray, and nothing free that the grid does not show so."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from cast_scene import make_camera
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid, unknown_grid
from perception_fm.scene.free_sectors import Boundary
from perception_fm.scene.sectors import sectors_of, view_rad

CELL_M, HALF = 0.25, 80
AHEAD = (-math.radians(30.0), math.radians(30.0))


def grid(**patches: tuple[int, tuple[float, float, float, float]]) -> FreeSpaceGrid:
    """Patches of a state (x from, x to, y from, y to) on unknown ground; below 4 m no camera sees it."""
    cells = np.full((2 * HALF, 2 * HALF), UNKNOWN, np.int8)
    place = (np.arange(2 * HALF) - HALF + 0.5) * CELL_M
    for state, (x0, x1, y0, y1) in patches.values():
        cells[np.ix_((place > y0) & (place < y1), (place > x0) & (place < x1))] = state
    odds = np.where(cells == FREE, -2.0, np.where(cells == OCCUPIED, 3.0, 0.0)).astype(np.float32)
    return FreeSpaceGrid(cells, odds, np.hypot(place[:, None], place[None]) < 4.0, CELL_M, (-20.0, -20.0))


def ahead(sectors) -> int:
    return int(np.argmin(np.abs(sectors.bearing_rad)))


def test_free_road_ends_at_what_stands():
    found = sectors_of(grid(road=(FREE, (3, 15, -9, 9)), car=(OCCUPIED, (12, 13, -1, 1))), (0.0, 0.0), AHEAD, 18.0)
    one = ahead(found)
    assert found.near_m[one] == pytest.approx(3.0, abs=0.2)
    assert found.free_m[one] == pytest.approx(12.0, abs=0.2)
    assert found.obstacle_m[one] == pytest.approx(12.0, abs=0.2)
    assert found.boundary[one] == Boundary.OBSTACLE
    assert found.confidence[one] == pytest.approx(1.0 / (1.0 + math.exp(-2.0)), abs=1e-3)
    beside = int(np.argmin(np.abs(found.bearing_rad - math.radians(20.0))))
    assert found.free_m[beside] == pytest.approx(15.0 / math.cos(math.radians(20.0)), abs=0.5)
    assert found.boundary[beside] == Boundary.UNKNOWN


def test_what_stands_behind_unknown_ground_is_seen_but_does_not_end_free_road():
    found = sectors_of(grid(road=(FREE, (3, 8, -9, 9)), wall=(OCCUPIED, (14, 15, -9, 9))), (0.0, 0.0), AHEAD, 18.0)
    one = ahead(found)
    assert found.boundary[one] == Boundary.UNKNOWN
    assert (found.free_m[one], found.obstacle_m[one]) == pytest.approx((8.0, 14.0), abs=0.2)


def test_free_to_the_end_of_the_range_has_its_own_boundary():
    found = sectors_of(grid(road=(FREE, (3, 19, -19, 19))), (0.0, 0.0), AHEAD, 10.0)
    assert (found.boundary == Boundary.FREE_END).all()
    assert found.free_m == pytest.approx(10.0)


def test_a_single_occupied_cell_ends_its_whole_sector():
    pole = (OCCUPIED, (15.0, 15.25, 0.0, 0.25))
    found = sectors_of(grid(road=(FREE, (3, 19, -19, 19)), pole=pole), (0.0, 0.0), AHEAD, 18.0)
    assert found.free_m[int(np.argmin(np.abs(found.bearing_rad - math.radians(0.5))))] < 15.1


def test_a_small_cell_far_off_is_not_missed_between_two_rays():
    cells = np.full((600, 600), FREE, np.int8)
    cells[301, 600 - 5] = OCCUPIED
    odds, blind = np.full(cells.shape, -2.0, np.float32), np.zeros(cells.shape, bool)
    fine = FreeSpaceGrid(cells, odds, blind, 0.05, (-15.0, -15.0))
    for origin_y in np.linspace(-0.2, 0.2, 9):
        found = sectors_of(fine, (-14.9, float(origin_y)), AHEAD, 29.8)
        assert np.isfinite(found.obstacle_m).any()


def test_unknown_ground_before_the_image_is_no_wall_but_an_obstacle_there_is():
    road = (FREE, (3, 15, -9, 9))
    assert sectors_of(grid(road=road), (0.0, 0.0), AHEAD, 18.0).free_m.min() > 14.0
    near = sectors_of(grid(road=road, bin=(OCCUPIED, (2, 2.5, -3, 3))), (0.0, 0.0), AHEAD, 18.0)
    assert near.free_m[ahead(near)] == 0.0
    assert near.obstacle_m[ahead(near)] == pytest.approx(2.0, abs=0.2)
    assert np.isnan(near.confidence[ahead(near)])


def test_nothing_known_is_nothing_free():
    found = sectors_of(unknown_grid(18.0, CELL_M, np.array([1.0, 0.0])), (1.0, 0.0), AHEAD, 18.0)
    assert (found.free_m == 0.0).all()
    assert (found.boundary == Boundary.UNKNOWN).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_no_sector_is_free_over_a_cell_that_is_not(seed, x, y):
    rng = np.random.default_rng(seed)
    cells = rng.choice([FREE, FREE, FREE, OCCUPIED, UNKNOWN], (40, 40)).astype(np.int8).repeat(4, 0).repeat(4, 1)
    blind = np.zeros(cells.shape, bool)
    one = FreeSpaceGrid(cells, np.where(cells == FREE, -2.0, 0.0).astype(np.float32), blind, CELL_M, (-20.0, -20.0))
    found = sectors_of(one, (x, y), (-math.pi, math.pi), 18.0)
    rays = (found.bearing_rad[:, None] + found.width_rad * np.array([-0.375, -0.125, 0.125, 0.375])).ravel()
    for bearing, free in zip(rays, found.free_m.repeat(4)):
        ranges = np.arange(0.0625, free, 0.125)
        column = np.floor((x + np.cos(bearing) * ranges + 20.0) / CELL_M).astype(int)
        row = np.floor((y + np.sin(bearing) * ranges + 20.0) / CELL_M).astype(int)
        assert (cells[row, column] == FREE).all()


def test_confidence_is_that_of_the_least_certain_cell_that_is_walked():
    rng = np.random.default_rng(5)
    plain = grid(road=(FREE, (3, 25, -20, 20)), car=(OCCUPIED, (12, 13, -4, 1)))
    odds = np.where(plain.cells == FREE, rng.uniform(-4.0, -1.4, plain.cells.shape), plain.odds).astype(np.float32)
    one = dataclasses.replace(plain, odds=odds)
    found = sectors_of(one, (0.0, 0.0), AHEAD, 18.0)
    rays = found.bearing_rad[:, None] + found.width_rad * np.array([-0.375, -0.125, 0.125, 0.375])
    for bearings, confidence in zip(rays, found.confidence):
        walked = []
        for bearing in bearings:
            ranges = np.arange(0.0625, 18.0, 0.125)
            column, row = (np.floor((turn(bearing) * ranges + 20.0) / CELL_M).astype(int) for turn in (np.cos, np.sin))
            state = one.cells[row, column]
            end = np.append(np.flatnonzero((state != FREE) & ~((state == UNKNOWN) & one.is_blind[row, column])), 999)[0]
            walked += odds[row, column][:end][state[:end] == FREE].tolist()
        assert confidence == pytest.approx(1.0 / (1.0 + math.exp(max(walked))), rel=1e-5)
    without = sectors_of(one, (0.0, 0.0), AHEAD, 18.0, has_confidence=False)
    assert np.isnan(without.confidence).all()
    assert np.array_equal(without.free_m, found.free_m)


def test_view_of_one_camera_and_of_cameras_all_round():
    right, left = view_rad([(make_camera(), base_from_camera(1.5, 0.0))])
    assert math.degrees(left - right) == pytest.approx(2.0 * math.degrees(math.atan(48.0 / 75.0)), abs=0.1)
    turned = [(make_camera(), base_from_camera(1.5, 0.05, yaw_rad=math.radians(yaw))) for yaw in (0, 90, 180, 270)]
    right, left = view_rad(turned)
    assert left - right == pytest.approx(math.radians(270.0) + 2.0 * math.atan(48.0 / 75.0), abs=0.1)
    right, left = view_rad([turned[2]])
    assert 0.5 * (right + left) % (2.0 * math.pi) == pytest.approx(math.pi, abs=0.01)
