"""Rendered data sets as samples: pictures and truth of one camera, worlds on one side of the split only."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from tiny_scenes import CAMERA_HEIGHT_M, CAR_COLUMNS, CAR_M, CAR_ROWS, FOCAL_PX, road_scene, write_shards

from perception_fm.camera.model import CameraModel
from perception_fm.errors import DatasetError
from perception_fm.training.sources.source import ALL, TRAIN, VALIDATION, DamagedSampleError
from perception_fm.training.sources.synthetic import SyntheticSource

NORMAL_STEP = 1.0 / 127.0


def test_sample_is_what_was_written(tmp_path: Path) -> None:
    source = SyntheticSource(write_shards(tmp_path / "set"), ALL)
    assert len(source) == 6
    sample, scene = source.sample(0), road_scene()
    assert (sample.source, sample.name) == ("set", "train-000000-00000")
    assert (sample.camera.fx, sample.height_m) == (FOCAL_PX, CAMERA_HEIGHT_M)
    np.testing.assert_allclose(sample.depth_m, scene.depth_m, atol=0.5 / 256.0)
    np.testing.assert_array_equal(sample.label, scene.label)
    assert np.abs(sample.normals - scene.normals).max() < NORMAL_STEP
    np.testing.assert_allclose(np.linalg.norm(sample.normals, axis=-1), 1.0, atol=1e-6)
    print_rows = slice(CAR_ROWS.start, CAR_ROWS.start + 8)
    assert sample.painted.sum() == 8 * (CAR_COLUMNS.stop - CAR_COLUMNS.start)
    assert (sample.pictured_m[print_rows, CAR_COLUMNS] == 20.0).all()
    assert (sample.depth_m[print_rows, CAR_COLUMNS] == CAR_M).all()


def test_picture_of_a_lens_is_rectified_to_the_camera_of_the_truth(tmp_path: Path) -> None:
    lens = ("plumb_bob", [0.25, 0.05, 0.0, 0.0, 0.0])  # pincushion: the pinhole of the same K sees beyond the picture
    sample = SyntheticSource(write_shards(tmp_path, lens=lens), ALL).sample(0)
    straight = SyntheticSource(write_shards(tmp_path / "none"), ALL).sample(0)
    np.testing.assert_array_equal(sample.camera.intrinsics, straight.camera.intrinsics)
    assert not sample.camera.has_distortion
    camera = CameraModel(sample.camera.width, sample.camera.height, sample.camera.intrinsics, *lens)
    column, row = camera.project(camera.unproject(np.array([[120.0, 70.0]])))[0]
    assert (round(column), round(row)) == (120, 70)
    ray = np.array([[(120 - camera.cx) / camera.fx, (70 - camera.cy) / camera.fy]])
    there = camera.project(ray)[0].round().astype(int)
    # The rectified pixel shows what the lens puts at another place; spots are 3 px wide and JPEG adds some levels.
    assert np.abs(sample.image[70, 120].astype(int) - straight.image[there[1], there[0]]).max() < 25
    is_unseen = np.isnan(sample.depth_m)
    assert is_unseen[0, 0]
    assert (sample.label[is_unseen] == 255).all()
    assert (sample.painted[is_unseen] == 255).all()
    assert 0.01 < is_unseen.mean() < 0.6


def test_no_world_trains_and_validates(tmp_path: Path) -> None:
    folder = write_shards(tmp_path, worlds=5)
    pictures = {}
    for split in (TRAIN, VALIDATION):
        source = SyntheticSource(folder, split, 0.4, seed=3)
        pictures[split] = {source.sample(index).name for index in range(len(source))}
    assert len(pictures[TRAIN]) == 6
    assert len(pictures[VALIDATION]) == 4
    assert not pictures[TRAIN] & pictures[VALIDATION]
    # Two frames of a world lie behind one another.
    assert {int(name[-5:]) // 2 for name in pictures[TRAIN]} & {
        int(name[-5:]) // 2 for name in pictures[VALIDATION]
    } == set()


def test_channel_that_was_not_written_is_none(tmp_path: Path) -> None:
    sample = SyntheticSource(write_shards(tmp_path, channels=("label",)), ALL).sample(0)
    assert sample.label is not None
    assert sample.depth_m is None
    assert sample.normals is None
    assert sample.painted is None


def test_source_can_go_to_another_process(tmp_path: Path) -> None:
    source = SyntheticSource(write_shards(tmp_path), ALL)
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again.sample(3).image, source.sample(3).image)


def test_damaged_sample_is_named(tmp_path: Path) -> None:
    folder = write_shards(tmp_path)
    source = SyntheticSource(folder, ALL)
    shard = folder / "train-000000.tar"
    content = bytearray(shard.read_bytes())
    start = content.index(b"\x89PNG")
    content[start : start + 4] = b"gone"
    shard.write_bytes(content)
    with pytest.raises(DamagedSampleError, match=r"train-000000\.tar: sample train-000000-00000 is damaged"):
        source.sample(0)
    source.sample(1)


def test_shard_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = write_shards(tmp_path)
    source = SyntheticSource(folder, ALL)
    (folder / "train-000000.tar").unlink()
    with pytest.raises(DamagedSampleError, match=r"cannot read .*train-000000\.tar: No such file"):
        source.sample(0)
    with pytest.raises(DatasetError, match=r"cannot read the shard .*train-000000\.tar"):
        SyntheticSource(folder, ALL)


def test_refused_data_sets(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no dataset"):
        SyntheticSource(tmp_path, ALL)
    with pytest.raises(DatasetError, match="is not complete"):
        SyntheticSource(write_shards(tmp_path / "begun", is_complete=False), ALL)
    with pytest.raises(DatasetError, match="neither depth nor labels, only painted"):
        SyntheticSource(write_shards(tmp_path / "bare", channels=("painted",)), ALL)
    with pytest.raises(DatasetError, match=r"one: a split needs frames of two worlds"):
        SyntheticSource(write_shards(tmp_path / "one", worlds=1), TRAIN)
    with pytest.raises(DatasetError, match="the split validation is empty"):
        SyntheticSource(tmp_path / "one", VALIDATION, 0.0)
