"""Models in ONNX Runtime: reading a file's signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnxruntime

from perception_fm.errors import ModelError
from perception_fm.inference.backend import TensorSpec

_FATAL = 4
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
# ONNX's names of element types where NumPy has another.
_NUMPY_NAMES = {"float": "float32", "double": "float64", "float16": "float16"}
# Nothing lies in this folder: weights outside of the file would escape its hash.
_NO_FOLDER = "/nonexistent"


@dataclass(frozen=True)
class GraphSignature:
    """Metadata, inputs and outputs of an ONNX graph."""

    metadata: Mapping[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def describe_graph(model: bytes, where: str) -> GraphSignature:
    """The signature of an ONNX file's content, nothing optimised; `where` names it in messages.

    Raises `ModelError` for what ONNX Runtime cannot load, weights in other files included.
    """
    options = quiet_options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_prepacking", "1")
    session = open_session(model, options, ["CPUExecutionProvider"], where)
    metadata = session.get_modelmeta().custom_metadata_map
    return GraphSignature(metadata, specs(session.get_inputs()), specs(session.get_outputs()))


def quiet_options() -> onnxruntime.SessionOptions:
    """Options of a session that reports through exceptions only and reads nothing but the model itself."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NO_FOLDER)
    return options


def open_session(
    model: bytes, options: onnxruntime.SessionOptions, providers: Sequence[Any], where: str
) -> onnxruntime.InferenceSession:
    """A session of an ONNX file's content. Raises `ModelError` in one line."""
    try:
        return onnxruntime.InferenceSession(model, options, providers=list(providers))
    # ONNX Runtime's exceptions descend from RuntimeError, ValueError or Exception alone, depending on its version.
    except Exception as error:
        reason = one_line(error)
        if "external" in reason.lower() or _NO_FOLDER in reason:
            raise ModelError(f"{where} keeps weights in other files: export it into one file") from error
        raise ModelError(f"{where} is damaged or no ONNX model, copy or export it again: {reason}") from error


def specs(values: Sequence[Any]) -> tuple[TensorSpec, ...]:
    """Of the inputs or outputs of a session; what is no tensor keeps ONNX's name of its type."""
    found = []
    for value in values:
        kind = value.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple(size if isinstance(size, int) else None for size in value.shape)
        found.append(TensorSpec(value.name, _NUMPY_NAMES.get(kind, kind), shape))
    return tuple(found)


def one_line(error: Exception) -> str:
    """The first line of an exception of ONNX Runtime, without the code before it."""
    text = str(error).strip().partition("\n")[0]
    return _CODE.sub("", text)[:300]
