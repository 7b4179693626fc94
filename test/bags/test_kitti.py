"""Miniature KITTI folders of a known drive give that drive back."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.bags.convert import DriveConversion, MountingOptions, SourceOptions, open_drive
from perception_fm.bags.drive import RELATIVE_CLOCK_START_NS
from perception_fm.bags.kitti import KittiOdometry
from perception_fm.bags.kitti_raw import KittiRaw, read_timestamps
from perception_fm.bags.trajectory import odometry_from_poses
from perception_fm.errors import BagError
from perception_fm.geometry.transform import base_from_camera

COUNT = 10
SPEED_MPS = 10.0
BASELINE_M = 0.5
FOCAL_PX = 40.0
EARTH_RADIUS_M = 6378137.0


def line(values: np.ndarray) -> str:
    return " ".join(f"{value:.12e}" for value in np.ravel(values))


def write_images(folder: Path, channels: int) -> None:
    folder.mkdir(parents=True)
    for index in range(COUNT):
        pixels = np.full((24, 32) if channels == 1 else (24, 32, 3), index, np.uint8)
        cv2.imwrite(str(folder / f"{index:010d}.png"), pixels)


def projection(baseline_m: float) -> np.ndarray:
    k = np.array([[FOCAL_PX, 0.0, 16.0], [0.0, FOCAL_PX, 12.0], [0.0, 0.0, 1.0]])
    return k @ np.array([[1.0, 0.0, 0.0, -baseline_m], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A KITTI odometry sequence driven straight at 10 m/s, camera 2 half a metre right of camera 0."""
    folder = tmp_path / "sequences" / "06"
    write_images(folder / "image_0", 1)
    write_images(folder / "image_2", 3)
    (folder / "times.txt").write_text("".join(f"{index * 0.1:e}\n" for index in range(COUNT)))
    (folder / "calib.txt").write_text(f"P0: {line(projection(0.0))}\nP2: {line(projection(BASELINE_M))}\n")
    (tmp_path / "poses").mkdir()
    rows = []
    for index in range(COUNT):
        pose = np.eye(4)[:3]
        pose[2, 3] = index * 0.1 * SPEED_MPS
        rows.append(line(pose))
    (tmp_path / "poses" / "06.txt").write_text("\n".join(rows))
    return folder


@pytest.fixture
def raw_drive(tmp_path: Path) -> Path:
    """A KITTI raw drive to the north-east at 10 m/s; the unit sits 1 m behind the camera, axes x forward."""
    folder = tmp_path / "2011_09_26" / "2011_09_26_drive_0001_sync"
    write_images(folder / "image_02" / "data", 3)
    oxts = folder / "oxts" / "data"
    oxts.mkdir(parents=True)
    latitude, longitude = math.radians(49.0), math.radians(8.4)
    for index in range(COUNT):
        step_m = index * 0.1 * SPEED_MPS / math.sqrt(2.0)
        north = math.degrees(latitude + step_m / EARTH_RADIUS_M)
        east = math.degrees(longitude + step_m / (EARTH_RADIUS_M * math.cos(latitude)))
        values = [north, east, 110.0, 0.0, 0.0, math.pi / 4.0, 7.07, 7.07, SPEED_MPS] + [0.0] * 21
        (oxts / f"{index:010d}.txt").write_text(" ".join(f"{value:.12f}" for value in values))
    stamps = "".join(f"2011-09-26 13:02:{25 + index * 0.1:012.9f}\n" for index in range(COUNT))
    (folder / "image_02" / "timestamps.txt").write_text(stamps)
    (folder / "oxts" / "timestamps.txt").write_text(stamps)
    identity, zeros = line(np.eye(3)), "0 0 0"
    optical_from_forward = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    (folder.parent / "calib_imu_to_velo.txt").write_text(f"calib_time: x\nR: {identity}\nT: -1 0 0\n")
    (folder.parent / "calib_velo_to_cam.txt").write_text(f"R: {line(optical_from_forward)}\nT: {zeros}\n")
    (folder.parent / "calib_cam_to_cam.txt").write_text(
        f"R_rect_00: {identity}\nP_rect_02: {line(projection(0.0))}\nK_02: {line(projection(0.0)[:, :3])}\n"
        f"D_02: -0.3 0.1 0.001 0.002 -0.01\nR_02: {identity}\nT_02: {zeros}\n"
    )
    return folder


def test_odometry_sequence_gives_images_stamps_and_calibration(sequence: Path) -> None:
    drive = open_drive(sequence, SourceOptions())
    assert isinstance(drive, KittiOdometry)
    frames = list(drive.frames())
    assert [frame.stamp_ns for frame in frames] == [
        RELATIVE_CLOCK_START_NS + index * 100_000_000 for index in range(COUNT)
    ]
    assert drive.info.source == "KITTI odometry 06 image_2"
    assert drive.info.camera_height_m == 1.65
    assert drive.info.calibration.focal_px == (FOCAL_PX, FOCAL_PX)
    assert drive.info.calibration.principal_px == (16.0, 12.0)


