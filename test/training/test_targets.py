"""Targets of a grid are values of the full resolution, of the canonical camera."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra models")

from perception_fm.camera.model import CameraModel  # noqa: E402
from perception_fm.training.batch import Batch, collate  # noqa: E402
from perception_fm.training.sample import TrainingSample  # noqa: E402
from perception_fm.training.targets import targets_at  # noqa: E402

WIDTH, HEIGHT, FOCAL_PX, CANONICAL_PX = 64, 32, 250.0, 500.0


def batch_of(depth_m: np.ndarray, **targets: np.ndarray) -> Batch:
    """Of one sample."""
    matrix = np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, (HEIGHT - 1) / 2], [0, 0, 1]])
    camera = CameraModel(WIDTH, HEIGHT, matrix)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return collate([TrainingSample(image, camera, "one", "test", depth_m=depth_m.astype(np.float32), **targets)])


def test_depth_is_that_of_the_canonical_camera() -> None:
    targets = targets_at(batch_of(np.full((HEIGHT, WIDTH), 10.0)), 4, CANONICAL_PX)
    assert targets.log_depth.shape == (1, HEIGHT // 4, WIDTH // 4)
    # Half the focal length shows a thing at 10 m as large as the canonical one does at 20 m.
    assert torch.allclose(targets.log_depth, torch.tensor(math.log(20.0)))


def test_edge_is_never_averaged() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 10.0)
    depth_m[:, 30:] = 40.0
    for stride in (4, 16):
        values = targets_at(batch_of(depth_m), stride, FOCAL_PX).log_depth.exp()
        assert set(values.round().flatten().tolist()) == {10.0, 40.0}


def test_lone_lidar_point_is_kept_and_a_point_at_the_rim_of_a_coarse_cell_is_not() -> None:
    depth_m = np.full((HEIGHT, WIDTH), np.nan)
    depth_m[8, 20] = 12.0
    fine, coarse = (targets_at(batch_of(depth_m), stride, FOCAL_PX).log_depth for stride in (4, 16))
    assert torch.isfinite(fine).nonzero().tolist() == [[0, 2, 5]]
    assert fine[0, 2, 5].item() == pytest.approx(math.log(12.0))
    assert not torch.isfinite(coarse).any()


def test_sky_is_far_and_not_a_depth() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 10.0)
    depth_m[:16] = np.inf
    targets = targets_at(batch_of(depth_m), 4, CANONICAL_PX)
    assert targets.is_far[0, :4].all()
    assert not targets.is_far[0, 4:].any()
    assert torch.isnan(targets.log_depth[0, :4]).all()


def test_missing_targets_are_unknown_everywhere() -> None:
    targets = targets_at(batch_of(np.full((HEIGHT, WIDTH), 10.0)), 16, CANONICAL_PX)
    assert (targets.label == 255).all()
    assert torch.isnan(targets.normals).all()
    assert torch.isnan(targets.painted).all()


def test_normal_stays_the_vector_of_one_pixel() -> None:
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[:, ::2, 1], normals[:, 1::2, 2] = -1.0, -1.0
    found = targets_at(batch_of(np.full((HEIGHT, WIDTH), 10.0), normals=normals), 4, CANONICAL_PX).normals
    assert torch.allclose((found * found).sum(1), torch.ones(1, HEIGHT // 4, WIDTH // 4))
