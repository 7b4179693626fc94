"""A small benchmark from the renderer to the report, and that it goes on where it was stopped."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from perception_fm.cli.evaluate import command
from perception_fm.config import PerceptionConfig
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.fake_wall_benchmark.benchmark_report import benchmark_document, write_benchmark
from perception_fm.evaluation.fake_wall_benchmark.detectors import BELIEVED, BELIEVED_30, GEOMETRY
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import Kind, PlannedDrive
from perception_fm.evaluation.fake_wall_benchmark.drive_run import BenchmarkSettings, is_made, read_drive, run_drive
from perception_fm.evaluation.fake_wall_benchmark.judging import judge
from perception_fm.evaluation.fake_wall_benchmark.many_drives import run_drives_on_ray
from perception_fm.evaluation.scenario_suite import resized
from perception_fm.synth.scenario.cases import find_case

SIZE = (480, 288)


def planned(suite, kind, *overrides):
    case = find_case(suite, "dev", "0")
    scenario = resized(case.scenario(overrides), *SIZE)
    return PlannedDrive(scenario.name, kind, suite, case.labels, case.seed, scenario)


@pytest.fixture(scope="module")
def made(opengl, tmp_path_factory):
    """A wall from 40 m on, and a street; without the model, whose tests are elsewhere."""
    settings = BenchmarkSettings(tmp_path_factory.mktemp("fakewall"), PerceptionConfig(), "none", has_rivals=False)
    drives = [
        planned("plain_wall", Kind.WALL, "drive.start_m=160", "drive.stop_before_wall_m=12", "walls.0.sweet_spot_m=38"),
        planned("free_road", Kind.STREET, "drive.duration_s=1.5"),
    ]
    for drive in drives:
        for _ in run_drive(drive, settings):
            pass
    return drives, settings


def test_wall_that_a_network_believes_is_found_in_time_and_called_fake(made):
    drives, settings = made
    judged, latency_ms = judge(drives, settings)
    wall = judged[0].scores
    assert wall[GEOMETRY].is_in_time
    assert wall[BELIEVED].is_in_time
    assert wall[BELIEVED].naming.first_m > 13.0  # enough to stop from 12 m/s at 6 m/s2 without reaction
    assert wall[BELIEVED].naming.false_events == 0
    assert wall[GEOMETRY].naming.first_m != wall[GEOMETRY].naming.first_m  # nothing contradicts it there
    assert wall[BELIEVED_30].drive.alarm is not None
    assert latency_ms[GEOMETRY]["total"] > latency_ms[GEOMETRY]["without_network_and_tracking"] > 0.0


def test_street_has_no_alarm(made):
    drives, settings = made
    judged, _ = judge(drives, settings)
    assert judged[1].scores[GEOMETRY].drive.false_events == 0
    assert judged[1].scores[BELIEVED].naming.false_events == 0


def test_report_and_figures_are_written(made):
    drives, settings = made
    judged, latency_ms = judge(drives, settings)
    document = benchmark_document(judged, "dev", "a command", latency_ms)
    page = write_benchmark(document, judged, settings).read_text("utf-8")
    assert "A painted wall in the way" in page
    assert "<svg" in page
    figures = json.loads((settings.output / "fakewall.json").read_text("utf-8"))
    assert figures["summary"]["detectors"][GEOMETRY]["walls"]["in_time"] == 1


def test_what_is_there_is_not_made_again_unless_settings_differ(made):
    drives, settings = made
    assert all(is_made(drive, settings) for drive in drives)
    other = BenchmarkSettings(settings.output, PerceptionConfig(), "none", has_rivals=True)
    assert not is_made(drives[0], other)
    truth = read_drive(drives[0], settings).truth
    assert np.diff([frame.wall_m for frame in truth.frames]).max() < 0.0


def test_damaged_file_is_told_and_made_again(made, tmp_path):
    drives, settings = made
    other = BenchmarkSettings(tmp_path, settings.config, "none", has_rivals=False)
    with pytest.raises(PerceptionError, match="cannot read"):
        read_drive(drives[0], other)
    other.file(drives[0]).parent.mkdir()
    other.file(drives[0]).write_text('{"schema_version": 1', "utf-8")
    assert not is_made(drives[0], other)
    with pytest.raises(PerceptionError, match="no records"):
        read_drive(drives[0], other)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--size", "640"], "--size is WIDTHxHEIGHT"),
        (["--part", "3"], "--part is K/N"),
        (["--part", "3/2"], "a part is 1 to 2"),
        (["--suite", "nonsense"], "is not one of"),
        (["--drive", "/nowhere"], "cannot read /nowhere/meta.json"),
        (["--share", "0"], "is not in the range"),
        (["--judge-only"], "holds no finished drive"),
        (["--judge-only", "--rerun"], "exclude each other"),
    ],
)
def test_wrong_options_are_told_before_anything_is_rendered(tmp_path, arguments, expected):
    result = CliRunner().invoke(command, ["fakewall", "-o", str(tmp_path / "out"), *arguments])
    assert result.exit_code != 0
    assert expected in result.output + str(result.exception)
    assert not (tmp_path / "out").exists()


def test_missing_ray_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    settings = BenchmarkSettings(tmp_path, PerceptionConfig(), "none")
    with pytest.raises(PerceptionError, match=r"pip install 'perception_fm\[ray\]'"):
        next(run_drives_on_ray([], settings, "auto"))
