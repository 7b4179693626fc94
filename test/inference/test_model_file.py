"""Every file that is no model of the contract is refused in one line, before anything runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the models of this test are made with onnx")

import onnx
from onnx import helper, numpy_helper
from tiny_onnx import tiny_card, tiny_model, write_tiny_model

from perception_fm.errors import ModelError
from perception_fm.inference.model_file import read_model_file


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_model_file(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_card_and_hash_of_a_good_file(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    model = read_model_file(path)
    assert model.card == tiny_card()
    assert model.path == path
    assert model.read_bytes() == path.read_bytes()


def test_file_that_changed_after_the_check_is_not_used(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    model = read_model_file(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="changed"):
        model.read_bytes()


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.onnx")
    assert "directory" in refusal(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.7, 0.98])
def test_file_that_was_cut_off(tmp_path: Path, kept: float) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert "again" in refusal(path)


def test_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"<html>404</html>" * 100)
    assert "no ONNX model" in refusal(path)


def test_graph_that_does_not_hold_together(tmp_path: Path) -> None:
    model = tiny_model()
    model.graph.node[2].op_type = "NoSuchOperator"
    path = tmp_path / "broken.onnx"
    path.write_bytes(model.SerializeToString())
    assert "NoSuchOperator" in refusal(path)


def test_file_without_a_card_says_where_it_should_come_from(tmp_path: Path) -> None:
    model = tiny_model()
    del model.metadata_props[:]
    path = tmp_path / "bare.onnx"
    path.write_bytes(model.SerializeToString())
    assert "perception-fm export" in refusal(path)


@pytest.mark.parametrize(
    "card, word",
    [
        (tiny_card(heads=("depth", "label")), "heads"),
        (tiny_card(input_width=128), "input"),
        (tiny_card(output_stride=8), "output"),
    ],
)
def test_card_that_does_not_fit_the_graph(tmp_path: Path, card: object, word: str) -> None:
    model = tiny_model()
    model.metadata_props[0].value = card.to_json()  # type: ignore[attr-defined]
    path = tmp_path / "misfit.onnx"
    path.write_bytes(model.SerializeToString())
    assert word in refusal(path)


def test_label_map_of_the_wrong_length(tmp_path: Path) -> None:
    model = tiny_model()
    model.metadata_props[0].value = tiny_card().to_json().replace('"train_ids": [0, ', '"train_ids": [')
    path = tmp_path / "short.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="19 class names need as many train_ids, got 18"):
        read_model_file(path)


@pytest.mark.parametrize("is_there", [True, False])
def test_weights_outside_of_the_file_escape_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    model = tiny_model()
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((100, 100), np.float32), "weights"))
    model.graph.node.append(helper.make_node("Identity", ["weights"], ["unused"]))
    path = tmp_path / "spread.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=1000, location="weights.data")
    if not is_there:
        (tmp_path / "weights.data").unlink()
    monkeypatch.chdir(tmp_path)
    assert "into one file" in refusal(path)
