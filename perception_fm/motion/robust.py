"""The median, without what NumPy's own spends on axes and NaN: it is asked dozens of times per frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[np.float64]) -> float:
    """Of at least one finite value (N,); of an even number the mean of both middle ones."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    halves = np.partition(values, (middle - 1, middle))
    return 0.5 * float(halves[middle - 1] + halves[middle])
