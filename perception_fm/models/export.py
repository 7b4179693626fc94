"""A PyTorch network as one ONNX file of the contract, checked and run before anything is written."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxslim
import torch
from torch import Tensor, nn

from perception_fm.errors import ModelError
from perception_fm.inference.backend import check_signature
from perception_fm.inference.onnxruntime_ import open_session, quiet_options, specs
from perception_fm.models.atomic_file import write_atomically
from perception_fm.models.card import METADATA_KEY, ModelCard
from perception_fm.models.heads import INPUT
from perception_fm.models.network.deployed import DeployedNetwork, evaluating

OPSET = 17  # the first with LayerNormalization as one operator; ONNX Runtime 1.17 and TensorRT 10 read it
_IR_VERSION = 8  # what goes with it: the exporter's own would shut out older runtimes


class _HeadsInOrder(nn.Module):
    """The heads as a tuple, as the exporter wants its outputs."""

    def __init__(self, network: DeployedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Of (N, H, W, 3) uint8."""
        return tuple(self.network(image).values())


def export_model(
    module: nn.Module, card: ModelCard, path: Path, *, batch: int | None = None, opset: int = OPSET
) -> Path:
    """`path` with the ONNX file of a raw network (see `DeployedNetwork`) and its card.

    `batch`: fixed number of images; None leaves it free. Raises `ModelError` for weights that are not finite, outputs
    that are not what the card promises, what the exporter cannot express, and a full disk; then `path` is as before.
    """
    return save_model(onnx_model(module, card, batch=batch, opset=opset), card, path)


def onnx_model(module: nn.Module, card: ModelCard, *, batch: int | None = None, opset: int = OPSET) -> onnx.ModelProto:
    """The simplified graph of a raw network, without its card. Raises as `export_model` does, but for the disk."""
    network = DeployedNetwork(module, card)
    with evaluating(network):
        network.check()
        return _traced(network, batch, opset)


def _traced(network: DeployedNetwork, batch: int | None, opset: int) -> onnx.ModelProto:
    """The simplified graph of a network in evaluation mode."""
    card = network.card
    image = torch.full((batch or 2, card.input_height, card.input_width, 3), 114, dtype=torch.uint8)
    free = {name: {0: "N"} for name in (INPUT, *card.heads)} if batch is None else None
    buffer = io.BytesIO()
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The tracing exporter: attention stays MatMul, Softmax, MatMul with a free batch, the pattern that TensorRT
            # fuses; the one behind dynamo=True puts shape arithmetic in between.
            torch.onnx.export(
                _HeadsInOrder(network).eval(), (image,), buffer, dynamo=False, opset_version=opset,
                input_names=[INPUT], output_names=list(card.heads), dynamic_axes=free,
            )  # fmt: skip
        model = onnxslim.slim(onnx.load_from_string(buffer.getvalue()))
    except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {card.name} cannot be exported with opset {opset}: {reason}") from error
    model.ir_version = _IR_VERSION
    return model


def save_model(model: onnx.ModelProto, card: ModelCard, path: Path) -> Path:
    """`path` with `model` and `card`, after the checker of onnx and one run in ONNX Runtime have passed.

    Raises `ModelError` for a graph that is not what the card promises or answers with NaN, and for a full disk.
    """
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    try:
        onnx.checker.check_model(model, full_check=True)
        data = model.SerializeToString()
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {card.name} does not make a valid ONNX file: {reason}") from error
    _run_once(data, card)
    return write_atomically(path, data)


def _run_once(data: bytes, card: ModelCard) -> None:
    """Raises `ModelError` unless ONNX Runtime loads the file, finds the card's signature, and answers with numbers."""
    where = f"model {card.name}"
    session = open_session(data, quiet_options(), ["CPUExecutionProvider"], where)
    inputs = specs(session.get_inputs())
    check_signature(card, inputs, specs(session.get_outputs()), where)
    batch = inputs[0].shape[0] or 1
    image = np.full((batch, card.input_height, card.input_width, 3), 114, np.uint8)
    for head, values in zip(card.heads, session.run(list(card.heads), {INPUT: image})):
        if values.shape != card.output_shape(head, batch) or not np.isfinite(values).all():
            raise ModelError(f"{where}: its head {head} is not finite or of shape {values.shape} in ONNX Runtime")
