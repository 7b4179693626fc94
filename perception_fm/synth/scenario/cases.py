"""Many scenarios from one file: parameters with lists of values, and splits whose worlds are disjoint.

matrix:
  design: balanced            # or all: every combination
  axes:
    speed: {5mps: {drive.speed_mps: 5}, 20mps: {drive.speed_mps: 20, drive.start_m: 60}}
    walls.0.slant_deg: [0, 30, 60]
split:
  dev: {seeds: {first: 100, count: 24}}
  test: {seeds: {first: 1000000, count: 300}}
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.config import brief
from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.scenario import Scenario, build_scenario, parsed_overrides, read_document

# The world follows from the seed alone, so splits with seeds of their own have worlds of their own, across all files.
SEEDS = {"dev": range(1_000_000), "test": range(1_000_000, 2_000_000)}
DESIGNS = ("all", "balanced")
_MOST_CASES = 100_000
_UNFIT_FOR_A_NAME = re.compile(r"[^A-Za-z0-9_.+-]+")

Axis = tuple[str, tuple[tuple[str, Mapping[str, Any]], ...]]
"""Name, and its values as (label, overrides)."""


@dataclass(frozen=True)
class Case:
    """One scenario of a file: `number` counts from 0 within its split ("" where the file has none).

    `labels`: which value each axis of the matrix has.
    """

    number: int
    name: str
    split: str
    seed: int
    document: Mapping[str, Any]
    overrides: Mapping[str, Any]
    labels: Mapping[str, str]

    def scenario(self, overrides: Sequence[str] = ()) -> Scenario:
        """The scenario, with further settings as `drive.speed_mps=20`. Raises `ConfigError`.

        A case of a split keeps to the seeds of its split.
        """
        given = parsed_overrides(overrides)
        seed = given.get("seed", self.seed)
        if self.split and seed not in SEEDS[self.split]:
            allowed = SEEDS[self.split]
            raise ConfigError(f"seed: the split {self.split} has seeds {allowed[0]} to {allowed[-1]}, got {seed!r}")
        values = {**self.overrides, **_own_seeds({**self.document, **self.overrides}, seed), **given}
        own = self.name if self.split or self.overrides else ""  # else it is just what the file says
        name = "-".join(filter(None, [str(self.document["name"]), self.split, own]))
        try:
            return build_scenario(self.document, {"name": name, "seed": self.seed, **values})
        except ConfigError as error:
            if not own:
                raise
            raise ConfigError(f"case {self.name}: {error}") from error


def cases(path: str | Path, split: str | None = None) -> list[Case]:
    """All cases of a file in their order; `split` None means dev where the file has splits.

    Raises `ConfigError` for a plan that cannot be read and for a split that the file lacks.
    """
    document = read_document(path)
    axes, design = _axes(document.get("matrix", {}))
    seeds = _seeds(document.get("split", {}))
    if split is None:
        split = "dev" if seeds else ""
    if split and split not in seeds:
        raise ConfigError(f"{document['name']} has no split {split}; it has {', '.join(seeds) or 'none'}")
    chosen = seeds.get(split, (document.get("seed", 0),))
    combinations = _balanced(axes, len(chosen)) if design == "balanced" else _all(axes)
    width = len(str(len(combinations) - 1))
    made = []
    for number, combination in enumerate(combinations):
        labels = [f"{number:0{width}d}", *(label for label, _ in combination)]
        overrides: dict[str, Any] = {}
        for _, values in combination:
            overrides.update(values)
        by_axis = {axis: label for (axis, _), (label, _) in zip(axes, combination)}
        seed = chosen[number % len(chosen)]
        made.append(Case(number, "-".join(labels), split, seed, document, overrides, by_axis))
    return made


def find_case(path: str | Path, split: str | None, wanted: str | None) -> Case:
    """The case of a name or number, None: the first. Raises `ConfigError` where there is none."""
    found = cases(path, split)
    for case in found:
        if wanted is None or wanted in (case.name, str(case.number)):
            return case
    raise ConfigError(
        f"there is no case {wanted}; numbers go from 0 to {len(found) - 1}, names are like {found[0].name}"
    )


def _own_seeds(document: Mapping[str, Any], seed: int) -> dict[str, int]:
    """Prints and actors get seeds from the case's too, else the same picture would hang in both splits."""
    return {
        f"{name}.{number}.seed": seed + number
        for name in ("walls", "actors")
        for number, entry in enumerate(document.get(name) or ())
        if isinstance(entry, Mapping) and "seed" not in entry
    }


