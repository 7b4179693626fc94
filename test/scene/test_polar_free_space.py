"""Free space along the ground: as far as road is confirmed, up to what stands there, and never more."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import BUILDING, CAR, ROAD, cast, make_camera
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perception_fm.dense import DensePrediction
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.free_sectors import Boundary, FreeSpaceSectors
from perception_fm.scene.points import LabeledPoints, Surface, labeled_points
from perception_fm.scene.polar import STEP_M, polar_free_space

MOUNTING = base_from_camera(1.5, 0.06, forward_m=1.2, left_m=0.2)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)
REACH_M = 40.0


def points_of(dense: DensePrediction) -> LabeledPoints:
    return labeled_points(dense, GROUND, min_height_m=0.25, clearance_m=2.5, min_confidence=0.5)


def polar_of(dense: DensePrediction) -> FreeSpaceSectors:
    return polar_free_space(points_of(dense), GROUND, MOUNTING, REACH_M)


def ahead(polar: FreeSpaceSectors) -> int:
    return int(np.argmin(np.abs(polar.bearing_rad)))


def test_empty_road_is_free_to_the_end_of_the_range_and_not_before_it_is_seen():
    polar = polar_of(cast(MOUNTING, sigma_share=0.01))
    # The lowest row looks 20 degrees below the horizon, and the camera down by 3.4.
    assert polar.near_m[ahead(polar)] == pytest.approx(1.5 / np.tan(np.arctan(28.0 / 75.0) + 0.06), abs=STEP_M)
    assert (polar.boundary == Boundary.FREE_END).all()
    assert polar.free_m == pytest.approx(REACH_M)
    assert polar.confidence == pytest.approx(1.0)
    assert np.isinf(polar.obstacle_m).all()
    assert (np.diff(polar.bearing_rad) > 0.0).all()


def test_box_ends_the_free_range_before_it_and_hides_what_is_behind():
    polar = polar_of(cast(MOUNTING, [(21.2, 24.0, -1.0, 1.4, 1.6, CAR)], sigma_share=0.01))
    middle = ahead(polar)
    assert polar.obstacle_m[middle] == pytest.approx(20.0, abs=0.1)
    assert 20.0 - 4.0 * STEP_M < polar.free_m[middle] <= 20.0
    assert polar.boundary[middle] == Boundary.OBSTACLE
    # Its sides: 1.2 m left and right of the camera, at 20 m, and one sector more of each side.
    is_blocked = polar.boundary == Boundary.OBSTACLE
    assert np.degrees(polar.bearing_rad[is_blocked]).min() == pytest.approx(-3.43 - 0.76, abs=0.8)
    assert np.degrees(polar.bearing_rad[is_blocked]).max() == pytest.approx(3.43 + 0.76, abs=0.8)
    assert (polar.free_m[~is_blocked] == REACH_M).all()


def test_box_of_no_known_class_counts_by_its_height_alone():
    polar = polar_of(cast(MOUNTING, [(11.2, 12.0, -1.0, 1.4, 0.6, ROAD)], sigma_share=0.01))
    assert polar.boundary[ahead(polar)] == Boundary.OBSTACLE
    assert polar.free_m[ahead(polar)] <= 10.0


def test_what_is_higher_than_the_vehicle_is_no_obstacle():
    wall = points_of(cast(MOUNTING, [(15.0, 16.0, -8.0, 8.0, 9.0, BUILDING)], sigma_share=0.01))
    assert (wall.surface[wall.height_m > 2.6] == Surface.UNKNOWN).all()
    assert (wall.surface[(wall.height_m > 0.3) & (wall.height_m < 2.4)] == Surface.STANDING).all()


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e-3, 1e6, np.inf, -4.0])
def test_depth_that_means_nothing_frees_nothing(value):
    dense = cast(MOUNTING)
    depth = np.full(dense.depth_m.shape, value, np.float32)
    polar = polar_of(dataclasses.replace(dense, depth_m=depth, depth_std_m=None))
    assert (polar.free_m == 0.0).all()
    assert (polar.boundary != Boundary.FREE_END).all()
    assert np.isnan(polar.confidence).all()


def test_unconfident_or_unlabelled_road_frees_nothing():
    dense = cast(MOUNTING, sigma_share=0.01)
    for change in (
        {"confidence": np.full(dense.label.shape, 100, np.uint8)},
        {"label": np.full(dense.label.shape, 255, np.uint8)},
        {"label": np.full(dense.label.shape, BUILDING, np.uint8)},
    ):
        assert (polar_of(dataclasses.replace(dense, **change)).free_m == 0.0).all()


def test_hole_in_the_road_ends_the_range_as_unknown():
    dense = cast(MOUNTING, sigma_share=0.01)
    label = dense.label.copy()
    label[36:39] = 255
    polar = polar_of(dataclasses.replace(dense, label=label))
    assert (polar.boundary == Boundary.UNKNOWN).all()
    assert (polar.free_m < 15.0).all()
    assert (polar.free_m > 0.0).all()


def test_camera_that_looks_aside_has_its_own_bearings():
    mounting = base_from_camera(1.5, 0.06, yaw_rad=2.0)
    ground = dataclasses.replace(plane_from_mounting(mounting), covariance=np.eye(3) * 1e-10)
    dense = cast(mounting, sigma_share=0.01)
    points = labeled_points(dense, ground, 0.25, 2.5, 0.5)
    polar = polar_free_space(points, ground, mounting, REACH_M)
    assert np.median(polar.bearing_rad) == pytest.approx(2.0, abs=0.02)
    assert (polar.free_m == REACH_M).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_no_step_is_free_that_no_road_cell_shows(seed, wrong_depths, wrong_labels):
    rng = np.random.default_rng(seed)
    dense = cast(MOUNTING, [(12.0, 14.0, -2.0, 0.0, 1.0, CAR)], sigma_share=0.05)
    depth, label = dense.depth_m.copy(), dense.label.copy()
    is_wrong = rng.random(depth.shape) < wrong_depths
    depth[is_wrong] = rng.choice(np.array([0.5, 3.0, 10.0, 60.0, np.nan], np.float32), is_wrong.sum())
    is_wrong = rng.random(depth.shape) < wrong_labels
    label[is_wrong] = rng.choice(np.array([ROAD, BUILDING, CAR, 10, 255], np.uint8), is_wrong.sum())
    points = points_of(dataclasses.replace(dense, depth_m=depth, depth_std_m=0.05 * np.abs(depth), label=label))
    polar = polar_free_space(points, GROUND, MOUNTING, REACH_M)
    assert ((polar.free_m == 0.0) | (polar.free_m <= REACH_M)).all()
    camera = make_camera()
    for sector in np.flatnonzero(polar.free_m > 0.0):
        bearing = polar.bearing_rad[sector]
        for distance in np.arange(polar.near_m[sector], polar.free_m[sector] + 1e-6, STEP_M):
            base = np.array([np.cos(bearing), np.sin(bearing), 0.0]) * distance
            optical = (base - [0.0, 0.0, 1.5]) @ MOUNTING.rotation
            column = int(np.rint(camera.fx * optical[0] / optical[2] + camera.cx))
            row = int(np.rint(camera.fy * optical[1] / optical[2] + camera.cy))
            window = points.surface[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            assert (window == Surface.ROAD).any()
    assert (polar.free_m <= np.maximum(polar.obstacle_m, 0.0)).all()


@settings(max_examples=40, deadline=None)
@given(
    st.floats(6.0, 35.0), st.floats(-6.0, 6.0), st.floats(0.3, 3.0), st.floats(0.4, 2.4),
    st.sampled_from([ROAD, CAR, BUILDING]),
)  # fmt: skip
@example(14.75, -1.0, 1.0, 1.0, ROAD)
def test_an_obstacle_never_makes_free_space_grow(x, y, width, height, label):
    """What is called road is road up to where it rises, which may be one step beyond the cell that showed a car."""
    other = (15.0, 17.0, -3.0, -1.0, 1.5, CAR)
    before = polar_of(cast(MOUNTING, [other], sigma_share=0.02))
    after = polar_of(cast(MOUNTING, [other, (x, x + 1.0, y, y + width, height, label)], sigma_share=0.02))
    step_m = STEP_M if label == ROAD else 0.0
    assert (after.free_m <= np.minimum(before.free_m + step_m, np.maximum(after.obstacle_m, before.free_m))).all()
