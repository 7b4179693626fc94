"""The bundled network with untrained heads, as model files to be timed: arithmetic costs the same without meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_fm.models.export_file import convert_file, write_model_file
from perception_fm.models.exportable import ExportOptions, exportable


def untrained_models(folder: Path, images: Sequence[NDArray[np.uint8]]) -> dict[str, Path]:
    """By name, FP32 and INT8 (in the layout of ONNX Runtime, ranges set by `images`) in `folder`; needs PyTorch."""
    network, card = exportable("bundled", ExportOptions())
    fp32 = write_model_file(network, card, folder / "fp32.onnx")
    int8 = convert_file(fp32, folder / "int8.onnx", "int8", images=images, layout="onnxruntime")
    return {"bundled fp32": fp32, "bundled int8": int8}
