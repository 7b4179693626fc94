"""A model file in any precision, and how near it is to the network that it was made of."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

from perception_fm.errors import ModelError
from perception_fm.inference.backend import Array
from perception_fm.inference.golden_frames import golden_frames
from perception_fm.inference.model_file import read_model_file
from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend
from perception_fm.inference.torch_backend import TorchBackend
from perception_fm.models.card import PRECISIONS, ModelCard
from perception_fm.models.export import onnx_model, save_model
from perception_fm.models.heads import INPUT

Images = Iterable[NDArray[np.uint8]]
_WARM_UPS, _RUNS = 3, 15
_COMPARED = 3  # golden frames: PyTorch on a CPU takes a second for each
_LEAST = 1e-6  # keeps a relative difference finite where the reference is 0


@dataclass(frozen=True)
class FileReport:
    """Facts of a written file. `differences`: by head, the greatest to PyTorch (see `greatest_difference`)."""

    size_mb: float
    node_count: int
    differences: dict[str, float]
    median_ms: float


def convert_file(
    source: Path,
    target: Path,
    precision: str,
    *,
    images: Images = (),
    layout: str = "tensorrt",
    on_image: Callable[[int], None] = lambda count: None,
) -> Path:
    """`target` with the FP32 model file `source` in fp16 or int8 (see `to_fp16`, `to_int8`)."""
    if precision == "fp16":
        from perception_fm.models.precision import to_fp16

        return to_fp16(source, target)
    from perception_fm.models.quantise import to_int8

    return to_int8(source, target, images, layout=layout, on_image=on_image)


def write_model_file(
    module_or_graph: nn.Module | onnx.ModelProto,
    card: ModelCard,
    target: Path,
    precision: str = "fp32",
    *,
    images: Images = (),
    layout: str = "tensorrt",
    on_image: Callable[[int], None] = lambda count: None,
) -> Path:
    """`target` with a raw network, or a graph of the contract, in `precision`.

    Raises `ModelError` for an unknown precision and as `export_model`, `to_fp16` and `to_int8` do.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"precision is one of {', '.join(PRECISIONS)}, got {precision}")
    is_graph = isinstance(module_or_graph, onnx.ModelProto)
    graph = module_or_graph if is_graph else onnx_model(module_or_graph, card)
    if precision == "fp32":
        return save_model(graph, card, target)
    with tempfile.TemporaryDirectory(prefix="perception-fm-export-") as folder:
        source = save_model(graph, card, Path(folder) / "fp32.onnx")
        return convert_file(source, target, precision, images=images, layout=layout, on_image=on_image)


def report_of(path: Path, module: nn.Module | None, card: ModelCard) -> FileReport:
    """Facts of the model file at `path`, made of the raw network `module` (None: there is none to compare with).

    Time is that of ONNX Runtime on this machine for one image, everything else included that runs here meanwhile.
    """
    frames = golden_frames(card)
    with OnnxRuntimeBackend(read_model_file(path)) as backend:
        differences = {} if module is None else _differences(backend, module, card, frames)
        times_ms = []
        for _ in range(_WARM_UPS + _RUNS):
            started_s = time.perf_counter()
            backend.run({INPUT: frames[:1]})
            times_ms.append((time.perf_counter() - started_s) * 1e3)
    nodes = len(onnx.load(path).graph.node)
    return FileReport(path.stat().st_size / 1e6, nodes, differences, float(np.median(times_ms[_WARM_UPS:])))


def greatest_difference(head: str, candidate: Array, reference: Array) -> float:
    """Of one head: relative for depth, the share of other labels, absolute for the rest."""
    if head == "label":
        return float(np.mean(candidate != reference))
    difference = np.abs(candidate.astype(np.float64) - reference)
    return float(np.max(difference / np.maximum(np.abs(reference), _LEAST) if head == "depth" else difference))


def _differences(
    backend: OnnxRuntimeBackend, module: nn.Module, card: ModelCard, frames: NDArray[np.uint8]
) -> dict[str, float]:
    """The worst over some frames."""
    worst = dict.fromkeys(card.heads, 0.0)
    with TorchBackend(module, card) as reference:
        for frame in frames[:_COMPARED]:
            expected, found = reference.run({INPUT: frame[None]}), backend.run({INPUT: frame[None]})
            for head in card.heads:
                worst[head] = max(worst[head], greatest_difference(head, found[head], expected[head]))
    return worst
