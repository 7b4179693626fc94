"""`TensorRtBackend`: a compiled engine on the GPU of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from perception_fm.errors import EngineError, InferenceError, PerceptionError
from perception_fm.inference.backend import Array, BackendInfo, InferenceBackend, TensorSpec, check_signature
from perception_fm.inference.tensorrt_.cuda_memory import Graph, Stream, TensorBuffer, current_gpu
from perception_fm.inference.tensorrt_.library import Library
from perception_fm.inference.tensorrt_.messages import MessageLog
from perception_fm.inference.tensorrt_.precision import UNKNOWN, engine_precision
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import INPUT

_NUMPY_NAMES = {
    "FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "INT64": "int64", "UINT8": "uint8",
    "BOOL": "bool",
}  # fmt: skip


class TensorRtBackend(InferenceBackend):
    """See `InferenceBackend`. All memory is taken when it is made, so that `run` allocates nothing.

    `engine`: serialised, by the same library, for this GPU; deserialising executes code, so it must come from this
    user (`engine_cache`). `precision`: of the typed network, reported where the engine itself does not say.
    `fingerprint`: of the engine, hexadecimal. Raises `EngineError` for an engine that this library and GPU do not take,
    `ModelError` where its tensors are not those of the card.
    """

    def __init__(
        self,
        engine: bytes,
        card: ModelCard,
        *,
        library: Library,
        precision: str = UNKNOWN,
        fingerprint: str = "",
    ) -> None:
        self.card = card
        self._closed = False
        self._buffers: dict[str, TensorBuffer] = {}
        self._graph: Graph | None = None
        self._batch = 0
        self._has_graphs = not library.has_own_cuda_graphs
        gpu = current_gpu()
        self._messages = MessageLog(library.module)
        self._runtime = library.module.Runtime(self._messages.logger)
        self._engine = self._deserialised(engine, library)
        where = f"the {library.name} engine of model {card.name}"
        self.inputs, self.outputs = _specs(self._engine, library.module)
        check_signature(card, self.inputs, self.outputs, where)
        self._most = int(_largest_shape(self._engine, INPUT)[0])
        found = actual_precision(self._engine, library)
        self.info = BackendInfo(
            library.name, library.version, gpu.name, precision if found == UNKNOWN else found, fingerprint
        )
        self._stream = Stream()
        try:
            self._context = _execution_context(self._engine, library)
            self._take_memory()
        except PerceptionError as error:
            self.close()
            raise EngineError(f"{where} does not start on {gpu.name}: {error}") from error

    def _deserialised(self, engine: bytes, library: Library) -> Any:
        found = self._runtime.deserialize_cuda_engine(engine)
        if found is None:
            reason = self._messages.failure("it gave no reason")
            raise EngineError(
                f"{library.name} {library.version} refuses the engine of model {self.card.name}: {reason}"
            )
        return found

    def _take_memory(self) -> None:
        """One buffer per tensor, for the largest batch, at addresses that stay."""
        for spec in (*self.inputs, *self.outputs):
            buffer = TensorBuffer((self._most, *_fixed(spec.shape[1:])), spec.dtype)
            self._buffers[spec.name] = buffer
            if not self._context.set_tensor_address(spec.name, int(buffer.device_address)):
                raise InferenceError(f"tensor {spec.name}: {self._messages.failure('its address is refused')}")

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        if self._closed:
            raise InferenceError(f"{self.info.runtime}: the engine of model {self.card.name} is closed")
        batch = len(feeds[INPUT])
        if not 1 <= batch <= self._most:
            raise InferenceError(
                f"{self.info.runtime}: the engine takes 1 to {self._most} images, got {batch}: build it for that batch"
            )
        self._messages.errors.clear()
        for name, values in feeds.items():
            np.copyto(self._buffers[name].host[:batch], values)
        if batch != self._batch:
            self._set_batch(batch)
            self._queue()
            self._stream.synchronise()
            self._capture()  # after one plain call, which does what TensorRT puts off until the shapes are known
        else:
            self._launch()
            self._stream.synchronise()
        return {spec.name: self._buffers[spec.name].host[:batch] for spec in self.outputs}

    def _set_batch(self, batch: int) -> None:
        self._drop_graph()
        self._batch = 0  # until all is well: a call that fails here must not leave a batch that was never set
        for spec in self.inputs:
            if not self._context.set_input_shape(spec.name, (batch, *_fixed(spec.shape[1:]))):
                raise InferenceError(f"{self.info.runtime}: {self._messages.failure(f'a batch of {batch} is refused')}")
        self._batch = batch

    def _launch(self) -> None:
        if self._graph is None:
            self._queue()
        else:
            self._stream.launch(self._graph)

    def _queue(self) -> None:
        """Queues the copy in, the network and the copy out."""
        for spec in self.inputs:
            self._stream.upload(self._buffers[spec.name], self._byte_count(spec))
        if not self._context.execute_async_v3(self._stream.handle):
            raise InferenceError(f"{self.info.runtime}: {self._messages.failure('the network could not be queued')}")
        for spec in self.outputs:
            self._stream.download(self._buffers[spec.name], self._byte_count(spec))

    def _byte_count(self, spec: TensorSpec) -> int:
        return self._buffers[spec.name].byte_count // self._most * self._batch

    def _capture(self) -> None:
        """One graph for the whole call: fewer launches, each of which costs the CPU. Without it where it fails."""
        if not self._has_graphs:
            return
        try:
            self._stream.begin_capture()
        except InferenceError:
            self._has_graphs = False
            return
        try:
            self._queue()
            self._graph = self._stream.end_capture()
        except InferenceError:
            self._stream.abandon_capture()
            self._has_graphs = False

    def _drop_graph(self) -> None:
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def close(self) -> None:
        """Frees the GPU; arrays of the last call must not be used afterwards."""
        if self._closed:
            return
        self._closed = True
        self._drop_graph()
        for buffer in self._buffers.values():
            buffer.close()
        self._stream.close()
        # In this order: TensorRT wants contexts gone before their engine, engines before their runtime.
        self._context = None
        self._engine = None
        self._runtime = None


def actual_precision(engine: Any, library: Library) -> str:
    """What a deserialised engine computes in, from its inspector; `unknown` where that does not say."""
    inspector = engine.create_engine_inspector()
    if inspector is None:
        return UNKNOWN
    return engine_precision(inspector.get_engine_information(library.module.LayerInformationFormat.JSON))


def _execution_context(engine: Any, library: Library) -> Any:
    """A context; TensorRT for RTX captures its CUDA graphs itself. Raises `InferenceError` where memory lacks."""
    if library.has_own_cuda_graphs:
        config = engine.create_runtime_config()
        config.cuda_graph_strategy = library.module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        context = engine.create_execution_context(config)
    else:
        context = engine.create_execution_context()
    if context is None:
        raise InferenceError("no execution context: is the memory of the GPU used up?")
    return context


def _specs(engine: Any, module: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs of an engine. Raises `EngineError` for a type that NumPy does not have."""
    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        kind = engine.get_tensor_dtype(name).name
        if kind not in _NUMPY_NAMES:
            raise EngineError(f"tensor {name} of the engine is {kind}, which NumPy lacks: export the model again")
        shape = tuple(None if size < 0 else int(size) for size in engine.get_tensor_shape(name))
        is_input = engine.get_tensor_mode(name) == module.TensorIOMode.INPUT
        (inputs if is_input else outputs).append(TensorSpec(name, _NUMPY_NAMES[kind], shape))
    return tuple(inputs), tuple(outputs)


def _largest_shape(engine: Any, name: str) -> tuple[int, ...]:
    """Of an input: of its profile where its batch is free."""
    shape = tuple(engine.get_tensor_shape(name))
    return shape if min(shape) > 0 else tuple(engine.get_tensor_profile_shape(name, 0)[2])


def _fixed(sizes: tuple[int | None, ...]) -> tuple[int, ...]:
    """Sizes of which none is free, as `check_signature` has seen to."""
    return tuple(size for size in sizes if size is not None)
