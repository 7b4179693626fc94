"""What motion has confirmed is occupied, and nothing behind it stays free; without a network its road is free."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid, unknown_grid
from perception_fm.scene.motion_in_grid import with_obstacles, with_verified_path
from perception_fm.scene.path import GroundPath, free_along_m
from perception_fm.types import Obstacle, Provenance

FOOT_M = np.array([1.2, 0.0])
PATH = GroundPath((1.2, 0.0), 0.0, 0.0, 0.95)


def all_free() -> FreeSpaceGrid:
    cells = np.full((160, 160), FREE, np.int8)
    return FreeSpaceGrid(
        cells, np.full(cells.shape, -3.0, np.float32), np.zeros(cells.shape, bool), 0.25, (-20.0, -20.0)
    )


def wall(x_m: float, width_m: float = 3.0, **changes) -> Obstacle:
    known = {
        "obstacle_id": 1, "distance_m": x_m, "distance_sigma_m": 0.3, "ttc_s": 2.0, "ttc_sigma_s": 0.1,
        "provenance": Provenance.MOTION, "existence_probability": 0.99, "is_confirmed": True,
        "centre_base_m": np.array([x_m, 0.0, 1.0]), "size_m": np.array([math.nan, width_m, 2.0]),
    }  # fmt: skip
    return Obstacle(**(known | changes))


def at(grid: FreeSpaceGrid, x: float, y: float) -> int:
    column, row = np.floor((np.array([x, y]) - grid.origin_m) / grid.resolution_m).astype(int)
    return int(grid.cells[row, column])


def test_nothing_is_free_behind_a_wall_that_the_network_takes_for_road():
    grid = with_obstacles(all_free(), [wall(10.0)], FOOT_M)
    assert at(grid, 10.0, 0.0) == OCCUPIED
    assert (at(grid, 14.0, 0.0), at(grid, 19.0, 2.0)) == (UNKNOWN, UNKNOWN)
    assert (at(grid, 8.0, 0.0), at(grid, 14.0, 8.0)) == (FREE, FREE)
    assert free_along_m(grid, PATH, 18.0) == pytest.approx(10.0 - 1.2 - 0.5, abs=0.4)


@pytest.mark.parametrize("changes", [
    {"is_confirmed": False}, {"centre_base_m": np.full(3, math.nan)}, {"size_m": np.full(3, math.nan)},
])  # fmt: skip
def test_suspicions_and_things_without_a_place_change_nothing(changes):
    grid = all_free()
    assert with_obstacles(grid, [wall(10.0, **changes)], FOOT_M) is grid


def test_the_grid_that_is_given_stays_as_it_is():
    grid = all_free()
    with_obstacles(grid, [wall(10.0)], FOOT_M)
    assert (grid.cells == FREE).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(-30.0, 30.0), st.floats(-30.0, 30.0), st.floats(0.1, 30.0), st.floats(-4.0, 4.0))
def test_an_obstacle_never_makes_anything_free(x, y, width, yaw):
    rng = np.random.default_rng(0)
    cells = rng.choice([FREE, OCCUPIED, UNKNOWN], (160, 160)).astype(np.int8)
    before = FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), np.zeros(cells.shape, bool), 0.25, (-20.0, -20.0))
    item = wall(10.0, width, centre_base_m=np.array([x, y, 1.0]), yaw_rad=yaw)
    after = with_obstacles(before, [item], FOOT_M)
    assert not ((after.cells == FREE) & (before.cells != FREE)).any()
    assert not ((after.cells != OCCUPIED) & (before.cells == OCCUPIED)).any()


def test_verified_path_is_free_as_far_and_as_wide_as_it_is():
    grid = with_verified_path(unknown_grid(18.0, 0.25, FOOT_M), PATH, 9.0)
    assert (at(grid, 5.0, 0.0), at(grid, 10.0, 0.6)) == (FREE, FREE)
    assert (at(grid, 5.0, 1.3), at(grid, 10.6, 0.0), at(grid, 0.5, 0.0)) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert free_along_m(grid, PATH, 18.0) == pytest.approx(9.0, abs=0.3)


def test_no_verified_path_is_no_free_cell():
    grid = unknown_grid(18.0, 0.25, FOOT_M)
    assert with_verified_path(grid, PATH, 0.0) is grid
    assert not (grid.cells == FREE).any()
