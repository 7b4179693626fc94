"""Files of drives to scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perception_fm.evaluation.fake_wall_benchmark.claims import Record, without_pictured
from perception_fm.evaluation.fake_wall_benchmark.detectors import SIGMAS
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import PlannedDrive
from perception_fm.evaluation.fake_wall_benchmark.drive_run import BenchmarkSettings, DriveRecords, read_drive
from perception_fm.evaluation.fake_wall_benchmark.drive_score import DriveScore, score_drive
from perception_fm.evaluation.fake_wall_benchmark.summary import JudgedDrive

_NOT_THE_METHOD = ("network", "track")  # stages that the target of the speed leaves out


def judge(
    drives: Sequence[PlannedDrive], settings: BenchmarkSettings
) -> tuple[list[JudgedDrive], dict[str, dict[str, float]]]:
    """Scores of all drives, whose files are there, and medians of the milliseconds of each detector."""
    judged = []
    spent: dict[str, list[tuple[float, float]]] = {}
    for drive in drives:
        made = read_drive(drive, settings)
        scores = {name: _score(drive.name, name, made) for name in made.records}
        judged.append(JudgedDrive(drive, scores, made.why))
        for name, records in made.records.items():
            spent.setdefault(name, []).extend(_spent(record) for record in records if record["latency_ms"])
    medians = {
        name: dict(zip(("without_network_and_tracking", "total"), np.median(np.array(values), axis=0).tolist()))
        for name, values in spent.items()
        if values
    }
    return judged, medians


def _score(drive: str, detector: str, made: DriveRecords) -> DriveScore:
    records = made.records[detector]
    if detector in SIGMAS:
        records = [without_pictured(record, truth) for record, truth in zip(records, made.truth.frames)]
    return score_drive(drive, records, made.truth)


def _spent(record: Record) -> tuple[float, float]:
    """Milliseconds of the stages of the method, and from the frame's begin to its result, NaN where not measured."""
    latency = record["latency_ms"]
    stages = sum(value for stage, value in latency.items() if stage not in (*_NOT_THE_METHOD, "total"))
    return stages, latency.get("total", math.nan)
