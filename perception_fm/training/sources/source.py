"""What every data set is to the rest of the training."""

from __future__ import annotations

from typing import Any, Protocol

from perception_fm.errors import DatasetError
from perception_fm.training.sample import TrainingSample

TRAIN, VALIDATION, ALL = "train", "validation", "all"
SPLITS = (TRAIN, VALIDATION, ALL)


class DamagedSampleError(DatasetError):
    """One file of a data set cannot be read: training goes on without it, and counts it."""


class Source(Protocol):
    """Samples of one split of one data set, by number; an object that can be pickled and holds no open file."""

    @property
    def name(self) -> str:
        """Short, for messages and figures."""

    def __len__(self) -> int:
        """Number of samples, at least 1."""

    def sample(self, index: int) -> TrainingSample:
        """The same for the same index, always.

        Raises `DamagedSampleError`, which names the file, and `DatasetError` for what is wrong with the whole.
        """

    def document(self) -> dict[str, Any]:
        """Kind, origin, licence, split and number of samples, for model cards."""
