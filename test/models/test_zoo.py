"""The table of the zoo: nothing guessed, nothing that forbids commerce by default, nothing that could run code."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ModelError
from perception_fm.models.zoo import HubFiles, Licence, Part, ZooEntry, entry_named
from perception_fm.models.zoo_entries import DEFAULT, ZOO

OPEN = Licence("Apache-2.0", True, "https://example.org/a")
CLOSED = Licence("Research only", False, "https://example.org/b", "no products")


def entry(**changes: object) -> ZooEntry:
    values = {
        "name": "one", "summary": "s", "kind": "network", "encoder": "e", "own_licence": None, "input_height": 56,
        "input_width": 112, "size_multiple": 14, "output_stride": 4, "heads": ("depth",), "commands": ("do",),
        "parts": (Part("depth", "x", HubFiles("a/b"), OPEN, 1.0), Part("label", "y", HubFiles("c/d"), CLOSED, 2.0)),
    }  # fmt: skip
    return ZooEntry(**{**values, **changes})


def test_default_may_be_used_in_products() -> None:
    assert ZOO[DEFAULT].licence.is_commercial
    assert next(iter(ZOO)) == DEFAULT


def test_segformer_is_never_offered_for_products() -> None:
    with_segformer = [one for one in ZOO.values() if any("segformer" in part.architecture for part in one.parts)]
    assert len(with_segformer) >= 2
    assert not any(one.licence.is_commercial for one in with_segformer)


def test_composed_model_takes_the_stricter_licence() -> None:
    licence = entry().licence
    assert (licence.name, licence.is_commercial) == ("Apache-2.0 AND Research only", False)
    assert licence.note == "Research only: no products"
    assert entry().size_mb == 3.0


@pytest.mark.parametrize("name", ZOO)
def test_what_has_not_been_seen_is_null_and_what_is_stated_has_a_source(name: str) -> None:
    one = ZOO[name]
    assert one.licence.source.startswith("https://")
    for part in one.parts:
        assert part.licence.source.startswith("https://")
        revision = part.weights.revision
        assert revision is None or re.fullmatch("[0-9a-f]{40}", revision)
        assert (revision is None) == (part.weights.sha256 is None)
    if "label" in one.heads:
        assert (one.class_names, one.train_ids) == (CITYSCAPES_CLASSES, tuple(range(19)))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "weights.pth", "*"])
def test_pickle_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ModelError, match="refused"):
        HubFiles("a/b", files=("config.json", name))


def test_focal_length_of_depth_anything_v2_follows_the_field_of_view() -> None:
    # A Virtual KITTI camera (fx = 725.0087 px, 375 rows) resized to 504 rows gets metres that need no scaling.
    assert ZOO["dav2_segformer"].canonical_focal_px(504) == pytest.approx(725.0087 * 504 / 375)
    assert ZOO["depth_anything_3"].canonical_focal_px(280) == 300.0
    assert ZOO["dinov2_small"].canonical_focal_px(384) is None


def test_input_size_that_does_not_match_is_refused_with_a_near_one() -> None:
    ZOO["dav2_segformer"].check_size(252, 448)
    with pytest.raises(ModelError, match=r"multiples of 28, got 640x384: 644x392 is near"):
        ZOO["dav2_segformer"].check_size(384, 640)
    with pytest.raises(ModelError, match="got 0x0"):
        ZOO["dav2_segformer"].check_size(0, 0)


def test_unknown_name_is_answered_with_near_ones() -> None:
    assert entry_named("eomt_dinov2") is ZOO["eomt_dinov2"]
    with pytest.raises(ModelError, match="did you mean dinov2_small"):
        entry_named("dinov2_smal")


@pytest.mark.parametrize(
    "changes",
    [{"kind": "other"}, {"heads": ("colour",)}, {"parts": ()}, {"train_ids": (0, 1)}, {"input_width": 100}],
)
def test_entry_that_does_not_hold_together_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        entry(**changes)


def test_table_and_lookup_work_without_any_library() -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'huggingface_hub', 'onnx', 'onnxruntime', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from perception_fm.cli import main\n"
        "from perception_fm.models import locate\n"
        "sys.exit(main(['models', 'list']) or main(['models', 'info', 'dinov3_base']))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
