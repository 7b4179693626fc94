"""Foreign ONNX files of depth behind the contract: their answers known, everything else refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="imports need the extra `models`")
pytest.importorskip("torch", reason="saving a model needs the extra `models`")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from perception_fm.errors import ModelError
from perception_fm.inference.model_file import read_model_file
from perception_fm.models.export import save_model
from perception_fm.models.foundation.imported import import_depth
from perception_fm.models.zoo import IMAGENET_MEAN, IMAGENET_STD
from perception_fm.models.zoo_entries import ZOO

ENTRY = ZOO["depth_anything_3"]
OFFSET_M = 10.0
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def foreign(
    path: Path,
    shape: list[object],
    element: int = FLOAT,
    *,
    has_sky: bool = True,
    opset: int = 17,
    depth: str = "depth",
) -> Path:
    """Depth is 10 m + the normalised red; sky is the logistic function of it."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    channel = len(shape) - 3
    nodes = [
        helper.make_node("Gather", ["pixel_values", "first"], ["red"], axis=channel),
        helper.make_node("Add", ["red", "offset"], [depth]),
        helper.make_node("Sigmoid", ["red"], ["sky"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(OFFSET_M, dtype), "offset"),
        numpy_helper.from_array(np.array([0], np.int64), "first"),
    ]
    names = [depth, "sky"] if has_sky else [depth]
    out = [*shape[:channel], 1, *shape[-2:]]
    graph = helper.make_graph(
        nodes if has_sky else nodes[:2],
        "foreign",
        [helper.make_tensor_value_info("pixel_values", element, shape)],
        [helper.make_tensor_value_info(name, element, out) for name in names],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path))
    return path


def answer(path: Path, red: int, batch: int = 1) -> np.ndarray:
    card = read_model_file(path).card
    image = np.zeros((batch, card.input_height, card.input_width, 3), np.uint8)
    image[..., 2] = red
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["depth"], {"image": image})[
        0
    ]


def normalised(red: int) -> float:
    return (red / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0]


@pytest.mark.parametrize(
    ("shape", "element", "opset"),
    [
        ([1, 3, 28, 56], FLOAT, 17),
        ([1, 1, 3, 28, 56], FLOAT, 17),
        ([1, 3, 28, 56], HALF, 17),
        ([1, 3, 28, 56], FLOAT, 13),
    ],
)
def test_wrapped_file_sees_normalised_rgb(shape: list[object], element: int, opset: int, tmp_path: Path) -> None:
    model, card = import_depth(ENTRY, foreign(tmp_path / "a.onnx", shape, element, has_sky=False, opset=opset))
    depth = answer(save_model(model, card, tmp_path / "b.onnx"), red=200)
    assert depth.shape == (1, 7, 14)
    # Of FP16, 11 bits of mantissa at 10 m.
    np.testing.assert_allclose(depth, OFFSET_M + normalised(200), rtol=1e-3 if element == HALF else 1e-6)
    assert (card.canonical_focal_px, card.heads, card.output_stride) == (300.0, ("depth",), 4)


def test_sky_is_no_measurement(tmp_path: Path) -> None:
    model, card = import_depth(ENTRY, foreign(tmp_path / "a.onnx", [1, 3, 28, 56]))
    path = save_model(model, card, tmp_path / "b.onnx")
    assert (answer(path, red=255) == 0.0).all()  # the logistic function of 2.2 is 0.9: sky
    np.testing.assert_allclose(answer(path, red=0), OFFSET_M + normalised(0), rtol=1e-6)  # of -2.1 it is 0.1


def test_free_input_takes_the_size_that_was_asked_for_and_any_batch(tmp_path: Path) -> None:
    source = foreign(tmp_path / "a.onnx", ["batch", 3, "height", "width"])
    model, card = import_depth(ENTRY, source, height=56, width=84)
    assert (card.input_height, card.input_width) == (56, 84)
    assert answer(save_model(model, card, tmp_path / "b.onnx"), red=0, batch=3).shape == (3, 14, 21)


