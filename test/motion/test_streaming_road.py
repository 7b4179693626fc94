"""Speed from the pixels of the near road."""

import dataclasses
import math

import numpy as np
import pytest
from motion_scene import free_road, make_scene, noise_texture, plain_road, road

from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.streaming_road import streaming_speed_mps


def speed_of(scene, speed_mps, last_mps=math.nan, assumed_mps=1.0, mounting=None):
    """A view over 0.2 s that was made with an assumed speed, of a vehicle that really drives `speed_mps`."""
    view = scene.view(0.0, 0.2 * speed_mps, 0.2)
    view = dataclasses.replace(view, travel_m=view.travel_m * (assumed_mps / speed_mps))
    return streaming_speed_mps(scene.pyramid(0.0), (view,), mounting or scene.plane, scene.path, last_mps)


@pytest.mark.parametrize("speed_mps", [1.5, 5.0, 12.0, 30.0])
@pytest.mark.parametrize("assumed_mps", [1.0, 20.0])
def test_road_gives_the_speed_whatever_was_assumed(speed_mps, assumed_mps):
    assert speed_of(free_road(), speed_mps, assumed_mps=assumed_mps) == pytest.approx(speed_mps, rel=0.02)


def test_height_scales_the_speed():
    wrong = plane_from_mounting(base_from_camera(1.05 * 1.4, 0.0))
    assert speed_of(free_road(), 10.0, mounting=wrong) == pytest.approx(10.5, rel=0.02)


def test_known_speed_is_looked_around_and_a_far_one_is_not_found():
    assert speed_of(free_road(), 12.0, last_mps=10.0) == pytest.approx(12.0, rel=0.02)
    assert math.isnan(speed_of(free_road(), 12.0, last_mps=30.0))


@pytest.mark.parametrize("last_mps", [0.01, 200.0])
def test_known_speed_beyond_all_that_is_searched_finds_none(last_mps):
    assert math.isnan(speed_of(free_road(), 12.0, last_mps=last_mps))


def test_blank_road_has_no_speed():
    assert math.isnan(speed_of(plain_road(), 12.0))


def test_other_road_has_no_speed():
    """Two pictures that have nothing to do with each other."""
    scene = free_road()
    view = make_scene(road(noise_texture(9))).view(0.0, 2.4, 0.2)
    assert math.isnan(streaming_speed_mps(scene.pyramid(0.0), (view,), scene.plane, scene.path, math.nan))


def test_camera_that_sees_no_road_has_no_speed():
    scene = free_road()
    up = plane_from_mounting(base_from_camera(1.4, -1.2))
    assert math.isnan(streaming_speed_mps(scene.pyramid(0.0), scene.views(0.0), up, scene.path, math.nan))
    assert math.isnan(streaming_speed_mps(scene.pyramid(0.0), (), scene.plane, scene.path, np.nan))
