"""What a cell shows: a climbing road is no obstacle and no free road, and a wall that is called road is an obstacle."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from cast_scene import BUILDING, ROAD, cast

from perception_fm.dense import DensePrediction
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.points import Surface, labeled_points

MOUNTING = base_from_camera(1.5, 0.06)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)
HINGE_M = 8.0
LONG_M = 30.0


def climbing(grade: float, label: int = ROAD) -> DensePrediction:
    """A level road that climbs by `grade` from 8 to 30 m on."""
    dense = cast(MOUNTING, [], 0.02)
    camera = dense.camera
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    rays = np.stack([x, y, np.ones(columns.shape)], axis=-1)
    direction, origin = rays @ MOUNTING.rotation.T, MOUNTING.translation_m
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (origin[2] + grade * (HINGE_M - origin[0])) / (grade * direction[..., 0] - direction[..., 2])
        along = origin[0] + depth * direction[..., 0]
    is_slope = (along > HINGE_M) & (along < HINGE_M + LONG_M) & (depth > 0.0)
    z = np.where(is_slope, depth, dense.depth_m).astype(np.float32)
    return dataclasses.replace(
        dense, depth_m=z, depth_std_m=z * np.float32(0.02), label=np.where(is_slope, np.uint8(label), dense.label)
    )


def surfaces(dense: DensePrediction) -> np.ndarray:
    """Of the cells that are surely higher than the least height of an obstacle."""
    points = labeled_points(dense, GROUND, 0.25, 2.5, 0.5)
    return points.surface[(points.height_m > 0.5) & (points.height_m < 2.4)]


@pytest.mark.parametrize("grade", [0.03, 0.08, 0.12])
def test_climbing_road_is_no_obstacle_and_not_free(grade):
    found = surfaces(climbing(grade))
    assert len(found) > 50
    assert (found == Surface.UNKNOWN).mean() > 0.95
    assert not (found == Surface.ROAD).any()


@pytest.mark.parametrize("grade", [0.3, 1.0, 5.0])
def test_what_is_steeper_than_a_road_is_an_obstacle(grade):
    found = surfaces(climbing(grade))
    assert len(found) > 50
    assert np.isin(found, (Surface.STANDING, Surface.EDGE)).mean() > 0.95


def test_what_is_called_building_stands_however_flat_it_is():
    assert np.isin(surfaces(climbing(0.08, BUILDING)), (Surface.STANDING, Surface.EDGE)).all()


def test_wall_that_is_called_road_is_an_obstacle():
    found = surfaces(cast(MOUNTING, [(12.0, 13.0, -3.0, 3.0, 2.3, ROAD)], 0.02))
    assert (found == Surface.STANDING).mean() > 0.9


def test_climbing_road_of_little_confidence_is_an_obstacle():
    dense = climbing(0.08)
    doubtful = dataclasses.replace(dense, confidence=np.full_like(dense.confidence, math.floor(0.4 * 255)))
    assert np.isin(surfaces(doubtful), (Surface.STANDING, Surface.EDGE)).all()
