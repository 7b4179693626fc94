"""A foreign ONNX file of metric depth, wrapped into the contract of model files. Needs onnx, not torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.foundation.foreign_depth import ForeignDepth, inspect_depth, output_shapes
from perception_fm.models.heads import INPUT
from perception_fm.models.lock import sha256_of
from perception_fm.models.zoo import ZooEntry

# Depth Anything 3 takes for sky what its sky output says with 0.3 and more (its utils/alignment.py, compute_sky_mask).
SKY_THRESHOLD = 0.3
_STRIDES = (4, 7, 2, 1)  # the first that divides the file's input becomes the output stride
_PREFIX = "inner/"


def import_depth(
    entry: ZooEntry,
    source: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    depth_output: str | None = None,
    revision: str | None = None,
) -> tuple[onnx.ModelProto, ModelCard]:
    """The wrapped graph and its card, for `save_model`.

    `source`: an ONNX file with one image input (N, 3, H, W) or (N, 1, 3, H, W), float, RGB, normalised by the mean and
    std of the entry's part, and an output of depth in metres for the entry's focal length; weights beside it are taken
    into the result. Where an output's name holds "sky", its cells get depth 0, which is no measurement. `height`,
    `width`: pixels, for a file whose input is free. `depth_output`: its name where several could be meant. `revision`:
    of the hub where the file is the entry's own; without it nothing is known of its licence. Raises `ModelError` for a
    file that is damaged, has another signature or size, or does not run.
    """
    foreign = inspect_depth(source, entry, height, width, depth_output)
    shapes = output_shapes(foreign, str(source))
    stride = next(step for step in _STRIDES if foreign.height % step == 0 and foreign.width % step == 0)
    card = _card(entry, source, foreign, stride, revision)
    model = _merged(foreign, card, shapes, str(source))
    return model, card


def _card(entry: ZooEntry, source: Path, foreign: ForeignDepth, stride: int, revision: str | None) -> ModelCard:
    part = entry.parts[0]
    return ModelCard(
        name=entry.name,
        source=part.weights.repo if revision else f"imported file {source.name}",
        revision=revision,
        licence=entry.licence.name if revision else "not known: an imported file",
        is_commercial=entry.licence.is_commercial and revision is not None,
        is_trained=True,
        encoder=entry.encoder,
        input_height=foreign.height,
        input_width=foreign.width,
        output_stride=stride,
        heads=("depth",),
        canonical_focal_px=entry.canonical_focal_px(foreign.height),
        mean=part.mean,
        std=part.std,
        class_names=(),
        train_ids=(),
        weights_sha256=sha256_of(source),
    )


def _merged(foreign: ForeignDepth, card: ModelCard, shapes: dict[str, tuple[int, int]], where: str) -> onnx.ModelProto:
    inner = compose.add_prefix(foreign.model, _PREFIX)
    inner.ir_version = max(inner.ir_version, 8)
    kept = [name for name in (foreign.depth, foreign.sky) if name]
    try:
        front = compose.merge_models(
            _prologue(foreign, card, inner),
            inner,
            [("normalised", _PREFIX + foreign.image)],
            outputs=[_PREFIX + name for name in kept],
        )
        return compose.merge_models(
            front, _epilogue(foreign, card, shapes, inner), [(_PREFIX + name, f"{name}/raw") for name in kept]
        )
    except (ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{where} cannot be wrapped: {str(error).strip().partition(chr(10))[0]}") from error


def _prologue(foreign: ForeignDepth, card: ModelCard, inner: onnx.ModelProto) -> onnx.ModelProto:
    """uint8 BGR (N, H, W, 3) to the foreign input."""
    std, mean = np.array(card.std), np.array(card.mean)
    batch = foreign.batch or "N"
    views = [1] if foreign.has_views else []
    constants = {
        "rgb": np.array([2, 1, 0], np.int64),
        "scale": (1.0 / (255.0 * std)).astype(np.float32).reshape(1, 3, 1, 1),
        "offset": (-mean / std).astype(np.float32).reshape(1, 3, 1, 1),
        "view": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["bgr_planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["bgr_planes", "rgb"], ["planes"], axis=1),
        helper.make_node("Mul", ["planes", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], ["typed"], to=foreign.element),
        helper.make_node("Unsqueeze", ["typed", "view"], ["normalised"])
        if foreign.has_views
        else helper.make_node("Identity", ["typed"], ["normalised"]),
    ]
    size = [foreign.height, foreign.width]
    return _model(
        nodes,
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [batch, *size, 3])],
        [helper.make_tensor_value_info("normalised", foreign.element, [batch, *views, 3, *size])],
        constants,
        inner,
    )


def _epilogue(
    foreign: ForeignDepth, card: ModelCard, shapes: dict[str, tuple[int, int]], inner: onnx.ModelProto
) -> onnx.ModelProto:
    """The foreign outputs to `depth` (N, h, w): the values at the cell centres, sky 0."""
    grid = card.output_shape("depth")[1:]
    constants: dict[str, np.ndarray] = {
        "no_roi": np.zeros(0, np.float32),
        "no_scales": np.zeros(0, np.float32),
        "channel": np.array([1], np.int64),
        "zero": np.zeros((), np.float32),
        "threshold": np.array(SKY_THRESHOLD, np.float32),
    }
    nodes, inputs, cells = [], [], {}
    for name, (rows, columns) in shapes.items():
        inputs.append(helper.make_tensor_value_info(f"{name}/raw", _element(inner, _PREFIX + name), None))
        constants[f"{name}/shape"] = np.array([-1, 1, rows, columns], np.int64)
        nodes += [
            helper.make_node("Cast", [f"{name}/raw"], [f"{name}/float"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", [f"{name}/float", f"{name}/shape"], [f"{name}/image"]),
        ]
        cells[name] = f"{name}/image"
        if (rows, columns) != grid:
            constants[f"{name}/scales"] = _scales((rows, columns), grid)
            nodes.append(
                helper.make_node(
                    "Resize", [f"{name}/image", "no_roi", f"{name}/scales"], [f"{name}/cells"],
                    mode="linear", coordinate_transformation_mode="half_pixel",
                )
            )  # fmt: skip
            cells[name] = f"{name}/cells"
    depth = cells[foreign.depth]
    if foreign.sky:
        nodes += [
            helper.make_node("GreaterOrEqual", [cells[foreign.sky], "threshold"], ["is_sky"]),
            helper.make_node("Where", ["is_sky", "zero", depth], ["land"]),
        ]
        depth = "land"
    nodes.append(helper.make_node("Squeeze", [depth, "channel"], ["depth"]))
    output = helper.make_tensor_value_info("depth", TensorProto.FLOAT, [foreign.batch or "N", *grid])
    return _model(nodes, inputs, [output], constants, inner)


def _scales(old: tuple[int, int], new: tuple[int, int]) -> np.ndarray:
    """Of a resize with a free batch, rounded up: the runtime takes the floor of size times scale."""
    ratios = np.array([new[0] / old[0], new[1] / old[1]], np.float32)
    return np.array([1.0, 1.0, *np.nextafter(ratios, np.float32(np.inf))], np.float32)


def _element(model: onnx.ModelProto, name: str) -> int:
    return next(item.type.tensor_type.elem_type for item in model.graph.output if item.name == name)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray],
    like: onnx.ModelProto,
) -> onnx.ModelProto:
    """Of the same ONNX version as `like`, which is what merging wants; unused constants are left out."""
    used = {name for node in nodes for name in node.input}
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
    graph = helper.make_graph(nodes, "contract", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)
