"""Which sample of which data set comes when: by seed, epoch and place alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import DatasetError


@dataclass(frozen=True)
class Mixture:
    """`sizes`: samples in each data set; `weights`: their shares of an epoch of `epoch_samples`, relative.

    Each epoch holds the same number of each data set; within one, no sample comes again before all have come.
    Raises `DatasetError` where nothing could be drawn.
    """

    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    epoch_samples: int
    seed: int

    def __post_init__(self) -> None:
        if not self.sizes or len(self.sizes) != len(self.weights) or min(self.sizes) < 1:
            raise DatasetError(f"a mixture needs data sets with samples and a weight each, got sizes {self.sizes}")
        if min(self.weights) < 0.0 or not 0.0 < sum(self.weights) < float("inf") or self.epoch_samples < 1:
            raise DatasetError(
                f"a mixture needs weights of at least 0, not all 0, and an epoch with samples; got {self.weights} "
                f"and {self.epoch_samples}"
            )

    @property
    def quotas(self) -> tuple[int, ...]:
        """Samples of each data set in an epoch: shares rounded down, what is left to the largest remainders."""
        exact = np.array(self.weights) / sum(self.weights) * self.epoch_samples
        quotas = np.floor(exact).astype(int)
        left = self.epoch_samples - int(quotas.sum())
        quotas[np.argsort(quotas - exact, kind="stable")[:left]] += 1
        return tuple(quotas.tolist())

    def draw(self, epoch: int, place: int) -> tuple[int, int]:
        """Number of the data set and of its sample at a place, 0 to `epoch_samples` - 1, of an epoch."""
        which, rank = _plan(self.quotas, self.seed, epoch)
        number = int(which[place])
        passed, position = divmod(epoch * self.quotas[number] + int(rank[place]), self.sizes[number])
        return number, int(_order(self.seed, number, passed, self.sizes[number])[position])


@lru_cache(maxsize=4)
def _plan(quotas: Sequence[int], seed: int, epoch: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Data set of each place of an epoch, and how many places of the same one lie before it."""
    which = np.repeat(np.arange(len(quotas)), quotas)
    np.random.default_rng([seed, 1, epoch]).shuffle(which)
    rank = np.zeros(len(which), np.intp)
    for number, quota in enumerate(quotas):
        rank[which == number] = np.arange(quota)
    return which, rank


@lru_cache(maxsize=64)
def _order(seed: int, number: int, passed: int, size: int) -> NDArray[np.intp]:
    """The order of a data set's samples on one pass through it."""
    return np.random.default_rng([seed, 2, number, passed]).permutation(size)
