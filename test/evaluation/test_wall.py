"""A run against the wall's truth: figures that are known because the frames are made up."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.wall import judge_wall, read_frames, wall_distances

Record = dict[str, Any]
TRUTH = {stamp: 70.0 - 10.0 * stamp for stamp in range(7)}  # 70, 60, ... 10 m


def record(stamp: int, *confirmed_m: float | None, suspected_m: float | None = None, free_m: float = 0.0) -> Record:
    obstacles = [{"distance_m": distance, "is_confirmed": True, "is_in_path": True} for distance in confirmed_m]
    if suspected_m is not None:
        obstacles.append({"distance_m": suspected_m, "is_confirmed": False, "is_in_path": True})
    return {"stamp_ns": stamp, "obstacles": obstacles, "verified_free_distance_m": free_m}


def test_first_confirmation_held_share_and_errors_of_a_known_run() -> None:
    frames = [
        record(0, suspected_m=70.0),
        record(1, 57.0),  # 5% near
        record(2, 50.0),
        record(3),  # lost
        record(4, 31.5),  # 5% far
        record(5, 20.0),
        record(6, 10.0),
    ]
    figures = judge_wall(frames, TRUTH)
    assert figures.first_confirmed is not None
    assert (figures.first_confirmed.true_distance_m, figures.first_confirmed.claimed_m) == (60.0, 57.0)
    assert (figures.held_frames, figures.held_share) == (6, pytest.approx(5.0 / 6.0))
    assert figures.error_median == pytest.approx(0.0)
    assert figures.error_max == pytest.approx(0.05)
    assert (figures.verified_beyond, figures.confirmed_elsewhere) == ((), ())
    assert (figures.frames, figures.farthest_m, figures.nearest_m) == (7, 70.0, 10.0)


def test_suspicion_is_no_confirmation() -> None:
    figures = judge_wall([record(stamp, suspected_m=distance) for stamp, distance in TRUTH.items()], TRUTH)
    assert figures.first_confirmed is None
    assert figures.held_frames == 0
    assert math.isnan(figures.held_share)
    assert math.isnan(figures.error_max)


@pytest.mark.parametrize(("claimed_m", "is_wall"), [(54.0, True), (66.0, True), (53.9, False), (66.1, False)])
def test_ten_per_cent_is_the_border_between_the_wall_and_something_else(claimed_m: float, is_wall: bool) -> None:
    figures = judge_wall([record(1, claimed_m)], TRUTH)
    assert (figures.first_confirmed is not None) is is_wall
    assert len(figures.confirmed_elsewhere) == (not is_wall)


def test_bad_distance_is_an_error_and_not_left_out() -> None:
    figures = judge_wall([record(1, 60.0), record(2, 35.0)], TRUTH)
    assert figures.error_max == pytest.approx(0.3)
    assert figures.held_share == 0.5
    assert [item.claimed_m for item in figures.confirmed_elsewhere] == [35.0]


def test_obstacle_elsewhere_beside_the_wall_does_not_hide_it() -> None:
    figures = judge_wall([record(1, 20.0, 60.0), record(2, 20.0, 50.0)], TRUTH)
    assert figures.held_share == 1.0
    assert figures.error_max == 0.0
    assert len(figures.confirmed_elsewhere) == 2


def test_obstacle_without_a_distance_counts_as_elsewhere() -> None:
    figures = judge_wall([record(1, None)], TRUTH)
    assert figures.first_confirmed is None
    assert len(figures.confirmed_elsewhere) == 1


def test_road_verified_beyond_the_wall_is_counted_at_every_distance() -> None:
    frames = [record(0, free_m=70.0), record(1, 60.0, free_m=60.5), record(6, free_m=40.0)]
    figures = judge_wall(frames, TRUTH)
    assert [(item.true_distance_m, item.claimed_m) for item in figures.verified_beyond] == [(60.0, 60.5), (10.0, 40.0)]


def test_judging_ends_where_it_is_asked_to() -> None:
    frames = [record(1, 60.0), record(5), record(6)]
    assert judge_wall(frames, TRUTH, near_m=20.0).held_frames == 2
    assert judge_wall(frames, TRUTH, near_m=0.0).held_frames == 3


def test_frames_past_the_wall_are_left_out() -> None:
    meta = {"frames": [{"stamp_ns": 1, "wall_distance_m": 2.0}, {"stamp_ns": 2, "wall_distance_m": -1.0}]}
    truth = wall_distances(meta)
    assert truth == {1: 2.0}
    assert judge_wall([record(1), record(2, free_m=50.0)], truth).verified_beyond == ()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([{"stamp_ns": 1}], "the drive has no wall"),
        ([{"stamp_ns": None, "wall_distance_m": 3.0}], "without stamp_ns"),
    ],
)
def test_drive_without_truth_is_refused(frames: list[Record], message: str) -> None:
    with pytest.raises(PerceptionError, match=message):
        wall_distances({"frames": frames})


def test_run_of_another_recording_is_refused() -> None:
    with pytest.raises(PerceptionError, match="no stamp in common"):
        judge_wall([record(99, 60.0)], TRUTH)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 99, "frames": []}', '{"schema_version": 2}'])
def test_file_that_is_no_result_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(PerceptionError, match=r"result\.json"):
        read_frames(path)


def test_missing_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="cannot read"):
        read_frames(tmp_path / "result.json")


def test_document_is_strict_json_with_every_sighting(tmp_path: Path) -> None:
    figures = judge_wall([record(1, None, free_m=61.0)], TRUTH)
    write_json(tmp_path / "wall.json", figures.document())
    document = json.loads((tmp_path / "wall.json").read_text())
    assert (document["schema_version"], document["on_wall_share"], document["held_share"]) == (1, 0.1, None)
    assert document["verified_beyond"] == [{"stamp_ns": 1, "true_distance_m": 60.0, "claimed_m": 61.0}]
    assert document["confirmed_elsewhere"][0]["claimed_m"] is None
