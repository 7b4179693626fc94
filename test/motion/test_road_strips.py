"""Strips of road prove themselves by parallax; nothing else may."""

import math

import numpy as np
import pytest
from motion_scene import (
    GREY,
    Scene,
    free_road,
    make_scene,
    noise_texture,
    plain_road,
    ramp,
    road,
    wall,
    wall_at_30_m,
)

from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import box_distances
from perception_fm.motion.road_strips import road_strips
from perception_fm.synth.planar import procedural

LEAST_HEIGHT_M = 0.5
DISTANCES_M = box_distances(5.0, 100.0)
VERIFIED = math.log(100.0)


def strips(scene: Scene, x_m: float = 0.0, views=None, least_height_m: float = LEAST_HEIGHT_M) -> np.ndarray:
    references = scene.views(x_m) if views is None else views
    return road_strips(scene.pyramid(x_m), scene.aligned(*references), scene.path, DISTANCES_M, least_height_m)


@pytest.mark.parametrize("x_m", [0.0, 8.0, 20.0])
def test_textured_road_is_verified(x_m):
    ratio = strips(free_road(), x_m)
    assert ratio.shape == (len(DISTANCES_M), COLUMNS)
    near = DISTANCES_M < 18.0
    assert (ratio[near] > VERIFIED).mean() > 0.9
    assert np.median(ratio[near]) > VERIFIED


def test_road_without_texture_is_never_verified():
    assert strips(plain_road()).max() < 0.5


def test_sky_and_horizon_are_no_road():
    """Boxes so far that their strips reach the horizon hold the still edge between road and sky."""
    assert strips(plain_road())[DISTANCES_M > 60.0].max() < 0.5


def test_wall_is_not_verified_at_its_foot_or_beyond():
    ratio = strips(wall_at_30_m())
    # A strip behind a box at Z covers the road to Z h / (h - 0.5): from 20 m on it shows wall, from 30 m only wall.
    assert ratio[DISTANCES_M > 29.0].max() < VERIFIED
    assert ratio[DISTANCES_M > 29.0].min(axis=1).max() < 1.0
    assert (ratio[DISTANCES_M < 18.0] > 0.0).mean() > 0.95


def test_blank_wall_is_not_verified_beyond():
    scene = make_scene(road(noise_texture(1)), wall(GREY, 20.0, width_m=60.0, height_m=40.0))
    assert strips(scene)[DISTANCES_M > 21.0].max() < 1.0


@pytest.mark.parametrize("picture", [noise_texture(2), GREY], ids=["textured", "blank"])
def test_vehicle_at_our_own_speed_is_no_verified_road(picture):
    now, then = (make_scene(road(noise_texture(1)), wall(picture, x_m, 1.95, 2.6)) for x_m in (20.0, 14.0))
    ratio = strips(now, 0.0, (then.view(0.0, 6.0),))
    hidden = (DISTANCES_M > 20.5) & (DISTANCES_M < 100.0)
    assert ratio[hidden].min(axis=1).max() < 1.0  # no box behind it has all its columns


def test_smooth_vehicle_at_our_own_speed_is_no_verified_road_in_any_column():
    """Small shifts explain much of a smooth picture: only the rival that nothing moves keeps it from being road."""
    picture = procedural.mottled((512, 512), 0.25, 1.6, (112.0, 112.0, 112.0), np.random.default_rng(2))
    now, then = (make_scene(road(noise_texture(1)), wall(picture, x_m, 1.95, 2.6)) for x_m in (12.0, 6.0))
    ratio = strips(now, 0.0, (then.view(0.0, 6.0),))
    assert ratio[(DISTANCES_M > 12.4) & (DISTANCES_M < 100.0)].max() < 1.0


def test_ramp_is_not_taken_for_the_flat_road():
    """A road that rises 6 degrees is no flat road: unknown or against, until the plane ahead follows it."""
    scene = make_scene(road(noise_texture(1)), ramp(noise_texture(1), 20.0, math.radians(6.0)))
    assert strips(scene)[DISTANCES_M > 24.0].min(axis=1).max() < VERIFIED


def test_low_obstacle_is_found_by_a_low_setting():
    """A kerb stone of 0.3 m across the path stands against strips of 0.25 m."""
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(7), 8.0, width_m=4.0, height_m=0.3))
    row = int(np.argmin(np.abs(DISTANCES_M - 8.0)))
    assert strips(scene, least_height_m=0.25)[row].max() < 0.0
    assert strips(free_road(), least_height_m=0.25)[row].min() > 0.0


def test_one_covered_column_is_not_verified():
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(8), 10.0, width_m=0.5, height_m=1.2))
    post = scene.world.surfaces[1]
    object.__setattr__(post, "origin_world_m", post.origin_world_m + np.array([0.0, 0.7, 0.0]))
    row = int(np.argmin(np.abs(DISTANCES_M - 10.0)))
    ratio = strips(scene)[row]
    assert ratio[0] < 0.0
    assert (ratio[2:] > 0.0).all()


def test_what_moves_by_itself_is_no_road():
    """A car that comes in from the side fits none of the hypotheses; road that was verified there must not stay."""
    def crossing(y_m: float) -> Scene:
        car = wall(noise_texture(5, 0.5), 15.0, width_m=4.0, height_m=2.0)
        object.__setattr__(car, "origin_world_m", car.origin_world_m + np.array([0.0, y_m, 0.0]))
        return make_scene(road(noise_texture(1)), car)

    now, then = crossing(0.0), crossing(-4.0)  # 8 m/s across
    ratio = strips(now, 0.0, (then.view(0.0, 6.0, 0.5),))
    behind = (DISTANCES_M > 17.0) & (DISTANCES_M < 40.0)
    assert (ratio[behind].min(axis=1) <= -3.0).mean() > 0.8
    before = DISTANCES_M < 9.0
    assert ratio[before].min() > -3.0
