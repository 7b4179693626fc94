"""The bundled network at the size that networks are compared at, to be timed. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_fm.evaluation.benchmark import Timing
from perception_fm.evaluation.render_benchmark import time_alternately
from perception_fm.inference.backend import InferenceBackend
from perception_fm.inference.golden_frames import golden_frames
from perception_fm.inference.open_backend import open_backend
from perception_fm.inference.torch_backend import TorchBackend, fastest_device
from perception_fm.models.arithmetic import flops_per_image, peak_flops_per_s
from perception_fm.models.export_file import convert_file, write_model_file
from perception_fm.models.exportable import ExportOptions, exportable
from perception_fm.models.heads import INPUT

_OPTIONS = ExportOptions(640, 384)


@dataclass(frozen=True)
class TorchComparison:
    """The FP32 network in its runtime and by `torch.compile`, frame by frame in turn, on the device `device`.

    `runtime_over_torch`: median ratio of times. `gflops`: of one image, 1e9 operations. `peak_gflops_per_s`: reached by
    a large matrix product in FP32 in the same run. The share of the roofline is what the runtime reaches of that.
    """

    device: str
    runtime: Timing
    compiled: Timing
    runtime_over_torch: float
    gflops: float
    peak_gflops_per_s: float

    @property
    def roofline_share(self) -> float:
        """Of the runtime, by its median."""
        return self.gflops / (self.runtime.p50_ms * 1e-3) / self.peak_gflops_per_s


def timed_models(folder: Path, images: Sequence[NDArray[np.uint8]]) -> dict[str, Path]:
    """By name, FP32 and INT8 (in the layout of ONNX Runtime, ranges set by `images`) in `folder`."""
    network, card = exportable("bundled", _OPTIONS)
    fp32 = write_model_file(network, card, folder / "fp32.onnx")
    int8 = convert_file(fp32, folder / "int8.onnx", "int8", images=images, layout="onnxruntime")
    return {"bundled fp32": fp32, "bundled int8": int8}


def compare_with_torch(fp32: Path, runtime: str, count: int) -> TorchComparison:
    """The file `fp32` of `timed_models` against `torch.compile` of the same network over `count` frames."""
    network, card = exportable("bundled", _OPTIONS)
    frames, device = golden_frames(card), fastest_device()
    with open_backend(fp32, runtime=runtime) as backend, TorchBackend(network, card, device, is_compiled=True) as torch:

        def step(one: InferenceBackend, number: int) -> None:
            one.run({INPUT: frames[number % len(frames)][None]})

        ways = {"runtime": lambda n: step(backend, n), "compiled": lambda n: step(torch, n)}
        spent_ms = time_alternately(ways, count)
        name = torch.info.device
    ratio = np.array(spent_ms["runtime"]) / np.array(spent_ms["compiled"])
    return TorchComparison(
        name,
        Timing.of(spent_ms["runtime"]),
        Timing.of(spent_ms["compiled"]),
        float(np.median(ratio)),
        flops_per_image(network.cpu(), card) * 1e-9,
        peak_flops_per_s(device) * 1e-9,
    )
