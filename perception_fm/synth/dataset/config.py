"""The specification of a dataset: which scenarios, how many frames, what is drawn at random."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perception_fm.config import from_mapping, setting
from perception_fm.errors import ConfigError
from perception_fm.synth.dataset.sample_codec import CHANNELS
from perception_fm.synth.scenario.cases import SEEDS, cases

# Worlds follow from the scenario's seed, so splits with seeds of their own have worlds of their own.
SPLIT_SEEDS = {**SEEDS, "train": range(max(seeds.stop for seeds in SEEDS.values()), 2**31 - 1000)}
_LISTS = ("channels", "scenarios", "randomise")
_SHARE_KEYS = {"scenario", "weight", "overrides", "randomise"}


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
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} is no dataset specification: expected frames, scenarios and so on")
    return build_spec(document, path.parent)


def build_spec(document: Mapping[str, Any], folder: Path = Path()) -> DatasetSpec:
    """From plain values as YAML gives them. Raises `ConfigError` naming the key."""
    size = from_mapping(DatasetSize, {key: value for key, value in document.items() if key not in _LISTS})
    channels = _channels(document.get("channels", CHANNELS))
    everywhere = _draws(document.get("randomise", {}), "randomise")
    entries = document.get("scenarios")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise ConfigError(f"scenarios is a list with at least one scenario, got {entries!r}")
    shares = tuple(_share(entry, f"scenarios.{n}", everywhere, folder) for n, entry in enumerate(entries))
    whole = {"spec": document, "scenarios": [share.document for share in shares]}
    identity = hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()
    return DatasetSpec(size, channels, shares, identity, document)


def _channels(names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence) or len(set(names)) != len(names):
        raise ConfigError(f"channels is a list of names, each once, got {names!r}")
    for name in names:
        if name not in CHANNELS:
            raise ConfigError(f"channels: {name!r} is none of {', '.join(CHANNELS)}")
    return tuple(names)


def _share(entry: Any, key: str, everywhere: Mapping[str, Draw], folder: Path) -> ScenarioShare:
    if not isinstance(entry, Mapping) or "scenario" not in entry:
        raise ConfigError(f"{key} is a group with scenario, weight, overrides and randomise, got {entry!r}")
    for name in entry:
        if name not in _SHARE_KEYS:
            raise ConfigError(f"unknown setting {key}.{name}; known here: {', '.join(sorted(_SHARE_KEYS))}")
    weight, overrides = entry.get("weight", 1.0), entry.get("overrides", {})
    is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not is_number or not 0.0 < weight < math.inf:
        raise ConfigError(f"{key}.weight is a positive number, got {weight!r}")
    if not isinstance(overrides, Mapping) or not all(isinstance(name, str) for name in overrides):
        raise ConfigError(f"{key}.overrides is a group of settings by dotted key, got {overrides!r}")
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
        raise ConfigError(f"{key} is a group of settings to be drawn, got {values!r}")
    return {str(name): _draw(value, f"{key}.{name}") for name, value in values.items()}


def _draw(value: Any, key: str) -> Draw:
    kinds = ("uniform", "log_uniform", "integer", "choice")
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in kinds:
        raise ConfigError(f"{key} is {{uniform: [a, b]}}, log_uniform, integer or {{choice: [...]}}, got {value!r}")
    kind, values = next(iter(value.items()))
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ConfigError(f"{key}.{kind} is a list, got {values!r}")
    if kind == "choice":
        return Draw(kind, tuple(values))
    numbers = (int,) if kind == "integer" else (int, float)
    if len(values) != 2 or not all(isinstance(one, numbers) and not isinstance(one, bool) for one in values):
        raise ConfigError(f"{key}.{kind} is a list of two {'whole ' * (kind == 'integer')}numbers, got {values!r}")
    low, high = values
    if not (math.isfinite(low) and math.isfinite(high) and low <= high) or (kind == "log_uniform" and low <= 0):
        raise ConfigError(
            f"{key}.{kind} has its lower end first{' and positive' * (kind == 'log_uniform')}: {values!r}"
        )
    return Draw(kind, (low, high))
