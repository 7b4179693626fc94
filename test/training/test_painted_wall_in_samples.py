"""Prints put into samples: the truth is the surface's own, and what stands before it stays."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_scenes import CAMERA_HEIGHT_M, CAR, CAR_M, HEIGHT, ROAD, WIDTH, points_m, road_scene, texture

from perception_fm.training.augment.ground import road_plane
from perception_fm.training.augment.painted_wall import KINDS, Pasted, paste_print
from perception_fm.training.augment.placing import (
    BARE_WALL,
    BILLBOARD,
    TRUCK,
    WALL,
    Place,
    corners_m,
)
from perception_fm.training.sample import TrainingSample
from perception_fm.training.sources.drive_folder import DriveFolderSource
from perception_fm.training.sources.source import ALL

WALL_LABEL, TRUCK_LABEL = 3, 14
LEVEL = np.array([0.0, 1.0 / CAMERA_HEIGHT_M, 0.0])


def other(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of another scene."""
    return texture("other")


def pasted(sample: TrainingSample, kind: str, count: int = 6) -> list[Pasted]:
    """Some things of a kind in a sample."""
    found = [paste_print(sample, kind, other, np.random.default_rng(seed)) for seed in range(count)]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_every_pixel_of_the_thing_lies_in_its_plane(kind: str) -> None:
    things = pasted(road_scene(), kind)
    assert len(things) >= 3
    for thing in things:
        normal = np.cross(*(thing.corners_m[[1, 3]] - thing.corners_m[0]))
        normal /= np.linalg.norm(normal)
        off = (points_m(thing.sample, thing.mask) - thing.corners_m[0]) @ normal
        assert np.abs(off).max() < 1e-4 * thing.corners_m[:, 2].max()  # float32 of a depth
        assert (thing.sample.normals[thing.mask] @ normal > 1.0 - 1e-6).all()  # towards the camera, as corners go round


def test_wall_is_a_painted_wall_and_the_rest_stays_as_it_was() -> None:
    scene = road_scene()
    for thing in pasted(scene, WALL):
        assert (thing.sample.label[thing.mask] == WALL_LABEL).all()
        assert (thing.sample.painted[thing.mask] == 1).all()
        rest = ~thing.mask
        np.testing.assert_array_equal(thing.sample.depth_m[rest], scene.depth_m[rest])
        np.testing.assert_array_equal(thing.sample.label[rest], scene.label[rest])
        assert (thing.sample.painted[rest] == 0).all()


def test_bare_wall_is_a_wall_without_a_print() -> None:
    for thing in pasted(road_scene(), BARE_WALL):
        assert (thing.sample.label[thing.mask] == WALL_LABEL).all()
        assert (thing.sample.painted[thing.mask] == 0).all()


def test_lorries_and_boards_carry_prints_but_are_no_walls() -> None:
    for kind, label in ((TRUCK, TRUCK_LABEL), (BILLBOARD, 255)):
        things = pasted(road_scene(), kind, 12)
        assert things
        for thing in things:
            printed = thing.mask & (thing.sample.painted == 1)
            assert printed.any()
            assert (thing.sample.label[printed] == label).all()


def test_nearer_car_stays_before_the_wall_and_farther_one_is_hidden() -> None:
    scene = road_scene()
    nearer = farther = 0
    for thing in pasted(scene, WALL, 40):
        wall_m = thing.corners_m[:, 2]
        is_car = scene.label == CAR
        if wall_m.min() > CAR_M + 1.0:
            nearer += 1
            rim = 0.2 * is_car.sum()
            assert (thing.sample.depth_m[is_car] == np.float32(CAR_M)).sum() > is_car.sum() - rim
        elif wall_m.max() < CAR_M - 1.0 and thing.mask[is_car].all():
            farther += 1
            assert (thing.sample.label[is_car] == WALL_LABEL).all()
    assert nearer > 5
    assert farther > 0


def test_points_of_a_lidar_keep_a_car_before_the_wall() -> None:
    scene = road_scene()
    depth_m = np.full_like(scene.depth_m, np.nan)
    depth_m[::2, ::2] = scene.depth_m[::2, ::2]
    sparse = replace(scene, depth_m=depth_m, normals=None, points=("depth_m",))
    checked = 0
    for thing in pasted(sparse, WALL, 20):
        if thing.corners_m[:, 2].min() > CAR_M + 1.0:
            checked += 1
            inner = np.zeros((HEIGHT, WIDTH), np.bool_)
            inner[48:56, 36:56] = True  # of the car, away from its outline
            assert not thing.mask[inner].any()
    assert checked > 3


