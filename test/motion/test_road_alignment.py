"""The road plane is measured from its texture, from a wrong start; without texture the start is kept."""

import math

import numpy as np
import pytest
from motion_scene import GREY, HEIGHT_M, INTRINSICS, SIZE, free_road, make_scene, noise_texture, plain_road, road, wall

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.road_alignment import FAR_FROM_M, align_roads, nearest_visible_m
from perception_fm.motion.warp import GrayPyramid, ReferenceView

PITCH_RAD = 0.03
CLEAR_M = 100.0


def prior(height_share: float, pitch_error_deg: float) -> PlaneEstimate:
    return plane_from_mounting(base_from_camera(HEIGHT_M * height_share, PITCH_RAD + math.radians(pitch_error_deg)))


def ray_errors(plane: PlaneEstimate, truth: PlaneEstimate, depth_m: np.ndarray) -> np.ndarray:
    """Relative errors (K,) of the inverse depth where the true road is at optical depths (K,)."""
    y = (1.0 / depth_m - truth.m[2]) / truth.m[1]
    rays = np.column_stack([np.zeros(len(depth_m)), y])
    return plane.inverse_depth(rays) * depth_m - 1.0


@pytest.fixture(scope="module")
def pitched():
    return make_scene(road(noise_texture(1)), pitch_rad=PITCH_RAD)


@pytest.mark.parametrize("travel_m", [1.2, 2.4])
@pytest.mark.parametrize(("height_share", "pitch_error_deg"), [(1.04, 0.8), (0.96, -0.8), (1.04, -0.8), (1.0, 0.0)])
def test_wrong_mounting_is_corrected(pitched, travel_m, height_share, pitch_error_deg):
    start = prior(height_share, pitch_error_deg)
    view = pitched.view(0.0, travel_m)
    plane = align_roads(pitched.pyramid(0.0), (view,), start, pitched.path, CLEAR_M).near
    assert plane.is_measured
    error = np.array([plane.height_m - HEIGHT_M, plane.pitch_rad - PITCH_RAD])
    assert abs(error[0]) < 3.0 * plane.height_sigma_m
    pitch_sigma = math.sqrt(plane.covariance[2, 2]) * HEIGHT_M  # m's change along the optical axis, over |m|
    assert abs(error[1]) < 3.0 * pitch_sigma
    assert pitch_sigma < math.radians(0.3)  # five times less than the 1.5 degrees of the mounting
    # Height and pitch trade against each other; where the road lies at the depths that were looked at is what counts.
    depth_m = np.linspace(7.0, 14.0, 8)
    after = np.abs(ray_errors(plane, pitched.plane, depth_m)).max()
    assert after < 0.02  # 1% model share on height, 0.1 degrees at 10 m another per cent


def test_correct_start_stays_correct(pitched):
    plane = align_roads(pitched.pyramid(0.0), (pitched.view(0.0, 1.2),), pitched.plane, pitched.path, CLEAR_M).near
    assert plane.height_m == pytest.approx(HEIGHT_M, rel=0.01)
    assert plane.pitch_rad == pytest.approx(PITCH_RAD, abs=math.radians(0.15))


def test_far_plane_is_measured_over_the_longest_window(pitched):
    start = prior(1.0, 0.3)
    aligned = align_roads(pitched.pyramid(0.0), pitched.views(0.0), start, pitched.path, CLEAR_M)
    assert aligned.near.is_measured
    assert aligned.far.is_measured
    assert aligned.road_at(FAR_FROM_M - 0.1) is aligned.near
    assert aligned.road_at(FAR_FROM_M + 0.1) is aligned.far
    depth_m = np.linspace(16.0, 24.0, 6)
    # 0.15 degrees, half of what the start was wrong by, is 4.5% of the ray to the road at 24 m.
    assert np.abs(ray_errors(aligned.far, pitched.plane, depth_m)).max() < 0.045
    assert np.abs(ray_errors(start, pitched.plane, depth_m)).max() > 0.08


def test_road_without_texture_keeps_the_mounting():
    scene = plain_road()
    start = plane_from_mounting(base_from_camera(1.45, 0.01))
    aligned = align_roads(scene.pyramid(0.0), scene.views(0.0), start, scene.path, CLEAR_M)
    for plane in (aligned.near, aligned.far):
        assert not plane.is_measured
        np.testing.assert_array_equal(plane.m, start.m)
        np.testing.assert_array_equal(plane.covariance, start.covariance)


def test_crawling_measures_nothing(pitched):
    aligned = align_roads(pitched.pyramid(0.0), (pitched.view(0.0, 0.1),), prior(1.0, 0.5), pitched.path, CLEAR_M)
    assert not aligned.near.is_measured  # 0.1 m of travel moves the near road by less than two pixels


def test_rotation_is_left_to_the_tracks(pitched):
    views = pitched.views(0.0)
    assert align_roads(pitched.pyramid(0.0), views, pitched.plane, pitched.path, CLEAR_M).references == views


def test_vehicle_beyond_the_verified_road_does_not_tilt_it():
    """The far road may only be measured as far as it was seen free: a wall beyond must not pull it up."""
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(2), 17.0), pitch_rad=PITCH_RAD)
    aligned = align_roads(scene.pyramid(0.0), scene.views(0.0), scene.plane, scene.path, 13.0)
    depth_m = np.linspace(7.0, 14.0, 8)
    assert np.abs(ray_errors(aligned.near, scene.plane, depth_m)).max() < 0.02
    assert np.abs(ray_errors(aligned.far, scene.plane, depth_m)).max() < 0.04


def test_path_out_of_view_keeps_the_prior():
    scene = free_road()
    aside = PredictedPath(5.0, 0.0, 0.95)
    aligned = align_roads(scene.pyramid(0.0), scene.views(0.0), scene.plane, aside, CLEAR_M)
    assert not aligned.near.is_measured


def test_grey_wall_at_the_bumper_is_no_road():
    """What fills the view without texture leaves road and mounting as they were."""
    scene = make_scene(road(noise_texture(1)), wall(GREY, 3.0, width_m=30.0, height_m=20.0))
    aligned = align_roads(scene.pyramid(0.0), (scene.view(0.0, 1.2),), scene.plane, scene.path, CLEAR_M)
    assert not aligned.near.is_measured


def test_nearest_visible_road_is_at_the_bottom_row():
    # Level camera, row 286 of 288: y = (286 - 143.5) / 400, Z = h / y.
    assert nearest_visible_m(free_road().plane, INTRINSICS, SIZE[1]) == pytest.approx(1.4 * 400.0 / 142.5)


def test_camera_that_looks_at_the_sky_sees_no_road():
    up = plane_from_mounting(base_from_camera(1.4, -0.6))
    assert nearest_visible_m(up, INTRINSICS, SIZE[1]) == math.inf


def test_drops_on_the_windscreen_do_not_tilt_the_road(pitched):
    """A pattern that stands still in the picture looks like road without end; the plane that was known stays."""
    drops = noise_texture(7, 0.6)[: SIZE[1], : SIZE[0], 0]
    current, view = GrayPyramid.build(drops, INTRINSICS), pitched.view(0.0, 2.4)
    still = ReferenceView(current, view.rotation, view.travel_m, view.window_s)
    start = prior(1.0, 0.3)
    plane = align_roads(current, (still,), start, pitched.path, CLEAR_M).near
    assert not plane.is_measured
    np.testing.assert_array_equal(plane.m, start.m)
