"""A standard deviation that is right, too small, or sorts pixels the wrong way round."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.evaluation.depth_calibration import (
    LEFT_OUT_SHARES,
    NOMINAL_SHARES,
    CalibrationSums,
    DepthCalibration,
    sparsification,
)

COUNT = 200_000
SHARE_TOLERANCE = 0.004  # 3.5 standard deviations of a share of 200 000 draws


def gaussian(claimed: float) -> DepthCalibration:
    """Errors of Gaussians whose std is `1 / claimed` times the one that is told, in four images."""
    generator = np.random.default_rng(7)
    true = generator.uniform(2.0, 80.0, COUNT)
    std = 0.02 * true
    predicted = true + generator.normal(0.0, std)
    sums = CalibrationSums()
    for part in np.array_split(np.arange(COUNT), 4):
        sums.add(predicted[part], claimed * std[part], true[part])
    result = sums.result()
    assert result is not None
    return result


def test_calibrated_gaussian_is_found_calibrated() -> None:
    found = gaussian(1.0)
    assert found.pixels == COUNT
    assert found.within_1_sigma == pytest.approx(0.6827, abs=SHARE_TOLERANCE)
    assert found.within_2_sigma == pytest.approx(0.9545, abs=SHARE_TOLERANCE)
    assert found.z_mean == pytest.approx(0.0, abs=0.01)
    assert found.z_std == pytest.approx(1.0, abs=0.01)
    assert found.z_robust == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(found.inside_share, NOMINAL_SHARES, atol=SHARE_TOLERANCE)


def test_too_small_a_std_is_seen_and_costs_likelihood() -> None:
    sure = gaussian(0.5)
    assert sure.within_1_sigma == pytest.approx(math.erf(0.5 / math.sqrt(2.0)), abs=SHARE_TOLERANCE)
    assert sure.z_std == pytest.approx(2.0, abs=0.02)
    assert sure.nll > gaussian(1.0).nll
    assert sure.ause == pytest.approx(gaussian(1.0).ause)  # the order is the same


def test_nll_of_one_pixel_by_hand() -> None:
    sums = CalibrationSums()
    sums.add(np.array([12.0]), np.array([2.0]), np.array([10.0]))
    result = sums.result()
    assert result is not None
    assert result.nll == pytest.approx(0.5 + math.log(2.0) + 0.5 * math.log(2.0 * math.pi))
    assert math.isnan(result.ause)  # one pixel has no order


def test_sparsification_by_hand_and_its_area() -> None:
    error = np.arange(1.0, 101.0)
    oracle = sparsification(error, error)
    half = int(np.flatnonzero(LEFT_OUT_SHARES == 0.5)[0])
    assert oracle[0] == 1.0
    assert oracle[half] == pytest.approx(np.arange(1, 51).mean() / error.mean())
    true = np.full(100, 200.0)
    by_order = {}
    for name, std in (("right", error), ("reversed", error[::-1])):
        sums = CalibrationSums()
        sums.add(true + error, std.copy(), true)
        result = sums.result()
        assert result is not None
        by_order[name] = result.ause
    assert by_order["right"] == 0.0
    assert by_order["reversed"] > 0.5


def test_no_std_is_none() -> None:
    sums = CalibrationSums()
    assert sums.result() is None
    sums.add(np.empty(0), np.empty(0), np.empty(0))
    assert sums.result() is None
