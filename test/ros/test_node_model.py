"""The node with a network: every dense topic, and geometry only where the model cannot be trusted."""

from __future__ import annotations

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, Image

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.qos import latched_qos
from perception_fm_msgs.msg import PerceptionStatus

tiny_onnx = pytest.importorskip("tiny_onnx", reason="makes its model with the library onnx")

KINDS = {
    "depth/image": Image,
    "depth/camera_info": CameraInfo,
    "depth/std": Image,
    "segmentation/label": Image,
    "segmentation/confidence": Image,
    "normals/image": Image,
}


@pytest.fixture
def model(tmp_path):
    return tiny_onnx.write_tiny_model(tmp_path / "tiny.onnx")


def feed(rig, messages, level):
    """A picture of one brightness but for its noise."""
    rng = np.random.default_rng(level)
    image = messages.image()
    pixels = np.clip(rng.normal(level, 6.0, (image.height, image.width, 3)), 0, 255).astype(np.uint8)
    image.data = pixels.tobytes()
    stamp = time.time_ns()
    image.header = messages.header(stamp)
    rig.publish("camera_info", messages.camera_info())
    rig.publish("image", image)
    time.sleep(0.05)
    return stamp


def test_every_dense_topic_is_published_with_the_stamp_of_its_image(make_rig, messages, model):
    rig = make_rig(model=str(model), mounting__height_m=1.5)
    got = {topic: rig.listen(topic, kind) for topic, kind in KINDS.items()}
    status = rig.listen("status", PerceptionStatus)
    rig.start()
    sent = {feed(rig, messages, 100)}

    def arrived():
        sent.add(feed(rig, messages, 100 + len(sent) % 5))
        common = set.intersection(*({stamp_ns(m.header.stamp) for m in found} for found in got.values()))
        return common & sent

    stamp = rig.wait_for(arrived).pop()
    seen = {topic: next(m for m in found if stamp_ns(m.header.stamp) == stamp) for topic, found in got.items()}
    depth = np.frombuffer(seen["depth/image"].data, np.float32)
    # The camera's 50 px become 33.3 px of the model's input, whose depth holds for 50 px.
    assert depth == pytest.approx((tiny_onnx.NEAR_M + 10.0) * 2.0 / 3.0, rel=0.1)
    assert seen["depth/image"].encoding == "32FC1"
    assert set(np.frombuffer(seen["segmentation/label"].data, np.uint8)) == {0}
    info = seen["depth/camera_info"]
    assert (info.width, info.height) == (seen["depth/image"].width, seen["depth/image"].height)
    last = rig.wait_for(lambda: [m for m in status if stamp_ns(m.header.stamp) == stamp])[0]
    assert (last.model, last.backend, last.precision) == ("tiny", "onnxruntime", "fp32")
    assert len(last.engine_fingerprint) == 64
    assert "network" in [item.stage for item in last.latency]


def test_head_that_the_model_lacks_is_not_advertised(make_rig, tmp_path):
    card = tiny_onnx.tiny_card(heads=("depth",))
    rig = make_rig(model=str(tiny_onnx.write_tiny_model(tmp_path / "depth.onnx", card)))
    rig.start()
    topics = {name for name, _ in rig.node.get_topic_names_and_types()}
    assert "/perception_node/depth/image" in topics
    assert not {"/perception_node/segmentation/label", "/perception_node/normals/image"} & topics


def test_names_of_the_labels_reach_whoever_comes_later(make_rig, model):
    vision_msgs = pytest.importorskip("vision_msgs.msg", reason="not in the registry; a ROS installation has it")
    rig = make_rig(model=str(model))
    rig.start()
    got = []
    rig.client.create_subscription(
        vision_msgs.LabelInfo, "/perception_node/segmentation/label_info", got.append, latched_qos()
    )
    message = rig.wait_for(lambda: got)[0]
    assert [item.class_id for item in message.class_map] == list(range(len(CITYSCAPES_CLASSES)))
    assert [item.class_name for item in message.class_map] == list(CITYSCAPES_CLASSES)


@pytest.mark.parametrize("damage", ["truncated", "nan"])
def test_model_that_cannot_be_trusted_leaves_geometry_only_and_says_why(make_rig, messages, tmp_path, model, damage):
    if damage == "truncated":
        model.write_bytes(model.read_bytes()[:-200])
    else:
        model.write_bytes(with_nan_depth(model))
    rig = make_rig(model=str(model), mounting__height_m=1.5)
    status = rig.listen("status", PerceptionStatus)
    diagnostics = rig.listen("/diagnostics", DiagnosticArray, absolute=True)
    rig.start()
    stamp = feed(rig, messages, 100)

    def answered():
        feed(rig, messages, 90 + len(status) % 5)
        return [m for m in status if stamp_ns(m.header.stamp) >= stamp and m.processed_count]

    last = rig.wait_for(answered)[-1]
    assert last.model == "none"
    assert last.mode != PerceptionStatus.NOMINAL
    assert any(reason.startswith("geometry only: ") for reason in last.reasons)
    found = rig.wait_for(lambda: [s for m in diagnostics for s in m.status if s.name == "perception_node: model"])[-1]
    assert found.level == DiagnosticStatus.ERROR
    assert found.message.startswith("geometry only: ")
    assert "/perception_node/depth/image" not in {name for name, _ in rig.node.get_topic_names_and_types()}


def with_nan_depth(path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == "near":
            tensor.CopyFrom(numpy_helper.from_array(np.array(np.nan, np.float32), "near"))
    return model.SerializeToString()


def test_unknown_model_is_a_refused_configuration_and_not_geometry_in_silence(make_rig):
    rig = make_rig(model="no_such_model")
    assert rig.node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "no_such_model" in rig.node.health.snapshot().lifecycle
