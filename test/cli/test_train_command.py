"""`perception-fm train` from a folder to weights that can be exported, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch comes with the extra models")
pytest.importorskip("lightning", reason="Lightning comes with the extra train")

from perception_fm.cli import main

WIDTH, HEIGHT, FRAMES = 64, 32, 24
SMALL = (
    "encoder=efficientnet_lite0", "is_pretrained=false", f"width_px={WIDTH}", f"height_px={HEIGHT}",
    "schedule.batch_size=2", "schedule.steps=2", "validation.every_steps=2", "validation.frames=2",
    "validation.pictures=1", "machine.workers=0", "machine.accelerator=cpu",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive folder of flat grey streets."""
    folder = tmp_path / "street"
    folder.mkdir()
    rng = np.random.default_rng(0)
    depth = np.full((HEIGHT, WIDTH), 256 * 9, np.uint16)
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    frames = []
    for number in range(FRAMES):
        name = f"{number:03d}"
        cv2.imwrite(str(folder / f"{name}.png"), rng.integers(60, 90, (HEIGHT, WIDTH, 3), np.uint8))
        cv2.imwrite(str(folder / f"{name}_depth.png"), depth)
        cv2.imwrite(str(folder / f"{name}_label.png"), label)
        frames.append(
            {
                "id": name,
                "stamp_ns": 10**9 + number * 10**8,
                "image": f"{name}.png",
                "depth": f"{name}_depth.png",
                "label": f"{name}_label.png",
            }
        )
    camera = {"name": "front", "frame_id": "front_optical", "size": [WIDTH, HEIGHT], "distortion_model": "none"}
    camera |= {"K": [60.0, 60.0, 31.5, 15.5], "D": [], "height_m": 1.5}
    meta = {"format": "drive-folder/1", "camera": camera, "frames": frames, "class_names": {"0": "road"}}
    (folder / "meta.json").write_text(json.dumps({**meta, "source": "test", "licence": "CC0"}))
    return folder


def settings(*more: str) -> list[str]:
    """Options that make a run small."""
    return [part for text in (*SMALL, *more) for part in ("--set", text)]


def test_run_on_a_drive_folder_goes_on_and_leaves_weights_to_export(
    drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from perception_fm.models.network.weights import load_network

    run = tmp_path / "run"
    tuned = ["train", "--finetune", "efficientnet_lite0", "--data", str(drive), "-o", str(run)]
    assert main([*tuned, *settings("datasets.0.label_map=cityscapes")]) == 0
    out = capsys.readouterr().out
    assert "trained:    2 of 2 steps" in out
    assert f"perception-fm export {run / 'best.safetensors'}" in out
    card = load_network(run / "best.safetensors").card
    assert (card.is_trained, card.input_width, card.input_height) == (True, WIDTH, HEIGHT)
    assert "street (CC0)" in card.source
    again = ["train", "--finetune", str(run / "best.safetensors"), "--data", str(drive), "-o", str(tmp_path / "second")]
    assert main([*again, *settings("datasets.0.label_map=cityscapes", "schedule.steps=4")]) == 0
    assert main(["train", "--resume", str(tmp_path / "second")]) == 2
    assert "no steps or time left" in capsys.readouterr().err


def test_data_that_changed_is_not_resumed(drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    tuned = ["train", "--finetune", "efficientnet_lite0", "--data", str(drive), "-o", str(run), "--pause-after", "1e-6"]
    assert main([*tuned, *settings("datasets.0.label_map=cityscapes", "schedule.steps=3")]) == 0
    (drive / "more.txt").write_text("changed")
    assert main(["train", "--resume", str(run)]) == 2
    assert "the data set street in" in (error := capsys.readouterr().err)
    assert "has changed since the run began" in error
    (drive / "more.txt").unlink()
    moved = drive.rename(tmp_path / "elsewhere_street")
    assert main(["train", "--resume", str(run)]) == 2
    assert "no longer at" in capsys.readouterr().err
    moved.rename(drive)
    assert main(["train", "--resume", str(run)]) == 0
    assert len(json.loads((run / "run.json").read_text())["resumed"]) == 1


def test_settings_are_listed_with_their_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--show-settings"]) == 0
    out = capsys.readouterr().out
    assert "schedule.steps = 20000\n" in out
    assert "datasets.0.weight = 1.0\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "give either -o RUN for a new run or --resume RUN"),
        (["train", "-o", "a", "--resume", "b"], "give either -o RUN"),
        (["train", "--resume", "b", "--set", "seed=1"], "--resume has its settings"),
        (["train", "--finetune", "bundled", "-o", "a"], "--finetune needs --data DIR"),
        (["train", "--resume", "nowhere"], "nowhere holds no run"),
        (["train", "-o", "a"], "there is no data set driving: looked for the folder"),
        (["train", "--finetune", "no_such", "--data", "{drive}", "-o", "a"], "there is no model 'no_such' to tune"),
        (["train", "--finetune", "depth_anything_v2", "--data", "{drive}", "-o", "a"], "to tune"),
        (["train", "--finetune", "efficientnet_lite0", "--data", "{empty}", "-o", "a"], "holds nothing to train on"),
        (["train", "--finetune", "gone.safetensors", "--data", "{drive}", "-o", "a"], "cannot read gone.safetensors"),
        (["train", "--finetune", "efficientnet_lite0", "--data", "{drive}", "-o", "{drive}"], "is not empty"),
    ],
)  # fmt: skip
def test_refusal_is_one_line(
    arguments: list[str], message: str, drive: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    filled = [part.format(drive=drive, empty=tmp_path / "empty") for part in arguments]
    extra = settings("datasets.0.label_map=cityscapes") if "{drive}" in arguments[-1] else []
    assert main([*filled, *extra]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "a").exists()
