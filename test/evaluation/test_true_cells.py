"""The truth of a street that is drawn pixel by pixel: what is road, what stands, what is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_builders import (
    CAMERA,
    CAR,
    FOCAL_PX,
    HEIGHT_M,
    HORIZON_PX,
    POSE,
    ROAD,
    SKY,
    SLAB_M,
    empty_grid,
    street,
    street_points,
)

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.evaluation.seen_things import standing_ranges, thing_of_box, things_of_instances
from perception_fm.evaluation.true_cells import TrueCells, true_cells
from perception_fm.evaluation.true_points import GroundHeights, true_points
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid


def at(grid: FreeSpaceGrid, x: float, y: float) -> tuple[int, int]:
    column, row = np.floor((np.array([x, y]) - grid.origin_m) / grid.resolution_m).astype(int)
    return row, column


def street_cells(grid: FreeSpaceGrid, is_dense: bool = True) -> TrueCells:
    depth, label, _, _ = street()
    return true_cells(street_points(), grid, CAMERA, POSE, (depth, label == ROAD) if is_dense else None)


def test_state_is_that_of_the_drawn_street() -> None:
    grid = empty_grid()
    cells = street_cells(grid)
    assert cells.state[at(grid, 6.1, 0.1)] == FREE
    assert cells.state[at(grid, 20.1, -3.1)] == FREE  # between two rows of pixels, which are 2 m apart there
    assert cells.state[at(grid, SLAB_M + 0.01, 0.1)] == OCCUPIED
    assert cells.label[at(grid, SLAB_M + 0.01, 0.1)] == CAR
    assert cells.state[at(grid, 20.1, 0.1)] == UNKNOWN  # behind the car
    assert cells.state[at(grid, 10.1, 5.1)] == UNKNOWN  # pavement
    assert np.count_nonzero(cells.state == OCCUPIED) == 8  # 2 m across, in cells of 0.25 m


def test_only_what_the_picture_shows_is_judged() -> None:
    grid = empty_grid()
    cells = street_cells(grid)
    assert cells.is_judged[at(grid, 6.1, 0.1)]
    assert not cells.is_judged[at(grid, 2.1, 0.1)]  # below the picture
    assert not cells.is_judged[at(grid, 6.1, 6.1)]  # beside it
    assert cells.range_m[at(grid, 6.1, 0.1)] == pytest.approx(math.hypot(6.125, 0.125))


def test_road_of_sparse_points_is_where_they_lie() -> None:
    grid = empty_grid()
    dense, sparse = street_cells(grid), street_cells(grid, is_dense=False)
    is_road = sparse.state == FREE
    assert 0 < np.count_nonzero(is_road & sparse.is_judged) < np.count_nonzero((dense.state == FREE) & dense.is_judged)
    np.testing.assert_array_equal(sparse.state == OCCUPIED, dense.state == OCCUPIED)


def test_heights_are_over_the_ground_beside_not_over_the_base() -> None:
    depth, label, _, _ = street()
    lowered = POSE.__class__(POSE.rotation, POSE.translation_m - np.array([0.0, 0.0, 0.7]))  # wrong by 0.7 m
    is_ground = label <= 1
    points = true_points(depth, CAMERA, lowered, label, label == ROAD, is_ground, label == CAR)
    tops = points.height_m[points.is_thing]
    assert tops.max() == pytest.approx(HEIGHT_M, abs=0.01)
    assert np.abs(points.height_m[points.is_ground]).max() < 0.01


def test_ground_that_nobody_saw_is_that_of_the_nearest() -> None:
    heights = GroundHeights(np.array([[10.0, 0.0, 1.0], [20.0, 0.0, 2.0]]))
    np.testing.assert_allclose(heights.at(np.array([[10.1, 0.1], [12.0, 3.0], [30.0, 0.0]])), [1.0, 1.0, 2.0])
    assert GroundHeights(np.empty((0, 3))).at(np.array([5.0, 5.0])) == 0.0


def test_steep_bank_is_told_from_road_and_pavement() -> None:
    depth, label, _, _ = street()
    assert not street_points().is_bank.any()
    label = np.where(label == CAR, 9, label).astype(np.uint8)  # an upright face of grass
    points = true_points(depth, CAMERA, POSE, label, label == ROAD, label != 10, np.zeros(label.shape, bool))
    banks = points.points_base_m[points.is_bank]
    assert banks[:, 0].max() == pytest.approx(SLAB_M, abs=0.5)
    assert np.ptp(banks[:, 2]) == pytest.approx(HEIGHT_M, abs=0.1)
    assert not points.is_standing.any()
    ranges, _, _ = standing_ranges(points, POSE.translation_m[:2])
    assert len(ranges) == len(banks)


def test_low_and_high_things_are_not_in_the_way() -> None:
    points = street_points()
    standing = points.height_m[points.is_standing]
    assert standing.min() >= 0.3
    depth, label, _, _ = street()
    raised = POSE.__class__(POSE.rotation, POSE.translation_m)
    label = np.where(label == CAR, 7, label).astype(np.uint8)
    low = true_points(
        depth, CAMERA, raised, label, label == ROAD, label <= 1, (label == 7) & (np.arange(96)[:, None] > 52)
    )
    assert low.is_thing.any()
    assert not low.is_standing.any()


@pytest.mark.parametrize(("class_id", "is_in_the_way"), [(UNKNOWN_LABEL, True), (CAR, False)])
def test_what_lies_on_the_road_is_in_the_way_from_a_lower_height_on(class_id: int, is_in_the_way: bool) -> None:
    depth, label, instance, _ = street()
    # Of the slab only its lowest 0.25 m, above it sky.
    is_low = (label == CAR) & (np.arange(96)[:, None] > HORIZON_PX + FOCAL_PX * (HEIGHT_M - 0.25) / SLAB_M)
    drawn = np.where(is_low, np.uint8(class_id), np.where(label == CAR, np.uint8(SKY), label))
    points = true_points(depth, CAMERA, POSE, drawn, drawn == ROAD, drawn <= 1, is_low, instance)
    things = things_of_instances(points, POSE.translation_m[:2])
    assert len(things) == is_in_the_way
    assert points.is_standing.any() == is_in_the_way
    assert all(thing.top_m == pytest.approx(0.2, abs=0.05) for thing in things)  # rows are 0.1 m apart there


def test_thing_of_an_instance_is_the_drawn_car() -> None:
    (thing,) = things_of_instances(street_points(), POSE.translation_m[:2])
    assert thing.class_id == CAR
    assert thing.extent.near_m == pytest.approx(SLAB_M, abs=0.05)
    assert thing.extent.width_m == pytest.approx(2.0, abs=0.12)  # without the outermost 2% of its pixels at each side
    assert thing.top_m == pytest.approx(HEIGHT_M, abs=0.1)
    assert thing.yaw_rad == pytest.approx(0.0, abs=1e-6)
    assert thing.is_wanted
    ranges, _, instance = standing_ranges(street_points(), POSE.translation_m[:2])
    assert (instance == 7).all()
    assert ranges.min() == pytest.approx(SLAB_M, abs=0.05)


def test_annotated_box_without_points_is_hidden() -> None:
    points, foot = street_points(), POSE.translation_m[:2]
    size = np.array([4.0, 2.0, 1.5])
    seen = thing_of_box(points, CAR, np.array([14.0, 0.0]), size, foot, 5)
    assert seen is not None
    assert seen.extent.near_m == pytest.approx(SLAB_M, abs=0.05)
    assert seen.extent.width_m == pytest.approx(2.0, abs=0.12)
    assert thing_of_box(points, CAR, np.array([20.0, 0.0]), size, foot, 5) is None
