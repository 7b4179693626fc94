"""What a run made of one scenario: is the wall found in time, is anything reported where nothing stands, and is road
called free that is not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.results import MOVING_MPS, in_the_way
from perception_fm.evaluation.scenario_truth import FrameTruth, ScenarioTruth
from perception_fm.evaluation.wall import ON_WALL_SHARE, WallFigures, confirmed_distances_m, judge_wall

BRAKING_MPS2 = 6.0  # on dry asphalt, short of what an emergency brake reaches
REACTION_S = 0.5  # of brakes and planner
SPARE_S = 0.5  # by which an alarm in time precedes the last moment to brake
AGREEMENT_SHARE = ON_WALL_SHARE  # of the true distance: a confirmed obstacle within it is that thing


@dataclass(frozen=True)
class Claim:
    """A claimed distance beside the truth in the same frame: distance of the nearest thing in the way, infinite
    where there is none, and of the wall, NaN where there is none."""

    stamp_ns: int
    claimed_m: float
    nearest_m: float
    wall_m: float


@dataclass(frozen=True)
class Alarm:
    """The first frame with a confirmed obstacle on the wall's true plane.

    `ttc_s`: true distance over true speed. `braking_s`: what braking needs, v / (2 * 6 m/s2) + 0.5 s.
    """

    wall_m: float
    claimed_m: float
    speed_mps: float
    ttc_s: float
    braking_s: float

    @property
    def spare_s(self) -> float:
        """Time to contact left over when braking begins at once."""
        return self.ttc_s - self.braking_s

    @property
    def is_in_time(self) -> bool:
        """Whether that is enough."""
        return self.spare_s >= SPARE_S


@dataclass(frozen=True)
class Drive:
    """What was driven and how far road was verified while moving."""

    frames: int
    duration_s: float
    length_m: float
    median_verified_m: float
    max_verified_m: float
    states: Mapping[str, int]


@dataclass(frozen=True)
class ScenarioScore:
    """Figures of one case.

    `wall` and `alarm`: None where no wall stands in the way, `alarm` also where it was never confirmed.
    `false_alarms`: confirmed obstacles where nothing stands, before the wall is confirmed (all of them without a wall);
    `false_frames`, `false_events`: frames with one, and unbroken sequences of them. `misplaced`: those that are not
    counted so, because the same obstacle (by its id) is on the wall later: the wall, at a wrong distance.
    `verified_beyond`: frames whose verified road reaches past the nearest thing in the way.
    """

    name: str
    drive: Drive
    wall: WallFigures | None
    alarm: Alarm | None
    false_alarms: tuple[Claim, ...]
    false_frames: int
    false_events: int
    misplaced: tuple[Claim, ...]
    verified_beyond: tuple[Claim, ...]

    def document(self) -> dict[str, Any]:
        """As plain values for JSON."""
        values = dataclasses.asdict(self)
        if self.alarm is not None:
            values["alarm"] |= {"spare_s": self.alarm.spare_s, "is_in_time": self.alarm.is_in_time}
        if self.wall is not None:
            values["wall"] = self.wall.document()
        return values


def score_scenario(name: str, frames: Sequence[Mapping[str, Any]], truth: ScenarioTruth) -> ScenarioScore:
    """The score of a run; `frames` of its `result.json`. Raises `PerceptionError` where a frame has no truth."""
    by_stamp = {frame.stamp_ns: frame for frame in truth.frames}
    missing = [frame["stamp_ns"] for frame in frames if frame["stamp_ns"] not in by_stamp]
    if missing or not frames:
        raise PerceptionError(f"{name}: the run and the truth are of different recordings, stamps {missing[:1]}")
    pairs = [(frame, by_stamp[frame["stamp_ns"]]) for frame in frames]
    walls = {frame.stamp_ns: frame.wall_m for frame in truth.frames if frame.wall_m > 0.0}
    wall = judge_wall(frames, walls) if walls else None
    alarm = None
    if wall is not None and wall.first_confirmed is not None:
        first = wall.first_confirmed
        alarm = _alarm(first.true_distance_m, first.claimed_m, by_stamp[first.stamp_ns].speed_mps)
        before = [pair for pair in pairs if pair[1].stamp_ns < first.stamp_ns]
    else:
        before = pairs
    on_wall = _ids_on_wall(pairs)
    wrong = [_where_nothing_stands(record, frame) for record, frame in before]
    false = [[claim for number, claim in claims if number not in on_wall] for claims in wrong]
    return ScenarioScore(
        name=name,
        drive=_drive(pairs),
        wall=wall,
        alarm=alarm,
        false_alarms=tuple(claim for claims in false for claim in claims),
        false_frames=sum(bool(claims) for claims in false),
        false_events=sum(bool(now) and not last for last, now in zip([[], *false], false)),
        misplaced=tuple(claim for claims in wrong for number, claim in claims if number in on_wall),
        verified_beyond=tuple(
            _claim(record["verified_free_distance_m"], frame)
            for record, frame in pairs
            if record["verified_free_distance_m"] > frame.nearest_m
        ),
    )


def stands(distance_m: float, frame: FrameTruth) -> bool:
    """Whether something truly stands within 10% of a claimed distance.

    That is a wall across the way, or a thing in the corridor that the vehicle will really sweep or in the one that it
    sweeps if it keeps on as it goes now: a façade straight ahead is in the way until the wheels turn.
    """
    spans = [*frame.standing, *frame.driven]
    if frame.wall_m > 0.0:
        spans.append((frame.wall_m, frame.wall_m))
    return any((1.0 - AGREEMENT_SHARE) * low <= distance_m <= (1.0 + AGREEMENT_SHARE) * high for low, high in spans)


def _where_nothing_stands(record: Mapping[str, Any], frame: FrameTruth) -> list[tuple[int, Claim]]:
    """Ids and claims of what a frame says to be in the way and that agrees with nothing."""
    numbers = [obstacle["id"] for obstacle in in_the_way(record)]
    claims = zip(numbers, confirmed_distances_m(record))
    return [(number, _claim(distance, frame)) for number, distance in claims if not stands(distance, frame)]


def _ids_on_wall(pairs: Sequence[tuple[Mapping[str, Any], FrameTruth]]) -> set[int]:
    """Of the obstacles that are confirmed on the wall at any time."""
    return {
        obstacle["id"]
        for record, frame in pairs
        for obstacle in in_the_way(record)
        if obstacle["distance_m"] is not None
        and abs(obstacle["distance_m"] - frame.wall_m) <= ON_WALL_SHARE * frame.wall_m
    }


def braking_s(speed_mps: float) -> float:
    """Time to contact below which a vehicle that drives at a wall cannot stop any more."""
    return speed_mps / (2.0 * BRAKING_MPS2) + REACTION_S


def _alarm(wall_m: float, claimed_m: float, speed_mps: float) -> Alarm:
    ttc_s = wall_m / speed_mps if speed_mps > 0.0 else math.inf
    return Alarm(wall_m, claimed_m, speed_mps, ttc_s, braking_s(speed_mps))


def _claim(distance_m: float, frame: FrameTruth) -> Claim:
    return Claim(frame.stamp_ns, float(distance_m), frame.nearest_m, frame.wall_m)


def _drive(pairs: Sequence[tuple[Mapping[str, Any], FrameTruth]]) -> Drive:
    stamps = [frame.stamp_ns for _, frame in pairs]
    verified = [record["verified_free_distance_m"] for record, frame in pairs if frame.speed_mps > MOVING_MPS]
    states: dict[str, int] = {}
    for record, _ in pairs:
        states[record["state"]] = states.get(record["state"], 0) + 1
    return Drive(
        frames=len(pairs),
        duration_s=(max(stamps) - min(stamps)) * 1e-9,
        length_m=sum(frame.moved_m for _, frame in pairs),
        median_verified_m=float(np.median(verified)) if verified else math.nan,
        max_verified_m=max(verified, default=math.nan),
        states=states,
    )
