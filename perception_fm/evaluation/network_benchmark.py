"""What a model costs in its runtime, and what the way into and out of it costs on top."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perception_fm.config import PerceptionConfig
from perception_fm.evaluation.benchmark import WARM_UP_FRAMES, Timing, time_stages
from perception_fm.evaluation.render_benchmark import time_alternately
from perception_fm.inference.backend import BackendInfo
from perception_fm.inference.open_backend import open_backend
from perception_fm.models.predictor import ModelPredictor
from perception_fm.types import CameraFrame

_KIB_PER_MIB = 1024.0


@dataclass(frozen=True)
class NetworkTiming:
    """`network`: the runtime alone, from an input that lies ready. `whole`: from a rectified image to a prediction.

    Each frame went through both, in turn first; `around_share` is the median over frames of (whole - network) /
    network. `pipeline`: all stages, the network beside the motion stage. `peak_mib`: how far the resident memory of
    this process rose from before the model was loaded.
    """

    model: str
    info: BackendInfo
    network: Timing
    whole: Timing
    pipeline: Timing
    around_share: float
    peak_mib: float


def time_network(path: Path, frames: Sequence[CameraFrame], config: PerceptionConfig, count: int) -> NetworkTiming:
    """Timing of the model file `path` in the runtime `config.backend` over `count` frames, `frames` again and again.

    Raises `ModelError` for a file that cannot be used and `EngineError` for an engine that the gate refuses.
    """
    before_mib = _memory_mib("VmRSS")
    _forget_peak()
    predictor = ModelPredictor(open_backend(path, runtime=config.backend))
    with contextlib.closing(predictor):
        feeds = [predictor.feeds([frame.image], [frame.camera]) for frame in frames]

        def network(number: int) -> None:
            predictor.backend.run(feeds[number % len(frames)])

        def whole(number: int) -> None:
            frame = frames[number % len(frames)]
            predictor.predict([frame.image], [frame.camera])

        spent_ms = time_alternately({"network": network, "whole": whole}, count)
        network_ms, whole_ms = np.array(spent_ms["network"]), np.array(spent_ms["whole"])
        stages = time_stages(frames, config, count + WARM_UP_FRAMES, predictor)
        return NetworkTiming(
            predictor.state.name,
            predictor.backend.info,
            Timing.of(spent_ms["network"]),
            Timing.of(spent_ms["whole"]),
            stages["total"],
            float(np.median((whole_ms - network_ms) / network_ms)),
            _memory_mib("VmHWM") - before_mib,
        )


def _memory_mib(field: str) -> float:
    """A field of /proc/self/status."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s*(\d+) kB", text, re.MULTILINE)
    return float("nan") if found is None else int(found[1]) / _KIB_PER_MIB


def _forget_peak() -> None:
    """The highest resident size (VmHWM) counts from now on (proc(5), clear_refs)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
