"""`result.json`: strict, complete, and with the numbers that the frames give."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_fm.cli.run import summary_lines
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.results import RunResult, frame_record, strict, summarise, write_json
from perception_fm.fakewall.finding import Contradiction, Cue, Evidence, FakeWallFinding
from perception_fm.types import Mode, PathState, PerceptionResult

MakeResult = Callable[..., PerceptionResult]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_frame_record_holds_what_the_schema_promises(make_result: MakeResult) -> None:
    record = frame_record(make_result(3, 40.0, reasons=("warming up",), mode=Mode.DEGRADED))
    assert record["stamp_ns"] == make_result(3).stamp_ns
    assert (record["state"], record["mode"], record["reasons"]) == ("OBSTACLE", "DEGRADED", ["warming up"])
    assert record["latency_ms"] == {"total": 13.0, "track": 5.0}
    (item,) = record["obstacles"]
    assert (item["distance_m"], item["distance_sigma_m"], item["ttc_s"], item["ttc_sigma_s"]) == (40.0, 0.8, 4.0, 0.1)
    assert (item["provenance"], item["is_confirmed"]) == ("MOTION", True)


def test_unknown_becomes_null_and_the_file_is_strict_json(make_result: MakeResult, tmp_path: Path) -> None:
    result = make_result(0, 40.0, speed_mps=math.nan)
    run = RunResult("bag", "front", (640, 480), {"height_m": math.nan}, {}, [frame_record(result)])
    write_json(tmp_path / "result.json", run.document())
    document = json.loads((tmp_path / "result.json").read_text(), parse_constant=refuse_constant)
    assert document["schema_version"] == 2
    assert document["frames"][0]["speed_mps"] is None
    assert document["frames"][0]["obstacles"][0]["size_m"] == [None, None, None]
    assert document["run"]["config"]["height_m"] is None
    assert document["summary"]["median_verified_free_distance_moving_m"] is None


def test_strict_turns_numpy_and_infinity_into_json_values() -> None:
    assert strict({1: np.float64(2.5), "n": (np.int64(3), math.inf)}) == {"1": 2.5, "n": [3, None]}


def test_file_is_the_old_one_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(PerceptionError, match="cannot write"):
        write_json(tmp_path / "nowhere" / "result.json", {})


def test_median_free_distance_counts_only_frames_that_move(make_result: MakeResult) -> None:
    speeds, free = (0.0, 1.0, 5.0, 5.0, math.nan), (0.0, 0.0, 30.0, 50.0, 99.0)
    frames = [
        frame_record(make_result(n, speed_mps=speed, verified_free_distance_m=distance))
        for n, (speed, distance) in enumerate(zip(speeds, free))
    ]
    summary = summarise(frames)
    assert summary["moving_frames"] == 2
    assert summary["median_verified_free_distance_moving_m"] == 40.0
    assert summary["duration_s"] == pytest.approx(0.4)
    assert summary["alarm"] is None


def test_alarm_and_obstacle_tell_first_last_and_held_share(make_result: MakeResult) -> None:
    distances = [60.0, 50.0, 45.0, None, 35.0, None]
    confirmed = [False, True, True, True, True, True]
    frames = [
        frame_record(make_result(n, distance, is_confirmed=is_confirmed))
        for n, (distance, is_confirmed) in enumerate(zip(distances, confirmed))
    ]
    summary = summarise(frames)
    # Frames 1 to 4, one of them without the obstacle.
    assert summary["alarm"]["held_share"] == 0.75
    assert summary["alarm"]["frames"] == 3
    assert (summary["alarm"]["first"]["distance_m"], summary["alarm"]["first"]["ttc_s"]) == (50.0, 5.0)
    assert summary["alarm"]["last"]["distance_m"] == 35.0
    (entry,) = summary["confirmed_obstacles"]
    assert (entry["id"], entry["frames"], entry["held_share"]) == (1, 3, 0.75)
    assert (entry["first"]["distance_m"], entry["nearest_distance_m"]) == (50.0, 35.0)
    assert summary["state_counts"] == {"UNVERIFIED": 3, "OBSTACLE": 3}


def test_latency_percentiles_and_reasons_are_counted(make_result: MakeResult) -> None:
    frames = [frame_record(make_result(n, reasons=("no odometry",) if n % 2 else ())) for n in range(5)]
    summary = summarise(frames, {"bad_image": 2})
    assert list(summary["latency_ms"]) == ["track", "total"]
    assert summary["latency_ms"]["total"]["p50"] == 12.0
    assert summary["latency_ms"]["total"]["p99"] == pytest.approx(13.96)
    assert summary["reasons"] == {"no odometry": 2}
    assert summary["refused_inputs"] == {"bad_image": 2}


def test_latencies_are_told_by_how_many_cameras_are_in_the_result(make_result: MakeResult) -> None:
    both = ("front_optical", "left_optical")
    frames = [frame_record(make_result(n, cameras=both[: 1 + n % 2])) for n in range(5)]
    assert frames[1]["cameras"] == list(both)
    by_count = summarise(frames)["by_camera_count"]
    assert list(by_count) == [1, 2]
    assert [by_count[count]["frames"] for count in (1, 2)] == [3, 2]
    assert by_count[2]["latency_ms"]["total"]["p50"] == 12.0  # of 11 and 13
    lines = summary_lines(summarise(frames))
    assert "cameras in the result: 2 in 2 frames; medians: all 12 ms" in lines
    assert not any("cameras" in line for line in summary_lines(summarise(frames[::2])))


def test_summary_of_no_frames() -> None:
    summary = summarise([])
    assert (summary["frames"], summary["duration_s"], summary["alarm"]) == (0, 0.0, None)


def test_every_state_has_a_record(make_result: MakeResult) -> None:
    for state in PathState:
        assert frame_record(make_result(state=state, verified_free_distance_m=10.0))["state"] == state.name


def wall_frame(make_result: MakeResult, number: int, ratio: float, learned_m: float) -> dict[str, Any]:
    result = make_result(number, 42.0)
    evidence = (
        Evidence(Cue.DEPTH_CONTRADICTION, True, ratio, 1.0, 0.1, 0.5, "1", "learned depth 61 m there"),
        Evidence(Cue.SEMANTICS),
    )
    claimed = Contradiction(False, ratio, evidence=evidence, learned_m=learned_m)
    finding = FakeWallFinding(
        PathState.OBSTACLE, obstacle_id=1, distance_m=42.0, distance_sigma_m=0.5, ttc_s=3.5, by_track={1: claimed}
    )
    return frame_record(dataclasses.replace(result, fake_wall=finding))


def test_what_is_claimed_of_the_wall_is_in_the_record(make_result: MakeResult) -> None:
    record = wall_frame(make_result, 3, 4.0, 61.0)["wall"]
    assert (record["distance_m"], record["learned_depth_m"], record["log_ratio"]) == (42.0, 61.0, 4.0)
    assert record["evidence"] == {"depth_contradiction": {"log_ratio": 4.0, "says": "learned depth 61 m there"}}
    assert frame_record(make_result(3))["wall"] is None


def test_the_strongest_contradiction_is_summarised(make_result: MakeResult) -> None:
    frames = [
        wall_frame(make_result, number, ratio, learned_m)
        for number, (ratio, learned_m) in enumerate(((1.0, 50.0), (4.0, 61.0), (9.0, math.nan), (2.0, 70.0)))
    ]
    most = summarise(frames)["contradiction"]
    assert (most["stamp_ns"], most["learned_depth_m"], most["log_ratio"]) == (frames[1]["stamp_ns"], 61.0, 4.0)
    assert most["state"] == frames[1]["state"]
    assert summarise([frame_record(make_result(3))])["contradiction"] is None
