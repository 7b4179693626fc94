"""Cityscapes and KITTI layouts: their ids, their disparities, their calibration; and kinds of data sets by name."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_scenes import CAMERA_HEIGHT_M, CENTRE, FOCAL_PX, HEIGHT, WIDTH, texture, write_drive, write_shards

from perception_fm.errors import DatasetError
from perception_fm.training.sources.cityscapes import CityscapesSource
from perception_fm.training.sources.kitti import KittiSource
from perception_fm.training.sources.open_source import KINDS, open_source
from perception_fm.training.sources.source import ALL, TRAIN, VALIDATION, DamagedSampleError

BASELINE_M = 0.2


def write(path: Path, pixels: np.ndarray) -> None:
    """A picture with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def write_cityscapes(root: Path, part: str = "train", labels: str = "labelIds") -> Path:
    """One frame: road in the lower half, sky above, the ego vehicle at the bottom, all at 12 m."""
    stem = f"{part}/ulm/ulm_000001_000019"
    write(root / f"leftImg8bit/{stem}_leftImg8bit.png", texture(part))
    ids = np.full((HEIGHT, WIDTH), 23, np.uint8)
    ids[48:], ids[90:] = 7, 1
    if labels == "labelTrainIds":
        ids = np.select([ids == 23, ids == 7], [10, 0], 255).astype(np.uint8)
    write(root / f"gtFine/{stem}_gtFine_{labels}.png", ids)
    disparity = np.full((HEIGHT, WIDTH), round(FOCAL_PX * BASELINE_M / 12.0 * 256.0) + 1, np.uint16)
    disparity[:48] = 0
    write(root / f"disparity/{stem}_disparity.png", disparity)
    document = {
        "intrinsic": {"fx": FOCAL_PX, "fy": FOCAL_PX, "u0": CENTRE[0], "v0": CENTRE[1]},
        "extrinsic": {"baseline": BASELINE_M, "z": 1.22},
    }
    path = root / f"camera/{stem}_camera.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    return root


@pytest.mark.parametrize("labels", ["labelIds", "labelTrainIds"])
def test_cityscapes_frame(tmp_path: Path, labels: str) -> None:
    sample = CityscapesSource(write_cityscapes(tmp_path, labels=labels), TRAIN).sample(0)
    assert sample.name == "ulm_000001_000019"
    assert (sample.label[:48] == 10).all()
    assert (sample.label[48:90] == 0).all()
    assert (sample.label[90:] == 255).all()
    assert np.isposinf(sample.depth_m[:48]).all()
    # Disparity is stored in steps of 1/256 px of 2 px.
    np.testing.assert_allclose(sample.depth_m[48:90], 12.0, rtol=0.5 / 256.0 / 2.0)
    assert np.isnan(sample.depth_m[90:]).all()
    assert (sample.camera.fx, sample.height_m) == (FOCAL_PX, 1.22)


def test_cityscapes_keeps_its_own_split(tmp_path: Path) -> None:
    write_cityscapes(write_cityscapes(tmp_path), "val")
    assert [len(CityscapesSource(tmp_path, split)) for split in (TRAIN, VALIDATION, ALL)] == [1, 1, 2]


def test_cityscapes_without_camera_gives_labels_alone(tmp_path: Path) -> None:
    next(write_cityscapes(tmp_path).glob("camera/*/*/*.json")).unlink()
    sample = CityscapesSource(tmp_path, TRAIN).sample(0)
    assert sample.camera is None
    assert sample.depth_m is None
    assert sample.label is not None


def test_cityscapes_refusals(tmp_path: Path) -> None:
    write_cityscapes(tmp_path)
    with pytest.raises(DatasetError, match=r"no leftImg8bit/val/CITY.*no Cityscapes layout"):
        CityscapesSource(tmp_path, VALIDATION)
    next(tmp_path.glob("camera/*/*/*.json")).write_text("{}")
    with pytest.raises(DamagedSampleError, match=r"camera\.json is no camera file of Cityscapes \('intrinsic'\)"):
        CityscapesSource(tmp_path, TRAIN).sample(0)
    for kind in ("gtFine", "camera"):
        next(tmp_path.glob(f"{kind}/*/*/*")).unlink()
    with pytest.raises(DatasetError, match="none of the 1 images of train has gtFine labels, or disparity with camera"):
        CityscapesSource(tmp_path, TRAIN)


