"""The plane in a box: distance, expansion, slope and time to contact of rendered walls."""

import math

import numpy as np
import pytest
from motion_scene import GREY, Scene, free_road, make_scene, noise_texture, road, wall, wall_at_30_m

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch
from perception_fm.motion.patches import choose_views
from perception_fm.motion.path_boxes import BoxGeometry, box_geometry
from perception_fm.motion.plane_fit import PlaneFit, align, described, upright_sigma
from perception_fm.motion.warp import GrayPyramid, ReferenceView

WIDTH_M, SWEPT_HEIGHT_M = 1.9, 2.5


def fit(scene: Scene, x_m: float, start_m: float, travel_m: float = 6.0) -> PlaneFit | None:
    """The plane in a box at `start_m`, seen over 0.5 s."""
    box = box_geometry(start_m, scene.path, scene.plane, 0.0, SWEPT_HEIGHT_M, WIDTH_M)
    return fit_in(scene.pyramid(x_m), scene.view(x_m, travel_m), box, scene.plane, WIDTH_M)


def fit_in(
    current: GrayPyramid, view: ReferenceView, box: BoxGeometry, plane: PlaneEstimate, width_m: float
) -> PlaneFit | None:
    """The plane that a box holds."""
    patch = BoxPatch.cut(current, view, box, width_m)
    found = align(patch, box.upright, upright_sigma(patch))
    return None if found is None else described(patch, found, plane)


@pytest.mark.parametrize("start_share", [0.95, 1.0, 1.06])
@pytest.mark.parametrize("distance_m", [12.0, 20.0, 30.0])
def test_distance_of_a_wall(distance_m, start_share):
    plane = fit(wall_at_30_m(), 30.0 - distance_m, start_share * distance_m)
    assert plane is not None
    assert plane.depth_m == pytest.approx(distance_m, rel=0.02)
    assert abs(plane.depth_m - distance_m) < 3.0 * plane.depth_sigma_m
    assert plane.depth_sigma_m < 0.02 * distance_m
    assert plane.correlation > 0.95


@pytest.mark.parametrize("start_share", [0.95, 1.06])
def test_far_wall_is_found_from_either_side(start_share):
    """Its expansion differs by a quarter of a pixel from where the fit begins: far more than the rounding of pixels."""
    dim = make_scene(road(noise_texture(1)), wall(noise_texture(2, 0.05), 30.0))
    plane = fit(dim, 0.0, start_share * 30.0)
    assert plane is not None
    assert plane.depth_m == pytest.approx(30.0, rel=0.03)
    assert abs(plane.depth_m - 30.0) < 2.0 * plane.depth_sigma_m


def test_a_blank_patch_stays_where_it_was_looked_for():
    blank = make_scene(road(noise_texture(1)), wall(noise_texture(2, 0.0), 40.0, height_m=12.0))
    box = box_geometry(30.0, blank.path, blank.plane, 0.5, SWEPT_HEIGHT_M, WIDTH_M)
    plane = fit_in(blank.pyramid(0.0), blank.view(0.0, 6.0), box, blank.plane, WIDTH_M)
    assert plane is not None
    assert plane.depth_m == pytest.approx(30.0, rel=0.05)
    assert plane.depth_sigma_m > 0.5 * 30.0


def test_errors_are_about_as_large_as_sigma_says():
    scores = []
    for seed in range(8):
        plane = fit(make_scene(road(noise_texture(1)), wall(noise_texture(20 + seed), 25.0)), 0.0, 25.0)
        assert plane is not None
        scores.append((plane.depth_m - 25.0) / plane.depth_sigma_m)
    # Eight draws of a unit normal have an rms of 1 +- 0.25; a sigma twice too large or too small shows.
    assert 0.3 < np.sqrt(np.mean(np.square(scores))) < 1.8


def test_expansion_is_travel_over_distance():
    plane = fit(wall_at_30_m(), 10.0, 20.0)
    assert plane is not None
    assert plane.expansion == pytest.approx(6.0 / 20.0, abs=3.0 * plane.expansion_sigma)
    assert plane.expansion == pytest.approx(6.0 / plane.depth_m)
    assert plane.expansion_sigma / plane.expansion == pytest.approx(plane.depth_sigma_m / plane.depth_m)


