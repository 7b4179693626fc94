"""FP16 model files with FP32 islands, for runtimes that take the precision from the graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from perception_fm.errors import ModelError
from perception_fm.inference.model_file import read_model_file
from perception_fm.models.card import ModelCard
from perception_fm.models.export import save_model
from perception_fm.models.islands import float_nodes, name_nodes

# Sums of squares over a token: DINOv2's largest activations overflow them in FP16 (TensorRT warns of it too).
_FLOAT_OPERATORS = (*DEFAULT_OP_BLOCK_LIST, "LayerNormalization", "ReduceMean", "ReduceSum", "Pow", "Exp")


def read_fp32(path: Path) -> tuple[onnx.ModelProto, ModelCard]:
    """The graph and card of an FP32 model file, every node named. Raises `ModelError` for another precision too."""
    file = read_model_file(path)
    if file.card.precision != "fp32":
        raise ModelError(f"{path} is {file.card.precision} already: export it as fp32 first")
    model = onnx.load_from_string(file.read_bytes())
    name_nodes(model)
    return model, file.card


def to_fp16(source: Path, target: Path) -> Path:
    """`target` with the FP32 model file `source` in FP16; inputs and outputs keep their types.

    FP32 stay normalisation, every head's last layer with what follows it, layer norms and sums. Raises `ModelError` for
    a source that is not FP32, for what then fails the checks of `save_model`, and for a full disk.
    """
    model, card = read_fp32(source)
    half = convert_float_to_float16(
        model, keep_io_types=True, op_block_list=list(_FLOAT_OPERATORS), node_block_list=float_nodes(model)
    )
    wrapped = OnnxModel(half)
    _join_islands(wrapped)
    wrapped.topological_sort()
    return save_model(wrapped.model, dataclasses.replace(card, precision="fp16"), target)


def _join_islands(wrapped: OnnxModel) -> None:
    """Takes out the casts to FP16 and back that the conversion puts between any two nodes that it leaves alone.

    They would round every intermediate of an island, and the outputs, to 11 bits.
    """
    graph = wrapped.model.graph
    producers = {name: node for node in graph.node for name in node.output}
    outputs = {value.name for value in graph.output}
    for back in [node for node in graph.node if _is_cast(node, onnx.TensorProto.FLOAT)]:
        there = producers.get(back.input[0])
        if there is None or not _is_cast(there, onnx.TensorProto.FLOAT16):
            continue
        source, joined = there.input[0], back.output[0]
        if joined not in outputs:
            wrapped.replace_input_of_all_nodes(joined, source)
        elif source in producers:  # the name of an output has to stay
            names = producers[source].output
            names[list(names).index(source)] = joined
            producers[joined] = producers.pop(source)
            wrapped.replace_input_of_all_nodes(source, joined)
            graph.node.remove(back)
    wrapped.prune_graph()


def _is_cast(node: onnx.NodeProto, to: int) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == to
