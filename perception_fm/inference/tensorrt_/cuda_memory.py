"""The CUDA runtime: which GPU there is, pinned host and device memory, one stream, captured graphs."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import EngineError, InferenceError


@dataclass(frozen=True)
class Gpu:
    """`capability`: as in 8.9; `driver`: highest CUDA version that the driver knows, as in 12.6."""

    name: str
    capability: str
    driver: str

    @property
    def target(self) -> str:
        """The capability as TensorRT for RTX names it: SM89 for 8.9."""
        return "SM" + self.capability.replace(".", "")


def current_gpu() -> Gpu:
    """The GPU that CUDA uses here (CUDA_VISIBLE_DEVICES chooses). Raises `EngineError` where there is none."""
    try:
        cuda = _cudart()
        count = _answer(cuda.cudaGetDeviceCount())
        if not count:
            raise EngineError("this machine has no CUDA device")
        properties = _answer(cuda.cudaGetDeviceProperties(_answer(cuda.cudaGetDevice())))
        driver = _answer(cuda.cudaDriverGetVersion())
    except (InferenceError, RuntimeError) as error:  # RuntimeError: cuda-python 12 where libcuda is missing
        raise EngineError(f"no CUDA device can be used: {error}") from error
    name = properties.name
    return Gpu(
        name=(name.decode() if isinstance(name, bytes) else str(name)).rstrip("\0"),
        capability=f"{properties.major}.{properties.minor}",
        driver=f"{driver // 1000}.{driver % 1000 // 10}",
    )


class Stream:
    """A CUDA stream of our own: the default one would make TensorRT synchronise the whole device."""

    def __init__(self) -> None:
        self._cuda = _cudart()
        self._stream = _answer(self._cuda.cudaStreamCreateWithFlags(self._cuda.cudaStreamNonBlocking))

    @property
    def handle(self) -> int:
        """The address that TensorRT takes."""
        return int(self._stream)

    def synchronise(self) -> None:
        """Waits for all that was queued. Raises `InferenceError` for what failed on the device."""
        _answer(self._cuda.cudaStreamSynchronize(self._stream))

    def upload(self, buffer: TensorBuffer, byte_count: int) -> None:
        """Queues the copy of the first bytes from host to device."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        _answer(self._cuda.cudaMemcpyAsync(buffer.device_address, buffer.host_address, byte_count, kind, self._stream))

    def download(self, buffer: TensorBuffer, byte_count: int) -> None:
        """Queues the copy of the first bytes from device to host."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        _answer(self._cuda.cudaMemcpyAsync(buffer.host_address, buffer.device_address, byte_count, kind, self._stream))

    def begin_capture(self) -> None:
        """From now on, what this thread queues is recorded instead of run."""
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _answer(self._cuda.cudaStreamBeginCapture(self._stream, mode))

    def end_capture(self) -> Graph:
        """What was recorded. Raises `InferenceError` where something in it cannot be captured."""
        return Graph(_answer(self._cuda.cudaStreamEndCapture(self._stream)))

    def abandon_capture(self) -> None:
        """Ends a capture that failed, and clears the error that it left in this thread."""
        _, graph = self._cuda.cudaStreamEndCapture(self._stream)
        if graph:
            self._cuda.cudaGraphDestroy(graph)
        self._cuda.cudaGetLastError()

    def launch(self, graph: Graph) -> None:
        """Queues a captured graph."""
        _answer(self._cuda.cudaGraphLaunch(graph.executable, self._stream))

    def close(self) -> None:
        """Twice is harmless."""
        if self._stream is not None:
            self._cuda.cudaStreamDestroy(self._stream)
            self._stream = None


class Graph:
    """A captured sequence that one call launches."""

    def __init__(self, graph: Any) -> None:
        self._cuda = _cudart()
        try:
            self.executable = _answer(self._cuda.cudaGraphInstantiate(graph, 0))
        finally:
            self._cuda.cudaGraphDestroy(graph)

    def close(self) -> None:
        """Twice is harmless."""
        if self.executable is not None:
            self._cuda.cudaGraphExecDestroy(self.executable)
            self.executable = None


class TensorBuffer:
    """Device memory of one tensor, and pinned host memory of the same size as an array."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self._cuda = _cudart()
        self.byte_count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.device_address: Any = _answer(self._cuda.cudaMalloc(self.byte_count))
        try:
            self.host_address: Any = _answer(self._cuda.cudaHostAlloc(self.byte_count, self._cuda.cudaHostAllocDefault))
        except InferenceError:
            self._cuda.cudaFree(self.device_address)
            raise
        pinned = (ctypes.c_uint8 * self.byte_count).from_address(int(self.host_address))
        self.host: NDArray[np.generic] = np.frombuffer(memoryview(pinned), np.dtype(dtype)).reshape(shape)

    def close(self) -> None:
        """Frees both; the array must not be touched afterwards. Twice is harmless."""
        if self.device_address is not None:
            self.host = np.empty((0, *self.host.shape[1:]), self.host.dtype)
            self._cuda.cudaFree(self.device_address)
            self._cuda.cudaFreeHost(self.host_address)
            self.device_address = self.host_address = None


@functools.cache
def _cudart() -> ModuleType:
    """NVIDIA's bindings of the CUDA runtime. Raises `EngineError` where they are missing."""
    try:
        from cuda.bindings import runtime
    except ImportError:
        try:
            from cuda import cudart as runtime  # before cuda-python 12.6, as beside JetPack 6
        except ImportError as error:
            raise EngineError("the CUDA bindings are missing: pip install cuda-bindings") from error
    return runtime  # type: ignore[no-any-return]


def _answer(result: tuple[Any, ...]) -> Any:
    """What a CUDA call gave after its status. Raises `InferenceError` with CUDA's own words for a failure."""
    status, *values = result
    if int(status) != 0:
        cuda = _cudart()
        cuda.cudaGetLastError()  # else it comes up again as the failure of whoever asks next
        _, text = cuda.cudaGetErrorString(status)
        raise InferenceError(f"CUDA error {int(status)}: {text.decode() if isinstance(text, bytes) else text}")
    return values[0] if values else None
