"""Drive folders as samples: sparse and dense truth, label maps, folders that cannot teach anything."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_scenes import BUILDING, CAMERA_HEIGHT_M, CAR, FOCAL_PX, ROAD, road_scene, write_drive

from perception_fm.errors import DatasetError
from perception_fm.training.sources.drive_folder import DriveFolderSource
from perception_fm.training.sources.source import ALL, TRAIN, VALIDATION, DamagedSampleError


def test_sparse_classes_become_train_ids_at_their_points(tmp_path: Path) -> None:
    sample = DriveFolderSource(write_drive(tmp_path / "drive"), ALL).sample(2)
    scene = road_scene()
    assert sample.points == ("depth_m", "label")
    assert set(np.unique(sample.label)) == {ROAD, BUILDING, CAR, 255}
    np.testing.assert_array_equal(sample.label[::3, ::3], scene.label[::3, ::3])
    assert (sample.label[1::3] == 255).all()
    np.testing.assert_allclose(sample.depth_m, scene.depth_m, atol=0.5 / 256.0)
    assert (sample.camera.fx, sample.height_m, sample.name) == (FOCAL_PX, CAMERA_HEIGHT_M, "drive/2")
    assert sample.normals is None


def test_dense_labels_go_before_sparse_ones(tmp_path: Path) -> None:
    sample = DriveFolderSource(write_drive(tmp_path, truth=("cls", "label")), ALL).sample(0)
    np.testing.assert_array_equal(sample.label, road_scene().label)
    assert sample.points == ("depth_m",)
    assert sample.depth_m is None


def test_folder_without_focal_length_gives_labels_and_no_depth(tmp_path: Path) -> None:
    sample = DriveFolderSource(write_drive(tmp_path, K=None), ALL).sample(0)
    assert sample.camera is None
    assert sample.depth_m is None
    assert sample.label is not None


def test_truth_of_a_lens_follows_the_rectified_picture(tmp_path: Path) -> None:
    lens = {"distortion_model": "plumb_bob", "D": [-0.2, 0.02, 0.0, 0.0, 0.0]}
    folder = write_drive(tmp_path, frames=1, truth=("depth",), **lens)
    # A bright square with a depth of its own, on black: truth and picture must keep it together.
    image, depth = np.zeros((96, 160, 3), np.uint8), np.full((96, 160), 30 * 256, np.uint16)
    image[60:72, 110:126], depth[60:72, 110:126] = 255, 7 * 256
    cv2.imwrite(str(folder / "rgb/0.png"), image)
    cv2.imwrite(str(folder / "depth/0.png"), depth)
    sample = DriveFolderSource(folder, ALL).sample(0)
    is_square = sample.depth_m == 7.0
    assert is_square.sum() > 100
    assert (sample.image[is_square].min(axis=1) > 100).mean() > 0.9
    assert (sample.image[sample.depth_m == 30.0].max(axis=1) < 150).mean() > 0.98


def test_several_cameras_of_one_folder_are_one_source(tmp_path: Path) -> None:
    for name in ("left", "right"):
        write_drive(tmp_path / name, frames=3)
    source = DriveFolderSource(tmp_path, ALL)
    assert [source.sample(index).name for index in (0, 3)] == ["left/0", "right/0"]


def test_neighbouring_frames_are_never_on_both_sides(tmp_path: Path) -> None:
    folder = write_drive(tmp_path, frames=30)
    numbers = {}
    for split in (TRAIN, VALIDATION):
        source = DriveFolderSource(folder, split, 0.2, seed=1)
        numbers[split] = [int(source.sample(index).name.split("/")[1]) for index in range(len(source))]
    assert len(numbers[VALIDATION]) == 6
    assert min(abs(one - other) for one in numbers[TRAIN] for other in numbers[VALIDATION]) == 3
    assert len(numbers[TRAIN]) >= 20


def test_lorries_and_signs_may_carry_prints(tmp_path: Path) -> None:
    folder = write_drive(tmp_path, truth=("label",))
    ids = np.full((96, 160), 7, np.uint8)
    ids[:, :40], ids[:, 40:80] = 15, 36
    meta = json.loads((folder / "meta.json").read_text())
    meta["class_names"] |= {"15": "Medium-sized Truck", "36": "Signs"}
    (folder / "meta.json").write_text(json.dumps(meta))
    cv2.imwrite(str(folder / "label/0.png"), ids)
    sample = DriveFolderSource(folder, ALL).sample(0)
    assert (sample.label[:, :40] == 14).all()
    assert (sample.painted[:, :80] == 255).all()
    assert (sample.painted[:, 80:] == 0).all()


def test_damaged_picture_is_named(tmp_path: Path) -> None:
    folder = write_drive(tmp_path)
    source = DriveFolderSource(folder, ALL)
    content = (folder / "rgb/1.png").read_bytes()
    (folder / "rgb/1.png").write_bytes(content[: len(content) // 2])
    (folder / "depth/2.png").write_bytes(b"")
    with pytest.raises(DamagedSampleError, match=r"rgb/1\.png is truncated"):
        source.sample(1)
    with pytest.raises(DamagedSampleError, match=r"depth/2\.png"):
        source.sample(2)


def test_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no frame has depth, label or cls"):
        DriveFolderSource(write_drive(tmp_path / "none", truth=()), ALL)
    with pytest.raises(DatasetError, match=r"depth needs camera\.K"):
        DriveFolderSource(write_drive(tmp_path / "no K", truth=("depth",), K=None), ALL)
    with pytest.raises(DatasetError, match="it is no drive folder"):
        DriveFolderSource(tmp_path / "none" / "rgb", ALL)
    with pytest.raises(DatasetError, match=r"cannot read .*meta\.json"):
        DriveFolderSource(tmp_path / "missing", ALL)


def test_label_map_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = write_drive(tmp_path)
    with pytest.raises(DatasetError, match="the label map camvid does not fit"):
        DriveFolderSource(folder, ALL, label_map="camvid")
    meta = json.loads((folder / "meta.json").read_text())
    meta["class_names"] = {"7": "Motorway"}
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DatasetError, match="no known label map has the class_names"):
        DriveFolderSource(folder, ALL)


def test_id_that_the_label_map_does_not_know_stops_and_is_no_damage(tmp_path: Path) -> None:
    folder = write_drive(tmp_path, truth=("label",))
    cv2.imwrite(str(folder / "label/0.png"), np.full((96, 160), 99, np.uint8))
    with pytest.raises(DatasetError, match="holds the id 99, which the label map pandaset does not know") as caught:
        DriveFolderSource(folder, ALL).sample(0)
    assert not isinstance(caught.value, DamagedSampleError)


def test_empty_split_is_refused(tmp_path: Path) -> None:
    folder = write_drive(tmp_path, frames=2)
    with pytest.raises(DatasetError, match="the split validation of 2 frames is empty"):
        DriveFolderSource(folder, VALIDATION, 0.1)
    with pytest.raises(DatasetError, match="the split train of 2 frames is empty"):
        DriveFolderSource(folder, TRAIN, 0.5)


@pytest.mark.parametrize(
    ("name", "size", "has_depth"),
    [
        ("pandaset_002", (960, 540), True),
        ("pandaset_002_surround", (640, 360), True),
        ("camvid_train", (480, 360), False),
    ],
)
def test_real_drive_is_read(shared_data: Path, name: str, size: tuple[int, int], has_depth: bool) -> None:
    if not (shared_data / name).is_dir():
        pytest.skip(f"no {name} beside the checkout")
    sample = DriveFolderSource(shared_data / name, TRAIN).sample(0)
    assert sample.size == size
    assert (sample.depth_m is not None) == has_depth
    assert 0.01 < (sample.label == ROAD).mean() < 0.6


def test_real_drive_without_truth_is_refused(shared_data: Path) -> None:
    if not (shared_data / "kitti_odo_06").is_dir():
        pytest.skip("no kitti_odo_06 beside the checkout")
    with pytest.raises(DatasetError, match="nothing to learn from"):
        DriveFolderSource(shared_data / "kitti_odo_06", TRAIN)
