"""A fitted depth error travels inside the model file, and only with the model that it belongs to."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import ModelError
from perception_fm.models.attach import attach_depth_error, read_depth_error, with_depth_error
from perception_fm.models.card import ModelCard

ERROR = DepthErrorModel(
    model="tiny", weights_sha256="", source="test", frames=20, points=2000, band_edges_m=(15.0,),
    variance_road=(0.01, 0.03), variance_other=(0.02, 0.08), bias_road=(0.0, 0.0), bias_other=(0.0, 0.1),
    scale_variance=0.01, smooth_share=0.5, correlation_length=0.1,
)  # fmt: skip
CARD = ModelCard(
    name="tiny", source="", revision=None, licence="Apache-2.0", is_commercial=True, is_trained=True, encoder="none",
    input_height=32, input_width=64, output_stride=4, heads=("depth",), canonical_focal_px=50.0,
)  # fmt: skip


def test_card_with_a_depth_error_there_and_back() -> None:
    card = dataclasses.replace(CARD, depth_error=ERROR)
    assert ModelCard.from_json(card.to_json(), "file") == card


def test_card_from_before_there_were_depth_errors_is_read() -> None:
    values = json.loads(CARD.to_json())
    del values["depth_error"]
    assert ModelCard.from_json(json.dumps(values), "file") == CARD


@pytest.mark.parametrize("value", [1.0, {}, {"model": "tiny"}, "text"])
def test_damaged_depth_error_in_a_card_is_refused(value: object) -> None:
    values = {**json.loads(CARD.to_json()), "depth_error": value}
    with pytest.raises(ModelError, match="depth_error of its card is no depth error model"):
        ModelCard.from_json(json.dumps(values), "file")


def test_depth_error_needs_depth_of_the_same_model_and_weights() -> None:
    with pytest.raises(ModelError, match="needs the head depth"):
        with_depth_error(dataclasses.replace(CARD, heads=("label",)), ERROR)
    with pytest.raises(ModelError, match="fitted for the model tiny, this is other"):
        with_depth_error(dataclasses.replace(CARD, name="other"), ERROR)
    with pytest.raises(ModelError, match="other weights"):
        with_depth_error(
            dataclasses.replace(CARD, weights_sha256="1" * 64), dataclasses.replace(ERROR, weights_sha256="2" * 64)
        )


def test_attached_error_is_in_the_file_and_refused_one_leaves_it_alone(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="files are written by the exporter, which needs PyTorch")
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    from tiny_onnx import write_tiny_model

    from perception_fm.inference.model_file import read_model_file

    path = write_tiny_model(tmp_path / "tiny.onnx")
    before = path.read_bytes()
    with pytest.raises(ModelError, match="this is tiny"):
        attach_depth_error(path, dataclasses.replace(ERROR, model="other"))
    assert path.read_bytes() == before
    attach_depth_error(path, ERROR)
    assert read_model_file(path).card.depth_error == ERROR
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.onnx"]


def test_file_of_an_error_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the depth error"):
        read_depth_error(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="it is no text"):
        read_depth_error(tmp_path / "bad.json")
    (tmp_path / "error.json").write_text(ERROR.to_json())
    assert read_depth_error(tmp_path / "error.json") == ERROR
