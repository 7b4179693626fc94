"""Bounds of rates against values of the tables."""

from __future__ import annotations

import pytest

from perception_fm.evaluation.rates import clopper_pearson, poisson_upper


def test_clopper_pearson_of_known_counts() -> None:
    assert clopper_pearson(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert clopper_pearson(300, 300)[0] == pytest.approx(0.9878, abs=1e-4)


def test_clopper_pearson_at_its_ends() -> None:
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert clopper_pearson(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_poisson_bound_of_known_counts() -> None:
    assert poisson_upper(0) == pytest.approx(2.9957, abs=1e-4)  # the rule of three
    assert poisson_upper(3) == pytest.approx(7.7537, abs=1e-4)
