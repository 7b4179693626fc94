"""One drive through all detectors into one file, which is whole or not there: what is there is not made again."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from perception_fm.config import PerceptionConfig
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.corridor import Swept
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BenchFrame
from perception_fm.evaluation.fake_wall_benchmark.claims import Record
from perception_fm.evaluation.fake_wall_benchmark.detectors import Detectors
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import PlannedDrive
from perception_fm.evaluation.fake_wall_benchmark.pictures import Pictures
from perception_fm.evaluation.fake_wall_benchmark.recorded_drive import recorded_frames
from perception_fm.evaluation.results import strict, write_json
from perception_fm.evaluation.scenario_truth import FrameTruth, ScenarioTruth, truth_frame
from perception_fm.models.loaded import LoadedModel, load_model
from perception_fm.synth.composite.composite_drive import composite_drive
from perception_fm.synth.scenario.scenario import scenario_yaml

SCHEMA_VERSION = 1
FOLDER_NAME = "drives"


@dataclass(frozen=True)
class BenchmarkSettings:
    """What holds for every drive of a benchmark. `model`: name or file of the network under test, "none" without."""

    output: Path
    config: PerceptionConfig
    model: str
    has_rivals: bool = True

    def file(self, drive: PlannedDrive) -> Path:
        """Where the drive's records lie."""
        return self.output / FOLDER_NAME / f"{drive.name}.json"

    def picture(self, drive: PlannedDrive) -> Path:
        """The one picture that is kept of the drive."""
        return self.file(drive).with_suffix(".jpg")


@dataclass(frozen=True, eq=False)
class DriveRecords:
    """`records`: frames of every detector by its name, in the order of `truth`."""

    truth: ScenarioTruth
    records: dict[str, list[Record]]
    why: str


def run_drive(drive: PlannedDrive, settings: BenchmarkSettings) -> Iterator[None]:
    """Run a drive and write its file; yields once per frame. Raises `PerceptionError` for what cannot be run."""
    frames: list[FrameTruth] = []
    records: dict[str, list[Record]] = {}
    pictures = Pictures(settings.config)
    detectors = Detectors(
        settings.config, loaded(settings.model).predictor, drive.seed, has_rivals=settings.has_rivals
    )
    with _frames(drive, settings) as benches:
        for bench in benches:
            frames.append(bench.truth)
            for name, record in detectors.step(bench):
                records.setdefault(name, []).append(record)
            pictures.offer(bench, detectors.results, {name: made[-1] for name, made in records.items()})
            yield
    if not frames:
        raise PerceptionError(f"{drive.name} has no frames")
    target = settings.file(drive)
    target.parent.mkdir(parents=True, exist_ok=True)
    why, jpeg = pictures.chosen()
    settings.picture(drive).write_bytes(jpeg)
    document = {
        "schema_version": SCHEMA_VERSION,
        "made_of": made_of(drive, settings),
        "scenario": scenario_yaml(drive.scenario) if drive.scenario is not None else drive.name,
        "swept": dataclasses.asdict(swept_by(settings.config)),
        "truth": [dataclasses.asdict(frame) for frame in frames],
        "detectors": records,
        "why": why,
    }
    write_json(target, document)


def made_of(drive: PlannedDrive, settings: BenchmarkSettings) -> str:
    """Fingerprint of everything but the code that decides what a drive's file says."""
    parts = (
        scenario_yaml(drive.scenario) if drive.scenario is not None else str(drive.folder),
        repr(drive.pasting),
        json.dumps(strict(dataclasses.asdict(settings.config)), sort_keys=True),
        settings.model,
        settings.has_rivals,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_made(drive: PlannedDrive, settings: BenchmarkSettings) -> bool:
    """Whether the drive's file is there, of the same drive and settings."""
    try:
        document = json.loads(settings.file(drive).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(
        document.get("schema_version") == SCHEMA_VERSION and document.get("made_of") == made_of(drive, settings)
    )


def read_drive(drive: PlannedDrive, settings: BenchmarkSettings) -> DriveRecords:
    """What `run_drive` wrote. Raises `PerceptionError` for anything else."""
    path = settings.file(drive)
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        truth = ScenarioTruth(
            document["scenario"], Swept(**document["swept"]), tuple(truth_frame(one) for one in document["truth"])
        )
        return DriveRecords(truth, document["detectors"], document["why"])
    except OSError as error:
        raise PerceptionError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PerceptionError(f"{path} holds no records of a drive: {error}") from error


def swept_by(config: PerceptionConfig) -> Swept:
    """Cross-section of the vehicle that truth is judged with."""
    return Swept(config.vehicle.width_m, config.sweep.min_obstacle_height_m, config.sweep.swept_height_m)


@cache
def loaded(model: str) -> LoadedModel:
    """The network under test, once per process. Raises `PerceptionError` where it is refused."""
    found = load_model(model)
    if found.refusal:
        raise PerceptionError(f"model {model}: {found.refusal}")
    return found


@contextlib.contextmanager
def _frames(drive: PlannedDrive, settings: BenchmarkSettings) -> Iterator[Iterator[BenchFrame]]:
    """Frames of the drive; a wall is pasted into a copy that is gone afterwards."""
    if drive.scenario is not None:
        # Needs OpenGL, which a machine that runs real drives alone may lack.
        from perception_fm.evaluation.fake_wall_benchmark.simulated_drive import simulated_frames

        yield simulated_frames(drive.scenario, swept_by(settings.config))
        return
    assert drive.folder is not None
    if drive.pasting is None:
        yield recorded_frames(drive.folder)
        return
    with tempfile.TemporaryDirectory(prefix="perception_fm_pasted_") as scratch:
        copy = Path(scratch) / "drive"
        for _ in composite_drive(drive.folder, copy, drive.pasting.placement, drive.pasting.options):
            pass
        yield recorded_frames(copy)


def discard(drive: PlannedDrive, settings: BenchmarkSettings) -> None:
    """Forget the drive's file."""
    settings.file(drive).unlink(missing_ok=True)
    settings.picture(drive).unlink(missing_ok=True)
