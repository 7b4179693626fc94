"""The node's parameter `model`: a path or a name, and the command to run where there is nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_fm.errors import ModelError
from perception_fm.models import locate
from perception_fm.models.cache import exported_path, packaged_path, weights_folder
from perception_fm.models.locate import resolve_model
from perception_fm.models.lock import Locked, sha256_of, write_lock
from perception_fm.models.zoo_entries import ZOO


def test_path_of_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.touch()
    assert resolve_model(file) == file
    assert resolve_model(str(file)) == file


def test_file_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.onnx").touch()
    assert resolve_model("~/mine.onnx") == tmp_path / "mine.onnx"


def test_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        resolve_model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="there is no model file"):
        resolve_model("gone.onnx")


def test_file_of_another_kind_names_the_export(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(ModelError, match="perception-fm export"):
        resolve_model(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("name", ["eomt_dinov2", "efficientnet_lite2"])  # an encoder is not in the zoo
def test_exported_model_is_found_by_its_name(name: str, tmp_path: Path) -> None:
    file = exported_path(name, tmp_path)
    file.parent.mkdir()
    file.touch()
    assert resolve_model(name, cache=tmp_path) == file


def test_bundled_model_is_that_of_the_package_whatever_was_exported(tmp_path: Path) -> None:
    file = exported_path("bundled", tmp_path)
    file.parent.mkdir()
    file.touch()
    assert resolve_model("bundled", cache=tmp_path) == packaged_path("bundled")


def test_package_without_its_model_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "packaged_path", lambda name: tmp_path / f"{name}.onnx")
    with pytest.raises(ModelError, match=r"the package lacks its model .*/bundled.onnx: install it again"):
        resolve_model("bundled", cache=tmp_path)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("dav2_segformer", "perception-fm models pull dav2_segformer"),
        ("dinov2_base", "perception-fm models pull dinov2_base"),
    ],
)
def test_model_that_is_not_ready_names_the_next_command(name: str, command: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"not ready here: {command}") as refusal:
        resolve_model(name, cache=tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "command"), [("segformer_b0_cityscapes", "perception-fm export"), ("dinov2_small", "perception-fm train")]
)
def test_pulled_model_names_the_step_after_the_pull(name: str, command: str, tmp_path: Path) -> None:
    repo = ZOO[name].parts[0].weights.repo
    file = weights_folder(repo, tmp_path) / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    write_lock(tmp_path, repo, Locked("d" * 40, {file.name: sha256_of(file)}))
    with pytest.raises(ModelError, match=command):
        resolve_model(name, cache=tmp_path)


def test_unknown_name_is_refused_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="perception-fm models list"):
        resolve_model("no_such_model", cache=tmp_path)
