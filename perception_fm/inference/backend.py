"""The contract of every runtime: named inputs and outputs, checked per call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import InferenceError, ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS, INPUT

Array = NDArray[np.generic]


@dataclass(frozen=True)
class TensorSpec:
    """Name, NumPy dtype name and shape of one input or output; None is a dimension that is free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def refusal(self, values: Array) -> str:
        """What is wrong with an array for this tensor; "" for nothing."""
        fits = len(values.shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, values.shape)
        )
        if fits and values.dtype == np.dtype(self.dtype):
            return ""
        want = "x".join("N" if size is None else str(size) for size in self.shape)
        got = "x".join(map(str, values.shape))
        return f"{self.name} is {self.dtype} {want}, got {values.dtype} {got}"


@dataclass(frozen=True)
class BackendInfo:
    """What runs the model: for status, diagnostics and reports.

    `runtime`: onnxruntime, tensorrt, tensorrt_rtx or torch; `device`: CPU or the name of the GPU; `precision`: what the
    engine really computes in, not what was asked for. `fingerprint`: of the engine, or of the ONNX file, hexadecimal.
    """

    runtime: str
    version: str
    device: str
    precision: str
    fingerprint: str


class InferenceBackend(ABC):
    """A loaded model. Not thread-safe: one worker owns it. Use as a context manager, or call `close`."""

    card: ModelCard
    info: BackendInfo
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name; arrays may be reused by the next call, so copy what must outlive it.

        Raises `InferenceError` for a missing or unknown input, a wrong shape or dtype, and a failing runtime.
        """
        names = {spec.name for spec in self.inputs}
        if feeds.keys() != names:
            raise InferenceError(f"inputs are {', '.join(sorted(names))}; got {', '.join(sorted(feeds)) or 'none'}")
        refusals = [refusal for spec in self.inputs if (refusal := spec.refusal(feeds[spec.name]))]
        if refusals:
            raise InferenceError(f"{self.info.runtime}: {'; '.join(refusals)}")
        return self._run(feeds)

    @abstractmethod
    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The runtime's own call, feeds already checked."""

    @abstractmethod
    def close(self) -> None:
        """Free the device. Twice is harmless."""

    def __enter__(self) -> InferenceBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_signature(card: ModelCard, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], where: str) -> None:
    """Raises `ModelError` where a file's tensors are not those that its card promises."""
    image = TensorSpec(INPUT, "uint8", (None, card.input_height, card.input_width, 3))
    if len(inputs) != 1 or not _agree(image, inputs[0]):
        raise ModelError(f"{where}: its input is not {image}, but {', '.join(map(str, inputs)) or 'missing'}")
    found = {spec.name: spec for spec in outputs}
    if found.keys() != set(card.heads):
        want = ", ".join(card.heads)
        raise ModelError(f"{where}: its card names the heads {want}; its outputs are {', '.join(found) or 'none'}")
    for name, spec in found.items():
        promised = TensorSpec(name, HEADS[name].dtype, (None, *card.output_shape(name)[1:]))
        if not _agree(promised, spec):
            raise ModelError(f"{where}: its output is not {promised}, but {spec}")


def _agree(promised: TensorSpec, found: TensorSpec) -> bool:
    """Whether they are the same but for free dimensions."""
    return (
        promised.name == found.name
        and promised.dtype == found.dtype
        and len(promised.shape) == len(found.shape)
        and all(None in (want, got) or want == got for want, got in zip(promised.shape, found.shape))
    )
