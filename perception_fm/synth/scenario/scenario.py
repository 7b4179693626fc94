"""A scenario: everything that decides what a synthetic recording shows, from a YAML file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from perception_fm.config import brief, from_mapping, refuse_unknown, setting
from perception_fm.errors import ConfigError
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.scenario.actor_config import ActorConfig
from perception_fm.synth.scenario.checks import check_scenario
from perception_fm.synth.scenario.drive_config import DriveConfig
from perception_fm.synth.scenario.library import find_scenario
from perception_fm.synth.scenario.strict_yaml import parse_yaml, read_yaml
from perception_fm.synth.sensor.config import CameraConfig
from perception_fm.synth.world.config import WeatherConfig, WorldConfig

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_LISTS: dict[str, type] = {"walls": WallConfig, "actors": ActorConfig}
PLAN_KEYS = ("matrix", "split")  # of the file, about many scenarios: see `scenario_cases`


@dataclass(frozen=True)
class ScenarioGroups:
    """What a scenario has one of."""

    name: str = setting("scenario", "in the bag's metadata; letters, digits, _ . + -")
    seed: int = setting(0, "of the world, the drive, the sensors and their errors", low=0, high=2**31 - 1)
    world: WorldConfig = field(default_factory=WorldConfig)
    weather: WeatherConfig = field(default_factory=WeatherConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    drive: DriveConfig = field(default_factory=DriveConfig)


@dataclass(frozen=True)
class Scenario(ScenarioGroups):
    """One recording to be made. Raises `ConfigError`, with the key and the reason, for what is impossible."""

    walls: tuple[WallConfig, ...] = ()
    actors: tuple[ActorConfig, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"name: letters, digits and _ . + - make a scenario's name, got {self.name!r}")
        check_scenario(self.world, self.camera, self.drive, self.walls, self.actors, self.seed)


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """The scenario of a file, or of the library's file of that name; `overrides` as `drive.speed_mps=20`.

    Where the file plans many scenarios, this is the one that they vary. Raises `ConfigError`.
    """
    return build_scenario(read_document(path), parsed_overrides(overrides))


def build_scenario(document: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Scenario:
    """From plain values as YAML gives them; `overrides` have dotted keys, entries of lists by number from 0."""
    values = {key: value for key, value in document.items() if key not in PLAN_KEYS}
    for key, value in (overrides or {}).items():
        if not isinstance(key, str):
            raise ConfigError(f"{key!r} is not a setting's name")
        values = _replaced(values, key.split("."), value, key)
    refuse_unknown(values, (*(item.name for item in dataclasses.fields(ScenarioGroups)), *_LISTS))
    lists = {name: _list_of(kind, values.pop(name, ()), name) for name, kind in _LISTS.items()}
    groups = from_mapping(ScenarioGroups, values)
    fields = {item.name: getattr(groups, item.name) for item in dataclasses.fields(ScenarioGroups)}
    return Scenario(**fields, **lists)


def read_document(path: str | Path) -> dict[str, Any]:
    """The file's values, not yet checked. Raises `ConfigError` for what is no YAML mapping."""
    file = find_scenario(path)
    document = read_yaml(file)
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise ConfigError(f"{file} is no scenario: expected groups such as world, drive and walls")
    return {"name": file.stem, **document}


def parsed_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE texts with YAML values. Raises `ConfigError` for anything else."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key.strip() and equals):
            raise ConfigError(f"a setting is given as KEY=VALUE, got {assignment!r}")
        if key.strip() in values:
            raise ConfigError(f"{key.strip()} is given twice")
        values[key.strip()] = parse_yaml(text, f"{key.strip()}: {text!r}")
    return values


def scenario_yaml(scenario: Scenario) -> str:
    """The whole scenario as a file that `load_scenario` reads back to an equal one."""
    return str(yaml.safe_dump(_plain(dataclasses.asdict(scenario)), sort_keys=False, width=120))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _list_of(kind: type[T], entries: Any, name: str) -> tuple[T, ...]:
    """A list of groups of settings."""
    if not isinstance(entries, (list, tuple)):
        raise ConfigError(f"{name} is a list of groups of settings, got {brief(entries)}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{name}.{number} is a group of settings, got {brief(entry)}")
    return tuple(from_mapping(kind, entry, f"{name}.{number}.") for number, entry in enumerate(entries))


def _replaced(values: Any, keys: list[str], value: Any, name: str) -> Any:
    """A copy with one value, down a path of keys, replaced; groups that are not there are made, list entries not."""
    if not keys:
        return value
    head, rest = keys[0], keys[1:]
    if isinstance(values, (list, tuple)):
        if not (head.isascii() and head.isdigit()) or int(head) >= len(values):
            raise ConfigError(f"{name}: the list has entries 0 to {len(values) - 1}, got {head!r}")
        return [_replaced(one, rest, value, name) if at == int(head) else one for at, one in enumerate(values)]
    if values is not None and not isinstance(values, Mapping):
        raise ConfigError(f"{name}: {values!r} is no group of settings")
    group = dict(values or {})
    # A file may spell groups with dots (`drive.speed_mps: 3`); what replaces them must not be there twice.
    for length in range(len(keys), 1, -1):
        if ".".join(keys[:length]) in group:
            dotted = ".".join(keys[:length])
            return {**group, dotted: _replaced(group[dotted], keys[length:], value, name)}
    if head in _LISTS and head not in group and rest:
        raise ConfigError(f"{name}: the scenario has no {head}")
    group[head] = _replaced(group.get(head), rest, value, name)
    return group
