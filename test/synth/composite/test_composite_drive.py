"""A drive folder with a wall pasted into it: complete, true, or not there at all."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.errors import BagError, ConfigError
from perception_fm.synth.composite.composite_drive import composite_drive, read_image, read_meta
from perception_fm.synth.painted.painted_wall import WallPlacement

WIDTH, HEIGHT, FRAMES = 320, 192, 6
STEP_M = 4.0
PLACEMENT = WallPlacement(6.0, 4.0, 30.0)
BEHIND_M, BEFORE_M = 60.0, 5.0


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six frames, four metres apart, each with depth 60 m in its upper and 5 m in its lower half."""
    folder = tmp_path / "source"
    for name in ("rgb", "depth", "cls", "gray_right"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    frames = []
    for number in range(FRAMES):
        image = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8), (0, 0), 2.0)
        depth = np.full((HEIGHT, WIDTH), BEHIND_M * 256, np.uint16)
        depth[HEIGHT // 2 :] = BEFORE_M * 256
        cv2.imwrite(str(folder / f"rgb/{number}.png"), image)
        cv2.imwrite(str(folder / f"gray_right/{number}.png"), image)
        cv2.imwrite(str(folder / f"depth/{number}.png"), depth)
        cv2.imwrite(str(folder / f"cls/{number}.png"), np.full((HEIGHT, WIDTH), 7, np.uint8))
        pose = np.eye(4)
        pose[2, 3] = STEP_M * number
        frames.append(
            {
                "id": number,
                "stamp_ns": 100_000_000 * number,
                "image": f"rgb/{number}.png",
                "image_right": f"gray_right/{number}.png",
                "depth": f"depth/{number}.png",
                "cls": f"cls/{number}.png",
                "T_world_camera": pose.tolist(),
            }
        )
    camera = {"size": [WIDTH, HEIGHT], "K": [250.0, 250.0, 159.5, 95.5], "D": [], "height_m": 1.5}
    meta = {"format": "drive-folder/1", "camera": camera, "stereo_baseline_m": 0.5, "frames": frames}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def change(source: Path, **camera) -> None:
    meta = read_meta(source)
    meta["camera"] |= camera
    (source / "meta.json").write_text(json.dumps(meta))


def test_distances_count_down_with_the_travel(source, tmp_path):
    assert list(composite_drive(source, tmp_path / "out", PLACEMENT)) == list(range(FRAMES))
    frames = read_meta(tmp_path / "out")["frames"]
    np.testing.assert_allclose([f["wall_distance_m"] for f in frames], 30.0 - STEP_M * np.arange(FRAMES), atol=1e-4)


def test_meta_says_where_the_wall_stands(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT))
    wall = read_meta(tmp_path / "out")["wall"]
    corners = [[-3.0, 1.5, 30.0], [3.0, 1.5, 30.0], [3.0, -2.5, 30.0], [-3.0, -2.5, 30.0]]
    np.testing.assert_allclose(wall["corners_world_m"], corners, atol=1e-4)
    np.testing.assert_allclose(wall["normal_world"], [0.0, 0.0, -1.0], atol=1e-6)
    assert (wall["width_m"], wall["height_m"], wall["sweet_spot_frame"]) == (6.0, 4.0, 0)


def test_first_frame_is_the_same_and_later_ones_are_not(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT))
    before = [read_image(source / f"rgb/{n}.png").astype(int) for n in range(FRAMES)]
    after = [read_image(tmp_path / f"out/rgb/{n}.png") for n in range(FRAMES)]
    assert np.abs(after[0] - before[0]).max() <= 1
    assert np.abs(after[4] - before[4]).max() > 20


def test_later_sweet_spot_moves_the_wall_along(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT, sweet_spot=2))
    frames = read_meta(tmp_path / "out")["frames"]
    assert frames[0]["wall_distance_m"] == pytest.approx(38.0)
    assert frames[2]["wall_distance_m"] == pytest.approx(30.0)


def test_depth_and_class_behind_the_wall_are_hidden(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT))
    depth = cv2.imread(str(tmp_path / "out/depth/3.png"), cv2.IMREAD_UNCHANGED) / 256.0
    classes = cv2.imread(str(tmp_path / "out/cls/3.png"), cv2.IMREAD_UNCHANGED)
    assert depth[80, 160] == pytest.approx(18.0, abs=1.0 / 256.0)
    assert classes[80, 160] == 0
    assert depth[100, 160] == BEFORE_M  # on the canvas, but something real is nearer
    assert classes[100, 160] == 7
    assert depth[80, 5] == BEHIND_M  # beside the canvas


CAR = np.s_[60:110, 140:180]
CAR_M = 8.0


def put_car(source: Path, frames_with_depth: range) -> None:
    """A white box 8 m ahead in every picture, measured in every third row, and only in some frames."""
    for number in range(FRAMES):
        image = read_image(source / f"rgb/{number}.png")
        image[CAR] = 255
        cv2.imwrite(str(source / f"rgb/{number}.png"), image)
        if number not in frames_with_depth:
            (source / f"depth/{number}.png").unlink()
            continue
        depth = np.full((HEIGHT, WIDTH), BEHIND_M * 256, np.uint16)
        depth[CAR] = CAR_M * 256
        depth[np.arange(HEIGHT) % 3 != 0] = 0
        cv2.imwrite(str(source / f"depth/{number}.png"), depth)


