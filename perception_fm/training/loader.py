"""Sources into batches of the network's input size: mixed and changed for training, whole and in order for judging."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.utils.data import DataLoader, Dataset, DistributedSampler, SequentialSampler

from perception_fm.errors import DatasetError
from perception_fm.training.augment.augmentation import Augmentation
from perception_fm.training.augment.config import AugmentConfig
from perception_fm.training.augment.reprojection import letterboxed, reproject
from perception_fm.training.batch import Batch, collate
from perception_fm.training.mixture import Mixture
from perception_fm.training.sample import TrainingSample
from perception_fm.training.sources.source import DamagedSampleError, Source

DAMAGE_LIMIT = 20
"""Damaged samples of one loader; more say that the disk or the copy is bad, not a file."""

_ATTEMPTS = 5  # neighbours that take the place of a damaged sample
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A sample, or why there is none; `damaged`: what could not be read on the way."""

    sample: TrainingSample | None
    damaged: tuple[str, ...] = ()
    refusal: str = ""


class MixedDataset(Dataset[_Loaded]):
    """Samples of several sources by a place that runs on through all epochs: epoch x `epoch_samples` + place."""

    def __init__(self, sources: Sequence[Source], mixture: Mixture, augmentation: Augmentation) -> None:
        self._sources, self._mixture, self._augmentation = tuple(sources), mixture, augmentation

    def __len__(self) -> int:
        return self._mixture.epoch_samples

    def __getitem__(self, index: int) -> _Loaded:
        epoch, place = divmod(int(index), self._mixture.epoch_samples)
        number, first = self._mixture.draw(epoch, place)
        loaded = _read(self._sources[number], first)
        if loaded.sample is None:
            return loaded
        rng = np.random.default_rng([self._mixture.seed, 3, epoch, place])
        try:
            return replace(loaded, sample=self._augmentation.apply(loaded.sample, self._other, rng))
        except DatasetError as error:
            return _Loaded(None, loaded.damaged, str(error))

    def _other(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A picture of any source, as often as the source is drawn."""
        weights = np.array(self._mixture.weights)
        source = self._sources[int(rng.choice(len(weights), p=weights / weights.sum()))]
        loaded = _read(source, int(rng.integers(len(source))))
        if loaded.sample is None:
            raise DatasetError(loaded.refusal)
        return loaded.sample.image


class WholeDataset(Dataset[_Loaded]):
    """At most `frames` samples of one source, evenly spread (0: all), framed as the deployed network sees them."""

    def __init__(self, source: Source, size: tuple[int, int], frames: int = 0) -> None:
        count = len(source) if frames == 0 else min(frames, len(source))
        self._source, self._size = source, size
        self._numbers = np.unique(np.linspace(0, len(source) - 1, count).round().astype(int)).tolist()

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> _Loaded:
        loaded = _read(self._source, self._numbers[index])
        if loaded.sample is None:
            return loaded
        change = letterboxed(loaded.sample.size, self._size)
        return replace(loaded, sample=reproject(loaded.sample, change))


class EpochSampler(DistributedSampler[int]):
    """Places of one epoch, in order, every `replicas`-th of them for one process: the mixture is shuffled already.

    It is a `DistributedSampler` so that Lightning leaves it as it is, and sets its epoch. `skip` samples of the first
    epoch are left out, where a run goes on in the middle of one.
    """

    def __init__(self, epoch_samples: int) -> None:
        is_distributed = distributed.is_available() and distributed.is_initialized()
        self._samples = epoch_samples
        self._replicas = distributed.get_world_size() if is_distributed else 1
        self._rank = distributed.get_rank() if is_distributed else 0
        self.epoch = 0
        self._skip = 0

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """What the next iteration gives."""
        self.epoch, self._skip = epoch, skip

    def __len__(self) -> int:
        return self._samples // self._replicas - self._skip // self._replicas

    def __iter__(self) -> Iterator[int]:
        first, last = self._skip // self._replicas, self._samples // self._replicas
        start = self.epoch * self._samples + self._rank
        return iter(range(start + first * self._replicas, start + last * self._replicas, self._replicas))


class CheckedLoader(DataLoader[Any]):
    """A `DataLoader` that tells of damaged files, and stops with one line after `DAMAGE_LIMIT` of them.

    Iterating raises `DatasetError`; errors come from workers as text, without the traceback of another process.
    """

    damaged: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, str):
                raise DatasetError(batch)
            for line in batch.damaged:
                self._count(line)
            yield batch

    def _count(self, line: str) -> None:
        if line in self.damaged:
            return
        self.damaged = (*self.damaged, line)
        _LOGGER.warning("left out (%d so far): %s", len(self.damaged), line)
        if len(self.damaged) > DAMAGE_LIMIT:
            raise DatasetError(
                f"{len(self.damaged)} damaged samples, more than {DAMAGE_LIMIT}: copy the data anew; the last: {line}"
            )


def training_loader(
    sources: Sequence[tuple[Source, float]],
    size: tuple[int, int],
    batch_size: int,
    epoch_samples: int,
    config: AugmentConfig,
    seed: int = 0,
    workers: int = 0,
) -> CheckedLoader:
    """Batches of an epoch, whole ones only; sources with their weights, `size` (width, height) of the network's input.

    The same seed and epoch give the same batches, for any number of workers. Raises `DatasetError` as `Mixture` does.
    """
    mixture = Mixture(
        tuple(len(source) for source, _ in sources), tuple(weight for _, weight in sources), epoch_samples, seed
    )
    dataset = MixedDataset([source for source, _ in sources], mixture, Augmentation(config, size))
    return _loader(dataset, EpochSampler(epoch_samples), batch_size, workers, is_training=True)


def whole_loader(
    source: Source, size: tuple[int, int], batch_size: int, frames: int = 0, workers: int = 0
) -> CheckedLoader:
    """Batches of at most `frames` samples of one source (0: all), in order, unchanged but for the letterbox."""
    dataset = WholeDataset(source, size, frames)
    return _loader(dataset, SequentialSampler(dataset), batch_size, workers, is_training=False)


def _loader(
    dataset: Dataset[_Loaded], sampler: Any, batch_size: int, workers: int, *, is_training: bool
) -> CheckedLoader:
    return CheckedLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        drop_last=is_training,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_alone,
        multiprocessing_context=_fresh_processes() if workers else None,
        persistent_workers=is_training and workers > 0,
    )


def _fresh_processes() -> BaseContext:
    """Workers are not forks of this process: the thread pools of OpenCV do not survive a fork, and a worker then hangs.

    They are forks of a server that has only imported what they need.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _alone(worker: int) -> None:
    """One thread for each worker: there are as many workers as cores."""
    cv2.setNumThreads(1)


def _collate(loaded: Sequence[_Loaded]) -> Batch | str:
    """The batch, or the line with which the run stops."""
    samples = [one.sample for one in loaded if one.sample is not None]
    if len(samples) < len(loaded):
        return next(one.refusal for one in loaded if one.sample is None)
    return replace(collate(samples), damaged=tuple(line for one in loaded for line in one.damaged))


def _read(source: Source, number: int) -> _Loaded:
    """A sample of a source; one that is damaged is replaced by the next."""
    damaged: list[str] = []
    for attempt in range(min(_ATTEMPTS, len(source))):
        try:
            return _Loaded(source.sample((number + attempt) % len(source)), tuple(damaged))
        except DamagedSampleError as error:
            damaged.append(str(error))
        except DatasetError as error:
            return _Loaded(None, tuple(damaged), str(error))
    return _Loaded(None, tuple(damaged), f"{len(damaged)} samples in a row are damaged, the last: {damaged[-1]}")
