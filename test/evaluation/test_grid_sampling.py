"""A prediction on a network's grid, asked at pixels of the stored image."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.letterbox import Letterbox
from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.dense import UNKNOWN_LABEL, DensePrediction
from perception_fm.evaluation.grid_sampling import GridSampler

STORED = CameraModel(64, 48, np.array([[50.0, 0.0, 31.0], [0.0, 51.0, 20.0], [0.0, 0.0, 1.0]]))
STRIDE = 4


def road_depth(camera: CameraModel, height_m: float = 1.5) -> np.ndarray:
    """Depth (H, W) of a level road; NaN at and above the horizon."""
    rows = np.mgrid[0 : camera.height, 0 : camera.width][0].astype(np.float64)
    with np.errstate(divide="ignore"):
        depth = camera.fy * height_m / (rows - camera.cy)
    return np.where(depth > 0.0, depth, np.nan).astype(np.float32)


def grid_of(camera: CameraModel) -> CameraModel:
    return Letterbox(camera, 128, 64).grid_camera(STRIDE)


def test_plane_is_exact_between_the_cells() -> None:
    grid = grid_of(STORED)
    sampled = GridSampler(STORED, grid).sample(DensePrediction(grid, depth_m=road_depth(grid)))
    true = road_depth(STORED)
    inside = slice(30, 44)  # rows between the first cell below the horizon and the last
    # float32, and 1/32 px of OpenCV's interpolation
    np.testing.assert_allclose(sampled.depth_m[inside, 8:56], true[inside, 8:56], rtol=5e-3)


def test_nearest_takes_the_cell_and_differs_from_the_plane() -> None:
    grid = grid_of(STORED)
    depth = road_depth(grid)
    sampled = GridSampler(STORED, grid, is_interpolated=False).sample(DensePrediction(grid, depth_m=depth))
    assert set(np.unique(sampled.depth_m[np.isfinite(sampled.depth_m)])) <= set(depth[np.isfinite(depth)])
    assert np.abs(sampled.depth_m[30:44, 20] / road_depth(STORED)[30:44, 20] - 1.0).max() > 0.02


def test_distorted_pixels_find_the_cell_of_their_ray() -> None:
    bent = CameraModel(64, 48, STORED.intrinsics, "plumb_bob", np.array([-0.3, 0.05, 0.0, 0.0, 0.0]))
    rectified = Rectifier(bent).rectified
    grid = grid_of(rectified)
    sampled = GridSampler(bent, grid).sample(DensePrediction(grid, depth_m=road_depth(grid)))
    pixels = np.array([[15, 36], [32, 38], [50, 35]])
    rays = bent.unproject(pixels)
    for (column, row), (_, y) in zip(pixels, rays):
        assert sampled.depth_m[row, column] == pytest.approx(1.5 / y, rel=5e-3)


def test_pixels_beyond_the_grid_are_told_apart() -> None:
    box = Letterbox(STORED, 64, 32)  # 43 columns of content from column 10: cells lose 2 px left and 1 px right
    grid = box.grid_camera(STRIDE)
    label = np.full((grid.height, grid.width), 3, np.uint8)
    sampled = GridSampler(STORED, grid).sample(DensePrediction(grid, label=label))
    outside = ~sampled.is_on_grid
    assert np.flatnonzero(outside[0]).tolist() == [0, 1, 2, 63]
    assert outside.sum() == 4 * 48
    assert (sampled.label[outside] == UNKNOWN_LABEL).all()
    assert (sampled.label[~outside] == 3).all()


def test_invalid_cell_is_invalid_and_spoils_no_neighbour() -> None:
    grid = grid_of(STORED)
    depth = np.full((grid.height, grid.width), 10.0, np.float32)
    depth[5, 7] = np.nan
    std = np.where(np.isnan(depth), np.nan, 2.0).astype(np.float32)
    sampled = GridSampler(STORED, grid).sample(DensePrediction(grid, depth_m=depth, depth_std_m=std))
    missing = np.isnan(sampled.depth_m)
    assert (missing & sampled.is_on_grid).sum() == 9  # a cell of 4 x 4 model pixels is one of 3 x 3 stored ones
    np.testing.assert_allclose(sampled.depth_m[~missing], 10.0, rtol=1e-6)  # float32 sums of weights
    np.testing.assert_allclose(sampled.depth_std_m[~missing], 2.0, rtol=1e-6)


def test_label_and_confidence_keep_their_cell() -> None:
    grid = grid_of(STORED)
    label = np.arange(grid.width, dtype=np.uint8)[None, :].repeat(grid.height, axis=0) % 19
    prediction = DensePrediction(grid, label=label, confidence=np.full(label.shape, 51, np.uint8))
    sampled = GridSampler(STORED, grid).sample(prediction)
    assert sampled.confidence[24, 32] == pytest.approx(0.2)
    column = round(float(grid.project(STORED.unproject([[40.0, 24.0]]))[0, 0]))
    assert sampled.label[24, 40] == label[0, column]
    assert sampled.depth_m is None


def test_normals_and_prints_are_those_of_the_cell_and_nothing_beside_the_grid() -> None:
    grid = Letterbox(STORED, 64, 32).grid_camera(STRIDE)
    painted = np.linspace(0.0, 1.0, grid.height * grid.width, dtype=np.float32).reshape(grid.height, grid.width)
    normals = np.dstack([painted, painted, -painted])
    sampled = GridSampler(STORED, grid).sample(DensePrediction(grid, painted=painted, normals=normals))
    inside = sampled.is_on_grid
    assert set(sampled.painted[inside]) == set(painted.ravel())
    np.testing.assert_array_equal(sampled.normals[inside][:, 2], -sampled.painted[inside])
    assert not inside.all()
    assert np.isnan(sampled.painted[~inside]).all()
    assert np.isnan(sampled.normals[~inside]).all()