def _axes(matrix: Any) -> tuple[list[Axis], str]:
    if not isinstance(matrix, Mapping) or set(matrix) - {"design", "axes"}:
        raise ConfigError("matrix holds design and axes")
    design = matrix.get("design", "all")
    if design not in DESIGNS:
        raise ConfigError(f"matrix.design is one of {', '.join(DESIGNS)}; got {design!r}")
    axes = matrix.get("axes", {})
    if not isinstance(axes, Mapping):
        raise ConfigError(f"matrix.axes holds parameters with their values, got {brief(axes)}")
    return [(str(name), _values(str(name), values)) for name, values in axes.items()], design


def _values(name: str, values: Any) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """A list of values of one setting, or labels with settings that belong together."""
    if isinstance(values, list) and values:
        last = name.rpartition(".")[2]
        return tuple((_label(f"{last}{value}"), {name: value}) for value in values)
    if isinstance(values, Mapping) and values:
        for label, settings in values.items():
            if settings is not None and not isinstance(settings, Mapping):
                raise ConfigError(f"matrix.axes.{name}.{label} holds settings with values, got {brief(settings)}")
        return tuple((_label(str(label)), settings or {}) for label, settings in values.items())
    raise ConfigError(f"matrix.axes.{name} is a list of values or a group of labels, got {brief(values)}")


def _label(text: str) -> str:
    return _UNFIT_FOR_A_NAME.sub("_", text).strip("_")


def _seeds(split: Any) -> dict[str, tuple[int, ...]]:
    if not isinstance(split, Mapping) or set(split) - set(SEEDS):
        raise ConfigError(f"split holds {' and '.join(SEEDS)}")
    return {name: _seeds_of(name, part) for name, part in split.items()}


def _seeds_of(name: str, part: Any) -> tuple[int, ...]:
    """`seeds: [1, 2]` or `seeds: {first: 1, count: 2}`, within the split's own range."""
    key = f"split.{name}.seeds"
    given = part.get("seeds") if isinstance(part, Mapping) and set(part) == {"seeds"} else None
    if isinstance(given, Mapping) and set(given) == {"first", "count"}:
        first, count = given["first"], given["count"]
        if isinstance(first, int) and isinstance(count, int) and 0 < count <= _MOST_CASES:
            given = list(range(first, first + count))
    if not isinstance(given, list) or not given or not all(type(seed) is int for seed in given):
        raise ConfigError(f"{key} is a list of whole numbers or {{first: ..., count: ...}}, got {brief(given)}")
    foreign = [seed for seed in given if seed not in SEEDS[name]]
    if foreign:
        allowed = SEEDS[name]
        raise ConfigError(f"{key}: this split has seeds {allowed[0]} to {allowed[-1]}, got {foreign[0]}")
    if len(set(given)) < len(given):
        raise ConfigError(f"{key}: a seed is given twice")
    return tuple(given)


def _all(axes: Sequence[Axis]) -> list[tuple[tuple[str, Mapping[str, Any]], ...]]:
    """Every combination, the last axis changing fastest."""
    count = math.prod(len(values) for _, values in axes)
    if count > _MOST_CASES:
        raise ConfigError(f"matrix.axes make {count} combinations, more than {_MOST_CASES}; take design: balanced")
    return list(itertools.product(*(values for _, values in axes)))


def _balanced(axes: Sequence[Axis], count: int) -> list[tuple[tuple[str, Mapping[str, Any]], ...]]:
    """One combination per seed, in which every value of an axis comes equally often, to one (a Latin hypercube)."""
    columns = []
    for index, (_, values) in enumerate(axes):
        order = np.random.default_rng([31, index, count]).permutation(count)
        columns.append([values[position * len(values) // count] for position in order])
    return list(zip(*columns)) if columns else [()] * count
