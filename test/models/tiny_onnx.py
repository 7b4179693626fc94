"""A model file of a few kilobytes that follows the contract, and whose answers are known: no torch needed.

Depth is `NEAR_M` + the mean over BGR of a cell / 10; label is 0 where the cell is darker than 128 and 13 elsewhere.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from perception_fm.models.card import METADATA_KEY, ModelCard
from perception_fm.models.heads import HEADS, INPUT

NEAR_M = 2.0
LOG_VARIANCE = -4.0
CONFIDENCE = 0.75
PAINTED = 0.125
BRIGHT_LABEL = 13


def tiny_card(**changes: object) -> ModelCard:
    """64x32 pixels, stride 4, all heads."""
    card = ModelCard(
        name="tiny", source="generated", revision="1", licence="Apache-2.0", is_commercial=True, is_trained=True,
        encoder="none", input_height=32, input_width=64, output_stride=4, heads=tuple(HEADS), canonical_focal_px=50.0,
    )  # fmt: skip
    return dataclasses.replace(card, **changes)


def tiny_model(card: ModelCard | None = None) -> onnx.ModelProto:
    """The graph with its card; batch is free."""
    card = card or tiny_card()
    stride = card.output_stride
    nodes = [
        helper.make_node("Cast", [INPUT], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["as_float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["nchw"], ["cells"], kernel_shape=[stride, stride], strides=[stride, stride]),
        helper.make_node("ReduceMean", ["cells"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
    ]
    constants = {"zero": 0.0, "tenth": 0.1, "near": NEAR_M, "log_variance": LOG_VARIANCE, "sure": CONFIDENCE,
                 "printed": PAINTED, "middle": 128.0, "bright": float(BRIGHT_LABEL)}  # fmt: skip
    makers = {
        "depth": [
            helper.make_node("Mul", ["mean", "tenth"], ["scaled"]),
            helper.make_node("Add", ["scaled", "near"], ["depth"]),
        ],
        "depth_log_variance": [helper.make_node("Add", ["none", "log_variance"], ["depth_log_variance"])],
        "label": [
            helper.make_node("Greater", ["mean", "middle"], ["is_bright"]),
            helper.make_node("Cast", ["is_bright"], ["one"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["one", "bright"], ["label_value"]),
            helper.make_node("Cast", ["label_value"], ["label"], to=TensorProto.INT32),
        ],
        "confidence": [helper.make_node("Add", ["none", "sure"], ["confidence"])],
        "normals": [
            helper.make_node("Mul", ["cells", "zero"], ["no_direction"]),
            helper.make_node("Add", ["no_direction", "back"], ["normals"]),
        ],
        "painted": [helper.make_node("Add", ["none", "printed"], ["painted"])],
    }
    for head in card.heads:
        nodes += makers[head]
    used = {name for node in nodes for name in node.input}
    initializers = [
        numpy_helper.from_array(np.array(value, np.float32), name) for name, value in constants.items() if name in used
    ]
    if "back" in used:
        back = np.array([0.0, 0.0, -1.0], np.float32).reshape(1, 3, 1, 1)
        initializers.append(numpy_helper.from_array(back, "back"))
    size = [card.input_height, card.input_width, 3]
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *size])]
    outputs = [
        helper.make_tensor_value_info(
            head,
            TensorProto.INT32 if HEADS[head].dtype == "int32" else TensorProto.FLOAT,
            ["N", *card.output_shape(head)[1:]],
        )
        for head in card.heads
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    # What ONNX Runtime 1.17 reads, the oldest that is supported.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    return model


def write_tiny_model(path: Path, card: ModelCard | None = None) -> Path:
    """The file `path` with the model."""
    path.write_bytes(tiny_model(card).SerializeToString())
    return path
