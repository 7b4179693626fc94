"""Batches as Lightning asks for them, from the place on where the run stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import lightning.pytorch as pl

from perception_fm.training.batch import Batch


class TrainingData(Protocol):
    """The data of a run."""

    def training_batches(self, first: int, rank: int, ranks: int) -> Iterable[Batch]:
        """Without end, from batch number `first` on, for one of `ranks` devices; the same number, the same batch."""

    def validation_batches(self) -> Mapping[str, Iterable[Batch]]:
        """All batches of each data set that judges, by its name; the same each time."""

    def documents(self) -> Mapping[str, Mapping[str, object]]:
        """Origin, licence and so on of each data set, by its name."""


class TrainingDataModule(pl.LightningDataModule):
    """Hands `data` to the trainer. Every device validates on everything: figures need no exchange then."""

    def __init__(self, data: TrainingData, accumulate: int) -> None:
        super().__init__()
        self._data, self._accumulate = data, accumulate
        self._validation = data.validation_batches()

    @property
    def validation_names(self) -> tuple[str, ...]:
        """Data sets that judge, in the order of their loaders."""
        return tuple(self._validation)

    @property
    def documents(self) -> Mapping[str, Mapping[str, object]]:
        """Of all data sets, by name."""
        return self._data.documents()

    def train_dataloader(self) -> Iterable[Batch]:
        """From the batch on that follows the last step."""
        first = self.trainer.global_step * self._accumulate
        return self._data.training_batches(first, self.trainer.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> list[Iterable[Batch]]:
        """One loader per data set."""
        return list(self._validation.values())
