"""Whatever the view, the truth stays metric: known planes after every geometric change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_scenes import (
    BUILDING,
    CAMERA_HEIGHT_M,
    CAR,
    CAR_M,
    FOCAL_PX,
    HEIGHT,
    HOUSE_M,
    ROAD,
    WIDTH,
    camera,
    points_m,
    road_scene,
)

from perception_fm.camera.letterbox import Letterbox
from perception_fm.training.augment.reprojection import (
    ViewChange,
    letterboxed,
    reproject,
    turn,
)
from perception_fm.training.sample import TrainingSample

SIZE = (128, 64)
CHANGES = {
    "letterbox": letterboxed((WIDTH, HEIGHT), SIZE),
    "crop": ViewChange((240, 144), (-50, -40), SIZE),
    "mirror": ViewChange((160, 96), (-20, -20), SIZE, is_mirrored=True),
    "stretch": ViewChange((200, 90), (-30, -10), SIZE),
    "roll": ViewChange((160, 96), (-10, -16), SIZE, roll_rad=math.radians(6.0)),
    "pitch": ViewChange((160, 96), (-10, -16), SIZE, pitch_rad=math.radians(-5.0)),
    "all": ViewChange((200, 120), (-40, -24), SIZE, True, math.radians(-4.0), math.radians(4.0)),
}
# Depth between old pixels is exact on a plane but for float32; at its rims the nearest old pixel stands for the place.
PLANE_TOLERANCE_M = 1e-3


def new_from_old(change: ViewChange) -> NDArray[np.float64]:
    """Turn and mirror together."""
    return turn(change.roll_rad, change.pitch_rad) @ np.diag([-1.0 if change.is_mirrored else 1.0, 1.0, 1.0])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    ("label", "normal", "distance_m"),
    [(ROAD, (0.0, -1.0, 0.0), CAMERA_HEIGHT_M), (BUILDING, (0.0, 0.0, -1.0), HOUSE_M), (CAR, (0.0, 0.0, -1.0), CAR_M)],
)
def test_planes_stay_where_they_are(
    change: ViewChange, label: int, normal: tuple[float, float, float], distance_m: float
) -> None:
    moved = reproject(road_scene(), change)
    mask = moved.label == label
    assert mask.sum() > 20
    turned = new_from_old(change) @ np.array(normal)
    off = points_m(moved, mask) @ turned + distance_m
    # Just below the horizon neighbouring rows differ too much to count as one surface: there the nearest row stands for
    # the place, wrong by half of 1 in 6 rows at most, which is 0.12 m of 1.5 m.
    assert np.median(np.abs(off)) < PLANE_TOLERANCE_M
    assert np.quantile(np.abs(off), 0.9) < (0.12 if label == ROAD else PLANE_TOLERANCE_M * distance_m)
    assert moved.normals is not None
    np.testing.assert_allclose(moved.normals[mask], np.tile(turned, (mask.sum(), 1)), atol=1e-5)


def test_normals_agree_with_the_depth_around_them() -> None:
    change = CHANGES["all"]
    moved = reproject(road_scene(), change)
    full = points_m(moved, np.ones(SIZE[::-1], np.bool_)).reshape(*SIZE[::-1], 3)
    right, down = full[1:-1, 2:] - full[1:-1, :-2], full[2:, 1:-1] - full[:-2, 1:-1]
    found = np.cross(down, right)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    assert moved.label is not None
    assert moved.normals is not None
    window = np.lib.stride_tricks.sliding_window_view(moved.label, (3, 3))
    is_inner = (window == window[..., 1:2, 1:2]).all(axis=(2, 3)) & (window[..., 1, 1] != 255)
    cosine = (found * moved.normals[1:-1, 1:-1]).sum(axis=-1)[is_inner]
    assert np.median(cosine) > 0.9999
    assert np.quantile(cosine, 0.05) > 0.99


def test_twice_mirrored_is_unchanged() -> None:
    scene = road_scene()
    change = ViewChange((WIDTH, HEIGHT), (0, 0), (WIDTH, HEIGHT), is_mirrored=True)
    back = reproject(reproject(scene, change), change)
    np.testing.assert_array_equal(back.image, scene.image)
    np.testing.assert_array_equal(back.label, scene.label)
    np.testing.assert_allclose(back.depth_m, scene.depth_m, rtol=1e-6)
    np.testing.assert_array_equal(back.normals, scene.normals)
    np.testing.assert_allclose(back.camera.intrinsics, scene.camera.intrinsics)


def test_mirrored_principal_point_moves_to_the_other_side() -> None:
    change = ViewChange((WIDTH, HEIGHT), (0, 0), (WIDTH, HEIGHT), is_mirrored=True)
    assert reproject(road_scene(), change).camera.cx == pytest.approx(WIDTH - 1 - camera().cx)


def test_whole_view_is_what_the_letterbox_gives_the_network() -> None:
    scene = road_scene()
    box = Letterbox(camera(), *SIZE)
    framed = reproject(scene, letterboxed(scene.size, SIZE))
    np.testing.assert_array_equal(framed.image, box.apply(scene.image))
    grid = box.grid_camera()
    assert framed.camera.fx == pytest.approx(grid.fx)
    assert (framed.camera.cx, framed.camera.cy) == pytest.approx((grid.cx + box.left, grid.cy + box.top))
    border = framed.label[:, : box.left]
    assert border.size > 0
    assert (border == 255).all()
    assert np.isnan(framed.depth_m[:, : box.left]).all()
    assert (framed.painted[:, : box.left] == 255).all()


def test_turned_picture_follows_the_turned_camera() -> None:
    """A bright spot is found where the new camera projects its direction."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[30:33, 100:103] = 255
    change = CHANGES["all"]
    moved = reproject(road_scene(image=image), change)
    ray = np.array([(101 - camera().cx) / FOCAL_PX, (31 - camera().cy) / FOCAL_PX, 1.0])
    expected = moved.camera.project_points((new_from_old(change) @ ray)[None])[0]
    weight = moved.image[..., 0].astype(float) * (moved.label != 255)
    rows, columns = np.indices(weight.shape)
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    assert np.hypot(*(found - expected)) < 0.6


