"""What a painted surface shows, and what somebody believes who takes it for the scene."""

import dataclasses

import cv2
import numpy as np
import pytest
from render_blocks import block, camera, ground, street

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.painted.canvas import make_surface
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.prints import Eye, advert_print, plain_print, print_view, scene_print
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.scene import Scene
from perception_fm.synth.world.config import WeatherConfig
from perception_fm.synth.world.road_line import RoadLine

pytestmark = pytest.mark.usefixtures("opengl")
ROAD = RoadLine.integrated(np.zeros(301), np.zeros(301), 1.0)
WEATHER = WeatherConfig(sun_elevation_deg=40.0, sun_azimuth_deg=120.0)
WALL = WallConfig(station_m=45.0, sweet_spot_m=45.0)


def eye_at(x_m):
    return Eye(base_from_camera(1.4, 0.02, forward_m=x_m))


def tone(radiance):
    """Something like a display's curve, grey levels."""
    return 255.0 * np.clip(1.0 - np.exp(-1.8 * radiance), 0.0, 1.0) ** (1.0 / 2.2)


def walled(config, scene, views, eye=None):
    """Frames of the views with the surface hung, and its surface."""
    surface = make_surface(config, ROAD, 0.0, 60000)
    with Renderer(scene, WEATHER, [surface]) as renderer:
        if config.canvas != "mirror":
            renderer.show(0, scene_print(renderer, 0, surface, eye or eye_at(0.0)))
        return [renderer.render(view) for view in views], surface


def bare(scene, views):
    with Renderer(scene, WEATHER) as renderer:
        return [renderer.render(view) for view in views]


def big(x=0.0):
    return camera(640, 384, 500.0, x=x)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"slant_deg": 40.0, "lean_deg": 20.0},
        {"curvature_per_m": 0.08, "crease_m": 0.1},
        {"canvas": "solid_wall", "light": "emissive"},
    ],
)
def test_print_cannot_be_seen_from_the_sweet_spot(shape):
    scene = street(5, 60)
    (frame,), _ = walled(dataclasses.replace(WALL, **shape), scene, [big()])
    inside = frame.truth.painted
    assert inside.sum() > 1000
    difference = np.abs(tone(frame.radiance) - tone(bare(scene, [big()])[0].radiance))
    assert difference[inside].mean() < 4.0


def test_wrong_eye_can_be_seen():
    scene = street(5, 60)
    (frame,), _ = walled(WALL, scene, [big()], eye_at(0.0).moved(0.8, 1.5))
    difference = np.abs(tone(frame.radiance) - tone(bare(scene, [big()])[0].radiance))
    (seamless,), _ = walled(WALL, scene, [big()])
    fitting = np.abs(tone(seamless.radiance) - tone(bare(scene, [big()])[0].radiance))
    assert difference[frame.truth.painted].mean() > 2.0 * fitting[seamless.truth.painted].mean()


def test_eye_moves_up_in_the_world_and_left_of_the_line_of_sight():
    moved = Eye(base_from_camera(1.4, 0.1, yaw_rad=np.pi / 2)).moved(0.5, 2.0).world_from_camera.translation_m
    np.testing.assert_allclose(moved, [-2.0, 0.0, 1.9], atol=1e-9)  # looking along y, left is -x


@pytest.mark.parametrize("x_m", [0.0, 15.0, 30.0, 40.0])
def test_wall_is_as_far_as_it_stands_wherever_the_camera_is(x_m):
    view = camera(x=x_m, pitch=0.0)
    (frame,), surface = walled(WALL, street(5, 60), [view])
    painted = frame.truth.painted
    np.testing.assert_allclose(frame.truth.depth_m[painted], 45.0 - x_m, rtol=1e-5)
    wall = surface.wall(0.0, np.array([1.0, 0.0, 0.0]))
    assert wall.distance_to_wall_m(view.world_from_camera) == pytest.approx(45.0 - x_m, abs=1e-9)
    outline = wall.polygon_px(view.intrinsics, view.world_from_camera)
    drawn = np.zeros(painted.shape, np.uint8)
    cv2.fillConvexPoly(drawn, np.rint(outline).astype(np.int32), 1)
    # The outline runs along pixels; an edge is two of them long, one outside.
    assert (painted != (drawn > 0)).sum() <= 2 * (np.ptp(outline[:, 0]) + np.ptp(outline[:, 1])) + 8


def test_believed_depth_is_the_scene_at_the_sweet_spot():
    scene = street(5, 60)
    (frame,), _ = walled(WALL, scene, [big()])
    real = bare(scene, [big()])[0].truth
    inside = frame.truth.painted & np.isfinite(real.depth_m) & np.isfinite(frame.truth.depth_pictured_m)
    relative = np.abs(frame.truth.depth_pictured_m[inside] - real.depth_m[inside]) / real.depth_m[inside]
    assert np.median(relative) < 0.01  # a print pixel is a step of depth on the far road
    agree = np.isinf(real.depth_m) == np.isinf(frame.truth.depth_pictured_m)
    assert agree[frame.truth.painted].mean() > 0.97
    outside = ~frame.truth.painted
    np.testing.assert_array_equal(frame.truth.depth_pictured_m[outside], frame.truth.depth_m[outside])


