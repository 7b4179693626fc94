"""What the network believes, as a picture: near is red, far is blue, and the measured wall stands in it."""

from __future__ import annotations

import numpy as np
import pytest
from test_wall_evidence import DISTANCE_M, finding_of

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction
from perception_fm.types import PathState
from perception_fm.visual.depth_view import draw_depth_view
from perception_fm.visual.side_by_side import draw_side_by_side

SIZE_PX = (640, 480)
GRID = CameraModel(160, 120, np.array([[160.0, 0.0, 79.875], [0.0, 160.0, 59.875], [0.0, 0.0, 1.0]]))


def dense_of(depth_m: float | np.ndarray) -> DensePrediction:
    return DensePrediction(GRID, depth_m=np.broadcast_to(np.float32(depth_m), (120, 160)).astype(np.float32))


def test_near_is_red_far_is_blue_and_unknown_is_dark(make_scene) -> None:
    scene = make_scene()
    depth = np.full((120, 160), 4.0, np.float32)
    depth[:, 60:] = 60.0
    depth[:, 110:] = np.nan
    picture = draw_depth_view(scene.frame, dense_of(depth), scene.result, SIZE_PX).astype(int)
    near, far, unknown = picture[200, 200], picture[200, 340], picture[200, 560]
    assert near[2] > near[0] + 50
    assert far[0] > far[2] + 50
    assert (unknown == unknown[0]).all()
    assert unknown[0] < 40


def test_the_measured_wall_is_outlined_where_it_stands(make_scene, make_obstacle) -> None:
    item = make_obstacle(DISTANCE_M)
    with_it = make_scene(state=PathState.OBSTACLE, obstacles=(item,), fake_wall=finding_of(2.0))
    dense = dense_of(61.0)
    drawn = draw_depth_view(with_it.frame, dense, with_it.result, SIZE_PX).astype(int)
    plain = draw_depth_view(with_it.frame, dense, make_scene().result, SIZE_PX).astype(int)
    changed = np.abs(drawn - plain).max(axis=2) > 0
    # 16 m ahead, from the road to 2 m, a metre to each side: f = 640, the camera 1.5 m up.
    foot, left = round(240 + 640 * 1.5 / 16), round(320 - 640 / 16)
    assert changed[foot - 2 : foot + 3, 310].any()
    assert changed[foot - 30, left - 2 : left + 3].any()
    assert not changed[:200].any()
    assert changed[foot + 5 :, 320:].any()  # the words


@pytest.mark.parametrize("size_px", [(64, 48), (33, 17), (1280, 720)])
@pytest.mark.parametrize("depth", [np.nan, 0.0, np.inf, 1e30, 10.0])
def test_any_size_and_depth(make_scene, make_obstacle, size_px, depth) -> None:
    scene = make_scene(obstacles=(make_obstacle(DISTANCE_M),), fake_wall=finding_of())
    assert draw_depth_view(scene.frame, dense_of(depth), scene.result, size_px).shape == (size_px[1], size_px[0], 3)


def test_a_network_without_depth_believes_nothing(make_scene) -> None:
    scene = make_scene()
    picture = draw_depth_view(scene.frame, DensePrediction(GRID), scene.result, SIZE_PX)
    assert picture[200:280, 300:].max() < 40


def test_the_depth_is_below_the_overlay_and_the_scene_from_above_beside_both(make_scene) -> None:
    config = PerceptionConfig()
    plain, believing = make_scene(), make_scene(dense=dense_of(10.0))
    without = draw_side_by_side(plain.frame, plain.result, config, SIZE_PX)
    assert without.shape == (480, 640 + 480, 3)
    picture = draw_side_by_side(believing.frame, believing.result, config, SIZE_PX)
    assert picture.shape == (960, 640 + 576, 3)
    np.testing.assert_array_equal(picture[:480, :640], without[:, :640])
    np.testing.assert_array_equal(
        picture[480:, :640], draw_depth_view(believing.frame, believing.result.dense, believing.result, SIZE_PX)
    )
