"""The median that costs less than NumPy's is the same."""

import numpy as np
import pytest

from perception_fm.motion.robust import median


@pytest.mark.parametrize("count", [1, 2, 3, 4, 101, 1280])
def test_median_is_that_of_numpy(count):
    values = np.random.default_rng(count).normal(0.0, 3.0, count)
    assert median(values) == np.median(values)
