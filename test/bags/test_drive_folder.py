"""drive-folder/1: what is right comes through exactly, what is wrong is refused with one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_fm.bags.drive import RELATIVE_CLOCK_START_NS, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage
from perception_fm.errors import BagError

NO_INTRINSICS = Intrinsics()


def opened(folder: Path, intrinsics: Intrinsics = NO_INTRINSICS, rate_hz: float | None = None) -> DriveFolder:
    return DriveFolder(folder, intrinsics, rate_hz)


def setter(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets `camera.K` or `frames.3.stamp_ns` of a document; the value REMOVED removes the key."""

    def change(meta: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        node: Any = meta
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if value is REMOVED:
            del node[last]
        else:
            node[last] = value

    return change


REMOVED = object()


def test_frames_carry_stamp_bytes_pose_and_truth(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=3)
    drive = opened(folder)
    frames = list(drive.frames())
    assert [frame.stamp_ns for frame in frames] == [1_700_000_000_123_456_789 + n * 100_000_000 for n in range(3)]
    assert isinstance(frames[1].image, EncodedImage)
    assert frames[1].image.data == (folder / "rgb/01.jpg").read_bytes()
    assert frames[1].image.format == "jpeg"
    assert frames[2].world_from_camera is not None
    np.testing.assert_allclose(frames[2].world_from_camera.translation_m, [0.0, 0.0, 2.0])
    assert frames[0].speed_mps == 10.0
    assert frames[1].depth_m is None
    depth_m = frames[0].depth_m
    assert depth_m is not None
    assert depth_m.dtype == np.float32
    assert np.isnan(depth_m[0]).all()
    assert (depth_m[1:] == 12.5).all()
    assert drive.info.camera_height_m == 1.5
    assert drive.info.calibration.focal_px == (50.0, 51.0)


def test_unknown_speed_and_pose_stay_unknown(make_drive_folder: Callable[..., Path]) -> None:
    def forget(meta: dict[str, Any]) -> None:
        for frame in meta["frames"]:
            frame["speed_mps"] = None
            del frame["T_world_camera"]

    drive = opened(make_drive_folder(forget, count=2))
    assert drive.trajectory == ()
    assert all(math.isnan(frame.speed_mps) and frame.world_from_camera is None for frame in drive.frames())


def test_null_intrinsics_are_refused_and_can_be_given(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(setter("camera.K", None), count=1)
    with pytest.raises(BagError, match=r"camera.K is null; give --fx --fy --cx --cy .*--hfov-deg"):
        opened(folder)
    calibration = opened(folder, Intrinsics(hfov_deg=90.0)).info.calibration
    assert calibration.focal_px == pytest.approx((32.0, 32.0))  # half the width at 45 degrees
    assert calibration.principal_px == (31.5, 23.5)
    assert opened(folder, Intrinsics(1.0, 2.0, 3.0, 4.0)).info.calibration.principal_px == (3.0, 4.0)


def test_null_stamps_are_refused_and_can_be_given(make_drive_folder: Callable[..., Path]) -> None:
    def forget(meta: dict[str, Any]) -> None:
        for frame in meta["frames"]:
            frame["stamp_ns"] = None

    folder = make_drive_folder(forget, count=3)
    with pytest.raises(BagError, match="stamp_ns is null; give the frame rate with --rate"):
        opened(folder)
    stamps = [frame.stamp_ns - RELATIVE_CLOCK_START_NS for frame in opened(folder, rate_hz=30.0).frames()]
    assert stamps == [0, 33_333_333, 66_666_667]


def test_options_that_the_folder_answers_itself_are_refused(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=1)
    with pytest.raises(BagError, match="stamps of its own"):
        opened(folder, rate_hz=10.0)
    with pytest.raises(BagError, match="intrinsics of its own"):
        opened(folder, Intrinsics(hfov_deg=60.0))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", "drive-folder/2", "format must be 'drive-folder/1'"),
        ("format", REMOVED, "format must be"),
        ("frames", [], "frames is empty"),
        ("frames", {}, "frames must be given as list"),
        ("camera", None, "camera must be given as dict"),
        ("camera.name", "a b", "letters, digits and _"),
        ("camera.frame_id", "base_link", "frame_id must be front_optical"),
        ("camera.size", [64], "camera.size must be a list of 2 numbers"),
        ("camera.size", [32, 48], "is 64x48, expected 32x48"),
        ("camera.K", [1.0, 2.0, 3.0], "camera.K must be a list of 4 numbers"),
        ("camera.K", [0.0, 51.0, 31.0, 24.0], "focal length that is not positive"),
        ("camera.K", [50.0, float("nan"), 31.0, 24.0], "NaN"),
        ("camera.distortion_model", "fisheye9", "distortion_model must be"),
        ("camera.D", [0.1], "camera.D must be a list of 0 numbers"),
        ("camera.height_m", -1.0, "height_m is metres"),
        ("camera.height_m", "high", "must be a number"),
        ("frames.1.stamp_ns", 1.5, "stamp_ns of frame 1"),
        ("frames.1.stamp_ns", None, "stamps are null for all frames or for none"),
        ("frames.1.stamp_ns", 1_700_000_000_123_456_789, "stamp of frame 1 .* is not after"),
        ("frames.1.image", None, "image of frame 1 must name a file"),
        ("frames.1.image", "rgb/77.jpg", "77.jpg is missing, named by frame 1"),
        ("frames.1.T_world_camera", [[1, 0], [0, 1]], "T_world_camera of frame 1 is no pose"),
        ("frames.1.T_world_camera", "here", "T_world_camera of frame 1 is no pose"),
        ("frames.1.speed_mps", "fast", "speed_mps of frame 1 must be a number"),
        ("class_names", ["road"], "class_names must map"),
    ],
)
def test_wrong_entry_is_refused(make_drive_folder: Callable[..., Path], key: str, value: Any, reason: str) -> None:
    folder = make_drive_folder(setter(key, value), count=2)
    with pytest.raises(BagError, match=reason) as refused:
        list(opened(folder).frames())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\xff\xfe"])
