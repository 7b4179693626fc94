"""Angles of normals whose figures can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.evaluation.normal_metrics import NormalSums, angles_deg


def tilted(degrees: list[float]) -> np.ndarray:
    """(1, N, 3) away from the axis towards the camera."""
    angle = np.radians(degrees)
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)[None].astype(np.float32)


def test_known_angles_and_their_figures() -> None:
    degrees = [0.0, 10.0, 20.0, 25.0, 90.0]
    angle = angles_deg(tilted(degrees), tilted([0.0] * 5))
    np.testing.assert_allclose(angle[0], degrees, atol=0.03)  # the arc cosine of float32 next to 1
    figures = NormalSums.of(angle).figures()
    assert figures.pixels == 5
    assert figures.mean_deg == pytest.approx(29.0, abs=0.01)
    assert figures.median_deg == pytest.approx(20.0, abs=0.05)
    assert figures.rms_deg == pytest.approx(math.sqrt((100 + 400 + 625 + 8100) / 5), abs=0.01)
    assert (figures.within_11_25, figures.within_22_5, figures.within_30) == (0.4, 0.6, 0.8)


def test_parts_add_up_and_opposite_normals_are_in_the_last_bin() -> None:
    one, other = NormalSums.of(np.array([1.0, 2.0])), NormalSums.of(np.array([180.0]))
    together = (one + other).figures()
    assert together == NormalSums.of(np.array([1.0, 2.0, 180.0])).figures()
    assert other.figures().median_deg == pytest.approx(180.0, abs=0.05)


def test_sky_and_missing_normals_are_not_judged() -> None:
    predicted, true = tilted([0.0, 0.0, 0.0]), tilted([0.0, 0.0, 0.0])
    predicted[0, 0] = np.nan
    true[0, 1] = 0.0
    angle = angles_deg(predicted, true)
    assert np.isnan(angle[0, :2]).all()
    assert angle[0, 2] == 0.0


def test_stored_normals_of_not_quite_unit_length_keep_their_direction() -> None:
    np.testing.assert_allclose(angles_deg(1.02 * tilted([30.0]), 0.98 * tilted([0.0])), 30.0, atol=1e-4)


def test_nothing_has_no_figures() -> None:
    figures = NormalSums().figures()
    assert figures.pixels == 0
    assert math.isnan(figures.median_deg)
    assert math.isnan(figures.within_30)
