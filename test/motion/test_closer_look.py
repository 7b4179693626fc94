"""The closer look keeps walls, puts them where they stand, and takes climbing roads for roads."""

import dataclasses
import math
from functools import cache

import numpy as np
import pytest
from motion_scene import (
    BUILDING,
    Scene,
    Y,
    Z,
    free_road,
    make_scene,
    noise_texture,
    periodic,
    ramp,
    road,
    wall,
    wall_at_30_m,
)

from perception_fm.motion import rivals
from perception_fm.motion.closer_look import CloserLook, is_lying, look_closer
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.motion.path_boxes import box_distances
from perception_fm.motion.plane_fit import PlaneFit
from perception_fm.motion.swept_boxes import path_evidence, sweep_boxes
from perception_fm.synth.planar.surface import Surface

SWEPT_HEIGHT_M = 2.5
DISTANCES_M = box_distances(5.0, 100.0)


def look(scene: Scene, x_m: float = 0.0, views=None, watched_m=()) -> CloserLook:
    aligned = scene.aligned(*(scene.views(x_m) if views is None else views))
    current = scene.pyramid(x_m)
    evidence = sweep_boxes(current, aligned, scene.path, DISTANCES_M, SWEPT_HEIGHT_M)
    return look_closer(current, aligned, scene.path, evidence, watched_m)


@cache
def high_wall() -> Scene:
    """A wall at 30 m that ends above the picture: outlines of this renderer jump by whole pixels."""
    return make_scene(road(noise_texture(1)), wall(noise_texture(2), 30.0, height_m=12.0))


@pytest.mark.parametrize("distance_m", [12.0, 20.0, 30.0])
def test_wall_is_one_thing_where_it_stands(distance_m):
    looked = look(high_wall(), 30.0 - distance_m)
    rows = np.flatnonzero(looked.ratio > 3.0)
    assert len(rows) == 1
    fit = looked.fits[int(rows[0])]
    assert fit.depth_m == pytest.approx(distance_m, rel=0.015)
    assert DISTANCES_M[rows[0]] == pytest.approx(distance_m, rel=0.04)  # boxes are 6% apart
    assert looked.ratio[rows[0]] > CONFIRM
    assert looked.thing[rows[0]] == rows[0]


def test_wall_that_ends_in_the_picture_stands_there_too():
    looked = look(wall_at_30_m(), 0.0)
    assert looked.fits[int(np.argmax(looked.ratio))].depth_m == pytest.approx(30.0, rel=0.04)


def test_what_is_higher_than_the_box_says_more():
    low = look(make_scene(road(noise_texture(1)), wall(noise_texture(2), 42.0, height_m=2.5)))
    high = look(make_scene(road(noise_texture(1)), wall(noise_texture(2), 42.0, height_m=12.0)))
    assert high.ratio.max() > 2.0 * low.ratio.max() > 0.0


def test_what_goes_on_beside_the_box_is_wide_and_says_more():
    """8 m of wall fill the boxes beside the path, to 2.85 m on both sides, 2 m do not; nor does what ends 1.5 m to the
    right, where one may pass."""
    surfaces = {width_m: wall(noise_texture(2), 42.0, width_m=width_m, height_m=2.5) for width_m in (2.0, 8.0)}
    narrow, broad = (look(make_scene(road(noise_texture(1)), surface)) for surface in surfaces.values())
    left = dataclasses.replace(surfaces[8.0], origin_world_m=surfaces[8.0].origin_world_m + 2.5 * Y)
    one_sided = look(make_scene(road(noise_texture(1)), left))
    best = int(np.argmax(broad.ratio))
    assert broad.wide == {best}
    assert not narrow.wide
    assert not one_sided.wide
    assert broad.ratio[best] > 1.5 * narrow.ratio.max() > 0.0


def test_what_hangs_over_the_road_makes_no_wall_of_it():
    """A beam from 3 to 6 m over the road, 30 m ahead: boxes are 2.5 m high, and higher only where a plane goes on."""
    corner, texture = np.array([30.0, 10.0, 6.0]), periodic(noise_texture(2))
    beam = Surface(corner, -Y, -Z, (20.0, 3.0), texture, BUILDING, is_hazy=False)
    looked = look(make_scene(road(noise_texture(1)), beam))
    assert looked.ratio[(DISTANCES_M > 25.0) & (DISTANCES_M < 36.0)].max() < 3.0


def test_blocks_of_the_thing_are_those_of_its_box():
    looked = look(wall_at_30_m(), 10.0)
    row = int(np.argmax(looked.ratio))
    assert looked.ratio[row] >= path_evidence(looked.evidence)[row] > CONFIRM


