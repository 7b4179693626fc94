"""The grid remembers while the vehicle moves, forgets in time, and never makes up a free cell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import CAR, cast
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.free_memory import FreeSpaceMemory
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.points import labeled_points
from perception_fm.scene.polar import polar_free_space

MOUNTING = base_from_camera(1.5, 0.06, forward_m=1.2, left_m=0.2)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)
FOOT = MOUNTING.translation_m[:2]
RANGE_M, CELL_M = 30.0, 0.25


def sectors(*boxes) -> FreeSpaceSectors:
    points = labeled_points(cast(MOUNTING, boxes, 0.01), GROUND, 0.25, 2.5, 0.5)
    return polar_free_space(points, GROUND, MOUNTING, RANGE_M)


def pose(x: float, y: float, yaw: float) -> RigidTransform:
    return RigidTransform(Rotation.from_euler("z", yaw).as_matrix(), np.array([x, y, 0.0]))


def at(grid: FreeSpaceGrid, x: float, y: float) -> int:
    column, row = ((np.array([x, y]) - grid.origin_m) / grid.resolution_m).astype(int)
    return int(grid.cells[row, column])


def memory() -> FreeSpaceMemory:
    return FreeSpaceMemory(RANGE_M, CELL_M)


def test_one_frame_has_three_states():
    grid = memory().update([sectors((16.2, 18.0, -1.0, 1.4, 1.6, CAR))], None, 0.0)
    assert at(grid, 10.0, 0.2) == FREE
    assert at(grid, 16.3, 0.2) == OCCUPIED
    assert at(grid, 22.0, 0.2) == UNKNOWN
    assert at(grid, 22.0, 5.0) == FREE
    assert at(grid, 1.0, 0.0) == UNKNOWN
    assert at(grid, -10.0, 0.0) == UNKNOWN


@pytest.mark.parametrize("yaw", [0.0, 0.4, -2.5])
def test_where_the_odometry_frame_lies_changes_nothing(yaw):
    box = (16.2, 18.0, -1.0, 1.4, 1.6, CAR)
    one = memory().update([sectors(box)], pose(0.0, 0.0, 0.0), 0.0)
    other = memory().update([sectors(box)], pose(1234.56, -987.65, yaw), 0.0)
    assert np.mean(one.cells != other.cells) < 0.02
    # Cells of both lie askew to each other: at an edge they may differ, by one.
    assert np.mean((one.cells == OCCUPIED) & (other.cells == FREE)) < 5e-4


@pytest.mark.parametrize("half_view_rad", [0.3, 1.2, 2.2, 3.1])
@pytest.mark.parametrize("yaw", [0.0, 0.5 * np.pi, 0.7, -2.5])
def test_cells_out_of_view_are_only_spared_the_work(half_view_rad, yaw, monkeypatch):
    bearings = np.linspace(-half_view_rad, half_view_rad, 141)
    near, free, obstacle, confidence = (np.full(141, one) for one in (3.0, 12.0, 12.5, 0.95))
    polar = FreeSpaceSectors(
        (1.2, 0.2), float(bearings[1] - bearings[0]), bearings, near, free, obstacle, np.full(141, 2, np.uint8),
        confidence,
    )  # fmt: skip
    # What was seen before is lost where it is hidden now, up to the border of the window.
    before = dataclasses.replace(polar, free_m=np.full(141, 80.0), obstacle_m=np.full(141, np.inf))
    grids = []
    for has_whole_window in (False, True):
        view = memory()
        if has_whole_window:
            count = len(view.update([], None, 0.0).cells)
            monkeypatch.setattr(view, "_window", lambda *_, count=count: (slice(0, count), slice(0, count)))
            view.reset()
        grids.append([view.update([one], pose(3.0, -4.0, yaw), 0.05) for one in (before, before, polar)])
    for part, whole in zip(*grids):
        np.testing.assert_array_equal(part.odds, whole.odds)
        np.testing.assert_array_equal(part.cells, whole.cells)


def test_ground_below_the_image_is_known_from_before():
    view, grids = memory(), []
    for step in range(12):
        grids.append(view.update([sectors()], pose(0.5 * step, 0.0, 0.0), 0.05))
    assert at(grids[0], 2.0, 0.2) == UNKNOWN
    assert at(grids[-1], 2.0, 0.2) == FREE


def test_obstacle_stays_where_it_is_in_the_world():
    view = memory()
    view.update([sectors((16.2, 18.0, -1.0, 1.4, 1.6, CAR))], pose(0.0, 0.0, 0.0), 0.1)
    grid = view.update([], pose(2.0, 0.0, 0.1), 0.1)
    where = Rotation.from_euler("z", -0.1).apply([14.3, 0.2, 0.0])
    assert at(grid, where[0], where[1]) == OCCUPIED


def test_what_is_not_seen_again_becomes_unknown_free_space_first():
    view = memory()
    view.update([sectors((16.2, 18.0, -1.0, 1.4, 1.6, CAR))], pose(0.0, 0.0, 0.0), 0.1)
    later = view.update([], pose(0.0, 0.0, 0.0), 1.0)
    assert (later.cells != FREE).all()
    assert at(later, 16.3, 0.2) == OCCUPIED
    assert (view.update([], pose(0.0, 0.0, 0.0), 5.0).cells == UNKNOWN).all()


def test_grid_that_is_left_behind_is_forgotten():
    view = memory()
    view.update([sectors()], pose(0.0, 0.0, 0.0), 0.1)
    assert (view.update([], pose(500.0, 500.0, 0.0), 0.1).cells == UNKNOWN).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.4, 0.8), st.floats(-0.1, 0.1), st.booleans()), min_size=1, max_size=6))
def test_no_free_cell_that_no_frame_saw_free(steps):
    view, x, yaw, seen = memory(), 0.0, 0.0, []
    box = (12.0, 14.0, -2.0, 1.0, 1.0, CAR)
    for ahead, turn, has_box in steps:
        x, yaw = x + ahead, yaw + turn
        grid = view.update([sectors(*([box] if has_box else []))], pose(x, 0.0, yaw), 0.1)
        seen.append((pose(x, 0.0, yaw), sectors(*([box] if has_box else []))))
    rows, columns = np.nonzero(grid.cells == FREE)
    base = np.column_stack([columns, rows]) * CELL_M + grid.origin_m + 0.5 * CELL_M
    points = pose(x, 0.0, yaw).apply(np.column_stack([base, np.zeros(len(base))]))
    is_seen = np.zeros(len(points), bool)
    for where, polar in seen:
        local = where.inverse().apply(points)[:, :2] - FOOT
        ranges, bearings = np.hypot(*local.T), np.arctan2(local[:, 1], local[:, 0])
        slack = 2.0 * CELL_M / np.maximum(ranges, 1.0)
        near = np.array([polar.free_m[np.abs(polar.bearing_rad - b) <= s + polar.width_rad].max(initial=0.0)
                         for b, s in zip(bearings, slack)])  # fmt: skip
        is_seen |= ranges <= near + 2.0 * CELL_M
    assert is_seen.all()


def test_nothing_stays_free_behind_a_thing_that_came_in_between_however_far():
    one = memory()
    for _ in range(5):
        before = one.update([sectors()], pose(0.0, 0.0, 0.0), 0.1)
    assert at(before, 25.0, 0.2) == FREE
    near = sectors((8.0, 9.0, -20.0, 20.0, 2.4, CAR))  # all that is seen ends at 8 m
    after = one.update([near], pose(0.0, 0.0, 0.0), 0.1)
    assert at(after, 25.0, 0.2) == UNKNOWN
    assert not (after.cells[:, int((11.0 + RANGE_M) / CELL_M) :] == FREE).any()


def test_grid_that_came_too_late_keeps_what_stands_and_frees_nothing():
    grid = memory().update([sectors((16.2, 18.0, -1.0, 1.4, 1.6, CAR))], None, 0.0)
    late = grid.without_free()
    assert not (late.cells == FREE).any()
    np.testing.assert_array_equal(late.cells == OCCUPIED, grid.cells == OCCUPIED)
