"""The ground under noisy depth: found where the road is, and not where there is none to see."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.geometry.ground_fit import fit_ground
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting, tilt_covariance
from perception_fm.geometry.transform import base_from_camera

TRUE = plane_from_mounting(base_from_camera(1.5, 0.05, roll_rad=0.01))
_M = plane_from_mounting(base_from_camera(1.5, 0.03)).m
PRIOR = PlaneEstimate(_M, tilt_covariance(_M, np.radians(1.5), 0.3), False)


def road(rng: np.random.Generator, count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Rays and true depths, 4 to 40 m ahead."""
    rays = np.column_stack([rng.uniform(-0.3, 0.3, count), rng.uniform(-0.01, 0.35, count)])
    return rays, 1.0 / TRUE.inverse_depth(rays)


def test_plane_is_found_among_kerbs_and_cars():
    rng = np.random.default_rng(0)
    rays, depth = road(rng)
    depth *= np.exp(rng.normal(0.0, 0.05, len(depth)))
    depth[:120] *= rng.uniform(0.3, 0.8, 120)
    found = fit_ground(rays, depth, np.full(len(depth), 0.05), PRIOR)
    assert found is not None
    assert found.is_measured
    assert found.height_m == pytest.approx(1.5, rel=0.03)
    assert found.pitch_rad == pytest.approx(0.05, abs=0.004)
    assert found.height_sigma_m < PRIOR.height_sigma_m


def test_scale_of_the_depth_becomes_the_height():
    rays, depth = road(np.random.default_rng(1))
    found = fit_ground(rays, 1.25 * depth, np.full(len(depth), 0.03), PRIOR)
    assert found is not None
    assert found.height_m == pytest.approx(1.25 * 1.5, rel=0.02)
    assert found.pitch_rad == pytest.approx(0.05, abs=0.003)


def test_stated_sigma_covers_errors_that_hang_together():
    errors, heights = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rays, depth = road(rng)
        # Smooth over half the image: a plane in the logarithm of the depth.
        bend = rng.normal(0.0, 0.06, 2)
        depth = depth * np.exp(bend[0] * rays[:, 0] / 0.3 + bend[1] * (rays[:, 1] - 0.17) / 0.17)
        found = fit_ground(rays, depth, np.full(len(depth), 0.06), PRIOR)
        assert found is not None
        errors.append((found.height_m - 1.5) / found.height_sigma_m)
        heights.append(found.height_m)
    assert np.mean(np.abs(errors) < 2.0) > 0.85
    assert np.std(heights) > 0.005


@pytest.mark.parametrize("kept", [0, 20])
def test_few_points_fix_nothing(kept):
    rays, depth = road(np.random.default_rng(0))
    assert fit_ground(rays[:kept], depth[:kept], np.full(kept, 0.05), PRIOR) is None


def test_points_at_one_distance_fix_nothing():
    rays, _ = road(np.random.default_rng(0))
    assert fit_ground(rays, np.full(len(rays), 12.0), np.full(len(rays), 0.05), PRIOR) is None