def test_ground_explains_a_column_from_below_only():
    scene = np.array([[1.0, 5.0], [2.0, 5.0], [9.0, 5.0]])
    flat, climbing_ = np.array([[0.0, 9.0], [9.0, 1.0], [-1.0, 2.0]]), np.array([[9.0, 9.0], [9.0, 4.0], [3.0, 9.0]])
    found = rivals._ground_below(scene, np.stack([flat, climbing_]))
    # The flat ground would explain the highest block of the left column, too, but not the one between.
    np.testing.assert_array_equal(found, [[1.0, 5.0], [2.0, 1.0], [-1.0, 2.0]])


def test_boxes_before_the_wall_say_that_it_stands_elsewhere():
    looked = look(wall_at_30_m(), 0.0)
    before = (DISTANCES_M > 24.0) & (DISTANCES_M < 28.0)
    assert looked.ratio[before].max() < -1.0


def climbing(grade: float, hinge_m: float, contrast: float) -> Scene:
    return make_scene(road(noise_texture(1, contrast)), ramp(noise_texture(5, contrast), hinge_m, math.atan(grade)))


@pytest.mark.parametrize("contrast", [0.05, 0.22])
@pytest.mark.parametrize(("grade", "hinge_m"), [(0.06, 25.0), (0.08, 8.0), (0.12, 15.0), (0.15, 25.0)])
def test_climbing_road_is_no_obstacle(grade, hinge_m, contrast):
    """The views are 0.5 s and 6 m apart: 12 m/s, so that a bend of 288 m and more may be driven. Where less of the bend
    lies behind, it is a ramp that begins too sharply, and a little evidence of something upright is no mistake."""
    ratio = look(climbing(grade, hinge_m, contrast)).ratio
    assert ratio[hinge_m + 0.5 * grade * 288.0 <= DISTANCES_M].max() < 1.0
    assert ratio.max() < 0.3 * CONFIRM


@pytest.mark.parametrize(("grade", "hinge_m"), [(0.12, 12.0)])
def test_without_drivable_grade_a_climbing_road_is_an_obstacle(grade, hinge_m, monkeypatch):
    monkeypatch.setattr(rivals, "unexplained_by_grade", lambda patch, road, start: patch.now)
    assert look(climbing(grade, hinge_m, 0.05)).ratio.max() > CONFIRM


def test_free_road_has_nothing_to_look_at():
    looked = look(free_road())
    assert looked.ratio.max() < 1.0
    assert (looked.thing == -1).all()


@pytest.mark.parametrize("lean_deg", [-30.0, 30.0])
def test_leaning_wall_stays_an_obstacle(lean_deg):
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(2), 20.0, lean_rad=math.radians(lean_deg)))
    assert look(scene).ratio.max() > CONFIRM / 2.0


def test_changed_exposure_does_not_move_the_wall():
    """A tenth of contrast within half a second is what automatic exposure does."""
    scene = high_wall()
    views = []
    for view in scene.views(5.0):
        darker = [np.clip(0.86 * image.astype(np.float32) + 20.0, 0, 255) for image in view.pyramid.levels]
        pyramid = type(view.pyramid)(tuple(image.astype(np.uint8) for image in darker), view.pyramid.intrinsics)
        views.append(type(view)(pyramid, view.rotation, view.travel_m, view.window_s))
    looked = look(scene, 5.0, views)
    row = int(np.argmax(looked.ratio))
    assert looked.ratio[row] > CONFIRM
    assert looked.fits[row].depth_m == pytest.approx(25.0, rel=0.015)


def test_error_of_pitch_and_yaw_does_not_move_the_wall():
    """An eighth of a degree is 0.9 px, a whole expansion at 45 m: to first order alone it would look like one."""
    scene = high_wall()
    views = tuple(view.turned(math.radians(0.12), math.radians(-0.1)) for view in scene.views(0.0))
    looked = look(scene, 0.0, views)
    assert looked.fits[int(np.argmax(looked.ratio))].depth_m == pytest.approx(30.0, rel=0.02)


def test_lying_plane_is_no_evidence():
    plane = PlaneFit(20.0, 0.2, 0.3, 0.01, 0.5, math.radians(20.0), math.radians(5.0), 1.0, 0.9)
    assert is_lying(plane)
    assert not is_lying(PlaneFit(20.0, 0.2, 0.3, 0.01, 0.5, math.radians(20.0), math.radians(15.0), 1.0, 0.9))


def test_smooth_residual_counts_for_few_pixels():
    """What noise leaves is white; what a wrong plane leaves is smooth and repeats itself."""
    rng = np.random.default_rng(0)
    white = rng.normal(size=(40, 32))
    smooth = np.cumsum(np.cumsum(white, axis=0), axis=1)
    assert rivals._whiteness(white, 1.0) == 1.0
    assert rivals._whiteness(smooth, 1.0) == rivals._LEAST_WHITENESS < 0.5
