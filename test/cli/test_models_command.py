"""`perception-fm models`: what a person reads, what a program reads, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perception_fm.cli import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, main
from perception_fm.models.cache import exported_path, weights_folder
from perception_fm.models.lock import LOCK_NAME, Locked, sha256_of, write_lock
from perception_fm.models.zoo_entries import ZOO


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 0
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == EXIT_BAD_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("perception-fm")
    return lines[-1]


def test_list_warns_of_licences_and_says_what_is_here(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = exported_path("eomt_dinov2", tmp_path)
    file.parent.mkdir()
    file.touch()
    rows = {line.split()[0]: line for line in run(capsys, "list", "--cache", str(tmp_path)).splitlines()[1:]}
    assert list(rows) == list(ZOO)
    assert " NO " in rows["dav2_segformer"]
    assert " yes " in rows["dav2_small_outdoor"]
    assert " exported " in rows["eomt_dinov2"]
    assert " included " in rows["bundled"]


def test_list_for_programs_has_every_entry_with_its_terms(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    records = json.loads(run(capsys, "list", "--json", "--cache", str(tmp_path)))
    assert [record["name"] for record in records] == list(ZOO)
    for record in records:
        assert record["licence"]
        assert record["is_commercial"] in (True, False)
        assert all(part["revision"] is None and part["sha256"] is None for part in record["parts"])
    assert sum(record["is_default"] for record in records) == 1


def test_info_shows_what_the_lock_has_seen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = run(capsys, "info", "dinov2_small", "--cache", str(tmp_path))
    assert "not seen yet: the first pull locks it" in before
    repo = ZOO["dinov2_small"].parts[0].weights.repo
    file = weights_folder(repo, tmp_path) / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    write_lock(tmp_path, repo, Locked("1" * 40, {file.name: sha256_of(file)}))
    after = run(capsys, "info", "dinov2_small", "--cache", str(tmp_path))
    assert f"revision {'1' * 40}" in after
    assert f"model.safetensors sha256 {sha256_of(file)}" in after


def test_info_tells_the_label_map_and_the_focal_length(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run(capsys, "info", "dav2_segformer", "--cache", str(tmp_path))
    assert "0 road, 1 sidewalk" in text
    assert "fx = 974.4 px" in text
    assert "NO commercial use" in text
    record = json.loads(run(capsys, "info", "dav2_segformer", "--json", "--cache", str(tmp_path)))
    assert record["train_ids"] == list(range(19))
    assert [part["branch"] for part in record["parts"]] == ["main", "refs/pr/4"]


def test_unknown_model_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean eomt_dinov2" in refusal(capsys, "info", "eomt")
    assert "models list" in refusal(capsys, "pull", "no_such_model")
    assert "Missing argument" in refusal(capsys, "info")


def test_model_of_the_package_is_not_pulled(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="pulling needs the extra `models`")
    assert "comes with the package" in refusal(capsys, "pull", "bundled", "--cache", str(tmp_path))


def test_damaged_lock_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("{")
    assert "move it away" in refusal(capsys, "list", "--cache", str(tmp_path))


@pytest.mark.parametrize("name", ["list", "info", "pull", "check"])
def test_help_explains_each_subcommand(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, name, "--help")
    assert text.startswith(f"Usage: perception-fm models {name}")
    assert "--json" in text


def test_check_accepts_the_same_model_and_shows_the_figures_of_another(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiny_onnx = pytest.importorskip("tiny_onnx", reason="makes its model with the library onnx")
    reference = tiny_onnx.write_tiny_model(tmp_path / "reference.onnx")
    assert "accepted" in run(capsys, "check", str(reference), str(reference))
    model = tiny_onnx.tiny_model()
    tenth = next(tensor for tensor in model.graph.initializer if tensor.name == "tenth")
    tenth.CopyFrom(tiny_onnx.numpy_helper.from_array(np.array(0.11, np.float32), "tenth"))
    (tmp_path / "scaled.onnx").write_bytes(model.SerializeToString())
    assert main(["models", "check", str(tmp_path / "scaled.onnx"), str(reference), "--json"]) == EXIT_CHECK_FAILED
    report = json.loads(capsys.readouterr().out)
    assert not report["is_accepted"]
