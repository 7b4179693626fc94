"""Which nodes of a model file keep full precision, found from the graph alone."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def float_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes at both ends: normalisation, the last weighted layer of every head, and what follows it.

    Both decide about accuracy and cost little: bytes times a scale on one side; exponentials, softmax and unit
    vectors on the other, each of which magnifies the rounding of its input.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    constants = {tensor.name for tensor in model.graph.initializer}
    found = {node.name: node for node in _before_weights(model, consumers, constants)}
    found.update((node.name, node) for node in _last_layers(model, producers, constants))
    return list(found)


def products_of_activations(model: onnx.ModelProto) -> list[str]:
    """Names of the matrix products without weights: queries with keys, attention with values."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [node.name for node in model.graph.node if node.op_type == "MatMul" and not _is_weighted(node, constants)]


def name_nodes(model: onnx.ModelProto) -> None:
    """Every node gets a name of its own."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)


def _is_weighted(node: onnx.NodeProto, constants: set[str]) -> bool:
    return node.op_type in WEIGHTED and any(name in constants for name in node.input)


def _before_weights(
    model: onnx.ModelProto, consumers: dict[str, list[onnx.NodeProto]], constants: set[str]
) -> Iterator[onnx.NodeProto]:
    """Nodes between the image and the first weighted layers."""
    waiting, seen = [value.name for value in model.graph.input], set()
    while waiting:
        for node in consumers.get(waiting.pop(), []):
            if node.output[0] not in seen and not _is_weighted(node, constants):
                seen.add(node.output[0])
                waiting.extend(node.output)
                yield node


def _last_layers(
    model: onnx.ModelProto, producers: dict[str, onnx.NodeProto], constants: set[str]
) -> Iterator[onnx.NodeProto]:
    """Nodes from the last weighted layers, included, to the outputs."""
    waiting, seen = [value.name for value in model.graph.output], set()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or node.output[0] in seen:
            continue
        seen.add(node.output[0])
        yield node
        if not _is_weighted(node, constants):
            waiting.extend(node.input)