def sparse_scene() -> TrainingSample:
    """The road scene with one depth and label in nine."""
    scene = road_scene()
    depth_m, label = np.full_like(scene.depth_m, np.nan), np.full_like(scene.label, 255)
    depth_m[::3, ::3], label[::3, ::3] = scene.depth_m[::3, ::3], scene.label[::3, ::3]
    return replace(scene, depth_m=depth_m, label=label, normals=None, points=("depth_m", "label"))


def test_single_points_survive_when_the_picture_shrinks() -> None:
    scene = sparse_scene()
    moved = reproject(scene, ViewChange((64, 38), (0, 0), (64, 38)))
    known = ~np.isnan(moved.depth_m)
    assert known.mean() > 0.5  # one in nine of 6.3 times as many pixels; the nearest old pixel alone would keep 0.11
    np.testing.assert_array_equal(moved.label != 255, known)
    assert (moved.depth_m[moved.label == CAR] == np.float32(CAR_M)).all()


def test_nearer_of_two_points_in_one_pixel_wins() -> None:
    depth_m = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    label = np.full((HEIGHT, WIDTH), 255, np.uint8)
    depth_m[10, 10], depth_m[10, 11] = 20.0, 5.0
    label[10, 10], label[10, 11] = BUILDING, CAR
    scene = road_scene(depth_m=depth_m, label=label, normals=None, points=("depth_m", "label"))
    moved = reproject(scene, ViewChange((40, 24), (0, 0), (40, 24)))
    known = ~np.isnan(moved.depth_m)
    assert moved.depth_m[known].tolist() == [5.0]
    assert moved.label[known].tolist() == [CAR]


def test_sky_stays_infinite_and_unknown_stays_unknown() -> None:
    depth_m = road_scene().depth_m.copy()
    depth_m[:40] = np.inf
    depth_m[:40, :80] = np.nan
    moved = reproject(road_scene(depth_m=depth_m), CHANGES["roll"])
    assert np.isposinf(moved.depth_m).sum() > 100
    inside = moved.label != 255
    assert np.isnan(moved.depth_m[inside]).sum() > 100
    assert np.nanmin(moved.depth_m) > 1.0


def test_picture_without_focal_length_is_changed_without_metric_targets() -> None:
    scene = road_scene(camera=None, depth_m=None, normals=None)
    moved = reproject(scene, CHANGES["all"])
    assert moved.camera is None
    assert moved.depth_m is None
    assert set(np.unique(moved.label)) == {ROAD, BUILDING, CAR}