def test_square_input_of_37_patches_gets_a_stride_that_divides_it(tmp_path: Path) -> None:
    model, card = import_depth(ENTRY, foreign(tmp_path / "a.onnx", [1, 3, 518, 518]))
    assert card.output_stride == 7
    assert answer(save_model(model, card, tmp_path / "b.onnx"), red=0).shape == (1, 74, 74)


def test_cells_are_sampled_at_their_centres(tmp_path: Path) -> None:
    model, card = import_depth(ENTRY, foreign(tmp_path / "a.onnx", [1, 3, 28, 56], has_sky=False))
    session = onnxruntime.InferenceSession(str(save_model(model, card, tmp_path / "b.onnx")))
    image = np.zeros((1, 28, 56, 3), np.uint8)
    image[..., 2] = 4 * np.arange(56, dtype=np.uint8)
    row = session.run(None, {"image": image})[0][0, 0]
    # The centre of cell i of 4 pixels is pixel 4 i + 1.5.
    want = [OFFSET_M + (4 * (4 * i + 1.5) / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0] for i in range(14)]
    np.testing.assert_allclose(row, want, rtol=1e-6)


def test_own_file_is_not_given_the_licence_of_the_zoo(tmp_path: Path) -> None:
    source = foreign(tmp_path / "a.onnx", [1, 3, 28, 56])
    _, own = import_depth(ENTRY, source)
    assert (own.licence, own.is_commercial, own.revision) == ("not known: an imported file", False, None)
    _, pulled = import_depth(ENTRY, source, revision="f" * 40)
    assert (pulled.licence, pulled.is_commercial, pulled.source) == (
        "Apache-2.0",
        True,
        "Heliosoph/da3metric-large-onnx",
    )


def test_weights_beside_the_file_are_taken_into_it(tmp_path: Path) -> None:
    source = foreign(tmp_path / "a.onnx", [1, 3, 28, 56], has_sky=False)
    model = onnx.load(str(source))
    onnx.save(model, str(source), save_as_external_data=True, location="a.onnx.data", size_threshold=0)
    assert (tmp_path / "a.onnx.data").is_file()
    model, card = import_depth(ENTRY, source)
    path = save_model(model, card, tmp_path / "b.onnx")
    (tmp_path / "a.onnx.data").unlink()
    np.testing.assert_allclose(answer(path, red=0), OFFSET_M + normalised(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "options", "what"),
    [
        ([1, 3, 28, 56], {"height": 56}, "takes 56x28 only"),
        (["n", 3, "h", "w"], {"height": 30, "width": 56}, "multiples of 28"),
        ([1, 28, 56, 3], {}, r"expected float \(N, 3, H, W\)"),
        ([1, 2, 3, 28, 56], {}, "2 views at once"),
        ([1, 3, 28, 56], {"depth_output": "disparity"}, "name the one that is depth"),
    ],
)
def test_file_that_does_not_fit_is_refused(
    shape: list[object], options: dict[str, object], what: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=what):
        import_depth(ENTRY, foreign(tmp_path / "a.onnx", shape), **options)


def test_output_that_nobody_calls_depth_must_be_named(tmp_path: Path) -> None:
    source = foreign(tmp_path / "a.onnx", [1, 3, 28, 56], depth="answer")
    with pytest.raises(ModelError, match="outputs answer, sky: name the one"):
        import_depth(ENTRY, source)
    assert import_depth(ENTRY, source, depth_output="answer")[1].heads == ("depth",)


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_damaged_file_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.onnx", [1, 3, 28, 56])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError, match="cannot be read as an ONNX model") as refusal:
        import_depth(ENTRY, path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ModelError, match="cannot be read"):
        import_depth(ENTRY, tmp_path / "gone.onnx")
