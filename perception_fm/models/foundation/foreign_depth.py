"""What a foreign ONNX file of depth takes and gives, before it is wrapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from perception_fm.errors import ModelError
from perception_fm.inference.onnxruntime_ import CPU, open_session, quiet_options
from perception_fm.models.zoo import ZooEntry

OPSET = 17
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}


@dataclass(frozen=True)
class ForeignDepth:
    """A file that could be wrapped.

    `image`, `depth`, `sky`: names of its input and outputs, `sky` None where it has none. `element`: ONNX type of the
    input. `has_views`: the input is (N, 1, 3, H, W) instead of (N, 3, H, W). `batch`: 0 where it is free. `height`,
    `width`: of the input, pixels.
    """

    model: onnx.ModelProto
    image: str
    element: int
    has_views: bool
    batch: int
    height: int
    width: int
    depth: str
    sky: str | None


def inspect_depth(
    source: Path, entry: ZooEntry, height: int | None, width: int | None, depth_output: str | None
) -> ForeignDepth:
    """See `import_depth`. Raises `ModelError` for a file that is damaged or has another signature or size."""
    try:
        model = onnx.load(str(source))
        onnx.checker.check_model(model)
        opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
        if opset < OPSET:
            model = onnx.version_converter.convert_version(model, OPSET)
    except (OSError, DecodeError, ValueError, RuntimeError, StopIteration, onnx.checker.ValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{source} cannot be read as an ONNX model: {reason}") from error
    own = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in own]
    if len(inputs) != 1:
        raise ModelError(
            f"{source} has the inputs {', '.join(i.name for i in inputs) or 'none'}; one image is expected"
        )
    tensor = inputs[0].type.tensor_type
    shape = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type not in _FLOATS or len(shape) not in (4, 5) or shape[-3] not in (0, 3):
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        raise ModelError(f"{source}: its input is {kind} {shape}, expected float (N, 3, H, W) or (N, 1, 3, H, W)")
    if len(shape) == 5 and shape[1] > 1:
        raise ModelError(f"{source} looks at {shape[1]} views at once; one is expected")
    rows, columns = _size(source, entry, shape[-2], shape[-1], height, width)
    depth, sky = _outputs(source, [item.name for item in model.graph.output], depth_output)
    return ForeignDepth(model, inputs[0].name, tensor.elem_type, len(shape) == 5, shape[0], rows, columns, depth, sky)


def _size(
    source: Path, entry: ZooEntry, rows: int, columns: int, height: int | None, width: int | None
) -> tuple[int, int]:
    """Of the input: the file's where that is fixed, else what was asked for, else the entry's."""
    wanted = (height or rows or entry.input_height, width or columns or entry.input_width)
    if (rows and wanted[0] != rows) or (columns and wanted[1] != columns):
        raise ModelError(f"{source} takes {columns or 'any'}x{rows or 'any'} only, got {wanted[1]}x{wanted[0]}")
    if not rows or not columns:
        entry.check_size(*wanted)
    return wanted


def _outputs(source: Path, names: list[str], depth_output: str | None) -> tuple[str, str | None]:
    if depth_output is not None:
        candidates = [name for name in names if name == depth_output]
    else:
        candidates = names if len(names) == 1 else [name for name in names if "depth" in name.lower()]
    if len(candidates) != 1:
        raise ModelError(f"{source} has the outputs {', '.join(names)}: name the one that is depth in metres")
    skies = [name for name in names if "sky" in name.lower() and name != candidates[0]]
    return candidates[0], skies[0] if skies else None


def output_shapes(foreign: ForeignDepth, where: str) -> dict[str, tuple[int, int]]:
    """Rows and columns of the outputs that are used, seen in one run."""
    session = open_session(foreign.model.SerializeToString(), quiet_options(), [CPU], where)
    dtype = helper.tensor_dtype_to_np_dtype(foreign.element)
    views = (1,) if foreign.has_views else ()
    image = np.zeros((foreign.batch or 1, *views, 3, foreign.height, foreign.width), dtype)
    names = [name for name in (foreign.depth, foreign.sky) if name]
    try:
        values = session.run(names, {foreign.image: image})
    # ONNX Runtime's exceptions have no common ancestor.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{where} does not run at {foreign.width}x{foreign.height}: {reason}") from error
    shapes = {}
    for name, value in zip(names, values):
        if value.ndim < 2 or value.size != len(image) * value.shape[-1] * value.shape[-2]:
            raise ModelError(f"{where}: its output {name} is {value.shape}, expected one value per pixel")
        shapes[name] = (value.shape[-2], value.shape[-1])
    return shapes
