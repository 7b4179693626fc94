"""Models in ONNX Runtime: the signature of a file, and the backend."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from perception_fm.errors import InferenceError, ModelError
from perception_fm.inference.backend import Array, BackendInfo, InferenceBackend, TensorSpec
from perception_fm.inference.model_file import ModelFile

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
VERSION: str = onnxruntime.__version__

onnxruntime.disable_telemetry_events()  # a vehicle reports to nobody

_FATAL = 4
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
# ONNX's names of element types where NumPy has another.
_NUMPY_NAMES = {"float": "float32", "double": "float64", "float16": "float16"}


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
    session = open_session(model, options, [CPU], where)
    metadata = session.get_modelmeta().custom_metadata_map
    return GraphSignature(metadata, specs(session.get_inputs()), specs(session.get_outputs()))


def quiet_options() -> onnxruntime.SessionOptions:
    """Options of a session that reports through exceptions only."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    return options


def open_session(
    model: bytes, options: onnxruntime.SessionOptions, providers: Sequence[Any], where: str
) -> onnxruntime.InferenceSession:
    """A session of an ONNX file's content. Raises `ModelError` in one line."""
    try:
        return onnxruntime.InferenceSession(model, options, providers=list(providers))
    # ONNX Runtime's exceptions descend from RuntimeError, ValueError or Exception alone, depending on its version.
    except Exception as error:
        raise ModelError(f"{where} is damaged or no ONNX model, copy or export it again: {one_line(error)}") from error


class OnnxRuntimeBackend(InferenceBackend):
    """A model file in ONNX Runtime; releases the GIL while it runs.

    `providers`: execution providers by ONNX Runtime's names, in order of preference; None takes CUDA where this build
    of ONNX Runtime has it and it loads, else the CPU, and `info.device` says which. Operators that a GPU provider lacks
    run on the CPU. `threads`: of one operator; None: one per physical core that this process may use. `is_optimised`:
    False keeps every operator as the file has it, the plain meaning of a quantised graph (slower). Raises `ModelError`
    for a file that has changed, does not load, and for a provider that was named but is not there or does not load.

    Outputs lie in arrays that the next call overwrites. Threads sleep between operators instead of spinning: with two
    threads beside a busy one on two cores, a network of 63 ms of processor time took 107 ms and 110 ms of processor
    time asleep, 153 ms and 152 ms spinning (medians of 40); alone it was no faster spinning.
    """

    def __init__(
        self,
        model_file: ModelFile,
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        is_optimised: bool = True,
    ) -> None:
        self.card = model_file.card
        options = quiet_options()
        options.intra_op_num_threads = physical_cores() if threads is None else threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not is_optimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        wanted = _wanted(providers)
        model = model_file.read_bytes()
        self._session = open_session(model, options, [_with_options(name) for name in wanted], str(model_file.path))
        in_use = self._session.get_providers()
        if providers is not None and in_use[0] != wanted[0]:
            raise ModelError(
                f"ONNX Runtime cannot load {wanted[0]} and would fall back to {in_use[0]}: is it installed?"
            )
        self.info = _info(model_file, in_use[0])
        self.inputs, self.outputs = specs(self._session.get_inputs()), specs(self._session.get_outputs())
        self._binding: onnxruntime.IOBinding | None = None
        self._batch = 0
        self._results: dict[str, Array] = {}

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        if self._session is None:
            raise InferenceError(f"model {self.card.name} has been closed")
        held = {name: np.ascontiguousarray(values) for name, values in feeds.items()}
        try:
            binding = self._bound(len(next(iter(held.values()))))
            for name, values in held.items():
                binding.bind_cpu_input(name, values)
            self._session.run_with_iobinding(binding)
        # See `open_session`: there is no common ancestor to name.
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed on model {self.card.name}: {one_line(error)}") from error
        return dict(self._results)

    def _bound(self, batch: int) -> onnxruntime.IOBinding:
        """A binding whose outputs lie in `_results`, made anew when the batch changes."""
        if self._binding is None or batch != self._batch:
            binding = self._session.io_binding()
            self._results = {
                spec.name: np.empty(self.card.output_shape(spec.name, batch), spec.dtype) for spec in self.outputs
            }
            for name, values in self._results.items():
                binding.bind_output(name, "cpu", 0, values.dtype.type, values.shape, values.ctypes.data)
            self._binding, self._batch = binding, batch
        return self._binding

    def close(self) -> None:
        """See `InferenceBackend.close`."""
        self._binding, self._session, self._results = None, None, {}


def physical_cores() -> int:
    """Physical cores that this process may run on: a second thread on a core only gets in the way of the first."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for cpu in allowed:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text("ascii"))
        except OSError:
            return len(allowed)
    return len(siblings)


def _wanted(providers: Sequence[str] | None) -> list[str]:
    """Providers for a session. Raises `ModelError` for one that this build of ONNX Runtime lacks."""
    available = onnxruntime.get_available_providers()
    if providers is None:
        return [name for name in (CUDA, CPU) if name in available]
    missing = [name for name in providers if name not in available]
    if missing or not providers:
        raise ModelError(f"ONNX Runtime has {', '.join(available)}, not {', '.join(missing) or 'an empty list'}")
    return list(providers)


def _with_options(provider: str) -> Any:
    """FP32 stays FP32: TF32, the default of the CUDA provider, has the mantissa of FP16."""
    has_tf32_option = tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= (1, 18)
    return (provider, {"use_tf32": "0"}) if provider == CUDA and has_tf32_option else provider


def _info(model_file: ModelFile, provider: str) -> BackendInfo:
    precision = model_file.card.precision
    if provider == CPU and precision == "fp16":
        precision = "fp32 (fp16 weights)"  # but for a few kernels on ARM, the CPU provider casts FP16 to FP32
    if provider == TENSORRT and precision == "fp32":
        precision = "tf32"  # the builder's default
    device = "CPU" if provider == CPU else f"GPU 0 ({provider})"
    return BackendInfo("onnxruntime", onnxruntime.__version__, device, precision, model_file.sha256)


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
