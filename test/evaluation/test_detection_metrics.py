"""Curves of scores that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.evaluation.detection_metrics import detection_figures, no_scores, score_counts


def figures(positives: list[float], negatives: list[float]):
    return detection_figures(score_counts(np.array(positives)), score_counts(np.array(negatives)))


def test_perfect_and_useless_and_inverted_scores() -> None:
    perfect = figures([0.9, 0.8], [0.1, 0.2, 0.3])
    assert (perfect.auroc, perfect.average_precision, perfect.fpr_at_95_recall) == (1.0, 1.0, 0.0)
    useless = figures([0.5, 0.5], [0.5, 0.5])
    assert (useless.auroc, useless.average_precision, useless.fpr_at_95_recall) == (0.5, 0.5, 1.0)
    assert figures([0.1], [0.9]).auroc == 0.0


def test_known_order() -> None:
    # From high to low: + - + - ; precision 1/1 and 2/3 where recall rises.
    found = figures([0.9, 0.5], [0.7, 0.2])
    assert found.auroc == 0.75
    assert found.average_precision == pytest.approx((1.0 + 2.0 / 3.0) / 2.0)
    assert found.fpr_at_95_recall == 0.5
    assert (found.positives, found.negatives) == (2, 2)


def test_area_of_two_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 1.0, 40_000), rng.normal(1.0, 1.0, 40_000)
    negatives, positives = (score_counts(1.0 / (1.0 + np.exp(-one))) for one in logits)
    # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt(2)); the standard error is below 0.002 (Hanley, McNeil, Radiology 1982).
    assert detection_figures(positives, negatives).auroc == pytest.approx(0.7602, abs=0.006)


def test_certain_scores_and_float32_next_to_one_are_counted() -> None:
    counts = score_counts(np.array([0.0, 1.0, np.nextafter(np.float32(1.0), np.float32(0.0)), 1e-30], np.float32))
    assert counts.sum() == 4
    assert counts[0] == 2
    assert counts[-1] >= 1


def test_one_kind_alone_has_no_figures() -> None:
    for found in (figures([], [0.5]), figures([0.5], [])):
        assert math.isnan(found.auroc)
        assert math.isnan(found.fpr_at_95_recall)
    assert no_scores().sum() == 0
