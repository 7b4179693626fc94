"""Figures of one detector on one drive."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perception_fm.evaluation.fake_wall_benchmark.claims import Record, confirmed, is_on_wall
from perception_fm.evaluation.scenario_score import ScenarioScore, braking_s, score_scenario, stands
from perception_fm.evaluation.scenario_truth import FrameTruth, ScenarioTruth

ERROR_AT_S = (2.5, 4.0)
"""Times to contact at which the error of the distance is told."""

_NEAR_S = 0.3  # a frame this near to such a time stands for it
_NOTHING = 0.0  # log odds of a claim that was never made


@dataclass(frozen=True)
class Naming:
    """How a drive's things are called. `first_m`: true distance of the wall in the first frame in which it is called a
    fake wall, NaN never. `false_events`: unbroken sequences of frames in which something else is.
    """

    first_m: float
    false_events: int


@dataclass(frozen=True)
class DriveScore:
    """`drive`: alarms, false alarms and verified road by the rules of `evaluate scenarios`. `errors`: |dZ|/Z of the
    confirmed obstacle nearest to the wall at each time of `ERROR_AT_S`, NaN where there is none.

    `evidence_true`, `evidence_false`: log odds of the surest claim on the wall while there was time to brake, and of
    the surest where nothing stands. `name_true`, `name_false`: the same of the name, in nat.
    """

    drive: ScenarioScore
    naming: Naming
    errors: tuple[float, ...]
    evidence_true: float
    evidence_false: float
    name_true: float
    name_false: float

    @property
    def is_in_time(self) -> bool:
        """Whether the wall was confirmed early enough."""
        return self.drive.alarm is not None and self.drive.alarm.is_in_time

    def document(self) -> dict[str, Any]:
        """As plain values for JSON; of the claims only how many there are."""
        score = self.drive
        return {
            "frames": score.drive.frames,
            "length_m": score.drive.length_m,
            "duration_s": score.drive.duration_s,
            "alarm": None if score.alarm is None else score.document()["alarm"],
            "held_share": math.nan if score.wall is None else score.wall.held_share,
            "false_events": score.false_events,
            "false_frames": score.false_frames,
            "misplaced_frames": len(score.misplaced),
            "verified_beyond_frames": len(score.verified_beyond),
            "median_verified_m": score.drive.median_verified_m,
            "naming": dataclasses.asdict(self.naming),
            "errors": {f"{at:g}_s": error for at, error in zip(ERROR_AT_S, self.errors)},
            "evidence_true": self.evidence_true,
            "evidence_false": self.evidence_false,
            "name_true": self.name_true,
            "name_false": self.name_false,
        }


def score_drive(name: str, records: Sequence[Record], truth: ScenarioTruth) -> DriveScore:
    """Score of one detector; `records` in the order of the truth."""
    pairs = list(zip(records, truth.frames))
    true_odds, false_odds, true_name, false_name = [_NOTHING], [_NOTHING], [_NOTHING], [_NOTHING]
    for record, frame in pairs:
        is_early = frame.wall_m >= frame.speed_mps * braking_s(frame.speed_mps)
        for claim in record["obstacles"]:
            if is_on_wall(claim["distance_m"], frame):
                true_name.append(claim["name_log_ratio"])
                if is_early:
                    true_odds.append(claim["log_odds"])
                continue
            false_name.append(claim["name_log_ratio"])
            if claim["distance_m"] is None or not stands(claim["distance_m"], frame):
                false_odds.append(claim["log_odds"])
    return DriveScore(
        drive=score_scenario(name, records, truth),
        naming=_naming(pairs),
        errors=tuple(_error_at(pairs, at) for at in ERROR_AT_S),
        evidence_true=max(true_odds),
        evidence_false=max(false_odds),
        name_true=max(true_name),
        name_false=max(false_name),
    )


def _naming(pairs: Sequence[tuple[Mapping[str, Any], FrameTruth]]) -> Naming:
    first_m, events, was_false = math.nan, 0, False
    for record, frame in pairs:
        named = [one for one in confirmed(record) if one["is_fake_wall"]]
        on_wall = [is_on_wall(one["distance_m"], frame) for one in named]
        if any(on_wall) and math.isnan(first_m):
            first_m = frame.wall_m
        is_false = not all(on_wall)
        events += is_false and not was_false
        was_false = is_false
    return Naming(first_m, events)


def _error_at(pairs: Sequence[tuple[Mapping[str, Any], FrameTruth]], at_s: float) -> float:
    """|dZ|/Z in the frame whose time to contact with the wall is nearest to `at_s`."""
    moving = [pair for pair in pairs if pair[1].wall_m > 0.0 and pair[1].speed_mps > 0.0]
    if not moving:
        return math.nan
    record, frame = min(moving, key=lambda pair: abs(pair[1].wall_m / pair[1].speed_mps - at_s))
    claimed = [one["distance_m"] for one in confirmed(record) if one["distance_m"] is not None]
    if abs(frame.wall_m / frame.speed_mps - at_s) > _NEAR_S or not claimed:
        return math.nan
    return min(abs(distance - frame.wall_m) for distance in claimed) / frame.wall_m
