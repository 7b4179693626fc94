"""`perception-fm convert` from end to end, and the bags that it makes of real drives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.cli import main
from perception_fm.config import NodeConfig
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.ros.bag_transforms import bag_transforms

COMPRESSED = "image_raw/compressed"
TRUTH = {"depth": 1, "pose": 12}


def convert(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def read(bag: Path, topic: str) -> list[Any]:
    with BagReader(bag) as reader:
        return [deserialize(cdr, msgtype) for _, msgtype, _, cdr in reader.messages([topic])]


def stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_drive_folder_becomes_a_bag(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], storage: str
) -> None:
    folder, bag = make_drive_folder(pitch_down_rad=0.02), tmp_path / "bag"
    assert convert(folder, "-o", bag, "--storage", storage) == 0
    stated = capsys.readouterr().out
    assert "12 frames, 1.1 s" in stated
    assert "1.15 deg down" in stated  # 0.02 rad
    with BagReader(bag) as reader:
        assert reader.counts == {
            "/camera/front/camera_info": 12,
            "/camera/front/image_raw/compressed": 12,
            "/ground_truth/front/depth": 1,
            "/ground_truth/front/pose": 12,
            "/ground_truth/speed": 12,
            "/odometry": 12,
            "/tf": 12,
            "/tf_static": 1,
        }
        for _, msgtype, log_time_ns, cdr in reader.messages():
            message = deserialize(cdr, msgtype)
            first = message.transforms[0] if msgtype.endswith("TFMessage") else message
            assert stamp_ns(first) == log_time_ns
    images = read(bag, "/camera/front/image_raw/compressed")
    assert [stamp_ns(one) for one in images] == [1_700_000_000_123_456_789 + n * 100_000_000 for n in range(12)]
    assert bytes(images[5].data) == (folder / "rgb/05.jpg").read_bytes()
    assert (images[5].format, images[5].header.frame_id) == ("jpeg", "front_optical")


def test_camera_info_and_depth_are_exact(make_drive_folder: Callable[..., Path], tmp_path: Path) -> None:
    assert convert(make_drive_folder(count=1), "-o", tmp_path / "bag") == 0
    (info,) = read(tmp_path / "bag", "/camera/front/camera_info")
    assert list(info.k) == [50.0, 0.0, 31.0, 0.0, 51.0, 24.0, 0.0, 0.0, 1.0]
    assert list(info.p) == [50.0, 0.0, 31.0, 0.0, 0.0, 51.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert (info.width, info.height, info.distortion_model, list(info.d)) == (64, 48, "plumb_bob", [0.0] * 5)
    (depth,) = read(tmp_path / "bag", "/ground_truth/front/depth")
    assert (depth.encoding, depth.step, depth.is_bigendian) == ("32FC1", 256, 0)
    depth_m = np.asarray(depth.data).view("<f4").reshape(48, 64)
    assert np.isnan(depth_m[0]).all()
    assert (depth_m[1:] == 12.5).all()


def test_odometry_and_transforms_of_a_known_drive(make_drive_folder: Callable[..., Path], tmp_path: Path) -> None:
    assert convert(make_drive_folder(pitch_down_rad=0.02, speed_mps=10.0), "-o", tmp_path / "bag") == 0
    for index, sample in enumerate(read(tmp_path / "bag", "/odometry")):
        assert (sample.header.frame_id, sample.child_frame_id) == ("odom", "base_link")
        position, linear = sample.pose.pose.position, sample.twist.twist.linear
        np.testing.assert_allclose([position.x, position.y, position.z], [index * 1.0, 0.0, 0.0], atol=1e-9)
        np.testing.assert_allclose([linear.x, linear.y, linear.z], [10.0, 0.0, 0.0], atol=1e-9)
    ((mounting,),) = [message.transforms for message in read(tmp_path / "bag", "/tf_static")]
    assert (mounting.header.frame_id, mounting.child_frame_id) == ("base_link", "front_optical")
    moved, turned = mounting.transform.translation, mounting.transform.rotation
    np.testing.assert_allclose([moved.x, moved.y, moved.z], [0.0, 0.0, 1.5], atol=1e-12)
    # Optical axes in base axes are the rotation by -120 degrees about (1, -1, 1); 0.02 rad of pitch go on top.
    level = np.array([-0.5, 0.5, -0.5, 0.5])
    likeness = abs(level @ [turned.x, turned.y, turned.z, turned.w])
    assert likeness == pytest.approx(math.cos(0.01), abs=1e-9)


@pytest.mark.parametrize(("channels", "encoding"), [(1, "mono8"), (3, "bgr8")])
def test_raw_images_keep_their_channels(
    make_drive_folder: Callable[..., Path], tmp_path: Path, channels: int, encoding: str
) -> None:
    folder = make_drive_folder(count=2, channels=channels)
    assert convert(folder, "-o", tmp_path / "bag", "--raw") == 0
    image = read(tmp_path / "bag", "/camera/front/image_raw")[1]
    assert (image.encoding, image.step, image.width, image.height) == (encoding, 64 * channels, 64, 48)
    stored = cv2.imread(str(folder / "rgb/01.jpg"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(np.asarray(image.data).reshape(stored.shape), stored)


def test_unknown_height_gives_no_mounting(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_drive_folder(lambda meta: meta["camera"].update(height_m=None))
    assert convert(folder, "-o", tmp_path / "bag") == 0
    assert "camera height unknown: no /tf_static" in capsys.readouterr().out
    with BagReader(tmp_path / "bag") as reader:
        assert "/tf_static" not in reader.topics
    assert convert(folder, "-o", tmp_path / "bag", "--overwrite", "--height-m", "2.5") == 0
    assert read(tmp_path / "bag", "/tf_static")[0].transforms[0].transform.translation.z == 2.5


def test_standing_camera_says_that_its_pitch_is_a_guess(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_drive_folder(speed_mps=0.0)
    assert convert(folder, "-o", tmp_path / "bag") == 0
    assert "pitch against the road unknown, taken as 0" in capsys.readouterr().out
    assert convert(folder, "-o", tmp_path / "bag", "--overwrite", "--pitch-deg", "2") == 0
    assert "pitch" not in capsys.readouterr().out
    turned = read(tmp_path / "bag", "/tf_static")[0].transforms[0].transform.rotation
    likeness = abs(np.array([-0.5, 0.5, -0.5, 0.5]) @ [turned.x, turned.y, turned.z, turned.w])
    assert likeness == pytest.approx(math.cos(math.radians(1.0)), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "does not exist"),
        (["folder"], "no known drive"),
        (["text.txt", "--hfov-deg", "60"], "as a video"),
        (["drive", "--rate", "10"], "stamps of its own"),
        (["drive", "--fx", "10"], "belong together"),
        (["drive", "--camera", "image_2"], "--camera means nothing"),
        (["drive", "--height-m", "-1"], "--height-m"),
        (["drive", "--storage", "sqlite3", "--compress"], "only mcap"),
    ],
)
def test_bad_input_gives_one_line_status_2_and_no_bag(
    make_drive_folder: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    make_drive_folder(count=2)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert convert(tmp_path / arguments[0], "-o", tmp_path / "bag", *arguments[1:]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_image_that_fails_mid_way_leaves_no_bag(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_drive_folder()
    (folder / "rgb/07.jpg").write_bytes(b"\xff\xd8\xff")
    assert convert(folder, "-o", tmp_path / "bag") == 2
    assert "07.jpg is truncated" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["drive"]


def test_existing_bag_is_kept_unless_overwritten(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, bag = make_drive_folder(count=2), tmp_path / "bag"
    assert convert(folder, "-o", bag) == 0
    before = (bag / "metadata.yaml").stat().st_mtime_ns
    assert convert(folder, "-o", bag) == 2
    assert "exists already" in capsys.readouterr().err
    assert (bag / "metadata.yaml").stat().st_mtime_ns == before
    assert convert(folder, "-o", bag, "--overwrite") == 0


LEFT = RigidTransform(Rotation.from_euler("y", -90.0, degrees=True).as_matrix(), np.array([-0.6, 0.1, -0.4]))
"""`front_from_left`, optical axes: looks to the left, from a place left of the front camera, below and behind it."""


def beside(meta: dict[str, Any]) -> None:
    """The camera `left` of the drive that a drive folder of the same fixture shows, 30 ms later than its front."""
    meta["source"], meta["licence"] = "the other side", "CC0"
    meta["camera"] |= {"name": "left", "frame_id": "left_optical", "height_m": None}
    for frame in meta["frames"]:
        pose = RigidTransform.from_matrix(np.array(frame["T_world_camera"]))
        later = RigidTransform(pose.rotation, pose.translation_m + np.array([0.0, 0.0, 0.3]))  # 10 m/s
        frame["stamp_ns"] += 30_000_000
        mounted = later @ LEFT
        frame["T_world_camera"] = np.vstack(
            [np.column_stack([mounted.rotation, mounted.translation_m]), [0.0, 0.0, 0.0, 1.0]]
        ).tolist()


def test_several_cameras_become_one_bag_with_one_odometry(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    front, left = make_drive_folder(pitch_down_rad=0.02), make_drive_folder(beside, pitch_down_rad=0.02, name="left")
    assert convert(front, left, "-o", tmp_path / "bag") == 0
    stated = capsys.readouterr().out
    assert "24 images of 2 cameras" in stated
    assert "left sits at -0.40, 0.60, 1.41 m in base_link; by single poses up to 0.00 m and 0.0 deg elsewhere" in stated
    with BagReader(tmp_path / "bag") as reader:
        assert reader.counts == {
            **{f"/camera/{name}/{topic}": 12 for name in ("front", "left") for topic in ("camera_info", COMPRESSED)},
            **{f"/ground_truth/{name}/{topic}": count for name in ("front", "left") for topic, count in TRUTH.items()},
            "/ground_truth/speed": 12,
            "/odometry": 12,
            "/tf": 12,
            "/tf_static": 2,
        }
        assert (reader.custom_data["source"], reader.custom_data["licence"]) == ("test; the other side", "CC0")
        log_times_ns = [stamp for _, _, stamp, _ in reader.messages()]
        mountings = bag_transforms(reader, "base_link")
    assert log_times_ns == sorted(log_times_ns)
    images = read(tmp_path / "bag", f"/camera/left/{COMPRESSED}")
    assert [stamp_ns(one) for one in images] == [1_700_000_000_153_456_789 + n * 100_000_000 for n in range(12)]
    front_mounting = base_from_camera(1.5, 0.02)
    expected = front_mounting @ LEFT
    found = mountings.base_from_sensor("left_optical", stamp_ns(images[0]))
    np.testing.assert_allclose(found.translation_m, expected.translation_m, atol=1e-9)
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-9)


def test_cameras_of_one_bag_run_together(
    make_drive_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rclpy")
    from perception_fm.pipeline import PerceptionPipeline
    from perception_fm.ros.lockstep import LockstepRunner

    front, left = make_drive_folder(), make_drive_folder(beside, name="left")
    assert convert(front, left, "-o", tmp_path / "bag") == 0
    seen = []

    def process(self: PerceptionPipeline, frame: Any, *others: Any) -> Any:
        seen.append([(one.frame_id, one.stamp_ns - frame.stamp_ns, one.base_from_camera) for one in others])
        return original(self, frame, *others)

    original = PerceptionPipeline.process
    monkeypatch.setattr(PerceptionPipeline, "process", process)
    with LockstepRunner(tmp_path / "bag", NodeConfig(model="none", other_cameras=("left",)), "front") as runner:
        assert len(list(runner.steps())) == len(seen) == 12
    for ((frame_id, late_ns, mounting),) in seen:
        assert (frame_id, late_ns) == ("left_optical", 30_000_000)
        np.testing.assert_allclose(mounting.translation_m, [-0.4, 0.6, 1.4], atol=1e-9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda meta: meta["camera"].update(name="front", frame_id="front_optical"), "two cameras are called front"),
        (lambda meta: [frame.update(T_world_camera=None) for frame in meta["frames"]], "one of them has none"),
        (lambda meta: [one.update(stamp_ns=one["stamp_ns"] + 10**12) for one in meta["frames"]], "no pose of left"),
        (lambda meta: meta["frames"][3]["T_world_camera"][0].__setitem__(3, 9.0), "left moves against front by up to"),
        (lambda meta: meta.update(class_names={"7": "Road"}), "class_names of left are not those of front"),
    ],
)
def test_camera_that_does_not_fit_is_refused(
    make_drive_folder: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], Any],
    reason: str,
) -> None:
    def changed(meta: dict[str, Any]) -> None:
        beside(meta)
        change(meta)

    front, left = make_drive_folder(), make_drive_folder(changed, name="left")
    assert convert(front, left, "-o", tmp_path / "bag") == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "bag").exists()


def test_several_cameras_need_the_height_of_the_first(
    make_drive_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    front = make_drive_folder(lambda meta: meta["camera"].update(height_m=None))
    left = make_drive_folder(beside, name="left")
    assert convert(front, left, "-o", tmp_path / "bag") == 2
    assert "several cameras need the height of the first, front: give --height-m" in capsys.readouterr().err
    assert convert(front, left, "-o", tmp_path / "bag", "--height-m", "2") == 0


# Of real drives the GPS speed and the poses come from different filters and clocks: on these clips they differ by at
# most 0.13 m/s (standing start) and 0.08 m/s.
@pytest.mark.parametrize(("name", "tolerance_mps"), [("pandaset_002", 0.2), ("kitti_odo_06", 0.1)])
def test_real_drive_gives_true_speed_straight_ahead_on_level_ground(
    shared_data: Path, tmp_path: Path, name: str, tolerance_mps: float
) -> None:
    assert convert(shared_data / name, "-o", tmp_path / "bag") == 0
    frames = json.loads((shared_data / name / "meta.json").read_text())["frames"]
    samples = read(tmp_path / "bag", "/odometry")
    assert [stamp_ns(sample) for sample in samples] == [frame["stamp_ns"] for frame in frames]
    linear = np.array([[v.x, v.y, v.z] for v in (sample.twist.twist.linear for sample in samples)])
    place_m = np.array([[p.x, p.y, p.z] for p in (sample.pose.pose.position for sample in samples)])
    speeds_mps = np.array([frame["speed_mps"] for frame in frames])
    np.testing.assert_allclose(linear[:, 0], speeds_mps, atol=tolerance_mps)
    assert np.abs(linear[:, 1:]).max() < 0.15  # sway and heave of the body
    travelled_m = place_m[-1, 0]
    assert travelled_m > 20.0
    assert abs(place_m[-1, 1]) < 0.02 * travelled_m  # both roads are straight to about one degree
    assert np.abs(place_m[:, 2]).max() < 0.15
    assert len(list(BagReader(tmp_path / "bag").messages(["/camera/front/image_raw/compressed"]))) == len(frames)