def test_poses_are_those_of_the_chosen_camera(sequence: Path) -> None:
    right = KittiOdometry(sequence, "image_2", None).trajectory
    left = KittiOdometry(sequence, "image_0", None).trajectory
    np.testing.assert_allclose(left[3].world_from_camera.translation_m, [0.0, 0.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(right[3].world_from_camera.translation_m, [BASELINE_M, 0.0, 3.0], atol=1e-9)


def test_sequence_without_poses_has_no_odometry(sequence: Path) -> None:
    (sequence.parent.parent / "poses" / "06.txt").unlink()
    drive = open_drive(sequence, SourceOptions())
    assert drive.trajectory == ()
    assert any("no camera poses" in note for note in DriveConversion(drive, MountingOptions(), is_raw=False).notes)


def test_poses_file_can_be_named(sequence: Path, tmp_path: Path) -> None:
    moved = (tmp_path / "poses" / "06.txt").rename(tmp_path / "elsewhere.txt")
    assert len(open_drive(sequence, SourceOptions(poses_file=moved)).trajectory) == COUNT


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("times.txt", "0.0\n0.1\n", "2 lines for 10 images"),
        ("times.txt", "zero\n", "expected 1 numbers per line"),
        ("times.txt", "0.0\n" * COUNT, "is not after"),
        ("calib.txt", "P2: 1 2 3\n", "P2 must hold 12 numbers"),
        ("calib.txt", "", "P2 must hold 12 numbers"),
        ("poses.txt", "1 0 0 0 0 1 0 0 0 0 1 0\n", "1 poses for 10 images"),
        ("poses.txt", "9 0 0 0 0 1 0 0 0 0 1 0\n" * COUNT, "not orthonormal"),
    ],
)
def test_damaged_sequence_is_refused(sequence: Path, name: str, content: str, reason: str) -> None:
    (sequence / name).write_text(content)
    with pytest.raises(BagError, match=reason):
        open_drive(sequence, SourceOptions())


def test_missing_camera_names_those_that_exist(sequence: Path) -> None:
    with pytest.raises(BagError, match="has no image_3; it has image_0, image_2"):
        open_drive(sequence, SourceOptions(camera="image_3"))


def test_raw_drive_gives_the_driven_speed_and_direction(raw_drive: Path) -> None:
    drive = open_drive(raw_drive, SourceOptions())
    assert isinstance(drive, KittiRaw)
    samples = odometry_from_poses(drive.trajectory, base_from_camera(1.65, 0.0))
    assert len(samples) == COUNT
    for index, sample in enumerate(samples):
        # The Mercator scale is that of the first latitude; 9 m to the north change it by 1e-6.
        np.testing.assert_allclose(sample.odom_from_base.translation_m, [index * 1.0, 0.0, 0.0], atol=1e-4)
        np.testing.assert_allclose(sample.linear_mps, [SPEED_MPS, 0.0, 0.0], atol=1e-3)
    frame = next(drive.frames())
    assert frame.speed_mps == SPEED_MPS
    assert frame.stamp_ns == 1_317_042_145_000_000_000  # 2011-09-26 13:02:25 UTC


def test_raw_poses_are_interpolated_to_the_image_stamps(raw_drive: Path) -> None:
    stamps = "".join(f"2011-09-26 13:02:{25.05 + index * 0.1:012.9f}\n" for index in range(COUNT))
    (raw_drive / "image_02" / "timestamps.txt").write_text(stamps)
    trajectory = KittiRaw(raw_drive, None).trajectory
    step = trajectory[0].world_from_camera.inverse() @ trajectory[1].world_from_camera
    np.testing.assert_allclose(step.translation_m, [0.0, 0.0, 1.0], atol=1e-4)


def test_images_outside_the_oxts_samples_have_no_pose(raw_drive: Path) -> None:
    stamps = "".join(f"2011-09-26 14:02:{25 + index * 0.1:012.9f}\n" for index in range(COUNT))
    (raw_drive / "image_02" / "timestamps.txt").write_text(stamps)
    assert KittiRaw(raw_drive, None).trajectory == ()


def test_unrectified_raw_drive_keeps_its_distortion(raw_drive: Path) -> None:
    extract = raw_drive.rename(raw_drive.with_name("2011_09_26_drive_0001_extract"))
    drive = KittiRaw(extract, None)
    assert drive.info.calibration.distortion == (-0.3, 0.1, 0.001, 0.002, -0.01)
    assert len(drive.trajectory) == COUNT


def test_raw_drive_without_calibration_is_refused(raw_drive: Path) -> None:
    (raw_drive.parent / "calib_cam_to_cam.txt").unlink()
    with pytest.raises(BagError, match=r"calib_cam_to_cam\.txt"):
        open_drive(raw_drive, SourceOptions())


def test_damaged_oxts_line_is_refused(raw_drive: Path) -> None:
    (raw_drive / "oxts" / "data" / "0000000004.txt").write_text("1 2 nan")
    with pytest.raises(BagError, match=r"0000000004\.txt"):
        open_drive(raw_drive, SourceOptions())


def test_stamps_keep_their_nanoseconds(tmp_path: Path) -> None:
    file = tmp_path / "timestamps.txt"
    file.write_text("2011-09-26 13:02:25.964389445\n")
    assert read_timestamps(file, 1) == [1_317_042_145_964_389_445]
    file.write_text("26.9.2011\n")
    with pytest.raises(BagError, match="expected lines like"):
        read_timestamps(file, 1)


def test_options_for_other_sources_are_refused(raw_drive: Path, sequence: Path) -> None:
    with pytest.raises(BagError, match="--rate means nothing"):
        open_drive(sequence, SourceOptions(rate_hz=10.0))
    with pytest.raises(BagError, match="--poses means nothing"):
        open_drive(raw_drive, SourceOptions(poses_file=raw_drive))
