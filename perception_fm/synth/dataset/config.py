"""The specification of a dataset: which scenarios, how many frames, what is drawn at random."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.config import brief, from_mapping, refuse_unknown, setting
from perception_fm.errors import ConfigError
from perception_fm.synth.dataset.sample_codec import CHANNELS
from perception_fm.synth.scenario.cases import SEEDS, cases
from perception_fm.synth.scenario.strict_yaml import read_yaml

# Worlds follow from the scenario's seed, so splits with seeds of their own have worlds of their own.
SPLIT_SEEDS = {**SEEDS, "train": range(max(seeds.stop for seeds in SEEDS.values()), 2**31 - 1000)}
_LISTS = ("channels", "scenarios", "randomise")
_SHARE_KEYS = ("scenario", "weight", "overrides", "randomise")
_MOST_WEIGHT = 1e6
_LARGEST_NUMBER = 2**53  # whole numbers up to here are exact as floats too
# What the specification itself settles, so that worlds of different splits differ and pictures have one size.
_SETTLED = re.compile(r"seed|name|camera\.(width|height)_px|(walls|actors)\.\d+\.seed")


@dataclass(frozen=True)
class DatasetSize:
    """Numbers of a dataset."""

    split: str = setting("train", "worlds of different splits are never the same", choices=tuple(SPLIT_SEEDS))
    seed: int = setting(0, "of everything that is drawn", low=0, high=2**31 - 1)
    frames: int = setting(1000, "samples in all", low=1, high=10_000_000)
    frames_per_world: int = setting(20, "moments of one drive through one world", low=1, high=1000)
    frames_per_shard: int = setting(500, "samples of one tar file, the unit of work", low=1, high=10_000)
    width_px: int = setting(640, "image width; the field of view stays the scenario's", low=64, high=4096)
    height_px: int = setting(384, "image height", low=64, high=4096)


@dataclass(frozen=True)
class Draw:
    """How a setting's value is drawn: `kind` is uniform, log_uniform, integer (both ends included) or choice."""

    kind: str
    values: tuple[Any, ...]

    def value(self, rng: np.random.Generator) -> Any:
        """One value."""
        if self.kind == "choice":
            return self.values[int(rng.integers(len(self.values)))]
        low, high = self.values
        if self.kind == "integer":
            return int(rng.integers(low, high + 1))
        if self.kind == "log_uniform":
            return math.exp(rng.uniform(math.log(low), math.log(high)))
        return float(rng.uniform(low, high))


@dataclass(frozen=True, eq=False)
class ScenarioShare:
    """A scenario's part of the worlds: `document` as in its file, of which every case is as likely, then settings that
    override it and settings to be drawn, by dotted key.
    """

    name: str
    weight: float
    document: Mapping[str, Any]
    cases: tuple[Mapping[str, Any], ...]
    overrides: Mapping[str, Any]
    randomise: Mapping[str, Draw]


@dataclass(frozen=True, eq=False)
class DatasetSpec:
    """All of it. `identity` changes with anything that changes what a shard holds."""

    size: DatasetSize
    channels: tuple[str, ...]
    shares: tuple[ScenarioShare, ...]
    identity: str
    document: Mapping[str, Any]

    @property
    def shards(self) -> int:
        """Number of tar files."""
        return -(-self.size.frames // self.size.frames_per_shard)

    def frames_of(self, shard: int) -> int:
        """Samples in a shard; the last may have fewer."""
        return min(self.size.frames_per_shard, self.size.frames - shard * self.size.frames_per_shard)


def read_spec(path: Path) -> DatasetSpec:
    """From a YAML file; scenario files are named from its folder on, or as in the library. Raises `ConfigError`."""
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} is no dataset specification: expected frames, scenarios and so on")
    return build_spec(document, path.parent)