def write_kitti(root: Path, drive: str = "2011_09_26_drive_0001_sync", place: str = "") -> Path:
    """Three frames, the last of them without annotated depth; every second pixel measured, at 9 m."""
    folder = root / "2011_09_26" / drive
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[::2, ::2] = 9 * 256
    for number in range(3):
        write(folder / f"image_02/data/{number:010d}.png", texture(f"{drive} {number}"))
        if number < 2:
            below = folder if not place else root / place / drive
            write(below / f"proj_depth/groundtruth/image_02/{number:010d}.png", depth)
    numbers = [FOCAL_PX, 0.0, CENTRE[0], 4.0, 0.0, FOCAL_PX, CENTRE[1], 0.0, 0.0, 0.0, 1.0, 0.0]
    calibration = folder.parent / "calib_cam_to_cam.txt"
    calibration.write_text("P_rect_02: " + " ".join(map(str, numbers)) + "\n")
    return root


@pytest.mark.parametrize("place", ["", "train", "val"])
def test_kitti_frames_with_annotated_depth(tmp_path: Path, place: str) -> None:
    source = KittiSource(write_kitti(tmp_path, place=place), ALL)
    assert len(source) == 2
    sample = source.sample(1)
    assert sample.name == "2011_09_26_drive_0001_sync/0000000001"
    assert sample.points == ("depth_m",)
    assert np.isnan(sample.depth_m[1::2]).all()
    assert (sample.depth_m[::2, ::2] == 9.0).all()
    assert (sample.camera.fx, sample.camera.cx, sample.camera.cy) == (FOCAL_PX, *CENTRE)
    assert sample.height_m > CAMERA_HEIGHT_M
    assert sample.painted is None


def test_kitti_drives_stay_whole(tmp_path: Path) -> None:
    for number in range(4):
        write_kitti(tmp_path, f"2011_09_26_drive_{number:04d}_sync")
    drives = {}
    for split in (TRAIN, VALIDATION):
        source = KittiSource(tmp_path, split, 0.25)
        drives[split] = {source.sample(index).name.split("/")[0] for index in range(len(source))}
    assert (len(drives[TRAIN]), len(drives[VALIDATION])) == (3, 1)
    assert not drives[TRAIN] & drives[VALIDATION]


def test_kitti_semantics(tmp_path: Path) -> None:
    write(tmp_path / "training/image_2/000000_10.png", texture("0"))
    write(tmp_path / "training/semantic/000000_10.png", np.full((HEIGHT, WIDTH), 26, np.uint8))
    sample = KittiSource(tmp_path, ALL).sample(0)
    assert (sample.label == 13).all()
    assert sample.camera is None


def test_kitti_refusals(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no KITTI frames with depth or labels"):
        KittiSource(tmp_path, ALL)
    write_kitti(tmp_path)
    source = KittiSource(tmp_path, ALL)
    next(tmp_path.glob("*/*/proj_depth/*/*/0000000000.png")).write_bytes(b"nothing")
    with pytest.raises(DamagedSampleError, match=r"0000000000\.png"):
        source.sample(0)
    with pytest.raises(DatasetError, match="the split validation of 2 frames is empty"):
        KittiSource(tmp_path, VALIDATION, 0.1)
    (tmp_path / "2011_09_26/calib_cam_to_cam.txt").unlink()
    with pytest.raises(DatasetError, match=r"calib_cam_to_cam\.txt is missing"):
        KittiSource(tmp_path, ALL)


def test_kinds_by_name(tmp_path: Path) -> None:
    folders = {
        "shards": write_shards(tmp_path / "a"),
        "drive": write_drive(tmp_path / "b"),
        "cityscapes": write_cityscapes(tmp_path / "c"),
        "kitti": write_kitti(tmp_path / "d"),
    }
    assert set(folders) == set(KINDS)
    for kind, folder in folders.items():
        source = open_source(kind, folder, ALL, name="named")
        document = source.document()
        assert (document["kind"], document["name"], document["samples"]) == (kind, "named", len(source))
        assert source.sample(0).source == "named"
    with pytest.raises(DatasetError, match="kind of a data set is one of shards, drive"):
        open_source("folder", tmp_path, ALL)
    with pytest.raises(DatasetError, match="is no folder"):
        open_source("drive", tmp_path / "nowhere", ALL)
    with pytest.raises(DatasetError, match="need no label_map"):
        open_source("shards", tmp_path / "a", ALL, label_map="camvid")
    with pytest.raises(DatasetError, match="split is one of train, validation, all"):
        open_source("shards", tmp_path / "a", "test")
