"""Bags of scenarios: what is in them, that the truth can be read back, and that half a bag never stays."""

import itertools
import json

import cv2
import numpy as np
import pytest
from tiny_scenarios import TINY_CAMERA, WALL, tiny_scenario

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.cli import main
from perception_fm.errors import BagError, ConfigError, PerceptionError
from perception_fm.evaluation.wall_in_bag import bag_wall_distances
from perception_fm.ros.bag_topics import find_topics
from perception_fm.synth.scenario.scenario import load_scenario, scenario_yaml

pytest.importorskip("moderngl")
pytest.importorskip("trimesh")

from perception_fm.synth.recording import CHANNELS, record, truth_channels
from perception_fm.synth.simulation import FIRST_STAMP_NS, Simulation

FRAMES = 6
TRUTH = "/ground_truth/front"


def read(bag, *topics):
    """Messages of each topic, with their log times."""
    with BagReader(bag) as reader:
        found = {topic: [] for topic in topics}
        for topic, msgtype, stamp_ns, cdr in reader.messages(topics):
            found[topic].append((stamp_ns, deserialize(cdr, msgtype)))
    return [found[topic] for topic in topics]


def pixels(message, dtype, channels=1):
    data = np.frombuffer(bytes(message.data), dtype)
    shape = (message.height, message.width) if channels == 1 else (message.height, message.width, channels)
    return data.reshape(shape)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    target = tmp_path_factory.mktemp("bags") / "wall"
    assert list(record(tiny_scenario(walls=[WALL]), target, truth="all")) == list(range(FRAMES))
    return target


def test_bag_holds_what_a_vehicle_records_and_the_truth(bag):
    with BagReader(bag) as reader:
        counts, types = reader.counts, reader.topics
    assert counts["/camera/front/image_raw/compressed"] == counts["/camera/front/camera_info"] == FRAMES
    assert all(counts[f"{TRUTH}/{name}"] == FRAMES for name in (*CHANNELS, "pose", "camera_info"))
    assert counts["/ground_truth/speed"] == FRAMES
    assert counts["/tf_static"] == 1
    assert counts["/odometry"] == counts["/tf"]
    assert counts["/odometry"] == pytest.approx(1.4 * 50, abs=1)  # 0.2 s before and after the second of images
    assert counts["/imu"] == pytest.approx(1.4 * 100, abs=1)
    assert counts["/clock"] == 101
    topics = find_topics(counts, types)
    assert (topics.camera, topics.odometry, topics.imu) == ("front", "/odometry", "/imu")


def test_messages_lie_in_the_order_of_time(bag):
    with BagReader(bag) as reader:
        stamps = [stamp for _, _, stamp, _ in reader.messages()]
    assert stamps == sorted(stamps)


def test_image_and_calibration_belong_together(bag):
    images, infos = read(bag, "/camera/front/image_raw/compressed", "/camera/front/camera_info")
    for (stamp, image), (info_stamp, info) in zip(images, infos):
        assert stamp == info_stamp == image.header.stamp.sec * 10**9 + image.header.stamp.nanosec
        picture = cv2.imdecode(np.asarray(image.data), cv2.IMREAD_COLOR)
        assert picture.shape == (info.height, info.width, 3) == (96, 160, 3)
        assert (info.k[0], info.k[2]) == (125.0, 79.5)
        assert info.header.frame_id == image.header.frame_id == "front_optical"
    assert images[0][0] == FIRST_STAMP_NS


def test_truth_images_have_their_types_and_values(bag):
    names = [f"{TRUTH}/{name}" for name in CHANNELS]
    channels = dict(zip(CHANNELS, read(bag, *names)))
    encodings = {name: messages[0][1].encoding for name, messages in channels.items()}
    assert encodings == {
        "depth": "32FC1",
        "depth_pictured": "32FC1",
        "label": "mono8",
        "instance": "mono16",
        "normal": "32FC3",
        "albedo": "bgr8",
        "roughness": "mono8",
        "painted": "mono8",
    }
    with Simulation(tiny_scenario(walls=[WALL])) as simulation:
        truth = simulation.frame(3).truth
    depth = pixels(channels["depth"][3][1], np.float32)
    np.testing.assert_array_equal(np.isnan(depth), np.isinf(truth.depth_m))
    assert np.isnan(depth).any()  # the sky
    np.testing.assert_array_equal(depth[~np.isnan(depth)], truth.depth_m[np.isfinite(truth.depth_m)])
    np.testing.assert_array_equal(pixels(channels["normal"][3][1], np.float32, 3), truth.normal)
    np.testing.assert_array_equal(pixels(channels["instance"][3][1], np.uint16), truth.instance)
    np.testing.assert_array_equal(pixels(channels["painted"][3][1], np.uint8) > 0, truth.painted)


def test_mounting_and_true_pose_agree_with_the_scenario(bag):
    (mounting,), poses = read(bag, "/tf_static", f"{TRUTH}/pose")
    transform = mounting[1].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == ("base_link", "front_optical")
    assert transform.transform.translation.z == pytest.approx(1.4)
    first, last = (message.pose.position for _, message in (poses[0], poses[-1]))
    assert last.x - first.x == pytest.approx(10.0, abs=0.05)
    assert first.z == pytest.approx(1.4, abs=0.05)  # springs


def test_wall_of_the_metadata_gives_its_distance_in_every_frame(bag):
    distances = bag_wall_distances(bag)
    expected = {FIRST_STAMP_NS + n * 200_000_000: 30.0 - 2.0 * n for n in range(FRAMES)}
    assert distances == pytest.approx(expected, abs=0.05)
    with BagReader(bag) as reader:
        wall = json.loads(reader.custom_data["wall"])
    assert (wall["width_m"], wall["height_m"], wall["print"]) == (6.0, 4.0, "scene")


