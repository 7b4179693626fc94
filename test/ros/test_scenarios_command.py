"""`perception-fm evaluate scenarios` from the scenario to the report, with the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("moderngl")
pytest.importorskip("trimesh")

from tiny_scenarios import WALL, tiny_scenario

from perception_fm.cli import main
from perception_fm.synth.scenario.scenario import scenario_yaml


def test_scenarios_are_rendered_run_and_judged(
    tmp_path: Path, opengl: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, walls in (("wall", [WALL]), ("free", [])):
        text = scenario_yaml(tiny_scenario(walls=walls, drive={"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.6}))
        (tmp_path / f"{name}.yaml").write_text(text.replace("name: scenario", f"name: {name}"))
    files = [str(tmp_path / f"{name}.yaml") for name in ("wall", "free")]
    out = tmp_path / "out"
    assert main(["evaluate", "scenarios", *files, "-o", str(out), "--size", "128x96", "--discard-bags"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[1/2] wall: wall")
    assert lines[1].startswith("[2/2] free: 0.01 km free; false alarms 0")
    document = json.loads((out / "scenarios.json").read_text())
    assert [case["name"] for case in document["cases"]] == ["wall", "free"]
    assert [case["wall"] is None for case in document["cases"]] == [False, True]
    assert document["cases"][0]["wall"]["farthest_m"] == pytest.approx(30.0, abs=0.05)
    report = (out / "report.html").read_text()
    assert report.count("data:image/jpeg") == 2
    assert 'href="wall/run/report.html"' in report
    assert (out / "wall" / "run" / "report.html").is_file()
    assert not (out / "wall" / "bag").exists()
    stamp = (out / "wall" / "run" / "result.json").stat().st_mtime_ns
    assert main(["evaluate", "scenarios", *files, "-o", str(out), "--size", "128x96", "--discard-bags"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert (out / "wall" / "run" / "result.json").stat().st_mtime_ns == stamp
