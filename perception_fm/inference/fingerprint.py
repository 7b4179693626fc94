"""`EngineFingerprint`: everything that a compiled engine depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from dataclasses import dataclass
from typing import Any

from perception_fm.errors import EngineError

SCHEMA = 1
"""Raised when this package begins to build the same files into other engines."""


@dataclass(frozen=True)
class EngineFingerprint:
    """Two engines are interchangeable when all of this is equal.

    `model`: name on the card, for people. `onnx_sha256`: of the whole file. `library`, `library_version`: tensorrt or
    tensorrt_rtx, all digits. `gpu`: name, "" where the engine runs on every GPU of the capability. `capability`: 8.9.
    `driver`: highest CUDA version of the driver, "" likewise. `precision`: that of the ONNX file, as its card says.
    `input_shape`: (N, H, W, 3), N the largest batch. `options`: of the builder, as JSON.
    """

    model: str
    onnx_sha256: str
    library: str
    library_version: str
    gpu: str
    capability: str
    driver: str
    precision: str
    input_shape: tuple[int, ...]
    options: str
    schema: int = SCHEMA

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """For people and for `from_json`."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str, where: str) -> EngineFingerprint:
        """The fingerprint in `text`; `where` names its file. Raises `EngineError` for anything but a whole one."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise EngineError(f"{where}: its fingerprint is not JSON: {error}") from error
        hints = typing.get_type_hints(EngineFingerprint)
        if not isinstance(values, dict) or values.keys() != hints.keys():
            raise EngineError(f"{where}: its fingerprint does not have the fields {', '.join(hints)}")
        return EngineFingerprint(**{name: _typed(value, hints[name], name, where) for name, value in values.items()})

    def differences(self, other: EngineFingerprint) -> tuple[str, ...]:
        """In words, what makes `other` another engine: `TensorRT version: 10.3.0 became 10.8.0`; empty for nothing."""
        found = []
        for field, word in _WORDS.items():
            mine, theirs = getattr(self, field), getattr(other, field)
            if mine != theirs:
                found.append(f"{word}: {_shown(mine)} became {_shown(theirs)}")
        return tuple(found)


_WORDS = {
    "model": "model",
    "onnx_sha256": "ONNX file",
    "library": "library",
    "library_version": "library version",
    "gpu": "GPU",
    "capability": "compute capability",
    "driver": "driver (CUDA)",
    "precision": "precision",
    "input_shape": "input shape",
    "options": "builder options",
    "schema": "format of this package",
}
_LONGEST_SHOWN = 60


def _shown(value: Any) -> str:
    text = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if len(text) == 64:  # a SHA-256
        return text[:12]
    return text[:_LONGEST_SHOWN] or "any"


def _typed(value: Any, hint: Any, name: str, where: str) -> Any:
    """`value` from JSON in the type of its field; raises `EngineError` for another."""
    if typing.get_origin(hint) is tuple:
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
    elif type(value) is hint:
        return value
    raise EngineError(f"{where}: {name} of its fingerprint has the wrong type: {value!r}")