def test_metadata_holds_the_scenario_itself(bag, tmp_path):
    with BagReader(bag) as reader:
        (tmp_path / "again.yaml").write_text(reader.custom_data["scenario"])
    again = load_scenario(tmp_path / "again.yaml")
    assert scenario_yaml(again) == scenario_yaml(tiny_scenario(walls=[WALL]))


def test_light_truth_has_poses_and_no_images(tmp_path):
    scenario = tiny_scenario(drive={"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.2})
    list(record(scenario, tmp_path / "light"))
    with BagReader(tmp_path / "light") as reader:
        truth = {topic for topic in reader.topics if topic.startswith("/ground_truth")}
        assert "wall" not in reader.custom_data
    assert truth == {f"{TRUTH}/pose", f"{TRUTH}/camera_info", "/ground_truth/speed"}
    list(record(scenario, tmp_path / "light", truth="none", is_raw=True, overwrite=True))
    with BagReader(tmp_path / "light") as reader:
        assert not any(topic.startswith("/ground_truth") for topic in reader.topics)
    ((_, image), _) = read(tmp_path / "light", "/camera/front/image_raw")[0]
    assert pixels(image, np.uint8, 3).shape == (96, 160, 3)


def test_vehicle_without_odometry_has_none_in_its_bag(tmp_path):
    drive = {"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.2, "odometry": {"enabled": False}}
    list(record(tiny_scenario(drive=drive), tmp_path / "blind"))
    with BagReader(tmp_path / "blind") as reader:
        topics = set(reader.topics)
    assert not topics & {"/odometry", "/tf"}
    assert {"/tf_static", "/imu", "/clock"} <= topics


def test_distorted_camera_says_so_and_its_truth_does_not(tmp_path):
    lens = {"distortion_model": "plumb_bob", "distortion": [-0.2, 0.05, 0.0, 0.0, 0.0]}
    scenario = tiny_scenario(
        camera={**TINY_CAMERA, **lens}, drive={"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.2}
    )
    list(record(scenario, tmp_path / "lens"))
    infos, truths = read(tmp_path / "lens", "/camera/front/camera_info", f"{TRUTH}/camera_info")
    assert list(infos[0][1].d) == pytest.approx(lens["distortion"])
    assert not any(truths[0][1].d)
    assert list(infos[0][1].k) == list(truths[0][1].k)


def test_choice_of_truth():
    assert truth_channels("all") == tuple(CHANNELS)
    assert truth_channels("light") == ()
    assert truth_channels("none") is None
    assert truth_channels("depth, label") == ("depth", "label")
    with pytest.raises(ConfigError, match=r"truth is all, light, none or .*got 'dept'"):
        truth_channels("dept")


def test_recording_that_is_broken_off_leaves_nothing(tmp_path):
    frames = record(tiny_scenario(), tmp_path / "half")
    assert list(itertools.islice(frames, 2)) == [0, 1]
    frames.close()  # what an interrupt does to it
    assert list(tmp_path.iterdir()) == []


def test_existing_bag_is_refused_before_rendering(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(BagError, match="exists already"):
        next(record(tiny_scenario(), tmp_path / "there"))


def test_commands_run_and_list(tmp_path, capsys):
    file = tmp_path / "short.yaml"
    file.write_text(scenario_yaml(tiny_scenario(walls=[WALL])) + "matrix: {axes: {drive.duration_s: [0.2, 0.4]}}\n")
    assert main(["synth", "cases", str(file)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["0-duration_s0.2", "1-duration_s0.4"]
    target = tmp_path / "bag"
    assert main(["synth", "run", str(file), "-o", str(target), "--case", "1", "--seed", "9", "-s", "walls=[]"]) == 0
    assert "3 frames of scenario-1-duration_s0.4, seed 9" in capsys.readouterr().out
    with BagReader(target) as reader:
        assert reader.counts["/camera/front/camera_info"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synth", "run", "nowhere", "-o", "x"], "nowhere is neither a scenario file nor one of the library"),
        (["synth", "run", "demo", "-o", "x", "-s", "drive.sped_mps=3"], "did you mean drive.speed_mps"),
        (["synth", "run", "demo", "-o", "x", "-s", "walls.0.station_m=10"], "stands behind the camera"),
        (["synth", "run", "demo", "-o", "x", "--truth", "dep"], "truth is all, light, none"),
        (["synth", "run", "demo", "-o", "x", "--truth", "depth,depth"], "a channel is given twice"),
        (["synth", "run", "painted_wall", "-o", "x", "--split", "test", "--seed", "1"], "the split test has seeds"),
        (["synth", "cases", "demo", "--split", "test"], "demo has no split test"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_bag_without_a_wall_or_without_poses_has_no_distances(tmp_path):
    drive = {"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.2}
    list(record(tiny_scenario(drive=drive), tmp_path / "free"))
    with pytest.raises(PerceptionError, match="has no wall in the way"):
        bag_wall_distances(tmp_path / "free")
    list(record(tiny_scenario(drive=drive, walls=[WALL]), tmp_path / "blind", truth="none"))
    with pytest.raises(PerceptionError, match="0 topics of true poses"):
        bag_wall_distances(tmp_path / "blind")


def test_damaged_metadata_is_refused(tmp_path):
    drive = {"start_m": 30.0, "speed_mps": 10.0, "duration_s": 0.2}
    list(record(tiny_scenario(drive=drive), tmp_path / "bag"))
    with BagReader(tmp_path / "bag") as reader:
        (tmp_path / "bag" / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
        with pytest.raises(BagError, match="cannot read"):
            _ = reader.custom_data
