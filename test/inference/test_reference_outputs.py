"""Reference outputs that are kept save time only: what is not exactly what was written is made anew."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the models of this test are made with onnx")

from tiny_onnx import NEAR_M, tiny_card, write_tiny_model

from perception_fm.inference import reference as module
from perception_fm.inference.golden_frames import golden_frames
from perception_fm.inference.model_file import ModelFile, read_model_file
from perception_fm.inference.reference import reference_outputs

FRAMES = golden_frames(tiny_card())[:2]


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    return read_model_file(write_tiny_model(tmp_path / "tiny.onnx"))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever the reference is computed."""
    calls: list[int] = []
    real = module.compute_reference

    def counted(model: ModelFile, frames: np.ndarray) -> dict:
        calls.append(len(frames))
        return real(model, frames)

    monkeypatch.setattr(module, "compute_reference", counted)
    return calls


def test_reference_is_the_graph_as_it_stands(model: ModelFile, tmp_path: Path) -> None:
    depth = reference_outputs(model, FRAMES, None)["depth"]
    cells = FRAMES.reshape(2, 8, 4, 16, 4, 3).mean(axis=(2, 4, 5))
    np.testing.assert_allclose(depth, NEAR_M + cells / 10.0, rtol=1e-5)


def test_second_time_nothing_is_computed(model: ModelFile, tmp_path: Path, computed: list[int]) -> None:
    first = reference_outputs(model, FRAMES, tmp_path / "kept")
    second = reference_outputs(model, FRAMES, tmp_path / "kept")
    assert len(computed) == 1
    for head, values in first.items():
        np.testing.assert_array_equal(values, second[head])
        assert values.dtype == second[head].dtype


def test_other_frames_and_other_files_have_their_own(tmp_path: Path, model: ModelFile, computed: list[int]) -> None:
    other = read_model_file(write_tiny_model(tmp_path / "other.onnx", tiny_card(name="other")))
    for each, frames in ((model, FRAMES), (model, FRAMES[::-1]), (other, FRAMES)):
        reference_outputs(each, frames, tmp_path / "kept")
    assert len(computed) == 3


def rewritten(path: Path, change: dict[str, np.ndarray]) -> None:
    with np.load(path, allow_pickle=False) as kept:
        values = {**kept, **change}
    with path.open("wb") as file:
        np.savez(file, **values)


def tamper_value(path: Path) -> None:
    with np.load(path, allow_pickle=False) as kept:
        depth = kept["depth"].copy()
    depth[0, 0, 0] *= 1.01
    rewritten(path, {"depth": depth})


def tamper_shape(path: Path) -> None:
    rewritten(path, {"depth": np.zeros((2, 4, 4), np.float32)})


def tamper_pickle(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, depth=np.array([{}], dtype=object))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def let_others_write(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("harm", [tamper_value, tamper_shape, tamper_pickle, cut_off, flip_bit, let_others_write])
def test_tampered_reference_is_not_believed(
    model: ModelFile, tmp_path: Path, computed: list[int], caplog: pytest.LogCaptureFixture, harm
) -> None:
    folder = tmp_path / "kept"
    good = reference_outputs(model, FRAMES, folder)
    (path,) = folder.iterdir()
    harm(path)
    with caplog.at_level(logging.WARNING):
        again = reference_outputs(model, FRAMES, folder)
    assert len(computed) == 2
    assert "made anew" in caplog.text
    np.testing.assert_array_equal(again["depth"], good["depth"])
    reference_outputs(model, FRAMES, folder)
    assert len(computed) == 2


def test_folder_that_takes_nothing_costs_time_only(
    model: ModelFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        outputs = reference_outputs(model, FRAMES, tmp_path / "file" / "kept")
    assert outputs.keys() == set(tiny_card().heads)
    assert "not kept" in caplog.text


def test_full_disk_leaves_nothing_half_written(
    model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    reference_outputs(model, FRAMES, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
