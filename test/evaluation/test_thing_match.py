"""Found boxes against true things at known places."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_builders import PERSON, empty_grid, found, true

from perception_fm.evaluation.seen_things import is_called_free
from perception_fm.evaluation.thing_match import Matching, match_things
from perception_fm.evaluation.thing_score import ThingScore
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN

NOTHING = (np.empty(0), np.empty(0), np.empty(0, np.int32))


def places(*points: tuple[float, float], instance: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xy = np.array(points)
    return np.hypot(*xy.T), np.arctan2(xy[:, 1], xy[:, 0]), np.full(len(xy), instance, np.int32)


def outcome(matching: Matching) -> tuple[int, ...]:
    """Pairs, missed, ignored, background, pieces, false."""
    return tuple(len(one) for one in vars(matching).values())


def test_box_in_the_right_place_has_no_error() -> None:
    matching = match_things([true(18.0)], [found(20.0)], NOTHING)
    assert outcome(matching) == (1, 0, 0, 0, 0, 0)
    pair = matching.pairs[0]
    assert pair.near_error_m == pytest.approx(0.0, abs=1e-9)
    assert pair.aside_error_m == pytest.approx(0.0, abs=1e-9)
    assert pair.height_error_m == pytest.approx(0.0, abs=1e-9)
    # Its near side spans atan(1/18) to each side, its far side less.
    assert pair.width_error_m == pytest.approx(0.0, abs=1e-9)


def test_errors_are_those_of_the_box() -> None:
    annotated = true(18.0, centre_m=np.array([20.0, 0.0]), size_m=np.array([5.0, 2.0, 1.4]), yaw_rad=math.radians(80.0))
    pair = match_things([annotated], [found(21.0, 0.4, (4.0, 2.0, 1.8))], NOTHING).pairs[0]
    assert pair.near_error_m == pytest.approx(1.0, abs=0.02)  # of an outline that is sampled every 0.13 m
    assert pair.aside_error_m == pytest.approx(0.4, abs=0.05)
    assert pair.centre_error_m == pytest.approx(math.hypot(1.0, 0.4))
    assert pair.length_error_m == pytest.approx(-1.0)
    assert pair.height_error_m == pytest.approx(0.3)
    assert pair.yaw_error_deg == pytest.approx(10.0)  # 80 degrees modulo 90


@pytest.mark.parametrize(("near_m", "off_m", "is_found"), [(10.0, 1.9, True), (10.0, 2.1, False), (40.0, 4.9, True),
                                                           (40.0, 5.1, False)])  # fmt: skip
def test_gate_is_a_metre_and_a_tenth_of_the_distance(near_m: float, off_m: float, is_found: bool) -> None:
    matching = match_things([true(near_m)], [found(near_m + off_m + 2.0)], NOTHING)
    assert outcome(matching) == ((1, 0, 0, 0, 0, 0) if is_found else (0, 1, 0, 0, 0, 1))


def test_thing_beside_is_another_one() -> None:
    assert outcome(match_things([true(18.0, y=2.4)], [found(20.0)], NOTHING))[:2] == (1, 0)  # sides 0.4 m apart
    assert outcome(match_things([true(18.0, y=2.7)], [found(20.0)], NOTHING))[:2] == (0, 1)


def test_second_box_on_a_thing_is_a_piece_and_one_on_a_house_is_background() -> None:
    matching = match_things(
        [true(18.0)], [found(20.0), found(20.5), found(20.0, 8.0), found(20.0, -8.0)], places((18.0, 8.0))
    )
    assert outcome(matching) == (1, 0, 0, 1, 1, 1)
    assert matching.background == (2,)
    assert matching.false == (3,)


def test_two_things_are_paired_one_to_one() -> None:
    matching = match_things([true(18.0), true(19.5)], [found(21.4), found(20.1)], NOTHING)
    assert {(pair.true, pair.found) for pair in matching.pairs} == {(0, 1), (1, 0)}


def test_box_of_the_right_class_is_the_thing_even_where_another_is_nearer() -> None:
    hedge, car = found(20.0, class_id=8), found(20.8)
    matching = match_things([true(18.0)], [hedge, car], NOTHING)
    assert [(pair.true, pair.found) for pair in matching.pairs] == [(0, 1)]
    assert outcome(match_things([true(18.0)], [hedge], NOTHING)) == (1, 0, 0, 0, 0, 0)


def test_thing_that_is_hardly_seen_is_neither_missed_nor_makes_a_box_wrong() -> None:
    hidden = true(18.0, is_wanted=False)
    assert outcome(match_things([hidden], [], NOTHING)) == (0, 0, 0, 0, 0, 0)
    assert outcome(match_things([hidden], [found(20.0)], NOTHING)) == (0, 0, 1, 0, 0, 0)


def test_recall_and_precision_by_distance_and_class() -> None:
    things = [true(8.0), true(25.0), true(25.0, y=6.0, width_m=0.6, class_id=PERSON)]
    claims = [found(10.0), found(15.0, -6.0, class_id=PERSON, existence_probability=0.9), found(27.0)]
    score = ThingScore()
    record = score.add(things, claims, match_things(things, claims, NOTHING), [False] * 3)
    assert (record["things"], record["missed"], record["false"]) == (3, 1, 1)
    document = score.document()
    assert document["all"]["recall"] == document["all"]["precision"] == pytest.approx(2 / 3)
    by_band = [(band["recall"], band["precision"]) for band in document["bands"]]
    assert by_band[0] == (1.0, 1.0)
    assert by_band[1][1] == 0.0
    assert by_band[2] == (0.5, 1.0)
    by_class = {one["name"]: one for one in document["classes"]}
    assert by_class["vehicle"]["recall"] == 1.0
    assert (by_class["person"]["recall"], by_class["person"]["precision"]) == (0.0, 0.0)
    assert document["false_by_class"] == {"person": 1}
    # The false one is believed most: precision at the two hits is 1/2 and 2/3, of three things.
    assert document["average_precision"] == pytest.approx((1 / 2 + 2 / 3) / 3)


def test_small_things_are_told_by_their_top() -> None:
    score = ThingScore()
    things = [true(18.0, top_m=0.5), true(30.0)]
    score.add(things, [found(32.0)], match_things(things, [found(32.0)], NOTHING), [True, False])
    assert score.document()["small"]["things"] == 1
    assert score.document()["small"]["recall"] == 0.0


def test_recall_and_denial_of_low_things_by_height_and_distance() -> None:
    score = ThingScore()
    things = [true(18.0, top_m=0.3), true(18.0, y=6.0, top_m=0.3), true(25.0, top_m=0.2), true(35.0)]
    claims = [found(20.0), found(37.0)]
    score.add(things, claims, match_things(things, claims, NOTHING), [False, True, True, False])
    lowest, low, _, high = score.document()["heights"]
    assert (low["from_m"], low["to_m"], low["things"], low["recall"]) == (0.25, 0.5, 2, 0.5)
    assert [(row["things"], row["recall"]) for row in low["bands"] if row["things"]] == [(2, 0.5)]
    assert low["called_free_share"] == 0.5
    assert (lowest["recall"], lowest["called_free_share"]) == (0.0, 1.0)
    assert (high["things"], high["bands"][3]["recall"]) == (1, 1.0)


@pytest.mark.parametrize(("state", "is_free"), [(FREE, True), (OCCUPIED, False), (UNKNOWN, False)])
def test_thing_is_called_free_where_free_space_goes_on_into_it(state: int, is_free: bool) -> None:
    cells = empty_grid().cells.copy()
    cells[40, :80] = FREE  # road up to x 20
    cells[40, 80] = state  # from y 0 and x 20 on
    assert is_called_free(true(17.9, y=0.1, width_m=0.3), empty_grid(cells), np.array([2.0, 0.0])) is is_free
    assert not is_called_free(true(80.0), empty_grid(np.full_like(cells, FREE)), np.zeros(2))