def test_meta_that_is_no_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "meta.json").write_text(text, encoding="latin-1")
    with pytest.raises(BagError, match=r"meta\.json"):
        opened(tmp_path)


def test_truncated_image_is_refused(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=2)
    image = folder / "rgb/01.jpg"
    image.write_bytes(image.read_bytes()[:-300])
    frames = opened(folder).frames()
    next(frames)
    with pytest.raises(BagError, match=r"01\.jpg is truncated"):
        next(frames)


def test_image_of_another_kind_is_refused(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=1)
    (folder / "rgb/00.jpg").write_bytes(b"GIF89a")
    with pytest.raises(BagError, match="neither JPEG nor PNG"):
        next(opened(folder).frames())


def test_16_bit_image_is_refused(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=1)
    is_encoded, data = cv2.imencode(".png", np.zeros((48, 64), np.uint16))
    assert is_encoded
    (folder / "rgb/00.jpg").write_bytes(data.tobytes())
    with pytest.raises(BagError, match="uint16 pixels"):
        next(opened(folder).frames())


def test_named_truth_that_does_not_exist_is_noted(make_drive_folder: Callable[..., Path]) -> None:
    drive = opened(make_drive_folder(setter("frames.1.depth", "depth/01.png"), count=2))
    assert drive.info.notes == ("1 named depth files do not exist: those frames have none",)
    assert [frame.depth_m is None for frame in drive.frames()] == [False, True]


def test_depth_of_another_type_is_refused(make_drive_folder: Callable[..., Path]) -> None:
    folder = make_drive_folder(count=1)
    cv2.imwrite(str(folder / "depth/00.png"), np.zeros((48, 64), np.uint8))
    with pytest.raises(BagError, match="expected uint16 of 64x48"):
        next(opened(folder).frames())


@pytest.mark.parametrize(
    ("model", "stored", "expected"),
    [
        ("plumb_bob", [0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 0.3, 0.4, 0.0)),
        ("equidistant", [0.1, 0.2, 0.3, 0.4], (0.1, 0.2, 0.3, 0.4)),
        ("rational_polynomial", [0.1] * 8, (0.1,) * 8),
        ("none", [], (0.0,) * 5),
    ],
)
def test_distortion_is_carried(
    make_drive_folder: Callable[..., Path], model: str, stored: list[float], expected: tuple[float, ...]
) -> None:
    def distort(meta: dict[str, Any]) -> None:
        meta["camera"].update(distortion_model=model, D=stored)

    calibration = opened(make_drive_folder(distort, count=1)).info.calibration
    assert calibration.distortion == expected
    assert calibration.distortion_model == ("plumb_bob" if model == "none" else model)


@pytest.mark.parametrize(
    "numbers", [{"fx": 1.0}, {"fx": 1.0, "fy": 1.0, "cx": 1.0, "cy": 1.0, "hfov_deg": 60.0}, {"hfov_deg": 180.0}]
)
def test_incomplete_or_contradicting_intrinsics_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(BagError):
        Intrinsics(**numbers)