def build_spec(document: Mapping[str, Any], folder: Path = Path()) -> DatasetSpec:
    """From plain values as YAML gives them. Raises `ConfigError` naming the key."""
    refuse_unknown(document, (*_LISTS, *(item.name for item in dataclasses.fields(DatasetSize))))
    size = from_mapping(DatasetSize, {key: value for key, value in document.items() if key not in _LISTS})
    channels = _channels(document.get("channels", CHANNELS))
    everywhere = _draws(document.get("randomise", {}), "randomise")
    entries = document.get("scenarios")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise ConfigError(f"scenarios is a list with at least one scenario, got {brief(entries)}")
    shares = tuple(_share(entry, f"scenarios.{n}", everywhere, folder) for n, entry in enumerate(entries))
    whole = {"spec": document, "scenarios": [share.document for share in shares]}
    identity = hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()
    return DatasetSpec(size, channels, shares, identity, document)


def _channels(names: Any) -> tuple[str, ...]:
    is_list = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if not is_list or len(set(names)) != len(names):
        raise ConfigError(f"channels is a list of names, each once, got {brief(names)}")
    for name in names:
        if name not in CHANNELS:
            raise ConfigError(f"channels: {brief(name)} is none of {', '.join(CHANNELS)}")
    if "pictured" in names and "depth" not in names:
        raise ConfigError("channels: pictured is stored as its difference to depth and needs that, too")
    return tuple(names)


def _share(entry: Any, key: str, everywhere: Mapping[str, Draw], folder: Path) -> ScenarioShare:
    if not isinstance(entry, Mapping) or "scenario" not in entry:
        raise ConfigError(f"{key} is a group with scenario, weight, overrides and randomise, got {brief(entry)}")
    refuse_unknown(map(str, entry), _SHARE_KEYS, f"{key}.")
    weight, overrides = entry.get("weight", 1.0), entry.get("overrides", {})
    is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not is_number or not 0.0 < weight <= _MOST_WEIGHT:
        raise ConfigError(f"{key}.weight is a positive number up to {_MOST_WEIGHT:g}, got {brief(weight)}")
    if not isinstance(overrides, Mapping) or not all(isinstance(name, str) for name in overrides):
        raise ConfigError(f"{key}.overrides is a group of settings by dotted key, got {brief(overrides)}")
    _refuse_settled(overrides, f"{key}.overrides")
    name = str(entry["scenario"])
    file = folder / name
    planned = cases(file if file.is_file() else name)
    own = _draws(entry.get("randomise", {}), f"{key}.randomise")
    return ScenarioShare(
        name,
        float(weight),
        planned[0].document,
        tuple(case.overrides for case in planned),
        dict(overrides),
        {**everywhere, **own},
    )


def _draws(values: Any, key: str) -> dict[str, Draw]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{key} is a group of settings to be drawn, got {brief(values)}")
    _refuse_settled(map(str, values), key)
    return {str(name): _draw(value, f"{key}.{name}") for name, value in values.items()}


def _refuse_settled(names: Iterable[str], key: str) -> None:
    for name in names:
        if _SETTLED.fullmatch(name):
            raise ConfigError(f"{key}.{name}: seeds, name and size of pictures follow from the specification's own")


def _draw(value: Any, key: str) -> Draw:
    kinds = ("uniform", "log_uniform", "integer", "choice")
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in kinds:
        raise ConfigError(
            f"{key} is {{uniform: [a, b]}}, log_uniform, integer or {{choice: [...]}}, got {brief(value)}"
        )
    kind, values = next(iter(value.items()))
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ConfigError(f"{key}.{kind} is a list, got {brief(values)}")
    if kind == "choice":
        return Draw(kind, tuple(values))
    numbers = (int,) if kind == "integer" else (int, float)
    if len(values) != 2 or not all(isinstance(one, numbers) and not isinstance(one, bool) for one in values):
        raise ConfigError(f"{key}.{kind} is a list of two {'whole ' * (kind == 'integer')}numbers, got {brief(values)}")
    low, high = values
    if not -_LARGEST_NUMBER <= low <= high <= _LARGEST_NUMBER or (kind == "log_uniform" and low <= 0):
        raise ConfigError(
            f"{key}.{kind} has its lower end first{' and positive' * (kind == 'log_uniform')}: {brief(values)}"
        )
    return Draw(kind, (low, high))
