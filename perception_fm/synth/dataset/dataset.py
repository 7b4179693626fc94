"""A dataset of rendered frames with ground truth, in shards: resumable, in parallel, repeatable."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import perception_fm
from perception_fm.errors import DatasetError
from perception_fm.synth.dataset.config import DatasetSpec
from perception_fm.synth.dataset.plan import check_worlds, plan_world
from perception_fm.synth.dataset.sample_codec import Sample, encode
from perception_fm.synth.dataset.shard import PARTIAL, read_facts, read_samples, shard_path, sync_folder, write_shard
from perception_fm.synth.dataset.workers import clear_partial, make_shards
from perception_fm.synth.scenario.scenario import Scenario

__all__ = ["INDEX", "DatasetWriter", "Source", "read_samples"]

FORMAT = "perception-fm-dataset/1"
INDEX = "dataset.json"


class Source(Protocol):
    """Makes the samples of one world; an object that can be pickled."""

    def __call__(self, scenario: Scenario, count: int, moments: np.random.Generator) -> Iterator[Sample]:
        """At most `count` samples of different moments of the scenario's drive, in their order."""


@dataclass(frozen=True, eq=False)
class ShardMaker:
    """Makes one shard; its content depends on the specification and its number alone."""

    spec: DatasetSpec
    folder: Path
    source: Source

    def __call__(self, shard: int) -> Iterator[None]:
        """Write the shard, yielding after each frame."""
        return write_shard(shard_path(self.folder, self.spec.size.split, shard), self._encoded(shard))

    def _encoded(self, shard: int) -> Iterator[dict[str, bytes]]:
        wanted, world = self.spec.frames_of(shard), 0
        while wanted:
            made = 0
            for sample in self._world(shard, world, min(wanted, self.spec.size.frames_per_world)):
                yield encode(sample, self.spec.channels)
                made += 1
            wanted -= made
            world += 1

    def _world(self, shard: int, number: int, count: int) -> Iterator[Sample]:
        planned = plan_world(self.spec, shard, number)
        scenario = planned.scenario
        made = 0
        try:
            for sample in self.source(scenario, count, planned.moments):
                facts = {**sample.facts, "share": planned.share, "scenario": scenario.name, "seed": scenario.seed}
                yield Sample(sample.picture, sample.truth, facts, sample.quality)
                made += 1
        except Exception as error:
            raise DatasetError(f"scenario {planned.share} with seed {scenario.seed}: {error}") from error
        if not made:
            raise DatasetError(f"scenario {planned.share} with seed {scenario.seed} has no frames")


class DatasetWriter:
    """Writes what is missing of a dataset. Raises `DatasetError` for a folder that holds something else.

    Everything that will be drawn is checked first; `ConfigError` names what is impossible.
    """

    def __init__(self, spec: DatasetSpec, folder: Path, source: Source) -> None:
        self._spec, self._folder, self._source = spec, folder, source
        self._check_index()
        self.missing = [n for n in range(spec.shards) if not self._path(n).exists()]
        check_worlds(spec, self.missing)

    @property
    def frames_missing(self) -> int:
        """Frames still to be made."""
        return sum(self._spec.frames_of(shard) for shard in self.missing)

    def write(self, workers: int) -> Iterator[None]:
        """Make the missing shards, yielding once for each frame."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatasetError(f"cannot write {self._folder}: {error.strerror}") from error
        with _alone(self._folder):
            clear_partial(self._folder, PARTIAL)
            self._write_index({})
            try:
                if self.missing:
                    yield from make_shards(ShardMaker(self._spec, self._folder, self._source), self.missing, workers)
            finally:
                clear_partial(self._folder, PARTIAL)
            self._write_index(self._counts())
        self.missing = []

    def _path(self, shard: int) -> Path:
        return shard_path(self._folder, self._spec.size.split, shard)

    def _check_index(self) -> None:
        index = self._folder / INDEX
        if not index.exists():
            if self._folder.is_dir() and any(self._folder.glob("*.tar")):
                raise DatasetError(f"{self._folder} holds tar files of something else: give another folder")
            return
        there = read_index(self._folder)
        if there["identity"] != self._spec.identity:
            raise DatasetError(f"{self._folder} holds a dataset of another specification: give another folder")
        if there["version"] != perception_fm.__version__:
            raise DatasetError(
                f"{self._folder} was begun by version {there['version']}, this is {perception_fm.__version__}: "
                "their frames may differ, give another folder"
            )

    def _counts(self) -> dict[str, Any]:
        """Counted from the shards themselves, because some may be of an earlier run."""
        shares: Counter[str] = Counter()
        frames = painted = 0
        worlds = set()
        for shard in range(self._spec.shards):
            for facts in read_facts(self._path(shard)):
                frames += 1
                painted += facts.get("painted_share", 0.0) > 0.0
                shares[facts["share"]] += 1
                worlds.add((facts["share"], facts["seed"]))
        return {
            "frames": frames,
            "worlds": len(worlds),
            "frames_with_painted_surfaces": painted,
            "frames_by_scenario": dict(sorted(shares.items())),
        }

    def _write_index(self, counts: Mapping[str, Any]) -> None:
        """`counts` of a complete dataset; empty while it is being made."""
        document = {
            "format": FORMAT,
            "version": perception_fm.__version__,
            "identity": self._spec.identity,
            "is_complete": bool(counts),
            "split": self._spec.size.split,
            "shards": self._spec.shards,
            "channels": list(self._spec.channels),
            **counts,
            "spec": self._spec.document,
        }
        partial = self._folder / f".{INDEX}{PARTIAL}"
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._folder / INDEX)
            sync_folder(self._folder)
        except OSError as error:
            raise DatasetError(f"cannot write {self._folder / INDEX}: {error.strerror}") from error


def read_index(folder: Path) -> dict[str, Any]:
    """`dataset.json` of a dataset, complete or not. Raises `DatasetError`."""
    try:
        document = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{folder} is no dataset: cannot read {INDEX} ({error.strerror})") from error
    except ValueError as error:
        raise DatasetError(f"{folder}/{INDEX} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DatasetError(f"{folder}/{INDEX} is no {FORMAT} index")
    return document


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process writes this dataset meanwhile; the lock ends with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"{folder} is being written by another process") from error
        yield
    finally:
        os.close(descriptor)