def test_time_to_contact_is_free_of_scale():
    """T / e: with the travel and the road given half as long, distance halves and the time stays."""
    scene = wall_at_30_m()
    true = fit(scene, 10.0, 20.0)
    view, current = scene.view(10.0, 6.0), scene.pyramid(10.0)
    half = type(view)(view.pyramid, view.rotation, 0.5 * view.travel_m, view.window_s)
    small_road = type(scene.plane)(2.0 * scene.plane.m, scene.plane.covariance, False)
    box = box_geometry(10.0, scene.path, small_road, 0.0, 0.5 * SWEPT_HEIGHT_M, 0.5 * WIDTH_M)
    scaled = fit_in(current, half, box, small_road, 0.5 * WIDTH_M)
    assert true is not None
    assert scaled is not None
    assert true.window_s / true.expansion == pytest.approx(20.0 / 12.0, rel=0.02)
    assert scaled.window_s / scaled.expansion == pytest.approx(true.window_s / true.expansion, rel=1e-6)
    assert scaled.depth_m == pytest.approx(0.5 * true.depth_m, rel=1e-6)


@pytest.mark.parametrize("x_m", [10.0, 18.0])
def test_upright_wall_has_a_slope_of_90_degrees(x_m):
    plane = fit(wall_at_30_m(), x_m, 30.0 - x_m)
    assert plane is not None
    assert abs(plane.slope_rad - 0.5 * math.pi) < 3.0 * plane.slope_sigma_rad
    assert plane.slope_rad > math.radians(75.0)
    assert plane.slope_sigma_rad < math.radians(10.0)


def test_leaning_wall_has_its_slope_and_its_distance_at_mid_height():
    lean = math.radians(30.0)
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(2), 20.0, lean_rad=lean))
    middle_m = 20.0 + 0.5 * SWEPT_HEIGHT_M * math.tan(lean)
    plane = fit(scene, 0.0, middle_m)
    assert plane is not None
    assert plane.slope_rad == pytest.approx(0.5 * math.pi - lean, abs=3.0 * plane.slope_sigma_rad)
    assert plane.slope_rad < math.radians(75.0)
    assert plane.depth_m == pytest.approx(middle_m, rel=0.02)


def test_flat_wall_is_planar_and_a_step_is_not():
    """Planarity is the residual over noise and misalignment, over the window that the sweep would take."""
    scene = wall_at_30_m()
    views = choose_views(scene.views(12.0), np.array([18.0]), 1.4, 400.0)
    box = box_geometry(18.0, scene.path, scene.plane, 0.0, SWEPT_HEIGHT_M, WIDTH_M)
    flat = fit_in(scene.pyramid(12.0), views[0], box, scene.plane, WIDTH_M)
    left = wall(noise_texture(2), 30.0)
    right = wall(noise_texture(6), 38.0)
    object.__setattr__(left, "size_m", (4.0, 4.0))  # the left half of the path only
    step = make_scene(road(noise_texture(1)), left, right)
    stepped = fit_in(
        step.pyramid(12.0), step.view(12.0, float(views[0].travel_m[2])), box, step.plane, WIDTH_M
    )
    assert flat is not None
    assert flat.planarity < 4.0
    assert stepped is None or stepped.planarity > 1.5 * flat.planarity


def test_road_is_not_an_upright_plane():
    """The still horizon in a box on free road holds the fit upright, so it is the residual that tells."""
    plane = fit(free_road(), 0.0, 12.0)
    assert plane is None or plane.planarity > 10.0


def test_wall_without_texture_knows_its_distance_less_well():
    """Only its foot against the road shows: the sigma says so and stays true."""
    blank = fit(make_scene(road(noise_texture(1)), wall(GREY, 20.0, width_m=60.0, height_m=40.0)), 0.0, 20.0)
    textured = fit(wall_at_30_m(), 10.0, 20.0)
    assert textured is not None
    if blank is not None:
        assert blank.depth_sigma_m > 3.0 * textured.depth_sigma_m
        assert abs(blank.depth_m - 20.0) < 3.0 * blank.depth_sigma_m


def test_start_too_far_off_is_refused():
    """A fit that would walk by more than a quarter has lost its patch: no answer rather than a wrong one."""
    plane = fit(wall_at_30_m(), 10.0, 32.0)
    assert plane is None
