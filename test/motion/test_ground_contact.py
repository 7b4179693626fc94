"""Where a wall meets the road, from camera height alone."""

import numpy as np
import pytest
from motion_scene import GREY, Scene, free_road, make_scene, noise_texture, road, wall, wall_at_30_m

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.ground_contact import ground_contact_m


def contact(scene: Scene, x_m: float, depth_m: float, travel_m: float = 4.0) -> tuple[float, float] | None:
    """With the road known as well as alignment knows it: to about a tenth of the mounting's uncertainty."""
    plane = PlaneEstimate(scene.plane.m, 0.01 * scene.plane.covariance, True)
    return ground_contact_m(scene.pyramid(x_m), (scene.view(x_m, travel_m),), depth_m, scene.path, plane)


@pytest.mark.parametrize("guess_share", [0.94, 1.0, 1.06])
@pytest.mark.parametrize("distance_m", [10.0, 15.0, 20.0])
def test_contact_is_where_the_wall_stands(distance_m, guess_share):
    found = contact(wall_at_30_m(), 30.0 - distance_m, guess_share * distance_m)
    assert found is not None
    assert abs(found[0] - distance_m) < 3.0 * found[1]
    # One patch row spans 1/40 of the camera height: 2.5% of the distance; two rows and the search's own spread.
    assert found[0] == pytest.approx(distance_m, rel=0.1)
    assert found[1] < 0.15 * distance_m


def test_tilted_road_knowledge_widens_the_answer():
    scene = wall_at_30_m()
    current, view = scene.pyramid(15.0), scene.view(15.0, 4.0)
    planes = (PlaneEstimate(scene.plane.m, share * scene.plane.covariance, True) for share in (0.01, 1.0))
    sure, unsure = (ground_contact_m(current, (view,), 15.0, scene.path, plane) for plane in planes)
    assert sure is not None
    assert unsure is not None
    assert unsure[0] == pytest.approx(sure[0])
    # 1.5 degrees at 15 m is 28% of the ray's 1.4/15; 5% of height beside it.
    assert unsure[1] / 15.0 == pytest.approx(np.hypot(np.radians(1.5) * 15.0 / 1.4, 0.05), rel=0.2)


def test_road_without_obstacle_has_no_contact():
    assert contact(free_road(), 0.0, 15.0) is None


def test_nothing_to_see_has_no_contact():
    scene = make_scene(road(GREY), wall(GREY, 15.0, width_m=60.0, height_m=40.0))
    assert contact(scene, 0.0, 15.0) is None


def test_foot_below_the_picture_has_no_contact():
    """At 3 m the wall's foot lies below the picture (the road shows from 3.9 m on)."""
    assert contact(wall_at_30_m(), 27.0, 3.0, travel_m=0.5) is None


def test_floating_wall_has_no_contact_where_it_ends():
    """A gantry ends above the road: the road goes on below it, so the change point lies nearer to the horizon."""
    scene = make_scene(road(noise_texture(1)), wall(noise_texture(2), 15.0))
    gantry = scene.world.surfaces[1]
    object.__setattr__(gantry, "origin_world_m", gantry.origin_world_m + np.array([0.0, 0.0, 0.5]))
    found = contact(scene, 0.0, 15.0)
    # Its lower edge, 0.5 m up, projects to the road at 15 h / (h - 0.5) = 23 m.
    assert found is None or found[0] > 18.0
