"""Something that stands in the path against road, sky and what moves along: all rendered, all known."""

import math

import numpy as np
import pytest
from motion_scene import (
    GREY,
    HALF_WIDTH_M,
    free_road,
    make_scene,
    noise_texture,
    plain_road,
    ramp,
    road,
    wall,
    wall_at_30_m,
)

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.motion.path_boxes import (
    BOX_SPACING,
    PATCH_HEIGHT,
    PATCH_WIDTH,
    ROWS,
    box_distances,
    box_geometries,
    box_geometry,
)
from perception_fm.motion.swept_boxes import COLUMNS, OPEN, BoxEvidence, path_evidence, sweep_boxes
from perception_fm.motion.warp import ReferenceView

SWEPT_HEIGHT_M = 2.5
DISTANCES_M = box_distances(5.0, 100.0)
# Rivals stand at 1.15 and 0.7 of the box's inverse depth; a wall in their middle, 0.925, beats both by most. The box
# that is chosen is one of a grid of 6%; the plane fit then says where exactly the wall stands.
PEAK_SHARES = (0.89, 1.05)


def sweep(scene, x_m: float, views=None, watched_m=()) -> BoxEvidence:
    references = scene.views(x_m) if views is None else views
    aligned = scene.aligned(*references)
    return sweep_boxes(scene.pyramid(x_m), aligned, scene.path, DISTANCES_M, SWEPT_HEIGHT_M, watched_m)


def evidence_near(ratio: np.ndarray, distance_m: float, share: float = 0.06) -> np.ndarray:
    return ratio[np.abs(DISTANCES_M / distance_m - 1.0) <= share]


@pytest.fixture(scope="module")
def at_wall():
    return sweep(wall_at_30_m(), 0.0)


def test_distances_grow_by_six_per_cent():
    assert DISTANCES_M[0] == 5.0
    assert DISTANCES_M[-1] <= 100.0 < DISTANCES_M[-1] * BOX_SPACING
    np.testing.assert_allclose(DISTANCES_M[1:] / DISTANCES_M[:-1], BOX_SPACING)


def test_short_range_still_has_two_boxes():
    assert len(box_distances(9.0, 9.1)) == 2


@pytest.mark.parametrize("pitch_rad", [0.0, 0.05])
def test_corners_of_a_box_are_where_geometry_puts_them(pitch_rad):
    mounting = base_from_camera(1.4, pitch_rad, yaw_rad=0.02)
    plane = plane_from_mounting(mounting)
    forward = mounting.rotation[0]
    path = PredictedPath(float(forward[0] / forward[2]), 0.0, HALF_WIDTH_M)
    box = box_geometry(20.0, path, plane, 0.2, 2.5, 1.9)
    patch = np.array([[-0.5, -0.5, 1.0], [PATCH_WIDTH - 0.5, -0.5, 1.0], [-0.5, PATCH_HEIGHT - 0.5, 1.0]])
    points_camera_m = patch @ box.rays_from_patch.T  # this homography is metric: its third column is a point
    corners = mounting.apply(points_camera_m)
    np.testing.assert_allclose(corners[:, 2], [2.5, 2.5, 0.2], atol=1e-9)
    np.testing.assert_allclose(corners[:, 0], corners[0, 0], atol=1e-3)  # upright and across; yaw x pitch = 1e-3
    assert corners[0, 1] == pytest.approx(0.95, abs=0.01)  # left
    assert corners[1, 1] == pytest.approx(-0.95, abs=0.01)  # right
    rays = points_camera_m / points_camera_m[:, 2:]
    np.testing.assert_allclose(rays @ box.upright, 1.0 / points_camera_m[:, 2])


def test_box_faces_along_a_curve():
    path = PredictedPath(0.0, 0.01, HALF_WIDTH_M)
    rays_from_patch, upright = box_geometries(np.array([20.0]), path, [free_road().plane], 0.0, 2.5, 1.9)
    normal = upright[0] / np.linalg.norm(upright[0])
    # The path's direction at 20 m: dx/dz = -curvature Z = -0.2.
    np.testing.assert_allclose(normal, np.array([-0.2, 0.0, 1.0]) / math.hypot(0.2, 1.0), atol=1e-9)
    assert rays_from_patch.shape == (1, 3, 3)


def test_evidence_peaks_on_the_wall(at_wall):
    ratio = path_evidence(at_wall)
    assert at_wall.obstacle.shape == (len(DISTANCES_M), ROWS, COLUMNS)
    assert PEAK_SHARES[0] < DISTANCES_M[np.argmax(ratio)] / 30.0 < PEAK_SHARES[1]
    assert ratio.max() > CONFIRM  # 25 grey levels of texture over 1.9 x 2.5 m decide within one look


def test_road_before_the_wall_speaks_strongly_against_an_obstacle(at_wall):
    ratio = path_evidence(at_wall)
    assert (ratio[DISTANCES_M < 20.0] < -CONFIRM / 2.0).all()


def test_every_column_sees_the_wall(at_wall):
    row = int(np.argmax(path_evidence(at_wall)))
    assert (at_wall.obstacle[row, : ROWS - 1].sum(axis=0) > 3.0).all()


def test_no_block_counts_more_than_its_share(at_wall):
    assert np.abs(at_wall.obstacle).max() <= 6.0


