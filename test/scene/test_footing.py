"""A foot on the road says where a thing stands: better than a rough depth, and never against a sure one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import BUILDING, CAR, cast
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.footing import on_their_feet
from perception_fm.scene.points import LabeledPoints, Surface, labeled_points

MOUNTING = base_from_camera(1.5, 0.06)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)
WALL_M = 10.0


def points(
    factor=1.0, sigma_share=0.15, label=BUILDING, noise=0.0, hangs_m=0.0, half_width_m=1.5, tyre_m=0.0
) -> LabeledPoints:
    """A thing 10 m ahead whose depth is wrong by a factor, and rough; `tyre_m` of it on either side reach the road."""
    dense = cast(MOUNTING, [(WALL_M, WALL_M + 1.0, -half_width_m, half_width_m, 1.4, label)], sigma_share)
    is_thing = dense.label == label
    if hangs_m:
        bottom = MOUNTING.translation_m[2] - hangs_m  # below the camera
        rays = (np.arange(dense.camera.height) - dense.camera.cy) / dense.camera.fy
        aside_m = np.abs(np.arange(dense.camera.width) - dense.camera.cx) / dense.camera.fx * WALL_M
        is_gap = is_thing & (aside_m < half_width_m - tyre_m) & ((rays * WALL_M)[:, None] + 0.06 * WALL_M > bottom)
        ground = 1.0 / np.maximum(1e-3, GROUND.m[1] * rays + GROUND.m[2])[:, None]
        dense = dataclasses.replace(
            dense, label=np.where(is_gap, np.uint8(0), dense.label),
            depth_m=np.where(is_gap, ground.astype(np.float32), dense.depth_m),
        )  # fmt: skip
        is_thing = dense.label == label
    rough = np.exp(noise * np.random.default_rng(0).normal(size=dense.label.shape))
    depth = np.where(is_thing, dense.depth_m * np.float32(factor) * rough, dense.depth_m).astype(np.float32)
    dense = dataclasses.replace(dense, depth_m=depth, depth_std_m=depth * np.float32(sigma_share))
    return labeled_points(dense, GROUND, 0.25, 2.5, 0.5)


def depths(of: LabeledPoints) -> np.ndarray:
    return of.points_m[of.surface == Surface.STANDING][:, 2]


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.4])
def test_rough_depth_is_moved_to_the_foot(factor):
    before = points(factor, noise=0.05)
    found = depths(on_their_feet(before, GROUND).nearest)
    row_m = WALL_M**2 / (75.0 * 1.5)  # of the road, per row of the grid
    assert np.abs(np.percentile(found, [5, 50]) - WALL_M).max() < 1.3 * row_m
    assert np.abs(found - WALL_M).mean() < 0.7 * np.abs(depths(before) - WALL_M).mean()


def test_at_the_nearest_nothing_stands_behind_ground_that_is_seen():
    """The ground of the cell below is seen, so the thing does not stand on it, and may stand right behind."""
    footed = on_their_feet(points(1.25), GROUND)
    row_m = WALL_M**2 / (75.0 * 1.5)
    assert WALL_M - row_m <= np.median(depths(footed.nearest)) <= WALL_M
    assert np.median(depths(footed.nearest)) <= np.median(depths(footed.likely)) <= WALL_M + 0.5 * row_m


def test_what_stands_behind_a_crest_is_not_pulled_to_it():
    """Its depth is twice that of the ground below it: no error of a depth, another surface."""
    before = points(2.0)
    np.testing.assert_array_equal(depths(on_their_feet(before, GROUND).nearest), depths(before))


def test_sure_depth_stays_what_it_is():
    before = points(1.0, sigma_share=0.01)
    np.testing.assert_allclose(depths(on_their_feet(before, GROUND).nearest), depths(before), rtol=0.02)


def test_depth_that_is_surely_nearer_than_its_foot_stays_nearer():
    """A thing that hangs over the ground: its lower edge meets a far piece of road."""
    before = points(1.0, sigma_share=0.05, hangs_m=0.7)
    after = on_their_feet(before, GROUND).nearest
    assert np.median(depths(after)) == pytest.approx(np.median(depths(before)), rel=0.01)


def test_car_may_hang_over_its_foot_by_the_height_of_its_bumper():
    moved = depths(on_their_feet(points(1.0, sigma_share=0.15, label=CAR, hangs_m=0.25), GROUND).nearest)
    assert np.median(moved) < 1.05 * WALL_M


def short_car() -> LabeledPoints:
    return points(0.85, 0.25, label=CAR, hangs_m=0.15, half_width_m=0.85, tyre_m=0.25)


def test_car_most_likely_stands_on_its_tyres_and_may_be_nearer():
    """Its bumper is 0.8 m before them; free space ends where it stands if there are none."""
    footed = on_their_feet(short_car(), GROUND)
    assert np.median(depths(footed.nearest)) == pytest.approx(0.85 * WALL_M, rel=0.02)
    assert np.median(depths(footed.likely)) == pytest.approx(WALL_M - 0.8, abs=0.45)  # half a row
    assert (depths(footed.likely) >= depths(footed.nearest)).all()


def test_only_cars_are_known_to_stand_on_tyres():
    footed = on_their_feet(points(0.85, 0.25, half_width_m=0.85, tyre_m=0.25, hangs_m=0.25), GROUND)
    np.testing.assert_array_equal(depths(footed.likely), depths(footed.nearest))


def test_foot_lies_nearer_to_the_cell_that_is_less_sure():
    car = short_car()
    ends = []
    for of_car, of_road in ((0.6, 0.98), (0.98, 0.6)):
        confidence = np.where(car.label == CAR, of_car, of_road) * 255.0
        sure = dataclasses.replace(car, confidence=confidence.astype(np.uint8))
        ends.append(np.median(depths(on_their_feet(sure, GROUND).likely)))
    row_m = WALL_M**2 / (75.0 * 1.5)
    assert ends[0] - ends[1] == pytest.approx(0.66 * row_m, rel=0.2)


def test_heights_follow_the_points():
    moved = on_their_feet(points(1.4), GROUND).likely
    is_standing = moved.surface == Surface.STANDING
    base = MOUNTING.apply(moved.points_m[is_standing].astype(float))
    np.testing.assert_allclose(moved.height_m[is_standing], base[:, 2], atol=0.02)


def test_nothing_that_stands_changes_nothing():
    flat = labeled_points(cast(MOUNTING, [], 0.1), GROUND, 0.25, 2.5, 0.5)
    assert on_their_feet(flat, GROUND).nearest is flat


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 0.3))
def test_a_thing_is_never_moved_away_by_more_than_its_own_error(factor, share, noise):
    before = points(factor, sigma_share=share, noise=noise)
    after = on_their_feet(before, GROUND).likely
    is_standing = before.surface == Surface.STANDING
    columns = is_standing.any(axis=0)
    mean = np.nanmean(np.where(is_standing, before.points_m[..., 2], np.nan)[:, columns], axis=0)
    nearest = np.nanmin(np.where(is_standing, after.points_m[..., 2], np.nan)[:, columns], axis=0)
    assert (nearest <= mean / max(1.0 - 1.5 * share, 0.7) + 1e-3).all()
