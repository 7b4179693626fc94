"""One detector on one made-up drive."""

from __future__ import annotations

import math

import pytest
from bench_drives import approach, claim, records, seen_from, street

from perception_fm.evaluation.fake_wall_benchmark.claims import without_pictured
from perception_fm.evaluation.fake_wall_benchmark.drive_score import score_drive


def test_wall_in_time_with_its_error_at_both_times():
    truth = approach()
    score = score_drive("a", seen_from(truth, 10, share=1.03), truth)
    assert score.is_in_time
    assert score.drive.alarm.wall_m == 50.0
    assert score.errors == pytest.approx((0.03, 0.03))
    assert score.evidence_true == 25.0
    assert score.evidence_false == 0.0


def test_wall_that_is_seen_when_it_is_too_late():
    truth = approach()
    score = score_drive("a", seen_from(truth, 45), truth)  # 15 m at 10 m/s; 18.3 m are needed
    assert not score.is_in_time
    assert score.drive.alarm is not None
    assert score.evidence_true == 25.0  # braking alone would have needed 13.3 m
    assert score_drive("a", seen_from(truth, 50), truth).evidence_true == 0.0
    assert math.isnan(score.errors[0])


def test_name_on_the_wall_is_no_false_one():
    truth = approach()
    score = score_drive("a", seen_from(truth, 10, name=8.0), truth)
    assert score.naming.first_m == 50.0
    assert score.naming.false_events == 0
    assert (score.name_true, score.name_false) == (8.0, 0.0)


def test_name_of_a_real_thing_is_a_false_one_though_the_alarm_is_right():
    truth = street(standing=((30.0, 31.0),))
    found = records(truth, {number: [claim(30.0, name=9.0)] for number in (3, 4, 9)})
    score = score_drive("a", found, truth)
    assert score.drive.false_events == 0
    assert (score.naming.false_events, score.name_false) == (2, 9.0)
    assert score.evidence_false == 0.0


def test_surest_claim_where_nothing_stands_counts_though_it_is_not_confirmed():
    truth = street()
    score = score_drive("a", records(truth, {5: [claim(20.0, log_odds=12.0)], 6: [claim(40.0, log_odds=3.0)]}), truth)
    assert score.evidence_false == 12.0
    assert score.drive.false_events == 0


def test_alarm_without_a_distance_is_on_no_wall():
    truth = approach()
    score = score_drive("a", records(truth, {8: [claim(None)]}), truth)
    assert score.drive.alarm is None
    assert score.drive.false_events == 1


def test_pictured_thing_at_the_wall_is_dropped_and_others_stay():
    truth = approach()
    learned = {"is_learned": True}
    seen = [{**claim(60.0), **learned}, {**claim(20.0), **learned}, claim(59.0)]
    kept = without_pictured(records(truth, {0: seen})[0], truth.frames[0])
    assert [one["distance_m"] for one in kept["obstacles"]] == [20.0, 59.0]
