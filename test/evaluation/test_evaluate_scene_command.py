"""`perception-fm evaluate scene` as a person types it, on a street that is drawn pixel by pixel."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scene_builders import CAMERA, CAR, HEIGHT_M, ROAD, SIDEWALK, SLAB_M, street

from perception_fm.cli import main
from perception_fm.evaluation.drive_classes import DriveClasses

START_NS = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts of the acceptance gate are kept in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tiny_model(tmp_path: Path) -> Callable[..., Path]:
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    pytest.importorskip("onnxruntime", reason="the tiny model runs in onnxruntime")
    from tiny_onnx import tiny_card, write_tiny_model

    return lambda **changes: write_tiny_model(tmp_path / "tiny.onnx", tiny_card(**changes))


@pytest.fixture
def make_street_shards(tmp_path: Path) -> Callable[..., Path]:
    """Two frames of the street, mounting known unless `facts` say otherwise; returns the folder."""
    from perception_fm.synth.dataset.sample_codec import CHANNELS, Sample, encode
    from perception_fm.synth.dataset.shard import shard_path, write_shard
    from perception_fm.synth.render.frame import Truth

    def make(channels: tuple[str, ...] = CHANNELS, mounting: dict[str, float] | None = None) -> Path:
        folder = tmp_path / "street"
        folder.mkdir()
        depth, label, instance, normal = street()
        depth = np.where(np.isnan(depth), np.float32(np.inf), depth)
        nothing = np.zeros(depth.shape, np.uint8)
        truth = Truth(
            depth, depth, label, instance, normal, np.zeros((*depth.shape, 3), np.uint8), nothing, nothing > 0
        )
        mounting = {"height_m": HEIGHT_M, "pitch_deg": 0.0} if mounting is None else mounting
        matrix = CAMERA.intrinsics
        camera = {
            "K": [matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]], "size": [CAMERA.width, CAMERA.height],
            "distortion_model": "none", "D": [], **mounting,
        }  # fmt: skip
        facts = {"camera": camera, "walls": [], "share": "street", "seed": 1}
        picture = np.full((*depth.shape, 3), 80, np.uint8)
        list(write_shard(shard_path(folder, "dev", 0), [encode(Sample(picture, truth, facts), channels)] * 2))
        index = {
            "format": "perception-fm-dataset/1", "version": "0", "identity": "0", "is_complete": True, "split": "dev",
            "shards": 1, "channels": list(channels), "frames": 2, "spec": {"width_px": 160, "height_px": 96},
        }  # fmt: skip
        (folder / "dataset.json").write_text(json.dumps(index))
        return folder

    return make


@pytest.fixture
def make_street_drive(tmp_path: Path) -> Callable[..., Path]:
    """Three frames of the street at 10 Hz from a standing vehicle, truth in the first two; returns the folder.

    The second frame says that nothing is in the corridor. `change(meta)` has its way with the document.
    """

    def make(change: Callable[[dict[str, Any]], None] = lambda meta: None) -> Path:
        folder = tmp_path / "drive"
        folder.mkdir()
        depth, label, _, _ = street()
        ids = np.select([label == ROAD, label == SIDEWALK, label == CAR], [7, 11, 13], 0).astype(np.uint8)
        cv2.imwrite(str(folder / "image.png"), np.full((*depth.shape, 3), 80, np.uint8))
        cv2.imwrite(str(folder / "depth.png"), np.nan_to_num(depth * 256.0, nan=0.0).clip(0, 65535).astype(np.uint16))
        cv2.imwrite(str(folder / "cls.png"), ids)
        pose = [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, HEIGHT_M], [0.0, 0.0, 0.0, 1.0]]
        box = {"class": "Car", "center_m": [0.0, 0.75, SLAB_M + 2.0], "size_m": [2.0, 4.0, 1.5]}
        frames: list[dict[str, Any]] = [
            {"id": index, "stamp_ns": START_NS + index * 100_000_000, "image": "image.png", "T_world_camera": pose}
            for index in range(3)
        ]
        for frame in frames[:2]:
            frame |= {"depth": "depth.png", "cls": "cls.png", "boxes_camera": [box, box]}
        frames[0]["corridor_nearest_m"], frames[1]["corridor_nearest_m"] = SLAB_M, None
        matrix = CAMERA.intrinsics
        meta = {
            "format": "drive-folder/1", "source": "drawn", "licence": "CC0",
            "camera": {"name": "front", "size": [CAMERA.width, CAMERA.height],
                       "K": [matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]], "distortion_model": "none",
                       "D": [], "height_m": HEIGHT_M},
            "class_names": {"7": "Road", "11": "Sidewalk", "13": "Car"}, "frames": frames,
        }  # fmt: skip
        change(meta)
        (folder / "meta.json").write_text(json.dumps(meta))
        return folder

    return make


def evaluate(folder: Path, output: Path, *arguments: Path | str) -> int:
    return main(["evaluate", "scene", str(folder), "-o", str(output), *map(str, arguments)])


def read(output: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((output / "scene.json").read_text())
    return document


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_truth_of_rendered_frames_gives_a_scene_that_is_right(
    make_street_shards: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert evaluate(make_street_shards(), output, "--truth") == 0
    document = read(output)
    summary = document["summary"]
    assert summary["frames"] == {"frames": 2, "free_space": 2, "obstacles": 2, "corridor": 0}
    free_space = summary["free_space"]
    assert free_space["occupied_cells"] == 2 * 8
    assert free_space["dangerous_cells"] == 0
    assert free_space["road_free_share"] > 0.8
    every = summary["obstacles"]["all"]
    assert (every["things"], every["recall"], every["precision"], every["class_right_share"]) == (2, 1.0, 1.0, 1.0)
    assert abs(every["errors"]["near_error_m"]["median"]) < 0.2
    assert abs(every["errors"]["height_error_m"]["median"]) < 0.2
    assert abs(summary["scale"]["true_scale_median"] - 1.0) < 0.01
    assert abs(summary["scale"]["height_error"]["median"]) < 0.02
    assert summary["corridor"] is None
    assert document["run"]["predictions"]["kind"] == "truth"
    assert set(document["definitions"]) == {"cells", "free_space", "matching", "obstacles", "scale", "corridor"}
    assert "--truth" in document["run"]["command"]
    html = (output / "report.html").read_text()
    assert html.count("data:image/jpeg") >= 3
    assert not re.search(r'(src|href)="http', html)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("frames: 2; judged: free space 2")
    assert lines[-1] == f"report: {output / 'report.html'}"


def test_model_that_sees_only_a_flat_wall_of_road_is_judged_too(
    make_street_shards: Callable[..., Path], tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert evaluate(make_street_shards(), output, "--model", tiny_model(), "--backend", "onnxruntime") == 0
    summary = read(output)["summary"]
    # The tiny model says "road" everywhere, which stands upright: nothing of it lies on the ground, nothing is found.
    assert summary["obstacles"]["all"]["recall"] == 0.0
    assert summary["free_space"]["occupied_found_share"] == 0.0
    assert read(output)["run"]["predictions"]["name"] == "tiny"


def test_drive_is_judged_by_lidar_boxes_and_corridor(
    make_street_drive: Callable[..., Path], tiny_model: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    output = tmp_path / "out"
    assert evaluate(make_street_drive(), output, "--model", tiny_model(), "--backend", "onnxruntime") == 0
    document = read(output)
    summary = document["summary"]
    assert summary["frames"] == {"frames": 3, "free_space": 2, "obstacles": 2, "corridor": 2}
    assert summary["skipped"]["no LiDAR points with classes"] == 1
    assert summary["skipped"]["no corridor_nearest_m"] == 1
    assert summary["obstacles"]["all"]["things"] == 2  # a box that is given twice is one thing
    assert summary["free_space"]["occupied_cells"] == 2 * 8
    assert summary["free_space"]["road_cells"] > 0
    row = summary["corridor"][0]
    assert (row["frames"], row["missed"], row["right"], row["invented"]) == (2, 0.5, 0.5, 0.0)
    assert "skipped: 1 frames, no corridor_nearest_m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("channels", "mounting", "message"),
    [
        (("depth", "label"), None, "lacks instance"),
        (None, {"height_m": 1.5}, "pitch_deg"),
    ],
)
def test_dataset_without_the_truth_of_a_scene_is_one_line_and_no_folder(
    make_street_shards: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    channels: tuple[str, ...] | None, mounting: dict[str, float] | None, message: str,
) -> None:  # fmt: skip
    changes = {"mounting": mounting} if channels is None else {"channels": channels}
    assert evaluate(make_street_shards(**changes), tmp_path / "out", "--truth") == 2
    assert message in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_drive_has_no_dense_truth(
    make_street_drive: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(make_street_drive(), tmp_path / "out", "--truth") == 2
    assert "--truth needs truth at every pixel" in refusal(capsys)


def test_drive_without_height_or_truth_is_refused(
    make_street_drive: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_street_drive(lambda meta: meta["camera"].update(height_m=None))
    assert evaluate(folder, tmp_path / "out") == 2
    assert "height_m is null" in refusal(capsys)
    meta = json.loads((folder / "meta.json").read_text())
    meta["camera"]["height_m"] = HEIGHT_M
    for frame in meta["frames"]:
        for key in ("cls", "corridor_nearest_m"):
            frame.pop(key, None)
    (folder / "meta.json").write_text(json.dumps(meta))
    assert evaluate(folder, tmp_path / "out") == 2
    assert "nothing to compare with" in refusal(capsys)


def test_folder_that_is_neither_and_model_without_depth_are_refused(
    make_street_shards: Callable[..., Path], tiny_model: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert evaluate(tmp_path, tmp_path / "out") == 2
    assert "neither dataset.json" in refusal(capsys)
    model = tiny_model(heads=("label",))
    assert evaluate(make_street_shards(), tmp_path / "out", "--model", model, "--backend", "onnxruntime") == 2
    assert "has no head depth" in refusal(capsys)


def test_names_of_a_drive_become_road_ground_things_and_classes() -> None:
    classes = DriveClasses({"5": "Vegetation", "7": "Road", "11": "Sidewalk", "2": "Exhaust", "14": "Pickup Truck"})
    ids = np.array([0, 2, 5, 7, 11, 14], np.uint8)
    label, is_road, is_ground, is_thing = classes.of(ids)
    assert label.tolist() == [255, 255, 8, ROAD, SIDEWALK, CAR]
    assert is_road.tolist() == [False, False, False, True, False, False]
    assert is_ground.tolist() == [False, False, False, True, True, False]
    assert is_thing.tolist() == [False, False, True, False, False, True]
