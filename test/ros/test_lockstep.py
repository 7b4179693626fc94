"""The lock-step runner: every image once, the same result every time, one clear error for a bag that cannot be run."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage

from perception_fm.bags.message_types import message, serialize
from perception_fm.bags.reader import BagReader
from perception_fm.bags.writer import BagWriter
from perception_fm.cli import EXIT_BAD_INPUT, main
from perception_fm.config import MountingConfig, NodeConfig
from perception_fm.errors import BagError, PerceptionError
from perception_fm.geometry.transform import base_from_camera
from perception_fm.ros.bag_run import run_bag
from perception_fm.ros.bag_topics import find_topics
from perception_fm.ros.bag_transforms import mounting_config
from perception_fm.ros.images import image_message
from perception_fm.ros.lockstep import OUTPUT_PREFIX, LockstepRunner, images_last
from perception_fm.ros.outputs import OUTPUTS
from perception_fm.types import Mode

WIDTH, HEIGHT, FRAMES = 161, 121, 8  # odd on purpose: video needs even sizes
PERIOD_NS = 100_000_000
MOUNTING = base_from_camera(1.5, 0.02, forward_m=1.2, left_m=0.1)

KINDS = {OUTPUT_PREFIX + output.topic: output.message_type for output in OUTPUTS}

MakeBag = Callable[..., Path]

GEOMETRY = NodeConfig(model="none")


@pytest.fixture
def make_bag(tmp_path: Path, messages: Any) -> MakeBag:
    """A drive of eight grey frames at 10 m/s; arguments leave things out or break them."""

    def make(
        name: str = "drive", *, cameras: tuple[str, ...] = ("front",), has_info: bool = True, has_tf: bool = True,
        is_compressed: bool = False, bad_frame: int | None = None, has_odometry: bool = True,
    ) -> Path:
        path = tmp_path / name
        rng = np.random.default_rng(5)
        street = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH + 40), dtype=np.uint8), (5, 5), 0)
        with BagWriter(path) as writer:
            if has_tf:
                writer.write("/tf_static", messages.start_ns, _tf_static(), "tf2_msgs/msg/TFMessage")
            for number in range(FRAMES):
                stamp_ns = messages.start_ns + number * PERIOD_NS
                for camera in cameras:
                    image = image_message(street[:, number : number + WIDTH], "mono8", messages.header(stamp_ns))
                    if number == bad_frame:
                        image.step = 3
                    _write_image(writer, camera, stamp_ns, image, is_compressed)
                    if has_info:
                        info = messages.camera_info(WIDTH, HEIGHT, 120.0)
                        cdr = serialize_message(info)
                        writer.write(f"/camera/{camera}/camera_info", stamp_ns, cdr, "sensor_msgs/msg/CameraInfo")
                if has_odometry:
                    odometry = messages.odometry(stamp_ns, 10.0, number * 1.0)
                    writer.write("/odometry", stamp_ns, serialize_message(odometry), "nav_msgs/msg/Odometry")
        return path

    return make


def _write_image(writer: BagWriter, camera: str, stamp_ns: int, image: Any, is_compressed: bool) -> None:
    topic = f"/camera/{camera}/image_raw"
    if not is_compressed:
        writer.write(topic, stamp_ns, serialize_message(image), "sensor_msgs/msg/Image")
        return
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width)
    packed = CompressedImage(header=image.header, format="png", data=cv2.imencode(".png", pixels)[1].tobytes())
    writer.write(f"{topic}/compressed", stamp_ns, serialize_message(packed), "sensor_msgs/msg/CompressedImage")


def _tf_static() -> bytes:
    x, y, z, w = (float(value) for value in MOUNTING.quaternion_xyzw())
    tx, ty, tz = (float(value) for value in MOUNTING.translation_m)
    stamp = message("builtin_interfaces/msg/Time", sec=0, nanosec=0)
    stamped = message(
        "geometry_msgs/msg/TransformStamped",
        header=message("std_msgs/msg/Header", stamp=stamp, frame_id="base_link"),
        child_frame_id="front_optical",
        transform=message(
            "geometry_msgs/msg/Transform",
            translation=message("geometry_msgs/msg/Vector3", x=tx, y=ty, z=tz),
            rotation=message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        ),
    )
    return serialize(message("tf2_msgs/msg/TFMessage", transforms=[stamped]))


def without_latency(value: Any) -> Any:
    """The document without every `latency_ms`, at any depth."""
    if isinstance(value, dict):
        return {key: without_latency(one) for key, one in value.items() if key != "latency_ms"}
    return [without_latency(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("is_compressed", [False, True])
def test_every_image_becomes_one_step_with_its_stamp(make_bag: MakeBag, messages: Any, is_compressed: bool) -> None:
    with LockstepRunner(make_bag(is_compressed=is_compressed), GEOMETRY) as runner:
        steps = list(runner.steps())
    assert [step.result.stamp_ns for step in steps] == [messages.start_ns + n * PERIOD_NS for n in range(FRAMES)]
    assert all(step.frame is not None for step in steps)


def test_odometry_of_the_image_instant_and_static_transforms_are_known_to_the_first_frame(make_bag: MakeBag) -> None:
    with LockstepRunner(make_bag(), GEOMETRY) as runner:
        first = next(iter(runner.steps())).frame
    assert first is not None
    assert first.ego is not None
    assert first.ego.speed_mps == 10.0
    assert first.base_from_camera is not None
    np.testing.assert_allclose(first.base_from_camera.rotation, MOUNTING.rotation, atol=1e-9)


def test_mounting_from_config_without_tf(make_bag: MakeBag) -> None:
    config = NodeConfig(mounting=MountingConfig(height_m=2.25))
    with LockstepRunner(make_bag(has_tf=False), config) as runner:
        frame = next(iter(runner.steps())).frame
    assert frame is not None
    assert frame.base_from_camera is not None
    assert frame.base_from_camera.translation_m[2] == 2.25


def test_two_runs_are_equal_but_for_latencies(make_bag: MakeBag, tmp_path: Path) -> None:
    bag = make_bag()
    documents = [run_bag(bag, tmp_path / name, GEOMETRY, has_video=False) for name in ("a", "b")]
    assert json.dumps(without_latency(documents[0])) == json.dumps(without_latency(documents[1]))
    written = []
    for name in ("a", "b"):
        with BagReader(tmp_path / name / "output_bag") as reader:
            # The status carries the latencies. As text: CDR leaves its padding bytes undefined, and NaN is not NaN.
            written.append([
                (topic, log_ns, str(deserialize_message(cdr, KINDS[topic])))
                for topic, _, log_ns, cdr in reader.messages() if not topic.endswith("/status")
            ])
    assert len(written[0]) >= FRAMES
    assert written[0] == written[1]


def test_output_bag_holds_the_nodes_own_messages_with_input_stamps(make_bag: MakeBag, tmp_path: Path) -> None:
    run_bag(make_bag(), tmp_path / "out", GEOMETRY, has_video=False)
    with BagReader(tmp_path / "out" / "output_bag") as reader:
        counts = reader.counts
        stamps = {
            (m.header.stamp.sec, m.header.stamp.nanosec)
            for topic, _, _, cdr in reader.messages() if topic.endswith(("/free_space", "/status"))
            for m in [deserialize_message(cdr, KINDS[topic])]
        }
    assert counts["/perception_node/fake_wall"] == counts["/perception_node/status"] == FRAMES
    assert "/perception_node/overlay" not in counts
    assert stamps == {(1_700_000_000, number * PERIOD_NS) for number in range(FRAMES)}


def test_run_writes_everything_and_the_video_plays(make_bag: MakeBag, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["run", str(make_bag()), "-o", str(out), "--model", "none"]) == 0
    assert {path.name for path in out.iterdir()} == {"output_bag", "overlay.mp4", "report.html", "result.json"}
    document = json.loads((out / "result.json").read_text())
    assert document["schema_version"] == 2
    assert document["summary"]["frames"] == len(document["frames"]) == FRAMES
    with av.open(str(out / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        # The camera's view and, beside it, a square of its height; odd sizes are padded.
        width = WIDTH + HEIGHT
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", width + width % 2, HEIGHT + 1)
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_refused_image_is_counted_and_explicitly_unknown(make_bag: MakeBag, tmp_path: Path) -> None:
    document = run_bag(make_bag(bad_frame=3), tmp_path / "out", GEOMETRY, has_video=False)
    assert document["summary"]["refused_inputs"] == {"bad_image": 1}
    frame = document["frames"][3]
    assert (frame["state"], frame["mode"]) == ("UNVERIFIED", Mode.UNTRUSTED.name)
    assert frame["verified_free_distance_m"] == 0.0
    assert len(document["frames"]) == FRAMES


def test_missing_odometry_is_named_in_every_frame(make_bag: MakeBag, tmp_path: Path) -> None:
    document = run_bag(make_bag(has_odometry=False), tmp_path / "out", GEOMETRY, has_video=False)
    reasons = Counter(reason for frame in document["frames"] for reason in frame["reasons"])
    assert reasons["no odometry near the image stamp"] == FRAMES


def test_several_cameras_need_a_choice(make_bag: MakeBag) -> None:
    bag = make_bag(cameras=("front", "rear"))
    with pytest.raises(BagError, match="front, rear; choose one with --camera"):
        LockstepRunner(bag, GEOMETRY)
    with LockstepRunner(bag, GEOMETRY, "rear") as runner:
        assert runner.topics.image == "/camera/rear/image_raw"
        assert runner.config.camera_name == "rear"
    with pytest.raises(BagError, match="no single camera 'left'"):
        LockstepRunner(bag, GEOMETRY, "left")


def test_missing_camera_info_and_missing_images_are_one_error() -> None:
    image = {"/camera/front/image_raw": "sensor_msgs/msg/Image"}
    with pytest.raises(BagError, match="no /camera/front/camera_info"):
        find_topics(dict.fromkeys(image, 5), image)
    depth = {"/camera/front/depth": "sensor_msgs/msg/Image", "/odometry": "nav_msgs/msg/Odometry"}
    with pytest.raises(BagError, match="no camera images; it has /camera/front/depth, /odometry"):
        find_topics(dict.fromkeys(depth, 5), depth)


def test_topics_without_messages_and_below_ground_truth_do_not_count() -> None:
    types = {
        "/camera/front/image_raw": "sensor_msgs/msg/Image",
        "/camera/front/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
        "/camera/front/camera_info": "sensor_msgs/msg/CameraInfo",
        "/ground_truth/odometry": "nav_msgs/msg/Odometry",
    }
    counts = dict.fromkeys(types, 3) | {"/camera/front/image_raw": 0}
    topics = find_topics(counts, types)
    assert topics.image == "/camera/front/image_raw/compressed"
    assert topics.odometry is None


def test_two_odometries_are_refused_unless_one_has_the_standard_name() -> None:
    types = {
        "/camera/front/image_raw": "sensor_msgs/msg/Image",
        "/camera/front/camera_info": "sensor_msgs/msg/CameraInfo",
        "/gps/odom": "nav_msgs/msg/Odometry",
        "/wheel/odom": "nav_msgs/msg/Odometry",
    }
    with pytest.raises(BagError, match="several odometry topics: /gps/odom, /wheel/odom"):
        find_topics(dict.fromkeys(types, 3), types)
    types["/odometry"] = "nav_msgs/msg/Odometry"
    assert find_topics(dict.fromkeys(types, 3), types).odometry == "/odometry"


def test_images_come_after_the_odometry_of_their_instant_and_nothing_else_moves() -> None:
    logged = [("image", 1), ("odometry", 1), ("odometry", 2), ("image", 3), ("image", 3), ("odometry", 3), ("image", 4)]
    ordered = [item[::2] for item in images_last([(topic, "", time, b"") for topic, time in logged], "image")]
    assert ordered == [
        ("odometry", 1), ("image", 1), ("odometry", 2), ("odometry", 3), ("image", 3), ("image", 3), ("image", 4),
    ]


def test_mounting_config_gives_the_transform_back() -> None:
    mounting = base_from_camera(1.7, 0.1, 0.5, -0.3, 0.05, -0.2)
    numbers = mounting_config(mounting)
    again = base_from_camera(
        numbers.height_m, numbers.pitch_rad, numbers.forward_m, numbers.left_m, numbers.roll_rad, numbers.yaw_rad
    )
    np.testing.assert_allclose(again.rotation, mounting.rotation, atol=1e-12)
    np.testing.assert_allclose(again.translation_m, mounting.translation_m, atol=1e-12)


def test_bag_without_a_usable_image_leaves_no_output(make_bag: MakeBag, tmp_path: Path, messages: Any) -> None:
    path = tmp_path / "broken"
    with BagWriter(path) as writer:
        image = messages.image(width=10)
        image.step = 1
        stamp = messages.start_ns
        info = serialize_message(messages.camera_info())
        writer.write("/camera/front/image_raw", stamp, serialize_message(image), "sensor_msgs/msg/Image")
        writer.write("/camera/front/camera_info", stamp, info, "sensor_msgs/msg/CameraInfo")
    with pytest.raises(PerceptionError, match="no image on /camera/front/image_raw could be used"):
        run_bag(path, tmp_path / "out", GEOMETRY)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["broken"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing", "-o", "out"], "missing does not exist"),
        (["drive", "-o", "out", "--model", "best"], "the zoo has no model 'best'"),
        (["drive", "-o", "out", "--backend", "best"], "backend is one of auto"),
        (["drive", "-o", "out", "--config", "missing.yaml"], "cannot read missing.yaml"),
        (["drive", "-o", "."], "holds something else than results|exists already"),
        (["drive"], "Missing option '-o'"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    make_bag: MakeBag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:
    make_bag()
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments]) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert not (tmp_path / "out").exists()


def test_run_with_a_model_records_its_dense_outputs_and_what_ran(make_bag: MakeBag, tmp_path: Path) -> None:
    tiny_onnx = pytest.importorskip("tiny_onnx", reason="makes its model with the library onnx")
    model = tiny_onnx.write_tiny_model(tmp_path / "tiny.onnx")
    document = run_bag(make_bag(), tmp_path / "out", NodeConfig(model=str(model)), has_video=False)
    assert document["run"]["model"]["name"] == "tiny"
    assert document["run"]["model"]["runtime"] == "onnxruntime"
    assert all("network" in frame["latency_ms"] for frame in document["frames"])
    with BagReader(tmp_path / "out" / "output_bag") as bag:
        counts = bag.counts
    for topic in ("depth/image", "depth/camera_info", "segmentation/label", "normals/image"):
        assert counts[OUTPUT_PREFIX + topic] == FRAMES


def test_run_with_a_model_that_is_refused_ends_with_its_reason(make_bag: MakeBag, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(PerceptionError, match=r"broken\.onnx"):
        run_bag(make_bag(), tmp_path / "out", NodeConfig(model=str(tmp_path / "broken.onnx")), has_video=False)
    assert not (tmp_path / "out").exists()
