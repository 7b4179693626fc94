"""What the benchmark says of a network; that it is fast is no matter of a test."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.cli.benchmark import network_lines, torch_lines
from perception_fm.config import PerceptionConfig
from perception_fm.errors import ModelError
from perception_fm.evaluation.benchmark import WARM_UP_FRAMES, Timing
from perception_fm.evaluation.network_benchmark import time_network
from perception_fm.types import CameraFrame

tiny_onnx = pytest.importorskip("tiny_onnx", reason="makes its model with the library onnx")

CAMERA = CameraModel(64, 48, np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]))


@pytest.fixture
def frames():
    rng = np.random.default_rng(3)
    images = rng.integers(40, 200, (WARM_UP_FRAMES + 4, 48, 64, 3), dtype=np.uint8)
    return [CameraFrame(10**9 + n * 10**8, "front_optical", image, CAMERA) for n, image in enumerate(images)]


def test_every_figure_of_a_network_is_measured(tmp_path, frames):
    path = tiny_onnx.write_tiny_model(tmp_path / "tiny.onnx")
    timing = time_network(path, frames, PerceptionConfig(), 8)
    assert (timing.model, timing.info.runtime) == ("tiny", "onnxruntime")
    assert timing.network.count == timing.whole.count == 8
    assert timing.pipeline.count > 0  # the first frames of each pass are left out
    assert 0.0 < timing.network.p50_ms <= timing.network.p99_ms
    assert timing.whole.p50_ms > 0.0
    assert np.isfinite([timing.around_share, timing.peak_mib]).all()
    assert network_lines({"tiny": timing})[0].startswith("tiny: onnxruntime")


def test_model_that_cannot_be_used_is_refused(tmp_path, frames):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        time_network(tmp_path / "broken.onnx", frames, PerceptionConfig(), 4)


def test_share_of_the_roofline_is_work_over_time_over_peak():
    torch_modules = pytest.importorskip(
        "perception_fm.evaluation.benchmark_models", reason="compares with PyTorch", exc_type=ImportError
    )
    comparison = torch_modules.TorchComparison(
        device="CPU",
        runtime=Timing(40.0, 45.0, 10),
        compiled=Timing(80.0, 90.0, 10),
        runtime_over_torch=0.5,
        gflops=4.0,
        peak_gflops_per_s=200.0,
    )
    assert comparison.roofline_share == pytest.approx(0.5)
    assert "50% of the 200 GFLOP/s" in torch_lines(comparison)[-1]
    assert torch_lines(None) == []
