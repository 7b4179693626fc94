"""Several cameras: images of about one instant go together, and what is missing is named and left out."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from perception_fm.config import MountingConfig, NodeConfig
from perception_fm.errors import ConfigError
from perception_fm.ros.intake import FrameIntake
from perception_fm.ros.other_camera import OtherCamera
from perception_fm.ros.transforms import NoTransforms
from perception_fm.types import PerceptionResult
from perception_fm_msgs.msg import PerceptionStatus

STEP_NS = 100_000_000
SIDE = (1.6, 0.1, 0.0, 1.57, 0.5, 0.9)


def side_info(messages) -> CameraInfo:
    info = messages.camera_info()
    info.header.frame_id = "left_optical"
    return info


def side_image(messages, stamp_ns):
    return messages.image(stamp_ns, frame_id="left_optical")


@pytest.fixture
def intake(messages):
    config = NodeConfig(
        mounting=MountingConfig(height_m=1.5), other_cameras=("left",), other_mountings=SIDE, max_camera_spread_s=0.05
    )
    intake = FrameIntake(config, NoTransforms())
    intake.take_camera_info(messages.camera_info())
    intake.others["left"].take_camera_info(side_info(messages))
    return intake


def test_the_nearest_image_goes_along_with_its_own_stamp_and_mounting(intake, messages):
    for offset in (-STEP_NS, -20_000_000, 40_000_000):
        intake.others["left"].take_image(side_image(messages, messages.start_ns + offset))
    taken = intake.take_image(messages.image())
    (other,) = taken.others
    assert (other.frame_id, other.stamp_ns) == ("left_optical", messages.start_ns - 20_000_000)
    np.testing.assert_allclose(other.base_from_camera.translation_m, [0.5, 0.9, 1.6])
    assert taken.reasons == ("no odometry near the image stamp",)


@pytest.mark.parametrize(
    ("offset_ns", "words"), [(None, "no image has arrived"), (60_000_000, "the nearest image is 0.060 s away")]
)
def test_missing_image_is_named(intake, messages, offset_ns, words):
    if offset_ns is not None:
        intake.others["left"].take_image(side_image(messages, messages.start_ns + offset_ns))
    taken = intake.take_image(messages.image())
    assert taken.others == ()
    assert any(reason.startswith("camera left: ") and words in reason for reason in taken.reasons)


def test_without_calibration_mounting_or_a_frame_of_its_own_a_camera_is_left_out(messages):
    def reasons(frame_id, has_info=True, mountings=SIDE):
        config = NodeConfig(other_cameras=("left",), other_mountings=mountings)
        intake = FrameIntake(config, NoTransforms())
        intake.take_camera_info(messages.camera_info())
        if has_info:
            info = messages.camera_info()
            info.header.frame_id = frame_id
            intake.others["left"].take_camera_info(info)
        intake.others["left"].take_image(messages.image(frame_id=frame_id))
        taken = intake.take_image(messages.image())
        assert taken.others == ()
        return next(reason for reason in taken.reasons if reason.startswith("camera left"))

    assert "no camera_info" in reasons("left_optical", has_info=False)
    assert "mounting is unknown" in reasons("left_optical", mountings=())
    assert "that of another camera" in reasons(messages.frame_id)


def test_corrupt_image_of_another_camera_does_not_cost_the_frame(intake, messages):
    broken = side_image(messages, messages.start_ns)
    broken.data = broken.data[:10]
    intake.others["left"].take_image(broken)
    taken = intake.take_image(messages.image())
    assert taken.others == ()
    assert any(reason.startswith("camera left: ") for reason in taken.reasons)


def test_clock_jump_forgets_the_images(intake, messages):
    intake.others["left"].take_image(side_image(messages, messages.start_ns))
    intake.reset("the clock jumped")
    assert intake.take_image(messages.image()).others == ()


def test_waiting_ends_with_the_image_and_never_lasts_for_a_dead_camera(messages):
    camera = OtherCamera("left", MountingConfig())
    much_later = time.monotonic() + 3600.0  # a wait that lasts meets the time limit of the test
    camera.wait_for(messages.start_ns, much_later)  # nothing ever came
    camera.take_image(side_image(messages, messages.start_ns - 10 * STEP_NS))
    camera.wait_for(messages.start_ns, much_later)  # too far behind
    camera.take_image(side_image(messages, messages.start_ns - STEP_NS))
    later = threading.Timer(0.05, camera.take_image, [side_image(messages, messages.start_ns)])
    later.start()
    camera.wait_for(messages.start_ns, much_later)
    later.join()
    assert camera.nearest(messages.start_ns, 0).header.stamp == side_image(messages, messages.start_ns).header.stamp


@pytest.mark.parametrize("settings", [
    {"other_cameras": ("front",)}, {"other_cameras": ("a", "a")}, {"other_cameras": ("bad name",)},
    {"other_cameras": ("left",), "other_mountings": (1.0, 2.0)}, {"other_mountings": SIDE},
])  # fmt: skip
def test_cameras_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError):
        NodeConfig(**settings)


def test_node_takes_both_cameras_and_says_so(make_rig, messages, monkeypatch):
    from perception_fm.pipeline import PerceptionPipeline

    seen: list[tuple[str, ...]] = []

    def process(self, frame, *others) -> PerceptionResult:
        result = original(self, frame, *others)
        seen.append(result.cameras)
        return result

    original = PerceptionPipeline.process
    monkeypatch.setattr(PerceptionPipeline, "process", process)
    rig = make_rig(other_cameras=["left"], other_mountings=list(SIDE), mounting__height_m=1.5)
    got = rig.listen("status", PerceptionStatus)
    rig.start()
    rig.publish("camera_info", messages.camera_info())
    rig.publish("left/camera_info", side_info(messages))
    for _ in range(200):
        stamp = rig.node.get_clock().now().nanoseconds
        rig.publish("left/image", side_image(messages, stamp))
        rig.publish("image", messages.image(stamp))
        time.sleep(0.05)
        if any(len(one.cameras) == 2 for one in got):
            break
    assert ("front_optical", "left_optical") in seen
    status = next(one for one in got if len(one.cameras) == 2)
    assert list(status.cameras) == ["front_optical", "left_optical"]
    assert status.camera_spread_s == 0.0
