"""The overlay says what the result says: green where verified, red where confirmed, never green where unknown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FREE, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.points import LabeledPoints, Surface
from perception_fm.types import Mode, MotionField, PathState, Provenance
from perception_fm.visual.overlay import STATE_COLOURS, draw_overlay
from perception_fm.visual.thing_colours import obstacle_colour

CONFIG = PerceptionConfig()
BACKGROUND = 90


def road_pixel(picture: np.ndarray, distance_m: float) -> np.ndarray:
    """Colour (3,) in the middle of the path of the 640x480 scene."""
    return picture[round(240 + 640 * 1.5 / distance_m), 320].astype(int)


def is_green(pixel: np.ndarray) -> bool:
    return bool(pixel[1] > pixel[0] + 20 and pixel[1] > pixel[2] + 20)


@pytest.mark.parametrize("is_colour", [True, False])
@pytest.mark.parametrize("size", [(1280, 720), (1226, 370), (160, 120), (33, 17)])
def test_any_size_grey_or_colour_with_everything_drawn(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any], size: tuple[int, int], is_colour: bool
) -> None:
    rng = np.random.default_rng(1)
    rays = rng.uniform(-0.3, 0.3, (50, 2))
    motion = MotionField(
        0, rays * 0.97, rays, rays * size[0], np.full(50, 0.2), np.zeros(50, np.intp), np.full(50, 0.03), 0.2, size[0]
    )
    scene = make_scene(
        *size, is_colour, state=PathState.OBSTACLE, mode=Mode.DEGRADED, reasons=("one", "two"), motion=motion,
        verified_free_distance_m=12.0, obstacles=(make_obstacle(20.0), make_obstacle(30.0, is_confirmed=False)),
        focus_of_expansion=np.array([0.01, -0.01]),
    )
    before = scene.frame.image.copy()
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(scene.frame.image, before)


def test_road_is_green_up_to_the_verified_distance_and_grey_beyond(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(state=PathState.FREE_VERIFIED, verified_free_distance_m=15.0)
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    assert is_green(road_pixel(picture, 8.0))
    assert is_green(road_pixel(picture, 14.0))
    beyond = road_pixel(picture, 20.0)
    assert beyond.max() - beyond.min() <= 2
    assert beyond[0] > BACKGROUND


def test_unknown_road_is_never_green(make_scene: Callable[..., Any]) -> None:
    scene = make_scene()
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    assert not any(is_green(road_pixel(picture, distance_m)) for distance_m in (5.0, 10.0, 20.0, 50.0))


def test_confirmed_obstacle_is_red_around_its_face_and_unconfirmed_is_not(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    for is_confirmed in (True, False):
        scene = make_scene(obstacles=(make_obstacle(16.0, is_confirmed=is_confirmed),))
        picture = draw_overlay(scene.frame, scene.result, CONFIG).astype(int)
        # A face 2 m wide and high at 16 m: u = 320 -+ 40, v from 240 + 640 * (1.5 - 2) / 16 = 220 to 300.
        for edge in (picture[260, 280], picture[260, 360], picture[220, 310], picture[300, 310]):
            assert (edge[2] > edge[1] + 100) == is_confirmed
        if is_confirmed:
            assert picture[260, 320, 2] > BACKGROUND + 5


def test_obstacle_of_unknown_place_is_a_bar_across_the_path(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    item = make_obstacle(16.0, centre_base_m=np.full(3, math.nan))
    scene = make_scene(obstacles=(item,))
    pixel = draw_overlay(scene.frame, scene.result, CONFIG)[300, 320].astype(int)
    assert pixel[2] > pixel[1] + 100


def test_obstacle_of_unknown_distance_is_still_named_by_the_banner(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    item = make_obstacle(math.nan, centre_base_m=np.full(3, math.nan), ttc_s=math.nan)
    scene = make_scene(state=PathState.OBSTACLE, obstacles=(item,))
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    np.testing.assert_array_equal(picture[1, 1], STATE_COLOURS[PathState.OBSTACLE])


def flat_road(free_up_to_m: float) -> dict[str, Any]:
    """Points of a flat road 1.5 m below the camera, a quarter of another class; free so far, on the right."""
    camera = CameraModel(160, 120, np.array([[160.0, 0.0, 79.5], [0.0, 160.0, 59.5], [0.0, 0.0, 1.0]]))
    row, column = np.mgrid[:120, :160]
    depth = np.where(row > 62, 1.5 * 160.0 / np.maximum(row - 59.5, 0.5), np.nan)
    xyz = np.stack([(column - 79.5) / 160.0 * depth, (row - 59.5) / 160.0 * depth, depth], axis=-1)
    is_road = np.isfinite(depth) & (column >= 40)
    zero = np.zeros(depth.shape, np.float32)
    points = LabeledPoints(
        camera, xyz.astype(np.float32), zero, zero, np.where(is_road, 0, 1).astype(np.uint8),
        np.full(depth.shape, 255, np.uint8), np.where(is_road, Surface.ROAD, Surface.UNKNOWN).astype(np.uint8),
    )  # fmt: skip
    place = np.arange(-40.0, 40.0, 0.25) + 0.125
    is_free = (place[None, :] < free_up_to_m) & (place[:, None] < 1.0)
    cells = np.where(is_free, FREE, UNKNOWN).astype(np.int8)
    grid = FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), np.zeros(cells.shape, bool), 0.25, (-40.0, -40.0))
    return {"points": points, "grid": grid}


def beside_pixel(picture: np.ndarray, distance_m: float, right_px: int) -> np.ndarray:
    """Colour (3,) on the road, beside the path."""
    return picture[round(240 + 640 * 1.5 / distance_m), 320 + right_px].astype(int)


def test_road_in_free_cells_is_tinted_and_all_else_is_left_alone(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(**flat_road(12.0))
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    assert is_green(beside_pixel(picture, 9.0, 150))
    for away in (beside_pixel(picture, 16.0, 150), beside_pixel(picture, 9.0, -220), picture[120, 470].astype(int)):
        assert (away == BACKGROUND).all()


def test_tint_follows_the_lens(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(**flat_road(12.0))
    plain = scene.frame.camera
    turned = CameraModel(640, 480, plain.intrinsics, rectification=np.diag([-1.0, -1.0, 1.0]))
    upside_down = dataclasses.replace(
        scene.frame, camera=turned,
        base_from_camera=RigidTransform(
            scene.result.base_from_camera.rotation @ np.diag([-1.0, -1.0, 1.0]),
            scene.result.base_from_camera.translation_m,
        ),
    )  # fmt: skip
    result = dataclasses.replace(scene.result, base_from_camera=upside_down.base_from_camera)
    picture = draw_overlay(upside_down, result, CONFIG)
    upright = picture[::-1, ::-1]
    assert is_green(beside_pixel(upright, 9.0, 150))
    assert (beside_pixel(upright, 16.0, 150) == BACKGROUND).all()


def test_whole_box_is_drawn_as_wires_with_its_name(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    box = make_obstacle(
        16.0, size_m=np.array([4.0, 2.0, 2.0]), class_id=13, centre_base_m=np.array([18.0, 0.0, 1.0]),
        provenance=Provenance.LEARNED,
    )  # fmt: skip
    scene = make_scene(obstacles=(box,))
    picture = draw_overlay(scene.frame, scene.result, CONFIG).astype(int)
    colour = np.array(obstacle_colour(box))
    near = picture[300, 310]  # the near lower edge, 16 m away; the far one is 20 m away at row 288
    far = picture[288, 310]
    assert np.abs(near - colour).max() < 60
    assert np.abs(far - colour).max() < 60
    assert tuple(obstacle_colour(box)) != tuple(obstacle_colour(make_obstacle(16.0)))


def test_box_of_known_place_out_of_view_is_not_drawn(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    """Such ones were drawn as bars across the path, as are those of unknown place."""
    behind, beside = (
        make_obstacle(16.0, size_m=np.array([4.0, 2.0, 2.0]), centre_base_m=np.array(place), is_in_path=False)
        for place in ([-8.0, 0.0, 1.0], [2.0, 9.0, 1.0])
    )
    scene = make_scene(obstacles=(behind, beside))
    empty = make_scene()
    np.testing.assert_array_equal(
        draw_overlay(scene.frame, scene.result, CONFIG), draw_overlay(empty.frame, empty.result, CONFIG)
    )


def test_headline_and_end_of_the_path_are_those_of_an_obstacle_in_the_path(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    beside = make_obstacle(
        6.0, size_m=np.array([4.0, 2.0, 2.0]), centre_base_m=np.array([6.0, -30.0, 1.0]), is_in_path=False
    )
    with_it, without = (
        make_scene(verified_free_distance_m=15.0, state=PathState.FREE_VERIFIED, obstacles=items)
        for items in ((beside,), ())
    )
    np.testing.assert_array_equal(
        draw_overlay(with_it.frame, with_it.result, CONFIG), draw_overlay(without.frame, without.result, CONFIG)
    )


def test_pieces_of_a_street_are_thin_lines_without_words(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    house = {"size_m": np.array([4.0, 2.0, 2.0]), "centre_base_m": np.array([18.0, 5.0, 1.0]), "is_in_path": False}
    empty, piece, car = (
        draw_overlay(scene.frame, scene.result, CONFIG).astype(int)
        for scene in (
            make_scene(),
            *(make_scene(obstacles=(make_obstacle(16.0, class_id=class_id, **house),)) for class_id in (2, 13)),
        )
    )
    # Words stand above the box, whose highest edge is 16 m away: v = 240 + 640 * (1.5 - 2) / 16 = 220.
    above_piece, above_car = (np.abs(one - empty)[:218].max() for one in (piece, car))
    assert (above_piece, above_car > 50) == (0, True)
    assert np.abs(piece - empty).max() > 50


def test_box_that_reaches_behind_the_camera_is_no_error(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    box = make_obstacle(1.0, size_m=np.array([6.0, 2.0, 2.0]), yaw_rad=0.3)
    scene = make_scene(obstacles=(box,))
    assert draw_overlay(scene.frame, scene.result, CONFIG).shape == (480, 640, 3)


@pytest.mark.parametrize("state", list(PathState))
def test_banner_has_the_colour_of_the_state(make_scene: Callable[..., Any], state: PathState) -> None:
    scene = make_scene(state=state, verified_free_distance_m=5.0)
    np.testing.assert_array_equal(draw_overlay(scene.frame, scene.result, CONFIG)[1, 1], STATE_COLOURS[state])


def test_every_state_has_its_own_colour() -> None:
    assert len(set(STATE_COLOURS.values())) == len(PathState)


def test_unknown_mounting_draws_no_road(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(base_from_camera=None, verified_free_distance_m=15.0)
    picture = draw_overlay(scene.frame, scene.result, CONFIG)
    assert (picture[60:] == BACKGROUND).all()


def test_degradation_is_written_at_the_lower_border(make_scene: Callable[..., Any]) -> None:
    nominal, degraded = (
        draw_overlay(scene.frame, scene.result, CONFIG)[-12:, :60]
        for scene in (make_scene(base_from_camera=None),
                      make_scene(base_from_camera=None, mode=Mode.UNTRUSTED, reasons=("no camera_info",)))
    )
    assert (nominal == BACKGROUND).all()
    assert (degraded != BACKGROUND).any()
