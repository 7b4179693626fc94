"""Points on a flat road project to where the pinhole equation says."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import base_from_camera
from perception_fm.types import CameraFrame, RoadPlane
from perception_fm.visual.road_frame import (
    RoadFrame,
    corridor_m,
    crossing_pixels,
    crossings_pixels,
    edges_in_view,
    project,
)


def road_of(scene: Any) -> RoadFrame:
    road = RoadFrame.of(scene.frame, scene.result)
    assert road is not None
    return road


def corridor_pixels(scene, end_m: float):
    """Edges of a corridor of 2 m up to `end_m`."""
    return edges_in_view(scene.frame, crossings_pixels(scene.frame, road_of(scene), 1.0, corridor_m(end_m)))


def test_point_on_the_road_projects_below_the_horizon_by_f_h_over_z(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(640, 480)
    ends = crossing_pixels(scene.frame, road_of(scene), 1.0, 15.0)
    # v = cy + f h / Z = 240 + 640 * 1.5 / 15; u = cx -+ f * 1 / Z.
    np.testing.assert_allclose(ends, [[320 - 640 / 15, 304.0], [320 + 640 / 15, 304.0]], atol=1e-9)


def test_measured_road_wins_over_the_mounting(make_scene: Callable[..., Any]) -> None:
    road = RoadPlane(np.array([0.0, 1.0 / 3.0, 0.0]), 3.0, 0.01, 0.0, True)
    scene = make_scene(640, 480, road=road)
    ends = crossing_pixels(scene.frame, road_of(scene), 1.0, 15.0)
    assert ends is not None
    np.testing.assert_allclose(ends[:, 1], 240 + 640 * 3.0 / 15.0)


@pytest.mark.parametrize("curvature, side", [(0.02, -1), (-0.02, 1)])
def test_path_bends_to_the_left_for_positive_curvature(
    make_scene: Callable[..., Any], curvature: float, side: int
) -> None:
    road = road_of(make_scene(path_curvature_per_m=curvature))
    (point,) = road.points_camera_m(np.array([30.0]), np.array([0.0]))
    np.testing.assert_allclose(point, [side * 0.5 * abs(curvature) * 30.0**2, 1.5, 30.0], rtol=1e-6)


def test_path_begins_in_the_direction_of_travel(make_scene: Callable[..., Any]) -> None:
    road = road_of(make_scene(path_heading_rad=math.radians(3.0)))
    (point,) = road.points_camera_m(np.array([20.0]), np.array([0.0]))
    angle = math.radians(3.0)  # to the left: optical x falls
    np.testing.assert_allclose(point, [-20.0 * math.sin(angle), 1.5, 20.0 * math.cos(angle)], atol=1e-9)


def test_path_is_centred_on_the_vehicle_not_on_the_camera(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(base_from_camera=base_from_camera(1.5, 0.0, left_m=0.4))
    (point,) = road_of(scene).points_camera_m(np.array([10.0]), np.array([0.0]))
    np.testing.assert_allclose(point, [0.4, 1.5, 10.0], atol=1e-12)


def test_unknown_mounting_and_road_give_no_path(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(base_from_camera=None)
    assert RoadFrame.of(scene.frame, scene.result) is None


def test_unknown_curvature_gives_no_corridor(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(path_curvature_per_m=math.nan)
    assert corridor_pixels(scene, 50.0) is None


def test_corridor_reaches_from_the_lower_border_to_its_end(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(640, 480)
    edges = corridor_pixels(scene, 48.0)
    assert edges is not None
    assert (edges[:, 0, 1] >= 480).all()
    np.testing.assert_allclose(edges[:, -1, 1], 240 + 640 * 1.5 / 48.0)
    # Nearest below the image: f h / Z = 240 at 4 m. A corridor that ends before is out of view.
    assert corridor_pixels(scene, 3.0) is None


def test_points_behind_the_camera_have_no_pixel(make_scene: Callable[..., Any]) -> None:
    pixels = project(make_scene().frame, np.array([[0.0, 0.0, -5.0], [0.0, 0.0, 5.0], [100.0, 0.0, 5.0]]))
    assert np.isfinite(pixels).all(axis=1).tolist() == [False, True, False]


def test_road_measured_in_rectified_axes_is_turned_into_the_stored_image(make_scene: Callable[..., Any]) -> None:
    angle = 0.05
    turn = np.array([
        [1.0, 0.0, 0.0], [0.0, math.cos(angle), -math.sin(angle)], [0.0, math.sin(angle), math.cos(angle)],
    ])
    scene = make_scene()
    camera = scene.frame.camera
    turned = CameraModel(camera.width, camera.height, camera.intrinsics, rectification=turn)
    frame = CameraFrame(1_000, "front_optical", scene.frame.image, turned, scene.frame.base_from_camera)
    # The same road as the mounting tells, expressed in rectified axes.
    road = RoadPlane(turn @ np.array([0.0, 1.0 / 1.5, 0.0]), 1.5, 0.01, 0.0, True)
    result = dataclasses.replace(scene.result, road=road)
    measured, mounted = RoadFrame.of(frame, result), RoadFrame.of(scene.frame, scene.result)
    assert measured is not None
    assert mounted is not None
    np.testing.assert_allclose(measured.origin_m, mounted.origin_m, atol=1e-12)
    np.testing.assert_allclose(measured.forward, mounted.forward, atol=1e-12)
