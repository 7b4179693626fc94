"""`perception-fm evaluate` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perception_fm.cli import main


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    frames = [{"stamp_ns": stamp, "wall_distance_m": 60.0 - 10.0 * stamp} for stamp in range(5)]
    meta = {"format": "drive-folder/1", "camera": {}, "frames": frames}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture
def result(tmp_path: Path) -> Path:
    folder = tmp_path / "result"
    folder.mkdir()
    distances = [None, 50.0, 40.0, 30.0, 21.0]
    frames = [
        {
            "stamp_ns": stamp,
            "verified_free_distance_m": 61.0 if stamp == 0 else 10.0,
            "obstacles": []
            if distance is None
            else [{"distance_m": distance, "is_confirmed": True, "is_in_path": True}],
        }
        for stamp, distance in enumerate(distances)
    ]
    (folder / "result.json").write_text(json.dumps({"schema_version": 2, "frames": frames}))
    return folder


def test_wall_prints_and_writes_the_same_figures(
    drive: Path, result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "wall", str(result), str(drive)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "frames: 5, wall from 60.0 m to 20.0 m",
        "first confirmed: wall at 50.0 m, seen at 50.0 m",
        "held: 100.0% of the 4 frames from there to 10 m",
        "|dZ|/Z: median 0.0%, max 5.0%",
        "verified beyond the wall: 1, worst 61.0 m with the wall at 60.0 m",
    ]
    document = json.loads((result / "wall.json").read_text())
    assert document["first_confirmed"]["true_distance_m"] == 50.0
    assert (document["held_frames"], document["held_share"]) == (4, 1.0)


def test_wall_that_was_never_found_is_said(drive: Path, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = [{"stamp_ns": 0, "verified_free_distance_m": 0.0, "obstacles": []}]
    (result / "result.json").write_text(json.dumps({"schema_version": 2, "frames": empty}))
    target = result / "figures.json"
    assert main(["evaluate", "wall", str(result), str(drive), "-o", str(target)]) == 0
    assert "first confirmed: never" in capsys.readouterr().out
    assert json.loads(target.read_text())["first_confirmed"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nowhere", "drive"], "cannot read"), (["result", "nowhere"], "no drive folder"), (["result"], "Missing")],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], message: str, drive: Path, result: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(drive.parent)
    assert main(["evaluate", "wall", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "neither a scenario file nor one of the library"),
        (["plain_wall:99"], "there is no case 99"),
        (["plain_wall:0", "plain_wall:0"], "asked for twice"),
        (["plain_wall:0", "--size", "640"], "--size is WIDTHxHEIGHT"),
        (["plain_wall:0", "-s", "drive.sped_mps=3"], "drive.speed_mps"),
        (["plain_wall", "--cases", "2", "--case", "1"], "exclude each other"),
        ([], "Missing"),
    ],
)
def test_scenarios_that_cannot_be_are_refused_before_anything_is_rendered(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "scenarios", *arguments, "-o", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "out").exists()
