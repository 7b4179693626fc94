"""The model card: figures of this very model only, and nothing of the machine that made it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from perception_fm.cli import main
from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import ConfigError, ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.model_card import Evaluation, ModelFacts, model_card, model_facts, read_evaluation
from perception_fm.models.training_facts import training_facts, without_places

CARD = ModelCard(
    name="road", source="here | there", revision=None, licence="Apache-2.0", is_commercial=True, is_trained=True,
    encoder="efficientnet_lite0", input_height=384, input_width=640, output_stride=4,
    heads=("depth", "label", "confidence"), canonical_focal_px=500.0, weights_sha256="1" * 64, temperature=1.25,
)  # fmt: skip
FACTS = ModelFacts("road.onnx", 12.34, "a" * 64, CARD)
ERROR = DepthErrorModel(
    model="road", weights_sha256="2" * 64, source="drives", frames=20, points=2000, band_edges_m=(15.0,),
    variance_road=(0.01, 0.04), variance_other=(0.09, 0.16), bias_road=(0.0, 0.0), bias_other=(0.0, -0.1),
    scale_variance=0.0225, smooth_share=0.5, correlation_length=0.1,
)  # fmt: skip
FIGURES = {"pixels": 10, "abs_rel": 0.1234, "rmse_m": 3.456, "silog": 17.89, "delta1": 0.876, "bias_share": None}


def depth_document(**predictions: Any) -> dict[str, Any]:
    by = {"name": "road", "weights_sha256": "1" * 64, "runtime": "onnxruntime", "precision": "fp32", **predictions}
    return {
        "run": {
            "drive": "street", "source": "A | B", "licence": "CC BY 4.0", "frames_with_truth": 80, "every": 1,
            "limits": {"min_m": 1.0, "max_m": 80.0}, "predictions": by,
        },
        "summary": {
            "raw": FIGURES, "median_scaled": FIGURES, "calibration": None,
            "bands": [{"from_m": 1.0, "to_m": 80.0, "raw": FIGURES}],
            "classes": [{"name": "road", "raw": FIGURES}],
        },
    }  # fmt: skip


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    drive = tmp_path / "drive"
    drive.mkdir()
    (drive / "meta.json").write_text(json.dumps({"source": "PandaSet", "licence": "CC BY 4.0"}))
    datasets = [
        {"kind": "drive", "path": str(drive), "weight": 2.0, "split": "divided", "name": ""},
        {"kind": "shards", "path": "/gone/shards", "weight": 1.0, "split": "train", "name": "rendered"},
    ]
    (folder / "config.yaml").write_text(json.dumps({"seed": 3, "datasets": datasets}))
    record = {
        "command": ["perception-fm", "train", "/home/someone/project/mine.yaml", "--data", str(tmp_path)],
        "commit": "abc", "seed": 3, "versions": {"torch": "2.13"},
        "data": {
            "drive": {"folder": str(drive), "fingerprint": "f" * 64},
            "rendered": {"folder": "/gone/shards", "fingerprint": "0" * 64},
        },
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    rows = ("step,name,value", "5,val/score,0.75", "9,train/loss,1.0", "9,val/score,0.5", "12,val/score,0.6")
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_card_holds_the_figures_of_the_result_file() -> None:
    text = model_card(FACTS, None, [Evaluation("depth", depth_document())], "Wet roads.")
    assert "| metric | 0.123 | 3.46 | 17.9 | 87.6% | – |" in text
    assert "### Depth on street" in text
    assert "| file | `road.onnx`, 12.3 MB |" in text
    assert "| source | here \\| there |" in text
    assert "A \\| B, CC BY 4.0; 80 frames with truth; 1 to 80 m" in text
    assert text.rstrip().endswith("## Known failures\n\nWet roads.")
    assert "\n\n\n" not in text


def test_card_without_anything_says_so() -> None:
    text = model_card(dataclasses.replace(FACTS, card=dataclasses.replace(CARD, is_trained=False)))
    assert "no run folder was given" in text
    assert "None were given." in text
    assert "that does not mean that there are none" in text
    assert "| trained | NO" in text
    assert "Error of the depth" not in text


def test_depth_error_is_told_by_band() -> None:
    text = model_card(dataclasses.replace(FACTS, card=dataclasses.replace(CARD, depth_error=ERROR)))
    assert "| 0 to 15 m | 10.0% | 0.0% | 30.0% | 0.0% |" in text
    assert "| over 15 m | 20.0% | 0.0% | 40.0% | -10.0% |" in text
    assert "a scale of 15.0%" in text


def test_run_is_told_without_the_places_of_its_machine(run_folder: Path) -> None:
    facts = training_facts(run_folder)
    assert facts.command == f"perception-fm train mine.yaml --data {run_folder.parent.name}"
    assert facts.metrics == {"score": 0.5}
    assert facts.step == 9
    assert [(one.name, one.licence, one.weight) for one in facts.data] == [
        ("drive", "CC BY 4.0", 2.0),
        ("rendered", "unknown", 1.0),
    ]
    text = model_card(FACTS, facts)
    assert "| drive | drive | 2 | divided | PandaSet | CC BY 4.0 | `ffffffffffffffff` |" in text
    assert "/home" not in text
    assert str(run_folder.parent) not in text
    assert "weights that were kept, step 9" in text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("train /a/b/c.yaml", "train c.yaml"),
        ("--data=/a/b", "--data=b"),
        ("config/training/bundled.yaml", "config/training/bundled.yaml"),
        ("path: '/data/x'", "path: 'x'"),
        ("1 / 2", "1 / 2"),
    ],
)
def test_absolute_paths_are_cut_and_others_are_not(text: str, want: str) -> None:
    assert without_places(text) == want


def test_folder_that_is_no_run_is_refused(tmp_path: Path, run_folder: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        training_facts(tmp_path)
    (run_folder / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match="lacks what a run writes"):
        training_facts(run_folder)


def write(folder: Path, document: Any) -> Path:
    path = folder / "depth.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_result_of_this_model_is_read(tmp_path: Path) -> None:
    assert read_evaluation(write(tmp_path, depth_document()), CARD).kind == "depth"
    before = write(tmp_path, depth_document(weights_sha256="2" * 64))
    assert read_evaluation(before, dataclasses.replace(CARD, depth_error=ERROR)).kind == "depth"


@pytest.mark.parametrize("sha256", ["", "2" * 64])
def test_figures_of_other_weights_are_refused(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ModelError, match="other weights"):
        read_evaluation(write(tmp_path, depth_document(weights_sha256=sha256)), CARD)


@pytest.mark.parametrize("document", ["{", "[]", "{}", {"run": {"predictions": {"name": "road"}}, "summary": {}}])
def test_file_that_is_no_result_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ModelError, match="is no result of perception-fm evaluate"):
        read_evaluation(write(tmp_path, document), CARD)


def test_figures_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="judges other, this is the model road"):
        read_evaluation(write(tmp_path, depth_document(name="other")), CARD)


def test_command_writes_the_card_of_a_file_and_refuses_in_one_line(
    tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    from tiny_onnx import write_tiny_model

    model, output = str(write_tiny_model(tmp_path / "tiny.onnx")), tmp_path / "card.md"
    result = str(write(tmp_path, depth_document(name="tiny", weights_sha256="")))
    arguments = ["models", "card", model, "-o", str(output), "--run", str(run_folder)]
    assert main([*arguments, "--evaluation", result]) == 0
    assert "### Depth on street" in output.read_text()
    output.unlink()
    write(tmp_path, depth_document())
    assert main([*arguments, "--evaluation", result]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main([*arguments, "--known-failures", str(tmp_path / "none.md")]) == 2
    assert not output.exists()


def test_checkpoint_of_a_run_is_described_and_takes_a_depth_error(
    lite0: Any, tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from perception_fm.models.network.weights import load_network, save_network

    path = save_network(lite0, run_folder / "best.safetensors")
    before = model_facts(path)
    error = tmp_path / "error.json"
    error.write_text(
        dataclasses.replace(ERROR, model=before.card.name, weights_sha256=before.card.weights_sha256).to_json()
    )
    assert before.card.weights_sha256 == load_network(path).card.weights_sha256
    assert main(["models", "attach-error", str(path), str(error)]) == 0
    loaded = load_network(path)
    assert loaded.card.depth_error.scale_variance == ERROR.scale_variance
    assert loaded.card.weights_sha256 != before.card.weights_sha256
    for name, value in lite0.state_dict().items():
        assert loaded.state_dict()[name].equal(value)
    result = write(tmp_path, depth_document(name=before.card.name, weights_sha256=before.card.weights_sha256))
    arguments = ["models", "card", str(run_folder), "-o", str(tmp_path / "card.md"), "--evaluation", str(result)]
    assert main(arguments) == 0, capsys.readouterr().err
    assert "best.safetensors" in (tmp_path / "card.md").read_text()
    error.write_text(dataclasses.replace(ERROR, model=before.card.name, weights_sha256="3" * 64).to_json())
    assert main(["models", "attach-error", str(path), str(error)]) == 2
