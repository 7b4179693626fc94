"""`perception-fm evaluate shards` and `evaluate depth-error` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_fm.cli import main
from perception_fm.depth_error import DepthErrorModel
from perception_fm.evaluation.shard_frames import ShardSet

MakeShards = Callable[..., Path]


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts of the acceptance gate are kept in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tiny_model(tmp_path: Path) -> Callable[..., Path]:
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    pytest.importorskip("onnxruntime", reason="the tiny model runs in onnxruntime")
    from tiny_onnx import tiny_card, write_tiny_model

    def write(**changes: Any) -> Path:
        return write_tiny_model(tmp_path / "tiny.onnx", tiny_card(**changes))

    return write


def evaluate(task: str, *arguments: Path | str) -> int:
    return main(["evaluate", task, *map(str, arguments), "--backend", "onnxruntime"])


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_model_that_is_right_about_depth_is_right_about_prints_too(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert evaluate("shards", make_shards(), "-o", output, "--model", tiny_model()) == 0
    document = json.loads((output / "shards.json").read_text())
    summary = document["summary"]
    assert (summary["frames"], summary["worlds"]) == (4, 2)
    assert summary["depth"]["raw"]["abs_rel"] == pytest.approx(0.0, abs=2e-3)  # JPEG
    assert summary["depth"]["raw"]["pixels"] == 4 * 64 * 32
    assert summary["painted_surfaces"]["believing_share"] == 0.0
    assert summary["painted_surfaces"]["raw"]["pixels"] == 2 * 64 * 16
    assert summary["normals"]["all"]["within_11_25"] == 1.0
    # The painted-surface head of the tiny model says 1/8 everywhere, which tells nothing apart.
    assert summary["painted_head"]["auroc"] == 0.5
    assert summary["painted_head"]["calibration"]["ece"] == pytest.approx(0.25 - 0.125)
    assert summary["painted_labels"]["predicted_share"] == {"road": 1.0}
    assert [one["scenario"] for one in summary["scenarios"]] == ["free", "painted"]
    assert document["frames"][0]["print"] == "scene"
    lines = capsys.readouterr().out.splitlines()
    assert "0.0% believe the picture" in "\n".join(lines)
    assert lines[-1] == f"report: {output / 'report.html'}"
    html = (output / "report.html").read_text()
    assert "Prints that are believed most" in html
    assert 'src="http' not in html


def test_what_model_or_dataset_lacks_is_left_out(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    folder = make_shards(channels=["depth", "label"])
    assert evaluate("shards", folder, "-o", output, "--model", tiny_model(heads=("depth", "normals"))) == 0
    summary = json.loads((output / "shards.json").read_text())["summary"]
    assert summary["depth"]["raw"]["pixels"] == 4 * 64 * 32
    for part in ("segmentation", "normals", "painted_head", "painted_surfaces", "painted_labels"):
        assert summary[part] is None
    assert (output / "report.html").is_file()


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"is_complete": False}, "not complete"),
        ({"channels": ["label"]}, "nothing to judge"),
    ],
)
def test_dataset_that_cannot_be_judged_is_one_line_and_no_folder(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    dataset: dict[str, Any], message: str,
) -> None:  # fmt: skip
    model = tiny_model(heads=("depth",))
    assert evaluate("shards", make_shards(**dataset), "-o", tmp_path / "out", "--model", model) == 2
    assert message in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_folder_that_is_no_dataset_is_one_line(
    tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("shards", tmp_path, "-o", tmp_path / "out", "--model", tiny_model()) == 2
    assert "is no dataset" in refusal(capsys)


def test_truth_of_a_lens_with_distortion_is_that_of_the_pinhole(make_shards: MakeShards) -> None:
    frame = next(ShardSet(make_shards(distortion=("plumb_bob", [-0.2, 0.0, 0.0, 0.0, 0.0]))).frames())
    assert frame.stored_camera.has_distortion
    assert not frame.camera.has_distortion
    np.testing.assert_array_equal(frame.camera.intrinsics, frame.stored_camera.intrinsics)


def test_error_model_leaves_frames_with_prints_out(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "error.json"
    folders = make_shards(["painted", *["free"] * 9], name="a"), make_shards(["free"] * 2, name="b")
    assert evaluate("depth-error", *folders, "-o", file, "--model", tiny_model()) == 0
    error = DepthErrorModel.from_json(file.read_text(), str(file))
    assert (error.model, error.source, error.frames) == ("tiny", "a, b", 22)
    assert error.bias_road[2] == pytest.approx(0.0, abs=2e-3)  # JPEG
    assert error.log_variance_slope is not None
    assert "frames: 22" in capsys.readouterr().out


def test_too_few_frames_for_an_error_model_leave_no_file(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "error.json"
    assert evaluate("depth-error", make_shards(), "-o", file, "--model", tiny_model()) == 2
    assert "needs 20 frames" in refusal(capsys)
    assert not file.exists()


def test_model_without_depth_has_no_depth_error(
    make_shards: MakeShards, tiny_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_model(heads=("label",))
    assert evaluate("depth-error", make_shards(), "-o", tmp_path / "error.json", "--model", model) == 2
    assert "no head depth" in refusal(capsys)