@pytest.mark.parametrize("frames_with_depth", [range(FRAMES), range(0, FRAMES, 2)])
def test_nearer_object_stays_before_the_wall(source, tmp_path, frames_with_depth):
    put_car(source, frames_with_depth)
    black = np.zeros((10, 10), np.uint8)
    list(composite_drive(source, tmp_path / "out", PLACEMENT, picture=black))
    for number in range(1, 5):  # the wall is 26 to 14 m away
        image = read_image(tmp_path / f"out/rgb/{number}.png")
        assert image[66:104, 146:174].min() > 240, number
        # Beside it the canvas is black, but for the noise of the frame.
        assert image[70:90, 132:136].mean() < 40.0, number


def test_wall_nearer_than_the_object_hides_it(source, tmp_path):
    put_car(source, range(FRAMES))
    black = np.zeros((10, 10), np.uint8)
    list(composite_drive(source, tmp_path / "out", WallPlacement(6.0, 4.0, 24.0), picture=black))
    image = read_image(tmp_path / "out/rgb/4.png")  # 24 m - 4 x 4 m: as near as the box
    assert image[66:104, 146:174].mean() < 40.0


def test_missing_depth_map_means_no_depth(source, tmp_path):
    for number in range(FRAMES):
        (source / f"depth/{number}.png").unlink()
    assert len(list(composite_drive(source, tmp_path / "out", PLACEMENT))) == FRAMES


def test_unreadable_depth_map_is_refused(source, tmp_path):
    (source / "depth/2.png").write_bytes(b"no picture")
    with pytest.raises(BagError, match="cannot read the depth map"):
        list(composite_drive(source, tmp_path / "out", PLACEMENT))


def test_second_camera_is_left_out(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT))
    meta = read_meta(tmp_path / "out")
    assert not any("image_right" in frame for frame in meta["frames"])
    assert "stereo_baseline_m" not in meta
    assert not (tmp_path / "out/gray_right").exists()


def test_camera_height_lifts_the_wall(source, tmp_path):
    list(composite_drive(source, tmp_path / "out", PLACEMENT, camera_height_m=2.0))
    assert read_meta(tmp_path / "out")["wall"]["corners_world_m"][0][1] == pytest.approx(2.0)


def test_existing_target_is_refused(source, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(BagError, match="exists already"):
        list(composite_drive(source, tmp_path / "out", PLACEMENT))


def test_unreadable_image_leaves_nothing_behind(source, tmp_path):
    (source / "rgb/3.png").write_bytes(b"no picture")
    with pytest.raises(BagError, match="cannot read the image"):
        list(composite_drive(source, tmp_path / "out", PLACEMENT))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ({"height_m": None}, "camera height"),
        ({"K": None}, "no K"),
        ({"D": [0.1, 0.0, 0.0, 0.0, 0.0]}, "distorted"),
    ],
)
def test_camera_that_cannot_carry_a_wall_is_refused(source, tmp_path, camera, message):
    change(source, **camera)
    with pytest.raises(ConfigError, match=message):
        list(composite_drive(source, tmp_path / "out", PLACEMENT))


def test_frame_without_pose_is_refused(source, tmp_path):
    meta = read_meta(source)
    del meta["frames"][2]["T_world_camera"]
    (source / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ConfigError, match="frame 2 has no pose"):
        list(composite_drive(source, tmp_path / "out", PLACEMENT))


@pytest.mark.parametrize("sweet_spot", [-1, FRAMES])
def test_sweet_spot_outside_the_drive_is_refused(source, tmp_path, sweet_spot):
    with pytest.raises(ConfigError, match="sweet spot"):
        list(composite_drive(source, tmp_path / "out", PLACEMENT, sweet_spot=sweet_spot))


@pytest.mark.parametrize("content", ["no json", '{"format": "other"}', '{"format": "drive-folder/1", "frames": []}'])
def test_foreign_folder_is_refused(tmp_path, content):
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(BagError):
        read_meta(tmp_path)


def test_wall_in_a_real_drive_cannot_be_seen_at_the_sweet_spot(tmp_path, shared_data):
    real = shared_data / "kitti_odo_06"
    list(composite_drive(real, tmp_path / "out", WallPlacement(6.0, 4.0, 70.0)))
    frames = read_meta(tmp_path / "out")["frames"]
    before, after = (read_image(folder / frames[0]["image"]).astype(float) for folder in (real, tmp_path / "out"))
    x, y = np.array(frames[0]["wall_polygon_px"]).T
    inside = np.s_[math.ceil(y.min()) : int(y.max()), math.ceil(x.min()) : int(x.max())]
    assert np.abs(before - after)[inside].mean() < 4.0  # the second JPEG compression
    assert frames[0]["wall_distance_m"] == pytest.approx(70.0, abs=0.2)  # path and chord differ by the bend
    # 58.6 m of odometry later.
    assert frames[49]["wall_distance_m"] == pytest.approx(70.0 - 58.65, abs=0.2)
