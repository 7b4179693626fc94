"""Obstacles of both halves: one for one thing, in the path where they are, free road that ends before them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.columns import joined as columns_joined
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.obstacles import joined, scene_obstacles
from perception_fm.scene.path import GroundPath, free_along_m
from perception_fm.scene.tracks import SceneTracks
from perception_fm.types import Obstacle, Provenance

PATH = GroundPath((1.0, 0.0), 0.0, 0.0, 0.95)
HERE = RigidTransform(Rotation.from_euler("z", 0.5).as_matrix(), np.array([100.0, 50.0, 2.0]))


def track(x: float, y: float, speed_mps: float = 0.0) -> SceneTracks:
    """A car at (x, y) of the base frame of `HERE`, that drives as we do."""
    place = HERE.apply(np.array([x, y, 0.0]))
    velocity = HERE.rotation[:2, :2] @ np.array([speed_mps, 0.0])
    odds = np.full((1, 20), 1e-3)
    odds[0, 13] = 5.0
    return SceneTracks(
        track_id=np.array([7]), state=np.array([[*place[:2], *velocity]]),
        covariance=np.diag([0.04, 0.04, 0.01, 0.01])[None], size_m=np.array([[4.0, 1.8, 1.5]]),
        size_sigma_m=np.array([[0.4, 0.1, 0.1]]), yaw_rad=np.array([0.5]), yaw_sigma_rad=np.array([0.1]),
        class_odds=odds, log_odds=np.array([4.0]), is_confirmed=np.array([True]), nearest_m=np.array([20.0]),
        unseen_s=np.zeros(1),
    )  # fmt: skip


def obstacle(one: SceneTracks, speed_mps: float, scale_sigma: float) -> Obstacle:
    (found,) = scene_obstacles(one, HERE, PATH, speed_mps, scale_sigma)
    return found


def motion(distance_m: float, sigma_m: float = 0.3) -> Obstacle:
    return Obstacle(
        obstacle_id=3, distance_m=distance_m, distance_sigma_m=sigma_m, ttc_s=2.0, ttc_sigma_s=0.1,
        provenance=Provenance.MOTION, existence_probability=0.9, is_confirmed=True,
        centre_base_m=np.array([distance_m + 1.0, 0.0, 1.0]), size_m=np.array([math.nan, 1.9, 2.0]), expansion=0.2,
    )  # fmt: skip


def test_track_ahead_is_in_the_path_at_the_distance_of_its_rear():
    found = obstacle(track(20.0, 0.5, 2.0), 10.0, 0.0)
    assert found.is_in_path
    assert found.distance_m == pytest.approx(17.0)
    assert found.centre_base_m == pytest.approx([20.0, 0.5, 0.75])
    assert found.yaw_rad == pytest.approx(0.0, abs=1e-9)
    assert found.velocity_mps[:2] == pytest.approx([2.0, 0.0])
    assert found.ttc_s == pytest.approx(17.0 / 8.0)
    assert (found.class_id, found.provenance) == (13, Provenance.LEARNED)


def test_track_beside_the_path_has_its_nearest_point():
    found = obstacle(track(20.0, 4.0), 10.0, 0.1)
    assert not found.is_in_path
    assert found.distance_m == pytest.approx(math.hypot(17.0, 3.1))
    assert found.distance_sigma_m > 1.5
    assert obstacle(track(20.0, 1.4), 10.0, 0.0).is_in_path


def known_to(sigma_m: float, one: SceneTracks, yaw_sigma_rad: float = 0.02) -> SceneTracks:
    """The track with sides that are known so well."""
    return dataclasses.replace(
        one, covariance=np.diag([sigma_m**2, sigma_m**2, 0.01, 0.01])[None], size_sigma_m=np.full((1, 3), sigma_m),
        yaw_sigma_rad=np.array([yaw_sigma_rad]),
    )  # fmt: skip


def test_what_may_stand_beside_the_path_is_not_in_the_way_until_that_is_known():
    """Its side lies 0.15 m inside."""
    assert not obstacle(known_to(0.2, track(20.0, 1.7)), 10.0, 0.0).is_in_path
    assert obstacle(known_to(0.05, track(20.0, 1.7)), 10.0, 0.0).is_in_path
    assert obstacle(known_to(0.2, track(20.0, 0.3)), 10.0, 0.0).is_in_path


def test_a_heading_that_nobody_knows_takes_no_car_ahead_out_of_the_way():
    assert obstacle(known_to(0.2, track(20.0, 0.3), math.pi / math.sqrt(12.0)), 10.0, 0.0).is_in_path


def test_long_thing_that_leans_in_with_its_far_end_is_where_it_does_so():
    """A row of parked cars, 20 m long, 6 degrees off the path: its near end stands 1.5 m beside it."""
    row = dataclasses.replace(
        known_to(0.1, track(16.0, -2.3)), size_m=np.array([[20.0, 1.8, 1.5]]),
        yaw_rad=np.array([0.5 + math.radians(6.0)]),
    )  # fmt: skip
    found = obstacle(row, 10.0, 0.0)
    assert found.is_in_path
    # The left side is 0.9 m off the axis and rises by sin(6 deg) a metre: it is 0.95 m off the path's middle there.
    along = (2.3 - 0.95 - 0.9 / math.cos(math.radians(6.0))) / math.tan(math.radians(6.0))
    assert found.distance_m == pytest.approx(16.0 + along - 1.0, abs=0.05)
    unsure = dataclasses.replace(row, yaw_sigma_rad=np.array([0.1]))  # its far end may be 1 m to either side
    assert not obstacle(unsure, 10.0, 0.0).is_in_path
    beside = obstacle(dataclasses.replace(row, yaw_rad=np.array([0.5])), 10.0, 0.0)
    assert not beside.is_in_path


def test_thing_wider_than_the_path_is_in_it():
    across = dataclasses.replace(track(20.0, 1.0), size_m=np.array([[0.4, 9.0, 2.0]]))
    found = obstacle(across, 10.0, 0.0)
    assert found.is_in_path
    assert found.distance_m == pytest.approx(18.8)


def in_bend(distance_m: float, left_m: float, width_m: float, sigma_per_m: float) -> bool:
    """Whether what stands so far along a path that bends to the left, and beside it, is in the way."""
    path = GroundPath((1.0, 0.0), 0.0, 0.01, 0.95, curvature_sigma_per_m=sigma_per_m)
    x, y = path.points_m(np.array(distance_m), left_m)
    thing = dataclasses.replace(known_to(0.01, track(float(x), float(y))), size_m=np.array([[0.4, width_m, 1.5]]))
    (found,) = scene_obstacles(thing, HERE, path, 10.0, 0.0)
    return found.is_in_path


def test_what_the_path_may_pass_is_not_in_the_way_until_that_is_known():
    """The path of a bend, known to a tenth: to 0.2 m at 20 m and to 0.8 m at 40 m."""
    assert in_bend(40.0, 1.5, 1.8, 0.0)
    assert not in_bend(40.0, 1.5, 1.8, 0.001)
    assert in_bend(20.0, 1.5, 1.8, 0.001)
    assert in_bend(40.0, 0.0, 1.8, 0.001)
    assert not in_bend(60.0, 0.0, 1.8, 0.001)
    assert in_bend(60.0, 0.0, 9.0, 0.001)


def test_path_on_the_ground_is_as_sure_as_that_of_motion():
    shape = {"curvature_per_m": 0.01, "half_width_m": 0.95, "memory_m": 40.0, "curvature_sigma_per_m": 0.002}
    along = np.array([5.0, 20.0, 60.0])
    expected = PredictedPath(0.0, **shape).lateral_sigma_m(along)
    np.testing.assert_allclose(GroundPath((0.0, 0.0), 0.0, **shape).lateral_sigma_m(along), expected)
    assert (GroundPath((0.0, 0.0), 0.0, math.nan, 0.95).lateral_sigma_m(along) == 0.0).all()


def test_each_of_many_tracks_is_what_it_is_alone():
    things = [track(20.0, 0.5, 2.0), track(12.0, -4.0), track(-5.0, 0.0)]
    found = scene_obstacles(columns_joined(things), HERE, PATH, 10.0, 0.1)
    for one, alone in zip(found, (obstacle(thing, 10.0, 0.1) for thing in things)):
        assert (one.is_in_path, one.class_id) == (alone.is_in_path, alone.class_id)
        assert one.distance_m == pytest.approx(alone.distance_m)
        assert one.ttc_s == pytest.approx(alone.ttc_s, nan_ok=True)
        assert one.centre_base_m == pytest.approx(alone.centre_base_m)
    assert scene_obstacles(SceneTracks.none(), HERE, PATH, 10.0, 0.1) == []


def test_what_does_not_close_in_has_no_time_to_contact():
    assert math.isnan(obstacle(track(20.0, 0.0, 10.0), 10.0, 0.0).ttc_s)


def test_what_both_have_seen_is_one_obstacle():
    scene = obstacle(track(20.0, 0.0), 10.0, 0.05)
    (found,) = joined([motion(17.4)], [scene])
    assert found.provenance is Provenance.BOTH
    assert (found.obstacle_id, found.class_id) == (3, 13)
    assert found.distance_m == 17.4
    assert found.ttc_s == 2.0
    assert found.expansion == 0.2
    assert found.existence_probability > 0.99


def test_what_only_one_has_seen_stays():
    scene = obstacle(track(20.0, 0.0), 10.0, 0.0)
    assert [one.provenance for one in joined([motion(9.0)], [scene])] == [Provenance.MOTION, Provenance.LEARNED]
    assert joined([motion(9.0)], [])[0].provenance is Provenance.MOTION
    aside = dataclasses.replace(scene, centre_base_m=scene.centre_base_m + np.array([0.0, 1.5, 0.0]))
    assert len(joined([motion(17.2)], [aside])) == 2  # a car before a wall is none of its parts


def test_what_motion_is_sure_of_is_joined_with_what_the_network_is_not_sure_to_be_met():
    perhaps = dataclasses.replace(obstacle(track(20.0, 0.0), 10.0, 0.0), is_in_path=False)
    (found,) = joined([motion(17.4)], [perhaps])
    assert found.is_in_path


def grid(**cells) -> FreeSpaceGrid:
    """Everything up to 30 m ahead is free, but for 4 m below the image."""
    states = np.full((240, 240), UNKNOWN, np.int8)
    states[:, 136:240] = FREE
    for x, state in cells.items():
        states[118:122, 120 + int(float(x[1:].replace("_", ".")) / 0.25)] = state
    is_blind = np.zeros(states.shape, bool)
    is_blind[:, :136] = True
    return FreeSpaceGrid(states, np.zeros(states.shape, np.float32), is_blind, 0.25, (-30.0, -30.0))


def test_free_path_ends_at_the_first_cell_that_is_not():
    assert free_along_m(grid(), PATH, 25.0) == pytest.approx(25.0)
    assert free_along_m(grid(x15=OCCUPIED), PATH, 25.0) == pytest.approx(14.0)
    assert free_along_m(grid(x15=UNKNOWN), PATH, 25.0) == pytest.approx(14.0)


def test_path_below_the_image_may_be_unknown_but_not_occupied():
    seen = dataclasses.replace(grid(), is_blind=np.zeros((240, 240), bool))
    assert free_along_m(seen, PATH, 25.0) == 0.0
    assert free_along_m(grid(x2_5=OCCUPIED), PATH, 25.0) == 0.0


def test_path_that_leaves_the_grid_ends_there():
    assert free_along_m(grid(), PATH, 100.0) == pytest.approx(29.0)


def test_bent_path_asks_the_cells_of_the_bend():
    bent = dataclasses.replace(PATH, curvature_per_m=0.05)
    blocked = grid().cells.copy()
    blocked[135:140, 172:176] = OCCUPIED
    one = dataclasses.replace(grid(), cells=blocked)
    assert free_along_m(one, PATH, 25.0) == pytest.approx(25.0)
    assert free_along_m(one, bent, 25.0) < 14.0
    along, left = bent.along_and_left_m(bent.points_m(np.array([10.0])))
    assert (along[0], left[0]) == pytest.approx((10.0, 0.0))