def test_believed_depth_shrinks_with_the_way_to_the_canvas():
    # A block 90 m from the eye, on a canvas at 45 m: from 15 m before the canvas it seems to be 90 * 15 / 45 m away.
    scene = Scene((ground(), block((1.0, 8.0, 8.0), (90.5, 0.0))))
    (frame,), _ = walled(WALL, scene, [camera(x=30.0, pitch=0.0)])
    assert frame.truth.depth_pictured_m[30, 80] == pytest.approx(30.0, rel=5e-3)


def test_mirror_shows_what_stands_behind_the_camera():
    # The camera 10 m before the mirror, a block 20 m behind the camera: 40 m of way.
    scene = Scene((ground(), block((1.0, 20.0, 8.0), (14.5, 0.0), instance=3), block((1.0, 20.0, 8.0), (60.0, 0.0))))
    (frame,), _ = walled(dataclasses.replace(WALL, canvas="mirror"), scene, [camera(x=35.0, pitch=0.0)])
    truth = frame.truth
    assert truth.depth_m[40, 80] == pytest.approx(10.0, rel=1e-5)
    assert truth.depth_pictured_m[40, 80] == pytest.approx(10.0 + 45.0 - 15.0, rel=1e-4)
    assert np.isinf(truth.depth_pictured_m[truth.painted]).any()
    blue, _, red = frame.radiance[40, 80]
    assert red > 2.0 * blue  # the block is red


def test_road_painting_is_road_that_pictures_an_obstacle():
    config = WallConfig(canvas="road_painting", station_m=12.0, width_m=3.5, height_m=14.0, seed=2)
    view = camera(x=0.0, pitch=0.1)
    scene = Scene((ground(),))
    (frame,), _ = walled(config, scene, [view], eye_at(0.0))
    real = bare(scene, [view])[0].truth
    np.testing.assert_array_equal(frame.truth.depth_m, real.depth_m)
    np.testing.assert_array_equal(frame.truth.label, real.label)
    painted = frame.truth.painted
    assert painted.any()
    nearer = frame.truth.depth_pictured_m[painted] < 0.97 * frame.truth.depth_m[painted]
    assert nearer.sum() > 20  # the pictured thing stands up before the road that it hides


def test_lit_paint_is_never_brighter_than_white_paint():
    scene = Scene((ground(), block((1.0, 60.0, 30.0), (90.0, 0.0))))
    (frame,), _ = walled(dataclasses.replace(WALL, light="paint", gain=3.0), scene, [big()])
    albedo = frame.truth.albedo[frame.truth.painted] / 255.0
    assert albedo.max() <= 1.055 * 0.92 ** (1 / 2.4) - 0.055 + 0.01


def test_gain_scales_an_emissive_print():
    scene = street(5, 60)
    (one,), _ = walled(WALL, scene, [big(20.0)])
    (dim,), _ = walled(dataclasses.replace(WALL, gain=0.5), scene, [big(20.0)])
    inner = cv2.erode(one.truth.painted.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    ratio = dim.radiance[inner].mean() / one.radiance[inner].mean()
    assert ratio == pytest.approx(0.5, rel=0.02)


def test_coarse_print_has_less_detail():
    scene = street(5, 60)
    sharp, coarse = (
        walled(dataclasses.replace(WALL, resolution_px_per_m=r), scene, [big(35.0)])[0][0] for r in (200.0, 6.0)
    )
    inner = cv2.erode(sharp.truth.painted.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    detail = [np.abs(cv2.Laplacian(tone(frame.radiance), cv2.CV_32F))[inner].mean() for frame in (sharp, coarse)]
    assert detail[1] < 0.6 * detail[0]


@pytest.mark.parametrize("make", [plain_print, advert_print])
def test_pictures_of_no_scene_are_believed_where_they_hang(make):
    surface = make_surface(WALL, ROAD, 0.0, 60000)
    with Renderer(street(), WEATHER, [surface]) as renderer:
        renderer.show(0, make(surface))
        truth = renderer.render(camera(x=20.0)).truth
    assert truth.painted.any()
    np.testing.assert_array_equal(truth.depth_pictured_m, truth.depth_m)


def test_advert_fills_the_face_the_right_way_round():
    surface = make_surface(WALL, ROAD, 0.0, 60000)
    mapping = advert_print(surface).texture_from_face
    for corner, expected in zip(surface.corners_m, ([0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0])):
        at = mapping @ np.append(corner, 1.0)
        np.testing.assert_allclose(at[:2] / at[3], expected, atol=1e-9)


def test_unprinted_surface_is_not_seen():
    surface = make_surface(WALL, ROAD, 0.0, 60000)
    with Renderer(street(), WEATHER, [surface]) as renderer:
        assert not renderer.render(camera(), picture=False).truth.painted.any()


def test_eye_behind_the_wall_is_refused():
    with pytest.raises(ConfigError, match="raise sweet_spot_m"):
        print_view(make_surface(WALL, ROAD, 0.0, 60000), eye_at(50.0))
