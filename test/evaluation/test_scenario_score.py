"""Runs on scenarios, made up frame by frame, against truths that are known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.corridor import Spans, Swept
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.scenario_report import key_moment
from perception_fm.evaluation.scenario_score import braking_s, score_scenario, stands
from perception_fm.evaluation.scenario_summary import scenarios_document, score_line, summarise_scenarios
from perception_fm.evaluation.scenario_truth import FrameTruth, ScenarioTruth, read_truth, write_truth

Record = dict[str, Any]
SWEPT = Swept(1.9, 0.5, 2.5)
PERIOD_NS = 1_000_000_000


def frame(
    number: int, wall_m: float = math.nan, standing: Spans = (), driven: Spans = (), speed_mps: float = 10.0
) -> FrameTruth:
    nearest = min([start for start, _ in standing] + ([wall_m] if wall_m > 0.0 else []), default=math.inf)
    return FrameTruth(number * PERIOD_NS, speed_mps, speed_mps if number else 0.0, wall_m, nearest, standing, driven)


def record(number: int, *confirmed: tuple[int, float | None], free_m: float = 0.0) -> Record:
    seen = {"is_confirmed": True, "is_in_path": True}
    obstacles = [{"id": key, "distance_m": distance, **seen} for key, distance in confirmed]
    state = "OBSTACLE" if obstacles else "FREE_VERIFIED" if free_m else "UNVERIFIED"
    return {
        "stamp_ns": number * PERIOD_NS, "obstacles": obstacles, "verified_free_distance_m": free_m, "state": state,
    }  # fmt: skip


def truth(*frames: FrameTruth) -> ScenarioTruth:
    return ScenarioTruth("seed: 1\n", SWEPT, frames)


APPROACH = truth(*(frame(number, 70.0 - 10.0 * number) for number in range(7)))
FREE = truth(*(frame(number) for number in range(5)))


def test_wall_in_time_with_its_distance_and_time_to_contact():
    frames = [record(0), record(1), record(2, (1, 51.0)), *(record(n, (1, 70.0 - 10.0 * n)) for n in range(3, 7))]
    score = score_scenario("a", frames, APPROACH)
    assert score.alarm is not None
    assert (score.alarm.wall_m, score.alarm.claimed_m, score.alarm.speed_mps) == (50.0, 51.0, 10.0)
    assert score.alarm.ttc_s == pytest.approx(5.0)
    assert score.alarm.braking_s == pytest.approx(10.0 / 12.0 + 0.5)
    assert score.alarm.spare_s == pytest.approx(5.0 - 10.0 / 12.0 - 0.5)
    assert score.alarm.is_in_time
    assert score.wall is not None
    assert (score.wall.held_share, score.wall.error_max) == (1.0, pytest.approx(0.02))
    assert (score.false_alarms, score.false_frames, score.misplaced) == ((), 0, ())


@pytest.mark.parametrize(("wall_m", "is_in_time"), [(18.4, True), (18.3, False)])
def test_half_a_second_beyond_braking_is_the_border(wall_m: float, is_in_time: bool):
    # At 10 m/s: (10 / 12 + 0.5 + 0.5) s are 18.33 m.
    score = score_scenario("a", [record(0, (1, wall_m))], truth(frame(0, wall_m)))
    assert score.alarm is not None
    assert score.alarm.is_in_time is is_in_time
    assert braking_s(10.0) == pytest.approx(1.3333, abs=1e-4)


def test_false_alarms_before_the_wall_are_counted_and_later_ones_are_not():
    frames = [record(0, (7, 20.0)), record(1, (7, 21.0)), record(2), record(3, (8, 15.0))]
    frames += [record(4, (1, 30.0), (8, 4.0)), record(5, (1, 20.0), (9, 5.0)), record(6, (1, 10.0))]
    score = score_scenario("a", frames, APPROACH)
    assert [claim.claimed_m for claim in score.false_alarms] == [20.0, 21.0, 15.0]
    assert (score.false_frames, score.false_events, score.misplaced) == (3, 2, ())


def test_wall_at_a_wrong_distance_is_misplaced_and_no_other_thing():
    frames = [record(0), record(1, (1, 52.0)), record(2, (1, 50.0))]
    score = score_scenario("a", frames, APPROACH)
    assert [claim.claimed_m for claim in score.misplaced] == [52.0]
    assert (score.false_alarms, score.false_frames, score.false_events) == ((), 0, 0)


def test_wall_that_is_never_found():
    score = score_scenario("a", [record(n, (5, 5.0)) for n in range(7)], APPROACH)
    assert score.alarm is None
    assert (score.false_frames, score.false_events) == (7, 1)
    assert "NEVER CONFIRMED" in score_line(score)


def test_obstacle_without_distance_is_a_false_alarm():
    assert score_scenario("a", [record(0, (1, None))], FREE).false_frames == 1


@pytest.mark.parametrize(
    ("claimed_m", "is_there"), [(26.9, False), (27.1, True), (30.0, True), (35.1, True), (35.3, False)]
)
def test_thing_is_found_within_ten_per_cent_of_its_stretch(claimed_m: float, is_there: bool):
    assert stands(claimed_m, frame(0, standing=((30.0, 32.0),))) is is_there
    assert stands(claimed_m, frame(0, driven=((90.0, 95.0), (30.0, 32.0)))) is is_there


def test_alarm_on_a_thing_that_stands_in_the_way_is_not_false():
    stopped = truth(*(frame(number, standing=((40.0 - number, 48.0 - number),)) for number in range(3)))
    score = score_scenario("a", [record(0, (1, 40.0)), record(1, (1, 30.0)), record(2, (1, 38.0))], stopped)
    assert score.wall is None
    assert [claim.claimed_m for claim in score.false_alarms] == [30.0]
    assert score.false_alarms[0].nearest_m == 39.0


def test_road_verified_beyond_the_nearest_thing():
    behind = truth(*(frame(number, standing=((20.0, 25.0),)) for number in range(3)))
    score = score_scenario("a", [record(0, free_m=20.0), record(1, free_m=20.1), record(2, free_m=5.0)], behind)
    assert [(claim.claimed_m, claim.nearest_m) for claim in score.verified_beyond] == [(20.1, 20.0)]


def test_drive_has_its_length_and_verified_distances_while_moving():
    frames = [record(n, free_m=float(n)) for n in range(5)]
    score = score_scenario("a", frames, FREE)
    assert (score.drive.frames, score.drive.length_m, score.drive.duration_s) == (5, 40.0, 4.0)
    assert (score.drive.median_verified_m, score.drive.max_verified_m) == (2.0, 4.0)
    assert score.drive.states == {"UNVERIFIED": 1, "FREE_VERIFIED": 4}
    standing = score_scenario("a", [record(0, free_m=9.0)], truth(frame(0, speed_mps=0.0)))
    assert math.isnan(standing.drive.median_verified_m)


def test_run_of_another_recording_is_refused():
    with pytest.raises(PerceptionError, match="different recordings"):
        score_scenario("a", [record(99)], FREE)
    with pytest.raises(PerceptionError, match="different recordings"):
        score_scenario("a", [], FREE)


def test_summary_of_several():
    found = score_scenario("a", [record(n, (1, 70.0 - 10.0 * n)) for n in range(7)], APPROACH)
    missed = score_scenario("b", [record(n) for n in range(7)], APPROACH)
    wrong = score_scenario("c", [record(0, (1, 20.0)), record(1), record(2, (2, 20.0)), record(3), record(4)], FREE)
    summary = summarise_scenarios([found, missed, wrong])
    assert (summary["cases"], summary["walls"], summary["walls_confirmed"], summary["walls_in_time"]) == (3, 2, 1, 1)
    assert summary["length_km"] == pytest.approx(0.16)
    assert (summary["false_events"], summary["false_frames"]) == (2, 2)
    assert summary["false_events_per_km_upper"] == pytest.approx(6.2958 / 0.16, rel=1e-4)
    assert summarise_scenarios([])["false_events_per_km_upper"] == math.inf


def test_document_is_strict_json(tmp_path: Path):
    score = score_scenario("a", [record(n) for n in range(7)], APPROACH)
    write_json(tmp_path / "scenarios.json", scenarios_document([score]))
    document = json.loads((tmp_path / "scenarios.json").read_text())
    assert document["cases"][0]["alarm"] is None
    assert document["rules"]["spare_s"] == 0.5


def test_truth_comes_back_from_its_file(tmp_path: Path):
    written = truth(frame(0, 30.0, ((30.0, 30.5),)), frame(1, driven=((4.0, 5.0), (7.0, 8.0))))
    write_truth(tmp_path / "truth.json", written)
    again = read_truth(tmp_path / "truth.json")
    assert again.frames[0] == written.frames[0]
    assert (again.scenario, again.swept) == (written.scenario, written.swept)
    assert math.isnan(again.frames[1].wall_m)
    assert (again.frames[1].nearest_m, again.frames[1].driven) == (math.inf, written.frames[1].driven)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 9}', '{"schema_version": 2, "frames": [{}]}'])
def test_file_that_is_no_truth_is_refused(text: str, tmp_path: Path):
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(PerceptionError, match=r"truth\.json"):
        read_truth(tmp_path / "truth.json")


def test_key_moment_is_what_matters_most():
    frames = [record(n, (1, 70.0 - 10.0 * n)) for n in range(7)]
    assert key_moment(score_scenario("a", frames, APPROACH), APPROACH).stamp_ns == 0
    false = [record(0), record(1, (5, 9.0)), *frames[2:]]
    assert key_moment(score_scenario("a", false, APPROACH), APPROACH).why == "first false alarm: 9.0 m"
    never = score_scenario("a", [record(n) for n in range(7)], APPROACH)
    assert key_moment(never, APPROACH).stamp_ns == 5 * PERIOD_NS  # 20 m: at 10 m/s braking needs 13.3 m
    assert key_moment(score_scenario("a", [record(n) for n in range(5)], FREE), FREE).why == "middle of the drive"
