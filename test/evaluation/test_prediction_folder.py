"""Predictions of another system, one file per frame: which file is whose, and what cannot be one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.bags.drive import Intrinsics
from perception_fm.errors import DatasetError, PerceptionError
from perception_fm.evaluation.dense_drive import DenseDrive
from perception_fm.evaluation.prediction_folder import FolderSource

SHAPE = (48, 64)
HUGE = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999), }".ljust(117)
    + b"\n"
)


@pytest.fixture
def drive(make_truth_drive: Callable[..., Path]) -> DenseDrive:
    return DenseDrive(make_truth_drive(), "depth", Intrinsics(), needs_camera=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "predictions"
    path.mkdir()
    return path


@pytest.mark.parametrize("names", [("frame0", "frame1"), ("00", "01")])
def test_files_are_named_by_id_or_by_image(names: tuple[str, str], drive: DenseDrive, folder: Path) -> None:
    np.save(folder / f"{names[0]}.npy", np.full(SHAPE, 5.0))
    cv2.imwrite(str(folder / f"{names[1]}.png"), np.full(SHAPE, 7 * 256, np.uint16))
    source = FolderSource(folder, drive, "depth")
    found = [source.predict(frame) for frame in drive.frames()]
    assert [one.depth_m[0, 0] for one in found] == [5.0, 7.0]
    assert all(one.depth_std_m is None and one.is_on_grid.all() for one in found)


def test_ids_win_where_both_names_are_there(drive: DenseDrive, folder: Path) -> None:
    for name, value in (("frame0", 1.0), ("frame1", 2.0), ("00", 8.0), ("01", 9.0)):
        np.save(folder / f"{name}.npy", np.full(SHAPE, value))
    source = FolderSource(folder, drive, "depth")
    assert [source.predict(frame).depth_m[0, 0] for frame in drive.frames()] == [1.0, 2.0]


def test_invalid_depth_is_nan_and_std_lies_beside_it(drive: DenseDrive, folder: Path) -> None:
    depth = np.full(SHAPE, 5.0, np.float32)
    depth[0, :4] = [0.0, -1.0, np.inf, np.nan]
    for name in ("00", "01"):
        np.save(folder / f"{name}.npy", depth)
        cv2.imwrite(str(folder / f"{name}_std.png"), np.full(SHAPE, 128, np.uint16))
    found = FolderSource(folder, drive, "depth").predict(next(drive.frames()))
    assert np.isnan(found.depth_m).sum() == 4
    assert found.depth_std_m[0, 0] == 0.5


def test_labels_with_confidence(drive: DenseDrive, folder: Path) -> None:
    for name in ("00", "01"):
        cv2.imwrite(str(folder / f"{name}.png"), np.full(SHAPE, 18, np.uint8))
        cv2.imwrite(str(folder / f"{name}_confidence.png"), np.full(SHAPE, 51, np.uint8))
    found = FolderSource(folder, drive, "segmentation").predict(next(drive.frames()))
    assert found.label[0, 0] == 18
    assert found.confidence[0, 0] == pytest.approx(0.2)


def test_step_asks_only_for_the_frames_that_are_judged(drive: DenseDrive, folder: Path) -> None:
    np.save(folder / "00.npy", np.full(SHAPE, 5.0))
    assert FolderSource(folder, drive, "depth", step=2).predict(next(drive.frames(2))).depth_m[0, 0] == 5.0


def test_missing_prediction_is_refused_not_left_out(drive: DenseDrive, folder: Path) -> None:
    np.save(folder / "00.npy", np.full(SHAPE, 5.0))
    with pytest.raises(DatasetError, match=r"no prediction of 1 of 2 frames with truth: 01.png or .npy"):
        FolderSource(folder, drive, "depth")


def test_two_files_for_one_frame_are_refused(drive: DenseDrive, folder: Path) -> None:
    np.save(folder / "00.npy", np.full(SHAPE, 5.0))
    (folder / "00.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="both exist"):
        FolderSource(folder, drive, "depth")


@pytest.mark.parametrize(
    ("task", "name", "values", "message"),
    [
        ("depth", "00.npy", np.full((24, 64), 5.0), "is an array of 24x64, expected 48x64"),
        ("depth", "00.npy", np.full((*SHAPE, 3), 5.0), "is an array of 48x64x3"),
        ("depth", "00.npy", np.full(SHAPE, 5), "holds int64, expected metres"),
        ("depth", "00.npy", np.full(SHAPE, None), "is no NPY file of numbers"),
        ("depth", "00.npy", b"\x93NUMPY", "is no NPY file of numbers"),
        ("depth", "00.npy", b"PK\x05\x06" + bytes(18), "is an array of no shape"),
        ("depth", "00.npy", HUGE, "is no NPY file of numbers"),
        ("depth", "00.npy", b"", "is no NPY file of numbers"),
        ("depth", "00.png", np.full(SHAPE, 5, np.uint8), "is uint8 of shape .* expected uint16"),
        ("depth", "00.png", b"\x89PNG\r\n\x1a\n cut", "expected a whole PNG"),
        ("segmentation", "00.png", np.full(SHAPE, 19, np.uint8), "holds the label 19"),
        ("segmentation", "00.png", np.full(SHAPE, 5, np.uint16), "is uint16 of shape .* expected uint8"),
        ("segmentation", "00_confidence.npy", np.full(SHAPE, 1.5), "confidences from 0 to 1"),
    ],
)
def test_file_that_is_no_prediction_is_refused(
    task: str, name: str, values: np.ndarray | bytes, message: str, drive: DenseDrive, folder: Path
) -> None:
    for stem in ("00", "01"):
        cv2.imwrite(str(folder / f"{stem}.png"), np.zeros(SHAPE, np.uint8 if task == "segmentation" else np.uint16))
    if name == "00.npy":
        (folder / "00.png").unlink()
    if isinstance(values, bytes):
        (folder / name).write_bytes(values)
    elif name.endswith(".npy"):
        np.save(folder / name, values)
    else:
        cv2.imwrite(str(folder / name), values)
    with pytest.raises(PerceptionError, match=message):
        FolderSource(folder, drive, task).predict(next(drive.frames()))


def test_folder_that_is_not_there_is_refused(drive: DenseDrive, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder of predictions"):
        FolderSource(tmp_path / "nowhere", drive, "depth")
