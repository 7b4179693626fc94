"""Many scores together: shares with their intervals, bounds, separation, targets."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import yaml
from bench_drives import approach, claim, records, seen_from, street

from perception_fm.evaluation.fake_wall_benchmark.benchmark_report import benchmark_document
from perception_fm.evaluation.fake_wall_benchmark.detectors import BELIEVED, CONTACT_TIME, GEOMETRY
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import Kind, PlannedDrive
from perception_fm.evaluation.fake_wall_benchmark.drive_score import score_drive
from perception_fm.evaluation.fake_wall_benchmark.summary import JudgedDrive, summarise
from perception_fm.evaluation.fake_wall_benchmark.targets import ODOMETRY_LABELS, targets
from perception_fm.evaluation.results import strict


def judged(number, kind, found, truth, suite="painted_wall", **labels):
    plan = PlannedDrive(f"{suite}-{number}", kind, suite, labels)
    scores = {name: score_drive(plan.name, found, truth) for name in (GEOMETRY, BELIEVED)}
    return JudgedDrive(plan, scores, "made up")


def wall(number, first, suite="painted_wall", share=1.0, **labels):
    truth = approach()
    return judged(number, Kind.WALL, seen_from(truth, first, share), truth, suite, **labels)


def quiet_street(number, log_odds=0.0, at_m=20.0):
    truth = street()
    found = records(truth, {3: [claim(at_m, log_odds)]} if log_odds else {})
    return judged(number, Kind.STREET, found, truth, "free_road", place="town")


def test_share_in_time_has_the_interval_of_clopper_and_pearson():
    summary = summarise([wall(0, 5), wall(1, 5), wall(2, 50)])
    walls = summary["detectors"][GEOMETRY]["walls_slow"]
    assert (walls["drives"], walls["in_time"], walls["confirmed"]) == (3, 2, 3)
    assert walls["in_time_interval"] == pytest.approx((0.0943, 0.9916), abs=1e-4)
    assert summary["detectors"][GEOMETRY]["walls_fast"]["drives"] == 0
    assert walls["range_median_m"] == 55.0


def test_detector_that_did_not_run_is_left_out():
    assert CONTACT_TIME not in summarise([wall(0, 5)])["detectors"]


def test_false_alarms_have_an_upper_bound_by_length():
    summary = summarise([quiet_street(0), quiet_street(1, 25.0)])
    streets = summary["detectors"][GEOMETRY]["streets"]
    assert (streets["false_events"], streets["drives_with_alarm"]) == (1, 1)
    assert streets["length_km"] == pytest.approx(0.1)
    assert streets["per_km_upper"] == pytest.approx(47.4, abs=0.1)  # 4.74 expected events give one or none in 5%


def test_separation_is_that_of_the_surest_claims():
    walls = [wall(number, 5) for number in range(4)]
    summary = summarise([*walls, quiet_street(0, 10.0), quiet_street(1, 12.0)])
    evidence = summary["detectors"][GEOMETRY]["evidence"]
    assert evidence["auroc"] == 1.0
    assert evidence["fpr_at_95_recall"] == 0.0
    mixed = summarise([*walls, quiet_street(0, 30.0), quiet_street(1, 12.0)])["detectors"][GEOMETRY]["evidence"]
    assert mixed["auroc"] == pytest.approx(0.5)
    assert mixed["fpr_at_95_recall"] == pytest.approx(0.5)


def test_conditions_are_told_apart():
    rows = summarise([wall(0, 5, print="match"), wall(1, 50, print="tunnel")])["conditions"][GEOMETRY]
    found = {(row["axis"], row["label"]): row["in_time"] for row in rows}
    assert found == {("print", "match"): 1, ("print", "tunnel"): 0}


def test_targets_say_what_is_missed_and_what_was_not_measured():
    summary = summarise([wall(0, 5), wall(1, 50), quiet_street(0)])
    rows = {row["what"]: row for row in targets(summary, GEOMETRY)}
    in_time = rows["walls in time, up to 20 m/s"]
    assert (in_time["value"], in_time["is_met"], in_time["of"]) == (50.0, False, 2)
    assert rows["walls of 6 x 4 m and more in time, 30 m/s"]["is_met"] is None
    assert rows["alarms on real drives as they are"]["is_met"] is None
    assert rows["AUROC of the drives"]["value"] == pytest.approx(0.75)  # the late one ties with the street


def test_small_canvas_does_not_count_for_the_target_of_fast_vehicles():
    slow = approach()
    frames = tuple(dataclasses.replace(frame, moved_m=3.0 * frame.moved_m) for frame in slow.frames)
    truth = dataclasses.replace(slow, frames=frames)
    drives = [
        judged(number, Kind.WALL, seen_from(truth, 5, 1.0), truth, "painted_wall", canvas=canvas)
        for number, canvas in enumerate(["3.6x2.5", "6x4", "10x5"])
    ]
    summary = summarise(drives)
    assert summary["detectors"][GEOMETRY]["walls_fast"]["drives"] == 3
    fast = next(row for row in targets(summary, GEOMETRY) if row["what"].endswith("30 m/s"))
    assert fast["of"] == 2


def test_range_lost_to_odometry_is_that_of_the_worst_error():
    drives = [
        wall(number, first, "odometry", odometry=label)
        for number, (label, first) in enumerate([("usual", 10), ("speed5", 12), ("heading2", 15), ("none", 40)])
    ]
    row = next(row for row in targets(summarise(drives), GEOMETRY) if row["what"].startswith("range lost"))
    assert row["value"] == pytest.approx(10.0)  # 45 of 50 m; none is no error of odometry
    assert row["is_met"] is False


def test_range_lost_to_odometry_is_measured_against_plain_walls_too():
    """The drives of a benchmark with usual odometry are those of another suite."""
    drives = [wall(0, 10, "plain_wall"), wall(1, 15, "odometry", odometry="all_three")]
    row = next(row for row in targets(summarise(drives), GEOMETRY) if row["what"].startswith("range lost"))
    assert row["value"] == pytest.approx(10.0)


def test_odometry_errors_of_the_target_are_those_of_the_scenarios():
    path = Path(__file__).parents[3] / "config" / "scenarios" / "odometry.yaml"
    axes = yaml.safe_load(path.read_text(encoding="utf-8"))["matrix"]["axes"]
    assert set(ODOMETRY_LABELS) <= set(axes["odometry"])


def test_document_is_strict_json_with_every_drive():
    document = strict(benchmark_document([wall(0, 5), quiet_street(0)], "dev", "a command", {}))
    assert [drive["name"] for drive in document["drives"]] == ["painted_wall-0", "free_road-0"]
    assert document["drives"][1]["scores"][GEOMETRY]["alarm"] is None
    assert not any(isinstance(value, float) and math.isnan(value) for value in _leaves(document))


def _leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value
