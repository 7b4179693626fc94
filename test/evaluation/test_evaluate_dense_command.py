"""`perception-fm evaluate depth` and `evaluate segmentation` as a person types them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_fm.cli import main

MakeDrive = Callable[..., Path]


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts of the acceptance gate are kept in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_tiny(folder: Path, **changes: Any) -> Path:
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    pytest.importorskip("onnxruntime", reason="the tiny model runs in onnxruntime")
    from tiny_onnx import tiny_card, write_tiny_model

    return write_tiny_model(folder / "tiny.onnx", tiny_card(**changes))


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    return write_tiny(tmp_path)


def write_predictions(folder: Path, depth_m: float = 8.0625, label: int = 0) -> Path:
    for kind, values in (("depth", np.full((48, 64), depth_m)), ("labels", np.full((48, 64), label, np.uint8))):
        (folder / kind).mkdir(parents=True)
        for index in range(2):
            np.save(folder / kind / f"frame{index}.npy", values)
    return folder


def evaluate(task: str, drive: Path, output: Path, *arguments: str) -> int:
    return main(["evaluate", task, str(drive), "-o", str(output), *arguments])


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_model_that_is_right_has_no_error_and_its_border_is_counted(
    make_truth_drive: MakeDrive, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert evaluate("depth", make_truth_drive(), output, "--model", str(tiny_model), "--backend", "onnxruntime") == 0
    document = json.loads((output / "depth.json").read_text())
    summary = document["summary"]
    assert summary["raw"]["abs_rel"] == pytest.approx(0.0, abs=1e-6)  # float32
    assert summary["counts"]["outside_grid"] == 2 * 4 * 48  # four columns, see test_grid_sampling
    assert summary["counts"]["judged"] == 2 * 60 * 48
    assert summary["calibration"]["within_1_sigma"] == 1.0
    assert [one["name"] for one in summary["classes"]] == ["road"]
    predictions = document["run"]["predictions"]
    assert (predictions["name"], predictions["runtime"]) == ("tiny", "onnxruntime")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("raw: AbsRel 0.000,")
    assert lines[-1] == f"report: {output / 'report.html'}"


def test_segmentation_of_a_model_needs_no_focal_length(
    make_truth_drive: MakeDrive, tiny_model: Path, tmp_path: Path
) -> None:
    drive = make_truth_drive(lambda meta: meta["camera"].update(K=None))
    output = tmp_path / "out"
    arguments = ("--model", str(tiny_model), "--backend", "onnxruntime")
    assert evaluate("segmentation", drive, output, *arguments) == 0
    summary = json.loads((output / "segmentation.json").read_text())["summary"]
    assert (summary["mean_iou"], summary["counts"]["judged"]) == (1.0, 2 * 60 * 48)
    assert summary["calibration"]["ece"] == pytest.approx(0.25, abs=0.002)  # a confidence of 0.75 as a byte


def test_depth_of_a_model_asks_for_the_focal_length_and_uses_it(
    make_truth_drive: MakeDrive, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive = make_truth_drive(lambda meta: meta["camera"].update(K=None))
    arguments = ("--model", str(tiny_model), "--backend", "onnxruntime")
    assert evaluate("depth", drive, tmp_path / "out", *arguments) == 2
    assert "--fx --fy --cx --cy" in refusal(capsys)
    focal = ("--fx", "100", "--fy", "100", "--cx", "31.5", "--cy", "23.5")
    assert evaluate("depth", drive, tmp_path / "out", *arguments, *focal) == 0
    summary = json.loads((tmp_path / "out/depth.json").read_text())["summary"]
    assert summary["raw"]["abs_rel"] == pytest.approx(1.0, abs=1e-6)  # twice the focal length, twice as far
    assert summary["median_scaled"]["abs_rel"] == pytest.approx(0.0, abs=1e-6)


def test_predictions_of_another_system_are_judged_alike(
    make_truth_drive: MakeDrive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive = make_truth_drive(lambda meta: meta["camera"].update(K=None))
    other = write_predictions(tmp_path / "other", depth_m=2 * 8.0625)
    assert evaluate("depth", drive, tmp_path / "depth", "--predictions", str(other / "depth")) == 0
    assert evaluate("segmentation", drive, tmp_path / "labels", "--predictions", str(other / "labels")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("raw: AbsRel 1.000,")
    assert lines[1].startswith("median-scaled: AbsRel 0.000,")
    assert "mean IoU 1.000, pixel accuracy 1.000" in lines
    document = json.loads((tmp_path / "depth/depth.json").read_text())
    assert document["run"]["predictions"] == {"kind": "folder", "name": "depth"}
    assert [one["id"] for one in document["frames"]] == ["frame0", "frame1"]


@pytest.mark.parametrize("task", ["depth", "segmentation"])
def test_report_needs_nothing_from_elsewhere_and_names_are_text(
    task: str, make_truth_drive: MakeDrive, tmp_path: Path
) -> None:
    drive = make_truth_drive(lambda meta: meta.update(source="<script>alert(1)</script>"))
    other = write_predictions(tmp_path / "other", label=13)
    folder = other / ("depth" if task == "depth" else "labels")
    assert evaluate(task, drive, tmp_path / "out", "--predictions", str(folder)) == 0
    html = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert all(source.startswith("data:image/jpeg") for source in re.findall(r'(?:src|href)="([^"#]+)"', html))
    assert len(re.findall("<figure>", html)) == 2
    assert "<script>" not in html
    assert html.count("<svg") >= 1


def test_earlier_results_are_replaced_only_when_asked(
    make_truth_drive: MakeDrive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive, other = make_truth_drive(), write_predictions(tmp_path / "other")
    arguments = ("--predictions", str(other / "depth"))
    assert evaluate("depth", drive, tmp_path / "out", *arguments) == 0
    capsys.readouterr()
    assert evaluate("depth", drive, tmp_path / "out", *arguments) == 2
    assert "--overwrite" in refusal(capsys)
    assert evaluate("depth", drive, tmp_path / "out", *arguments, "--overwrite", "--every", "2") == 0
    assert len(json.loads((tmp_path / "out/depth.json").read_text())["frames"]) == 1
    labels = ("--predictions", str(other / "labels"), "--overwrite")
    assert evaluate("segmentation", drive, tmp_path / "out", *labels) == 2  # results of another kind


def corrupt_depth(drive: Path) -> None:
    (drive / "depth/01.png").write_bytes((drive / "depth/01.png").read_bytes()[:40])


def small_image(drive: Path) -> None:
    cv2.imwrite(str(drive / "rgb/01.png"), np.zeros((24, 32, 3), np.uint8))


def no_truth(drive: Path) -> None:
    for file in (drive / "depth").iterdir():
        file.unlink()


def no_meta(drive: Path) -> None:
    (drive / "meta.json").unlink()


@pytest.mark.parametrize(
    ("damage", "arguments", "message"),
    [
        (corrupt_depth, (), "cannot read"),
        (small_image, (), "is 32x24, expected 64x48"),
        (no_truth, (), "no frame has depth"),
        (no_meta, (), "is no drive folder"),
        (None, ("--min-depth", "20"), "none of the 6144 true depths lies between 20 and 80 m"),
        (None, ("--min-depth", "90"), "depth limits are 0 < min < max"),
        (None, ("--bands", "5,x"), "--bands is a list of metres"),
        (None, ("--label-map", "camvid"), "the label map camvid does not fit"),
        (None, ("--model", "tiny.onnx"), "either --model or --predictions"),
        (None, ("--hfov-deg", "60"), "intrinsics of its own"),
    ],
)
def test_bad_input_is_one_line_status_2_and_leaves_nothing(
    damage: Callable[[Path], None] | None, arguments: tuple[str, ...], message: str, make_truth_drive: MakeDrive,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    drive, other = make_truth_drive(), write_predictions(tmp_path / "other")
    if damage is not None:
        damage(drive)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert evaluate("depth", drive, tmp_path / "out", "--predictions", str(other / "depth"), *arguments) == 2
    assert message in refusal(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_neither_model_nor_predictions_is_refused(
    make_truth_drive: MakeDrive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("depth", make_truth_drive(), tmp_path / "out") == 2
    assert "either --model or --predictions" in refusal(capsys)


def test_model_without_the_head_is_refused(
    make_truth_drive: MakeDrive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_tiny(tmp_path, heads=("label", "confidence"))
    arguments = ("--model", str(model), "--backend", "onnxruntime")
    assert evaluate("depth", make_truth_drive(), tmp_path / "out", *arguments) == 2
    assert "has no head depth, only label, confidence" in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_labels_without_a_known_map_ask_for_one(
    make_truth_drive: MakeDrive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive = make_truth_drive(lambda meta: meta.pop("class_names"))
    other = write_predictions(tmp_path / "other")
    arguments = ("--predictions", str(other / "labels"))
    assert evaluate("segmentation", drive, tmp_path / "out", *arguments) == 2
    assert "give --label-map pandaset|camvid" in refusal(capsys)
    own = tmp_path / "own.yaml"
    own.write_text("classes: {drivable: {truth: [7], prediction: [road, sidewalk]}}\n")
    assert evaluate("segmentation", drive, tmp_path / "out", *arguments, "--label-map", str(own)) == 0
    assert "drivable: IoU 1.000" in capsys.readouterr().out
    assert evaluate("depth", drive, tmp_path / "depth", "--predictions", str(other / "depth")) == 0
    assert json.loads((tmp_path / "depth/depth.json").read_text())["summary"]["classes"] == []


def test_flat_road_is_right_where_a_real_road_is(shared_data: Path, tmp_path: Path) -> None:
    drive = shared_data / "pandaset_002"
    meta = json.loads((drive / "meta.json").read_text())
    (_, fy, _, cy), height_m = meta["camera"]["K"], meta["camera"]["height_m"]
    rows = np.arange(meta["camera"]["size"][1], dtype=np.float64)[:, None]
    depth = np.where(rows > cy, fy * height_m / np.maximum(rows - cy, 1e-6), np.nan)
    other = tmp_path / "other"
    other.mkdir()
    for frame in meta["frames"]:
        np.save(other / f"{frame['id']}.npy", np.broadcast_to(depth, meta["camera"]["size"][::-1]).astype(np.float32))
    assert evaluate("depth", drive, tmp_path / "out", "--predictions", str(other), "--every", "12") == 0
    summary = json.loads((tmp_path / "out/depth.json").read_text())["summary"]
    classes = {one["name"]: one["raw"]["abs_rel"] for one in summary["classes"]}
    assert classes["road"] < 0.06  # an almost level road and a camera whose height is known
    assert classes["vehicle"] > 0.3  # everything that stands on it is taken for far road
    assert 0 < summary["counts"]["invalid"] < summary["counts"]["in_range"]