def test_seamless_print_pictures_the_depth_that_was_there_and_others_do_not() -> None:
    scene = road_scene()
    things = pasted(scene, WALL, 30)
    assert {"itself", "elsewhere"} <= {thing.shown for thing in things}
    for thing in things:
        there = thing.sample.pictured_m[thing.mask]
        if thing.shown == "itself":
            np.testing.assert_array_equal(there, scene.depth_m[thing.mask])
        else:
            assert np.isnan(there).all()


def test_sample_without_labels_gets_those_of_the_wall_alone() -> None:
    scene = road_scene(label=None, normals=None, painted=None)
    thing = pasted(scene, WALL)[0]
    assert (thing.sample.label[thing.mask] == WALL_LABEL).all()
    assert (thing.sample.label[~thing.mask] == 255).all()
    assert (thing.sample.painted[~thing.mask] == 255).all()


def test_wall_stands_on_the_road() -> None:
    corners = corners_m(Place(WALL, 12.0, 1.0, 4.0, 3.0, slant_rad=math.radians(20.0)), LEVEL)
    np.testing.assert_allclose(corners[:2, 1], CAMERA_HEIGHT_M)
    np.testing.assert_allclose(corners[2:, 1], CAMERA_HEIGHT_M - 3.0)
    np.testing.assert_allclose(corners[:2].mean(axis=0), [-1.0, CAMERA_HEIGHT_M, 12.0])
    assert np.linalg.norm(corners[1] - corners[0]) == pytest.approx(4.0)
    assert corners[1, 2] > corners[0, 2]  # anticlockwise from above: the right foot goes away


def test_place_that_reaches_behind_the_camera_is_refused() -> None:
    assert corners_m(Place(WALL, 4.0, 0.0, 14.0, 3.0, slant_rad=math.radians(60.0)), LEVEL) is None


def test_road_is_found_from_depth_and_else_from_the_camera_height() -> None:
    np.testing.assert_allclose(road_plane(road_scene()), LEVEL, atol=1e-4)
    np.testing.assert_allclose(road_plane(road_scene(label=None)), LEVEL)
    assert road_plane(road_scene(label=None, height_m=None)) is None


def test_road_is_found_although_a_fifth_of_its_labels_are_wrong() -> None:
    scene = road_scene()
    depth_m = scene.depth_m.copy()
    is_road = np.flatnonzero(scene.label == ROAD)
    wrong = np.random.default_rng(0).choice(is_road, len(is_road) // 5, replace=False)
    depth_m.reshape(-1)[wrong] *= 0.7
    np.testing.assert_allclose(road_plane(road_scene(depth_m=depth_m)), LEVEL, atol=2e-3)


def test_without_road_or_focal_length_nothing_is_pasted() -> None:
    rng = np.random.default_rng(0)
    assert paste_print(road_scene(label=None, height_m=None), WALL, other, rng) is None
    assert paste_print(road_scene(camera=None, depth_m=None, normals=None), WALL, other, rng) is None


def test_wall_stands_on_a_real_road(shared_data: Path) -> None:
    folder = shared_data / "pandaset_002"
    if not folder.is_dir():
        pytest.skip("no pandaset_002 beside the checkout")
    sample = DriveFolderSource(folder, ALL).sample(0)
    # What the folder itself says of this frame: y = 0.01696 x + 0.00363 z + 2.05521.
    np.testing.assert_allclose(1.0 / np.linalg.norm(road_plane(sample)), 2.055, atol=0.05)
    thing = pasted(sample, WALL)[0]
    normal = np.cross(*(thing.corners_m[[1, 3]] - thing.corners_m[0]))
    off = (points_m(thing.sample, thing.mask) - thing.corners_m[0]) @ (normal / np.linalg.norm(normal))
    assert np.abs(off).max() < 1e-4 * thing.corners_m[:, 2].max()
    was_nearer = thing.mask & (sample.depth_m < 0.9 * thing.sample.depth_m) & (sample.label == CAR)
    assert was_nearer.sum() < 0.1 * max(1, (thing.mask & ~np.isnan(sample.depth_m)).sum())
