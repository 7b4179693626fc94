"""Weights that lie outside of a file are found, whatever else the bytes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the models of this test are made with onnx")

import onnx
from onnx import numpy_helper
from tiny_onnx import tiny_model

from perception_fm.inference.external_data import has_external_data


def test_weights_inside_and_outside(tmp_path: Path) -> None:
    model = tiny_model()
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((100, 100), np.float32), "weights"))
    assert not has_external_data(model.SerializeToString())
    path = tmp_path / "spread.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=1000, location="weights.data")
    assert has_external_data(path.read_bytes())


def test_bytes_that_are_no_model_are_left_to_the_runtime() -> None:
    data = tiny_model().SerializeToString()
    rng = np.random.default_rng(0)
    for broken in (b"", b"\xff" * 30, b"text", data[:-7], data[5:], rng.bytes(1000)):
        assert not has_external_data(broken)
