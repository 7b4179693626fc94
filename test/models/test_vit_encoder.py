"""DINOv2 and DINOv3 keep their published features inside the encoder; small widths, the real architectures."""

from __future__ import annotations

from typing import Any

import pytest

from perception_fm.errors import ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
vit = pytest.importorskip("perception_fm.models.network.vit")

# Sums of some tens of float32 terms in another order.
TOLERANCE = 2e-5


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vit._SIZES, "small", (48, 4, 2))
    torch.manual_seed(3)
    torch.set_num_threads(1)


def published(family: str) -> Any:
    """A randomly initialised network of the library."""
    return vit._transformer(family, "small", None).eval()


def test_dinov3_features_are_those_of_the_library() -> None:
    model = published("dinov3")
    encoder = vit.VitEncoder("dinov3", "small", model.state_dict()).eval()
    encoder.set_input_size(64, 96)
    image = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        expected = model(image).last_hidden_state[:, 5:].transpose(1, 2).reshape(2, 48, 4, 6)
        found = encoder._tapped(image)
    assert len(found) == 4
    torch.testing.assert_close(found[-1], expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_dinov2_sees_enlarged_patches_as_the_library_sees_the_patches() -> None:
    model = published("dinov2")
    encoder = vit.VitEncoder("dinov2", "small", model.state_dict()).eval()
    image = torch.randn(1, 3, 518, 518)
    patches = torch.nn.functional.unfold(image, 14, stride=14).transpose(1, 2).reshape(-1, 3, 14, 14)
    enlarged = torch.nn.functional.interpolate(patches, (16, 16), mode="bilinear", align_corners=False)
    columns = enlarged.reshape(1, 37 * 37, -1).transpose(1, 2)
    with torch.inference_mode():
        expected = model(image).last_hidden_state[:, 1:].transpose(1, 2).reshape(1, 48, 37, 37)
        found = encoder._tapped(torch.nn.functional.fold(columns, (592, 592), 16, stride=16))
    torch.testing.assert_close(found[-1], expected, rtol=1e-4, atol=1e-4)


def test_positions_are_resampled_once_as_the_library_does_in_every_call() -> None:
    model = published("dinov2")
    encoder = vit.VitEncoder("dinov2", "small", model.state_dict())
    encoder.set_input_size(64, 96)
    whole = model.embeddings.interpolate_pos_encoding(torch.zeros(1, 25, 48), 4 * 14, 6 * 14)
    torch.testing.assert_close(encoder.position.detach(), whole[:, 1:].detach(), rtol=TOLERANCE, atol=TOLERANCE)
    encoder.set_input_size(64, 96)
    torch.testing.assert_close(encoder.position.detach(), whole[:, 1:].detach(), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("family", ["dinov2", "dinov3"])
def test_features_have_the_strides_of_every_encoder(family: str) -> None:
    encoder = vit.VitEncoder(family, "small", None).eval()
    encoder.set_input_size(64, 128)
    with torch.inference_mode():
        features = encoder(torch.zeros(1, 3, 64, 128))
    assert [tuple(values.shape[2:]) for values in features] == [(16, 32), (8, 16), (4, 8), (2, 4)]
    assert tuple(values.shape[1] for values in features) == encoder.channels


def test_missing_and_misshapen_tensors_of_a_checkpoint_are_named() -> None:
    state = published("dinov2").state_dict()
    name = next(key for key in state if key.startswith("encoder.layer.2.") and key.endswith("norm1.weight"))
    with pytest.raises(ModelError, match=r"no weights of dinov2 small: missing keys .*norm1\.weight"):
        vit.VitEncoder("dinov2", "small", {key: value for key, value in state.items() if key != name})
    with pytest.raises(ModelError, match=r"no weights of dinov2 small"):
        vit.VitEncoder("dinov2", "small", {**state, name: torch.zeros(7)})


def test_patch_kernel_of_the_same_size_is_kept() -> None:
    kernel = torch.randn(5, 3, 16, 16)
    torch.testing.assert_close(vit.resample_patch(kernel, 16), kernel, rtol=1e-5, atol=1e-5)


def test_state_dict_keeps_the_published_names_whatever_transformers_calls_them() -> None:
    encoder, other = vit.VitEncoder("dinov2", "small", None), vit.VitEncoder("dinov2", "small", None)
    state = encoder.state_dict()
    assert "layers.3.attention.attention.query.weight" in state
    assert "layers.0.attention.output.dense.bias" in state
    assert not [name for name in state if "_proj." in name]
    other.load_state_dict(state)
    for mine, theirs in zip(other.parameters(), encoder.parameters()):
        assert torch.equal(mine, theirs)
