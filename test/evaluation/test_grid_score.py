"""Free space against the truth, with cells counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_builders import empty_grid as grid

from perception_fm.evaluation.grid_score import GridScore
from perception_fm.evaluation.true_cells import TrueCells
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN


def truth(state: np.ndarray, range_m: float = 5.0, label: int = 13) -> TrueCells:
    """All cells are judged, at one distance, and what is occupied is a car."""
    return TrueCells(
        state, np.ones(state.shape, bool), np.full(state.shape, range_m), np.full(state.shape, label, np.uint8)
    )


def cells(*rows: str) -> np.ndarray:
    """f, o and u for free, occupied and unknown."""
    return np.array([[{"f": FREE, "o": OCCUPIED, "u": UNKNOWN}[one] for one in row] for row in rows], np.int8)


def test_agreement_is_one_and_nothing_is_dangerous() -> None:
    score = GridScore()
    state = cells("ffoou")
    score.add(grid(state), truth(state))
    document = score.document()
    assert document["iou_30_m"] == {"free": 1.0, "occupied": 1.0, "unknown": 1.0}
    assert document["dangerous_share"] == 0.0
    assert math.isnan(document["unguarded_share"])


def test_iou_and_shares_of_hand_made_cells() -> None:
    score = GridScore()
    record = score.add(grid(cells("fofuu")), truth(cells("ffoou")))
    document = score.document()
    # free: 1 in both, 3 in either; occupied: none in both; unknown: 1 in both, 2 in either.
    assert document["iou_30_m"] == {"free": pytest.approx(1 / 3), "occupied": 0.0, "unknown": 0.5}
    assert (record["dangerous_cells"], record["occupied_cells"]) == (1, 2)
    assert document["dangerous_share"] == 0.5
    assert document["road_blocked_share"] == 0.5
    assert document["road_free_share"] == 0.5
    assert document["classes"] == [{"name": "car", "occupied_cells": 2, "dangerous_cells": 1, "dangerous_share": 0.5}]


def test_dangerous_cell_is_unguarded_only_far_from_what_is_called_occupied() -> None:
    near, far = GridScore(), GridScore()
    near.add(grid(cells("ffffo" + "f" * 15)), truth(cells("offff" + "f" * 15)))  # 1 m apart
    far.add(grid(cells("fffffo" + "f" * 14)), truth(cells("offff" + "f" * 15)))  # 1.25 m
    assert near.document()["dangerous_cells"] == far.document()["dangerous_cells"] == 1
    assert near.document()["unguarded_share"] == 0.0
    assert far.document()["unguarded_share"] == 1.0


def test_dangerous_error_counts_within_30_m_and_bands_tell_the_rest() -> None:
    score = GridScore()
    record = score.add(grid(cells("f")), truth(cells("o"), range_m=35.0))
    assert record["occupied_cells"] == 0
    assert [band["dangerous_cells"] for band in score.document()["bands"]] == [0, 0, 0, 1]
    assert score.document()["iou_50_m"]["free"] == 0.0


def test_cells_outside_the_picture_and_beyond_50_m_are_not_judged() -> None:
    score = GridScore()
    state = cells("oo")
    hidden = TrueCells(state, np.zeros(state.shape, bool), np.full(state.shape, 5.0), np.zeros(state.shape, np.uint8))
    score.add(grid(cells("ff")), hidden)
    score.add(grid(cells("ff")), truth(state, range_m=51.0))
    assert score.document()["occupied_cells"] == 0
    assert math.isnan(score.document()["dangerous_share"])


def test_tolerance_of_half_a_metre_forgives_two_cells() -> None:
    score = GridScore()
    score.add(grid(cells("uuuoo")), truth(cells("ouuuo")))
    # The first true cell is 0.75 m from the nearest found one, and the found one at place 3 is 0.25 m from a true one.
    assert score.document()["occupied_recall_tolerant"] == 0.5
    assert score.document()["occupied_precision_tolerant"] == 1.0
