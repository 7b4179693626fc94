"""Which frames of a drive folder have truth, and what of it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_fm.bags.drive import Intrinsics
from perception_fm.errors import BagError
from perception_fm.evaluation.dense_drive import DenseDrive
from perception_fm.evaluation.label_map import NO_LABEL

MakeDrive = Callable[..., Path]


def without_clock_and_camera(meta: dict[str, Any]) -> None:
    meta["camera"]["K"] = None
    for frame in meta["frames"]:
        frame["stamp_ns"] = None


def test_frames_with_truth_come_with_both_kinds_of_it(make_truth_drive: MakeDrive) -> None:
    folder = make_truth_drive(lambda meta: meta["frames"][1].update(depth=None))
    drive = DenseDrive(folder, "depth", Intrinsics(), needs_camera=True)
    assert (drive.indices, drive.frame_count, drive.name) == ((0,), 2, "drive")
    frames = list(drive.frames())
    assert [(one.index, one.frame_id, one.stem) for one in frames] == [(0, "frame0", "00")]
    assert frames[0].depth_m[0, 0] == 8.0625
    assert frames[0].label[0, 0] == 7
    assert frames[0].image.shape == (48, 64, 3)


def test_zero_of_cls_is_no_label_but_zero_of_label_is_one(make_truth_drive: MakeDrive) -> None:
    def dense(meta: dict[str, Any]) -> None:
        meta["frames"][1].update(label=meta["frames"][1].pop("cls"))

    folder = make_truth_drive(dense)
    for index in range(2):
        cv2.imwrite(str(folder / f"cls/{index:02d}.png"), np.zeros((48, 64), np.uint8))
    drive = DenseDrive(folder, "segmentation", Intrinsics(), needs_camera=False)
    assert [one.label[0, 0] for one in drive.frames()] == [NO_LABEL, 0]


def test_camera_is_asked_for_only_where_figures_depend_on_it(make_truth_drive: MakeDrive) -> None:
    folder = make_truth_drive(without_clock_and_camera)
    assert len(list(DenseDrive(folder, "segmentation", Intrinsics(), needs_camera=False).frames())) == 2
    with pytest.raises(BagError, match="--hfov-deg"):
        DenseDrive(folder, "depth", Intrinsics(), needs_camera=True)
    given = DenseDrive(folder, "depth", Intrinsics(hfov_deg=90.0), needs_camera=True)
    assert given.camera.fx == pytest.approx(32.0)


def test_step_takes_every_nth_frame_that_has_truth(make_truth_drive: MakeDrive) -> None:
    drive = DenseDrive(make_truth_drive(), "depth", Intrinsics(), needs_camera=True)
    assert [one.index for one in drive.frames(2)] == [0]


def test_named_truth_that_is_missing_is_told(make_truth_drive: MakeDrive) -> None:
    folder = make_truth_drive()
    (folder / "depth/01.png").unlink()
    drive = DenseDrive(folder, "depth", Intrinsics(), needs_camera=True)
    assert drive.indices == (0,)
    assert drive.info.notes == ("1 named depth files do not exist: those frames have none",)


@pytest.mark.parametrize(("task", "keys", "message"), [
    ("depth", ("depth",), "no frame has depth"), ("segmentation", ("cls",), "no frame has label or cls"),
])  # fmt: skip
def test_folder_without_truth_is_refused(
    task: str, keys: tuple[str, ...], message: str, make_truth_drive: MakeDrive
) -> None:
    folder = make_truth_drive(lambda meta: [frame.pop(key) for frame in meta["frames"] for key in keys])
    with pytest.raises(BagError, match=message):
        DenseDrive(folder, task, Intrinsics(), needs_camera=False)


@pytest.mark.parametrize("frames", [{"a": 1}, 3, [1, 2]])
def test_frames_that_are_no_list_of_objects_are_refused(frames: Any, make_truth_drive: MakeDrive) -> None:
    with pytest.raises(BagError):
        DenseDrive(make_truth_drive(lambda meta: meta.update(frames=frames)), "depth", Intrinsics(), needs_camera=True)


def test_truth_of_another_size_is_refused(make_truth_drive: MakeDrive) -> None:
    folder = make_truth_drive()
    cv2.imwrite(str(folder / "depth/01.png"), np.zeros((24, 64), np.uint16))
    with pytest.raises(BagError, match=r"depth/01.png is uint16 of shape \(24, 64\)"):
        list(DenseDrive(folder, "depth", Intrinsics(), needs_camera=True).frames())
