"""Whatever an engine depends on changes its fingerprint, and is named in words."""

from __future__ import annotations

import dataclasses
import json

import pytest

from perception_fm.errors import EngineError
from perception_fm.inference.fingerprint import EngineFingerprint

PRINT = EngineFingerprint(
    model="tiny", onnx_sha256="a" * 64, library="tensorrt", library_version="10.3.0.30", gpu="Orin", capability="8.7",
    driver="12.6", precision="fp16", input_shape=(1, 32, 64, 3), options='{"workspace_mib": 1024}',
)  # fmt: skip
OTHERS = {
    "model": "small", "onnx_sha256": "b" * 64, "library": "tensorrt_rtx", "library_version": "10.3.0.31",
    "gpu": "Orin Nano", "capability": "8.9", "driver": "13.0", "precision": "int8", "input_shape": (2, 32, 64, 3),
    "options": '{"workspace_mib": 512}', "schema": 99,
}  # fmt: skip


def test_every_field_changes_the_digest() -> None:
    assert OTHERS.keys() == {field.name for field in dataclasses.fields(EngineFingerprint)}
    digests = {dataclasses.replace(PRINT, **{name: value}).digest for name, value in OTHERS.items()}
    assert len(digests | {PRINT.digest}) == len(OTHERS) + 1


@pytest.mark.parametrize("field", OTHERS)
def test_difference_is_named_once(field: str) -> None:
    (line,) = PRINT.differences(dataclasses.replace(PRINT, **{field: OTHERS[field]}))
    assert " became " in line


def test_difference_names_both_values() -> None:
    assert PRINT.differences(dataclasses.replace(PRINT, gpu="RTX 4090")) == ("GPU: Orin became RTX 4090",)
    assert PRINT.differences(dataclasses.replace(PRINT, input_shape=(4, 32, 64, 3))) == (
        "input shape: 1x32x64x3 became 4x32x64x3",
    )
    assert PRINT.differences(PRINT) == ()


def test_fingerprint_survives_json() -> None:
    assert EngineFingerprint.from_json(PRINT.to_json(), "a file") == PRINT


def without(field: str) -> str:
    values = json.loads(PRINT.to_json())
    del values[field]
    return json.dumps(values)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", without("gpu"), PRINT.to_json().replace('"8.7"', "8.7"), PRINT.to_json().replace("32", '"32"')],
)
def test_other_json_is_no_fingerprint(text: str) -> None:
    with pytest.raises(EngineError, match=r"a file: .*fingerprint"):
        EngineFingerprint.from_json(text, "a file")
