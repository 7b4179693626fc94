"""What a run folder of `perception-fm train` tells about how a model was made, without the places of one machine."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.strict_yaml import read_yaml
from perception_fm.training.run_folder import RunFolder

UNKNOWN = "unknown"
_VALIDATION = "val/"
_SCORE = "val/score"
_ABSOLUTE = re.compile(r"(?<![\w.])/(?:[^/\s:'\"]+/)+")


@dataclass(frozen=True)
class TrainingData:
    """One data set of a run."""

    name: str
    kind: str
    weight: float
    split: str
    origin: str
    licence: str
    fingerprint: str


@dataclass(frozen=True)
class TrainingFacts:
    """Command, settings as YAML, data, and the figures by name of the validation whose weights were kept: that with the
    least score, at `step`. Absolute paths are cut to their last part.
    """

    command: str
    commit: str
    seed: int
    versions: dict[str, str]
    data: tuple[TrainingData, ...]
    settings: str
    step: int
    metrics: dict[str, float]


def training_facts(folder: Path) -> TrainingFacts:
    """Of a run folder. Raises `ConfigError` where it is none or damaged."""
    run = RunFolder(folder)
    record = run.record()
    settings = folder / "config.yaml"
    document = read_yaml(settings)
    try:
        datasets = {_name(one): one for one in document["datasets"]}
        data = tuple(_data(name, known, datasets.get(name, {})) for name, known in record["data"].items())
        facts = (shlex.join(record["command"]), record["commit"], int(record["seed"]), dict(record["versions"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{folder}: run.json or config.yaml lacks what a run writes: {error!r}") from error
    rows = [row for row in run.rows() if row[1].startswith(_VALIDATION) and math.isfinite(row[2])]
    # Of equal ones the later weights were kept.
    scores = [(value, -at) for at, name, value in rows if name == _SCORE]
    step = -min(scores)[1] if scores else 0
    metrics = {name.removeprefix(_VALIDATION): value for at, name, value in rows if at == step}
    command, *others = facts
    return TrainingFacts(
        without_places(command), *others, data, without_places(settings.read_text("utf-8")).strip(), step, metrics
    )


def without_places(text: str) -> str:
    """`text` with absolute paths cut to their last part: where a folder lay says nothing elsewhere."""
    return _ABSOLUTE.sub("", text)


def _name(dataset: dict[str, Any]) -> str:
    return str(dataset.get("name") or Path(str(dataset["path"])).name)


def _data(name: str, known: dict[str, Any], settings: dict[str, Any]) -> TrainingData:
    origin, licence = _origin(Path(known["folder"]))
    return TrainingData(
        name=name,
        kind=str(settings.get("kind", UNKNOWN)),
        weight=float(settings.get("weight", math.nan)),
        split=str(settings.get("split", UNKNOWN)),
        origin=origin,
        licence=licence,
        fingerprint=str(known["fingerprint"]),
    )


def _origin(folder: Path) -> tuple[str, str]:
    """Origin and licence that a data folder names itself; unknown where it does not, or is gone."""
    for name in ("meta.json", "dataset.json"):
        try:
            document = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if name == "meta.json":
            return str(document.get("source", UNKNOWN)), str(document.get("licence", UNKNOWN))
        frames, worlds = document.get("frames", UNKNOWN), document.get("worlds", UNKNOWN)
        return f"rendered by this project: {frames} frames of {worlds} worlds", "that of this project"
    return UNKNOWN, UNKNOWN
