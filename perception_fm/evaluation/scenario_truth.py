"""The truth that a run on a scenario is judged by, frame by frame, and its file `truth.json`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.corridor import Spans, Swept
from perception_fm.evaluation.results import write_json

SCHEMA_VERSION = 1
TRUTH_NAME = "truth.json"


@dataclass(frozen=True)
class FrameTruth:
    """One frame of a drive.

    Distances in metres. `moved_m`: since the frame before. `wall_m`: along the driven path to where that goes through
    the plane of the wall in the way, NaN where there is none ahead. `nearest_m`: to the nearest thing in the corridor
    that the vehicle sweeps if it keeps on as it goes now, infinite where the picture shows none. `standing`: where
    things stand in that corridor and `driven` in the one that it will really sweep, both widened by what counts as
    still in the way.
    """

    stamp_ns: int
    speed_mps: float
    moved_m: float
    wall_m: float
    nearest_m: float
    standing: Spans
    driven: Spans


@dataclass(frozen=True)
class ScenarioTruth:
    """`scenario`: the YAML text that the drive was made from. `frames` in the order of time."""

    scenario: str
    swept: Swept
    frames: tuple[FrameTruth, ...]


def write_truth(path: Path, truth: ScenarioTruth) -> None:
    """As strict JSON: unknown and infinite numbers are null. Raises `PerceptionError`."""
    write_json(path, {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(truth)})


def read_truth(path: Path) -> ScenarioTruth:
    """What `write_truth` wrote. Raises `PerceptionError` for anything else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise PerceptionError(f"{path} has schema {document['schema_version']}, expected {SCHEMA_VERSION}")
        frames = tuple(truth_frame(entry) for entry in document["frames"])
        return ScenarioTruth(document["scenario"], Swept(**document["swept"]), frames)
    except OSError as error:
        raise PerceptionError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PerceptionError(f"{path} is no truth of a scenario: {error}") from error


def truth_frame(entry: Mapping[str, Any]) -> FrameTruth:
    """One frame of a file, in which what is unknown or infinite is null. Raises `KeyError`, `TypeError`."""
    values = dict(entry)
    values["speed_mps"] = math.nan if values["speed_mps"] is None else values["speed_mps"]
    values["wall_m"] = math.nan if values["wall_m"] is None else values["wall_m"]
    values["nearest_m"] = math.inf if values["nearest_m"] is None else values["nearest_m"]
    for name in ("standing", "driven"):
        values[name] = tuple((float(start), float(end)) for start, end in values[name])
    return FrameTruth(**values)
