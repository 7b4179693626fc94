"""`fakewall.json` and `report.html` of a benchmark: targets, detectors, curves, conditions, and what failed."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.evaluation.fake_wall_benchmark.detectors import BELIEVED_30, DESCRIPTIONS, MODEL
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import Kind
from perception_fm.evaluation.fake_wall_benchmark.drive_run import BenchmarkSettings
from perception_fm.evaluation.fake_wall_benchmark.drive_score import ERROR_AT_S
from perception_fm.evaluation.fake_wall_benchmark.summary import JudgedDrive, summarise
from perception_fm.evaluation.fake_wall_benchmark.targets import targets
from perception_fm.evaluation.rates import CONFIDENCE
from perception_fm.evaluation.report import environment
from perception_fm.evaluation.results import strict, write_json
from perception_fm.evaluation.scenario_score import AGREEMENT_SHARE, BRAKING_MPS2, REACTION_S, SPARE_S, braking_s
from perception_fm.visual.plots import side_by_side_svg

SCHEMA_VERSION = 1
JSON_NAME, REPORT_NAME = "fakewall.json", "report.html"
_MOST_FAILURES = 60
_FASTEST_MPS = 32.0


def benchmark_document(
    drives: Sequence[JudgedDrive], split: str, command: str, latency_ms: Mapping[str, Any]
) -> dict[str, Any]:
    """`fakewall.json`: rules, summary, targets by detector, and every drive's score."""
    summary = summarise(drives)
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "split": split,
        "rules": {
            "agreement_share": AGREEMENT_SHARE, "braking_mps2": BRAKING_MPS2, "reaction_s": REACTION_S,
            "spare_s": SPARE_S, "confidence": CONFIDENCE, "errors_at_s": list(ERROR_AT_S),
        },
        "summary": summary,
        "targets": {name: targets(summary, name) for name in summary["detectors"]},
        "latency_ms": dict(latency_ms),
        "drives": [
            {
                "name": drive.plan.name, "kind": drive.plan.kind.value, "suite": drive.plan.suite,
                "labels": dict(drive.plan.labels), "speed_mps": drive.speed_mps, "why": drive.why,
                "scores": {name: score.document() for name, score in drive.scores.items()},
            }
            for drive in drives
        ],
    }  # fmt: skip


def write_benchmark(document: Mapping[str, Any], drives: Sequence[JudgedDrive], settings: BenchmarkSettings) -> Path:
    """Write both files into the folder of the benchmark; returns the path of the report."""
    write_json(settings.output / JSON_NAME, document)
    plain = strict(document)
    shown = [name for name in (MODEL, BELIEVED_30) if name in plain["summary"]["detectors"]]
    html = environment().get_template("fakewall.html").render(
        document=plain,
        shown=shown,
        descriptions=DESCRIPTIONS,
        curves=_curves(drives, shown[-1]) if any(drive.plan.kind is Kind.WALL for drive in drives) else "",
        failures=[_failure(drive, settings) for drive in _failed(drives, shown[-1])[:_MOST_FAILURES]],
        errors=[f"error_{at:g}_s_median" for at in ERROR_AT_S],
    )
    path = settings.output / REPORT_NAME
    path.write_text(html, encoding="utf-8")
    return path


def _failed(drives: Sequence[JudgedDrive], name: str) -> list[JudgedDrive]:
    """Walls that were not told in time, and drives with a false alarm or a false name."""
    found = []
    for drive in drives:
        score = drive.scores.get(name)
        if score is None:
            continue
        has_wall = drive.plan.kind in (Kind.WALL, Kind.COMPOSITE)
        if (has_wall and not score.is_in_time) or score.drive.false_events or score.naming.false_events:
            found.append(drive)
    return found


def _failure(drive: JudgedDrive, settings: BenchmarkSettings) -> dict[str, Any]:
    picture = settings.picture(drive.plan)
    jpeg = picture.read_bytes() if picture.is_file() else b""
    return {
        "name": drive.plan.name,
        "why": drive.why,
        "picture": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii"),
    }


def _curves(drives: Sequence[JudgedDrive], name: str) -> str:
    """Range and time to contact at the alarm over the speed, with the line under which it is too late."""
    walls = [drive for drive in drives if drive.plan.kind is Kind.WALL and name in drive.scores]
    alarms = [(drive.speed_mps, drive.scores[name].drive.alarm) for drive in walls]
    told = np.array([(speed, one.wall_m, one.ttc_s) for speed, one in alarms if one is not None]).reshape(-1, 3)
    missed = [speed for speed, one in alarms if one is None]
    line = np.linspace(1.0, _FASTEST_MPS, 50)
    needed_s = np.array([braking_s(float(speed)) + SPARE_S for speed in line])

    def draw(axes: Any, column: int, needed: Any, label: str) -> None:
        axes.plot(line, needed, color="#d93a3a", linewidth=1.2, label="needed to stop in time")
        axes.plot(told[:, 0], told[:, column], ".", color="#2a6fdb", markersize=5, label="first confirmed")
        axes.plot(missed, [0.0] * len(missed), "x", color="#d93a3a", markersize=5, label="never")
        axes.set(xlabel="speed (m/s)", ylabel=label)
        axes.set_xlim(0.0, _FASTEST_MPS)
        axes.set_ylim(0.0, None if column == 1 else math.ceil(2.5 * float(needed.max())))
        axes.legend(loc="upper right")

    return side_by_side_svg(
        [
            lambda axes: draw(axes, 1, line * needed_s, "range at the alarm (m)"),
            lambda axes: draw(axes, 2, needed_s, "time to contact at the alarm (s)"),
        ],
        3.2,
    )
