"""One page about many scenarios: their figures in two tables, and of each the picture that says most."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from perception_fm.evaluation.report import environment
from perception_fm.evaluation.results import strict
from perception_fm.evaluation.scenario_score import ScenarioScore, braking_s
from perception_fm.evaluation.scenario_suite import RUN_NAME
from perception_fm.evaluation.scenario_summary import summarise_scenarios
from perception_fm.evaluation.scenario_truth import ScenarioTruth
from perception_fm.visual.video import picture_at

_JPEG_QUALITY = 85
_PICTURE_WIDTH_PX = 720


@dataclass(frozen=True)
class KeyMoment:
    """The frame of a case that a person should see, and why."""

    stamp_ns: int
    why: str


def key_moment(score: ScenarioScore, truth: ScenarioTruth) -> KeyMoment:
    """The first false alarm, else the alarm at the wall or the last moment to brake, else the worst claim of free road,
    else the middle of the drive.
    """
    frames = truth.frames
    if score.false_alarms:
        claim = score.false_alarms[0]
        return KeyMoment(claim.stamp_ns, f"first false alarm: {claim.claimed_m:.1f} m")
    if score.wall is not None and score.wall.first_confirmed is not None:
        first = score.wall.first_confirmed
        return KeyMoment(first.stamp_ns, f"wall confirmed at {first.true_distance_m:.1f} m")
    if score.wall is not None:
        due = [frame for frame in frames if frame.wall_m >= frame.speed_mps * braking_s(frame.speed_mps)]
        last = (due or list(frames))[-1]
        return KeyMoment(last.stamp_ns, f"never confirmed; last moment to brake, wall at {last.wall_m:.1f} m")
    if score.verified_beyond:
        worst = max(score.verified_beyond, key=lambda claim: claim.claimed_m - claim.nearest_m)
        return KeyMoment(
            worst.stamp_ns, f"verified to {worst.claimed_m:.1f} m, but something stands at {worst.nearest_m:.1f} m"
        )
    return KeyMoment(frames[len(frames) // 2].stamp_ns, "middle of the drive")


def write_scenario_report(folder: Path, scores: Sequence[tuple[ScenarioScore, ScenarioTruth]], video_name: str) -> Path:
    """Write `report.html` beside the folders of the cases, each with the overlay video of its run."""
    entries = [_entry(folder, score, truth, video_name) for score, truth in scores]
    template = environment().get_template("scenarios.html")
    html = template.render(
        summary=strict(summarise_scenarios([score for score, _ in scores])),
        walls=[entry for entry in entries if entry["wall"] is not None],
        roads=[entry for entry in entries if entry["wall"] is None],
        entries=entries,
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def _entry(folder: Path, score: ScenarioScore, truth: ScenarioTruth, video_name: str) -> dict[str, Any]:
    """What the page shows of one case."""
    moment = key_moment(score, truth)
    since_s = (moment.stamp_ns - truth.frames[0].stamp_ns) * 1e-9
    picture = picture_at(folder / score.name / RUN_NAME / video_name, since_s)
    height = round(picture.shape[0] * _PICTURE_WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, (_PICTURE_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    excess = [claim.claimed_m - claim.nearest_m for claim in score.verified_beyond]
    return {
        **strict(score.document()),
        "link": f"{score.name}/{RUN_NAME}/report.html",
        "why": moment.why,
        "time_s": since_s,
        "picture": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii"),
        "worst_beyond_m": strict(max(excess, default=math.nan)),
    }