@pytest.mark.parametrize("distance_m", [12.0, 20.0, 30.0, 40.0])
def test_evidence_follows_the_wall(distance_m):
    ratio = path_evidence(sweep(wall_at_30_m(), 30.0 - distance_m))
    assert PEAK_SHARES[0] < DISTANCES_M[np.argmax(ratio)] / distance_m < PEAK_SHARES[1]
    assert ratio.max() > 3.0


@pytest.mark.parametrize("x_m", [0.0, 7.0, 15.0])
def test_free_road_gives_no_obstacle(x_m):
    ratio = path_evidence(sweep(free_road(), x_m))
    asked = path_evidence(sweep(free_road(), x_m, watched_m=DISTANCES_M))
    assert ratio.max() < 1.0  # nowhere worth a second look (a track starts from 3)
    assert (ratio[DISTANCES_M < 25.0] < OPEN).all()
    assert (asked <= ratio).all()
    assert (asked[DISTANCES_M < 25.0] < -CONFIRM / 2.0).all()  # a hypothesis there ends within a frame or two


def test_road_without_texture_is_no_obstacle():
    assert path_evidence(sweep(plain_road(), 0.0)).max() < 1.0


def test_wall_without_texture_is_not_seen_past():
    """A blank wall is no obstacle evidence (unknown), but no box on or behind it may count as seen past either."""
    scene = make_scene(road(noise_texture(1)), wall(GREY, 30.0, width_m=40.0, height_m=20.0))
    ratio = path_evidence(sweep(scene, 0.0))
    assert np.abs(ratio[DISTANCES_M > 29.0]).max() < 3.0


def test_vehicle_at_our_own_speed_is_no_obstacle():
    """It keeps its distance, so nothing closes in."""
    now, then = (make_scene(road(noise_texture(1)), wall(noise_texture(2), x_m, 1.9, 2.6)) for x_m in (20.0, 14.0))
    ratio = path_evidence(sweep(now, 0.0, (then.view(0.0, 6.0),)))
    assert evidence_near(ratio, 20.0).max() < -CONFIRM / 2.0
    assert ratio.max() < 3.0


def test_slower_vehicle_is_an_obstacle_nearer_than_it_is():
    """At half our speed it closes in like something that stands half as far: braking for it is right."""
    now = make_scene(road(noise_texture(1)), wall(noise_texture(2), 20.0, 1.9, 2.6))
    then = make_scene(road(noise_texture(1)), wall(noise_texture(2), 17.0, 1.9, 2.6))  # 3 m of its own in 0.5 s
    ratio = path_evidence(sweep(now, 0.0, (then.view(0.0, 6.0),)))
    assert ratio[DISTANCES_M < 45.0].max() > 3.0


@pytest.mark.parametrize("grade_deg", [3.0, 6.0])
def test_ramp_is_no_obstacle(grade_deg):
    scene = make_scene(road(noise_texture(1)), ramp(noise_texture(1), 25.0, math.radians(grade_deg)))
    ratio = path_evidence(sweep(scene, 0.0))
    assert ratio.max() < 3.0


def test_narrow_post_in_half_of_the_path_is_found():
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(5), 18.0, width_m=0.95, height_m=2.5))
    post = scene.world.surfaces[1]
    object.__setattr__(post, "origin_world_m", post.origin_world_m + np.array([0.0, -0.475, 0.0]))
    ratio = path_evidence(sweep(scene, 0.0))
    assert evidence_near(ratio, 18.0, 0.1).max() > 6.0


def test_low_barrier_is_found():
    """80 cm high: most of the box looks past it, its own window does not."""
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(5), 15.0, width_m=4.0, height_m=1.5))
    ratio = path_evidence(sweep(scene, 0.0))
    assert evidence_near(ratio, 15.0, 0.1).max() > 3.0


def test_path_evidence_leaves_the_lowest_blocks_out():
    obstacle = np.zeros((2, ROWS, COLUMNS))
    obstacle[:, ROWS - 1] = 6.0  # a kerb
    views: tuple[ReferenceView, ...] = ()
    np.testing.assert_array_equal(path_evidence(BoxEvidence(np.array([5.0, 6.0]), obstacle, views, 2.5)), [0.0, 0.0])


def test_path_evidence_takes_the_strongest_window():
    obstacle = np.full((1, ROWS, COLUMNS), -1.0)
    obstacle[0, : ROWS - 1, 2:4] = 2.0  # the right half: 4 rows of 2 columns
    value = path_evidence(BoxEvidence(np.array([5.0]), obstacle, (), 2.5))
    assert value[0] == pytest.approx(16.0)


def test_wrong_pitch_of_the_view_is_steadied():
    """Half a degree that odometry missed is 3.5 px: without steadying the wall would be lost."""
    scene = wall_at_30_m()
    turned = tuple(view.turned(math.radians(0.4), 0.0) for view in scene.views(0.0))
    ratio = path_evidence(sweep(scene, 0.0, turned))
    assert PEAK_SHARES[0] < DISTANCES_M[np.argmax(ratio)] / 30.0 < PEAK_SHARES[1] * BOX_SPACING
    assert ratio.max() > CONFIRM / 2.0
