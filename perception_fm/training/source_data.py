"""`SourceData`: the data sets of a configuration as the trainer asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from perception_fm.training.batch import Batch
from perception_fm.training.config import DatasetConfig, TrainConfig
from perception_fm.training.loader import CheckedLoader, training_loader, whole_loader
from perception_fm.training.sources.open_source import open_source
from perception_fm.training.sources.source import ALL, TRAIN, VALIDATION, Source

_EPOCH_BATCHES = 500  # of one device; the mixture of data sets is exact over so many


class SourceData:
    """Opens all data sets in `folders` (by name). Raises `DatasetError`, one line, for what any of them refuses."""

    def __init__(self, config: TrainConfig, folders: Mapping[str, Path]) -> None:
        self._config = config
        self._training = [(_open(one, config, folders, TRAIN), one.weight) for one in config.training_sets]
        is_divided = config.validation.share > 0.0
        judged = [one for one in config.validation_sets if is_divided or one.split == VALIDATION]
        self._validation = {one.name: _open(one, config, folders, VALIDATION) for one in judged}

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Training and validation samples of each data set, by name."""
        training = {source.name: len(source) for source, _ in self._training}
        names = dict.fromkeys([*training, *self._validation])
        return {
            name: (training.get(name, 0), len(self._validation[name]) if name in self._validation else 0)
            for name in names
        }

    def training_batches(self, first: int, rank: int, ranks: int) -> Iterator[Batch]:
        """See `TrainingData`; `rank` is known to the loader's sampler, from `torch.distributed`."""
        batch_size = self._config.schedule.batch_size
        loader = training_loader(
            self._training,
            self._size,
            batch_size,
            _EPOCH_BATCHES * batch_size * ranks,
            self._config.augmentation,
            self._config.seed,
            self._config.machine.workers,
        )
        epoch, done = divmod(first, _EPOCH_BATCHES)
        while True:
            loader.sampler.set_epoch(epoch, done * batch_size * ranks)
            yield from loader
            epoch, done = epoch + 1, 0

    def validation_batches(self) -> Mapping[str, CheckedLoader]:
        """See `TrainingData`."""
        config = self._config
        frames = config.validation.frames
        return {
            name: whole_loader(source, self._size, config.schedule.batch_size, frames, config.machine.workers)
            for name, source in self._validation.items()
        }

    def documents(self) -> Mapping[str, Mapping[str, object]]:
        """See `TrainingData`; of those that train."""
        return {source.name: source.document() for source, _ in self._training}

    @property
    def _size(self) -> tuple[int, int]:
        return self._config.width_px, self._config.height_px


def _open(dataset: DatasetConfig, config: TrainConfig, folders: Mapping[str, Path], use: str) -> Source:
    """The part of a data set for training or for validation."""
    is_divided = dataset.split == "divided" and config.validation.share > 0.0
    return open_source(
        dataset.kind,
        folders[dataset.name],
        use if is_divided else ALL,
        config.validation.share,
        config.seed,
        dataset.label_map or None,
        dataset.name,
    )
