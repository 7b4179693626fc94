"""INT8 model files with Q/DQ nodes, calibrated on camera images."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from perception_fm.camera.letterbox import Letterbox
from perception_fm.camera.model import CameraModel
from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.export import save_model
from perception_fm.models.heads import INPUT
from perception_fm.models.islands import WEIGHTED, float_nodes, products_of_activations
from perception_fm.models.precision import read_fp32


@dataclass(frozen=True)
class Layout:
    """How a runtime wants Q/DQ nodes to lie. Weights are symmetric int8 per output channel in each."""

    operators: tuple[str, ...]
    is_symmetric: bool
    activation: QuantType
    options: dict[str, Any]


LAYOUTS = {
    # Activations without a zero point, only where a layer reads them, so that it fuses with what follows; biases stay
    # float. (TensorRT documentation, "Working with Quantized Types"; its parser refuses anything else.)
    "tensorrt": Layout(
        WEIGHTED,
        True,
        QuantType.QInt8,
        {"QuantizeBias": False, "OpTypesToExcludeOutputQuantization": list(WEIGHTED)},
    ),
    # Unsigned activations: ReLU6 vanishes in the range, and everything between two layers stays in 8 bits. Measured on
    # an AVX512-VNNI CPU: 0.56 of the FP32 time, where TensorRT's layout takes 1.4 of it.
    "onnxruntime": Layout((*WEIGHTED, "Add", "Clip", "Resize"), False, QuantType.QUInt8, {}),
}
"""By the runtime that a file is meant for. ONNX Runtime runs both; TensorRT its own only."""


def to_int8(
    source: Path,
    target: Path,
    images: Iterable[NDArray[np.uint8]],
    *,
    layout: str = "tensorrt",
    on_image: Callable[[int], None] = lambda count: None,
) -> Path:
    """`target` with the FP32 model file `source` in INT8; inputs and outputs keep their types.

    `images`: (H, W, 3) uint8 BGR of any size, a few dozen that show what the camera sees; `on_image` hears how many
    have been used. Each head's last layer, what follows it, and attention between tokens stay FP32. `layout`: a key of
    `LAYOUTS`. Raises `ModelError` for a source that is not FP32, no image, an unknown layout, and as `save_model` does.
    """
    if layout not in LAYOUTS:
        raise ModelError(f"there is no INT8 layout {layout}; known: {', '.join(LAYOUTS)}")
    model, card = read_fp32(source)
    reader = _Calibration(images, card, on_image)
    with tempfile.TemporaryDirectory(prefix="perception-fm-int8-") as folder:
        quantised = Path(folder) / "int8.onnx"
        _quantise(model, quantised, reader, LAYOUTS[layout])
        if reader.count == 0:
            raise ModelError("INT8 needs images to calibrate on, got none")
        return save_model(onnx.load(quantised), dataclasses.replace(card, precision="int8"), target)


def _quantise(model: onnx.ModelProto, path: Path, reader: _Calibration, layout: Layout) -> None:
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # the library advises a pre-processing that the export has done already
    try:
        quantize_static(
            model,
            path,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(layout.operators),
            per_channel=True,
            activation_type=layout.activation,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=float_nodes(model) + products_of_activations(model),
            extra_options={
                "ActivationSymmetric": layout.is_symmetric,
                "WeightSymmetric": True,
                **layout.options,
            },
        )
    except ValueError as error:
        if reader.count == 0:
            raise ModelError("INT8 needs images to calibrate on, got none") from error
        raise ModelError(f"the model cannot be quantised: {error}") from error
    finally:
        logger.setLevel(level)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Letterboxed images, one at a time; `count` of them have been read."""

    def __init__(self, images: Iterable[NDArray[np.uint8]], card: ModelCard, on_image: Callable[[int], None]) -> None:
        self._feeds = _feeds(images, card)
        self._on_image = on_image
        self.count = 0

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The feed of the next image, None at the end."""
        feed = next(self._feeds, None)
        if feed is not None:
            self.count += 1
            self._on_image(self.count)
        return feed


def _feeds(images: Iterable[NDArray[np.uint8]], card: ModelCard) -> Iterator[dict[str, NDArray[np.uint8]]]:
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ModelError(f"calibration images are uint8 (H, W, 3), got {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        # Only the size matters for a letterbox; the focal length is any.
        focal = float(width)
        k = np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])
        box = Letterbox(CameraModel(width, height, k), card.input_width, card.input_height)
        yield {INPUT: box.apply(image)[None]}
