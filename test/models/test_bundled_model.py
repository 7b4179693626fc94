"""The model that comes with the package: small enough, described as it is, and better than a guess on real streets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from perception_fm.cli import main
from perception_fm.inference.model_file import read_model_file
from perception_fm.models.cache import packaged_path
from perception_fm.models.loaded import load_model
from perception_fm.models.zoo_entries import ZOO

GRAPH = packaged_path("bundled")
WEIGHTS = packaged_path("bundled", ".safetensors")


def test_both_files_are_small() -> None:
    assert GRAPH.stat().st_size <= 15_000_000
    assert WEIGHTS.stat().st_size <= 9_000_000


def test_graph_was_made_of_the_weights_beside_it() -> None:
    card = read_model_file(GRAPH).card
    assert card.weights_sha256 == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def test_zoo_says_of_it_what_its_card_says() -> None:
    card, entry = read_model_file(GRAPH).card, ZOO["bundled"]
    assert card.is_trained
    assert entry.is_trained
    assert (card.licence, card.is_commercial) == (entry.licence.name, entry.licence.is_commercial)
    assert (card.name, card.encoder, card.output_stride) == (entry.name, entry.encoder, entry.output_stride)
    assert (card.input_width, card.input_height) == (entry.input_width, entry.input_height)
    assert (card.heads, card.canonical_focal_px) == (entry.heads, entry.focal_px)


def test_its_depth_error_was_fitted() -> None:
    error = read_model_file(GRAPH).card.depth_error
    assert error is not None
    assert error.model == "bundled"


def test_it_is_found_by_its_name_and_accepted() -> None:
    model = load_model("bundled", "onnxruntime")
    assert model.refusal == ""
    assert model.state.name == "bundled"
    model.close()


def test_depth_of_a_real_street_is_metric(shared_data: Path, tmp_path: Path) -> None:
    """Of the drive that it saw while it was trained; on others docs/model_card.md."""
    arguments = [str(shared_data / "pandaset_002"), "--model", "bundled", "--every", "8", "-o", str(tmp_path / "out")]
    assert main(["evaluate", "depth", *arguments]) == 0
    figures = json.loads((tmp_path / "out" / "depth.json").read_text())
    assert figures["summary"]["raw"]["abs_rel"] < 0.25


def test_road_of_a_camera_it_never_saw_is_found(shared_data: Path, tmp_path: Path) -> None:
    arguments = [str(shared_data / "camvid_train"), "--model", "bundled", "--every", "40", "-o", str(tmp_path / "out")]
    assert main(["evaluate", "segmentation", *arguments]) == 0
    figures = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    assert next(one["iou"] for one in figures["summary"]["classes"] if one["name"] == "road") > 0.75
