from __future__ import annotations

import math

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Imu

from perception_fm.config import MountingConfig, NodeConfig
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.ros.intake import Accepted, FrameIntake, Refused
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.transforms import NoTransforms, StaticTransforms

SECOND_NS = 1_000_000_000
STEP_NS = 100_000_000


@pytest.fixture
def intake(messages):
    intake = FrameIntake(NodeConfig(mounting=MountingConfig(height_m=1.5)), NoTransforms())
    intake.take_camera_info(messages.camera_info())
    return intake


def frame_of(taken):
    assert isinstance(taken, Accepted), taken
    return taken.frame


def refusal_of(taken, name):
    assert isinstance(taken, Refused), taken
    assert taken.name == name
    return taken.reason


def test_image_becomes_a_frame_with_everything_known_at_its_stamp(intake, messages):
    for step in range(3):
        intake.take_odometry(messages.odometry(messages.start_ns + step * STEP_NS, 10.0, x_m=float(step)))
    frame = frame_of(intake.take_image(messages.image(messages.start_ns + STEP_NS // 2)))
    assert frame.stamp_ns == messages.start_ns + STEP_NS // 2
    assert frame.frame_id == messages.frame_id
    assert frame.camera.fx == messages.focal_px
    assert frame.base_from_camera.translation_m[2] == 1.5
    assert frame.ego.speed_mps == 10.0
    assert frame.ego.odom_from_base.translation_m[0] == pytest.approx(0.5)


def test_messages_that_went_through_cdr_are_taken(intake, messages):
    def again(message):
        return deserialize_message(serialize_message(message), type(message))

    intake.take_camera_info(again(messages.camera_info()))
    intake.take_odometry(again(messages.odometry()))
    taken = intake.take_image(again(messages.image()))
    assert frame_of(taken).ego is not None
    assert taken.reasons == ()
    assert not taken.must_reset


def test_wrong_encoding_is_refused_by_name(intake, messages):
    image = messages.image()
    image.encoding = "32FC1"
    assert "32FC1" in refusal_of(intake.take_image(image), "bad_image")


def test_wrong_step_is_refused_by_name(intake, messages):
    image = messages.image()
    image.step -= 1
    assert "step" in refusal_of(intake.take_image(image), "bad_image")


def test_empty_image_is_refused_by_name(intake, messages):
    image = messages.image()
    image.data = image.data[:0]
    assert "empty" in refusal_of(intake.take_image(image), "bad_image")


def test_refused_image_keeps_its_stamp_and_the_next_one_is_taken(intake, messages):
    bad = messages.image(messages.start_ns)
    bad.encoding = ""
    assert intake.take_image(bad).stamp_ns == messages.start_ns
    frame_of(intake.take_image(messages.image(messages.start_ns + STEP_NS)))


def test_missing_camera_info_is_refused_by_name(messages):
    intake = FrameIntake(NodeConfig(), NoTransforms())
    assert "camera_info" in refusal_of(intake.take_image(messages.image()), "missing_camera_info")


@pytest.mark.parametrize("k", [np.zeros(9), np.full(9, math.nan), np.full(9, math.inf), np.eye(3).ravel() * -5.0])
def test_zero_or_nan_k_is_refused_by_name(intake, messages, k):
    info = messages.camera_info()
    info.k = k
    intake.take_camera_info(info)
    reason = refusal_of(intake.take_image(messages.image()), "bad_camera_info")
    assert "K" in reason
    intake.take_camera_info(messages.camera_info())
    frame_of(intake.take_image(messages.image(messages.start_ns + STEP_NS)))


def test_unknown_distortion_model_is_refused_by_name(intake, messages):
    info = messages.camera_info()
    info.distortion_model = "fancy_lens"
    intake.take_camera_info(info)
    assert "fancy_lens" in refusal_of(intake.take_image(messages.image()), "bad_camera_info")


def test_k_change_mid_run_resets_once_and_says_so(intake, messages):
    assert not intake.take_image(messages.image()).must_reset
    intake.take_camera_info(messages.camera_info(focal_px=60.0))
    taken = intake.take_image(messages.image(messages.start_ns + STEP_NS))
    assert taken.must_reset
    assert "the camera calibration changed" in taken.reasons
    assert frame_of(taken).camera.fx == 60.0
    assert not intake.take_image(messages.image(messages.start_ns + 2 * STEP_NS)).must_reset


def test_repeated_camera_info_changes_nothing(intake, messages):
    frame_of(intake.take_image(messages.image()))
    for _ in range(3):
        intake.take_camera_info(messages.camera_info())
    assert not intake.take_image(messages.image(messages.start_ns + STEP_NS)).must_reset


def test_size_change_without_its_camera_info_is_refused_by_name(intake, messages):
    frame_of(intake.take_image(messages.image()))
    reason = refusal_of(intake.take_image(messages.image(messages.start_ns + STEP_NS, width=32)), "size_mismatch")
    assert "32x48" in reason
    assert "64x48" in reason


def test_size_change_with_its_camera_info_resets(intake, messages):
    frame_of(intake.take_image(messages.image()))
    intake.take_camera_info(messages.camera_info(width=32))
    taken = intake.take_image(messages.image(messages.start_ns + STEP_NS, width=32))
    assert taken.must_reset
    assert frame_of(taken).camera.width == 32


def test_frame_id_mismatch_is_refused_by_name(intake, messages):
    reason = refusal_of(intake.take_image(messages.image(frame_id="rear_optical")), "frame_id_mismatch")
    assert "rear_optical" in reason
    assert messages.frame_id in reason


def test_stamp_going_back_resets_and_forgets_the_old_time(intake, messages):
    for step in range(30):
        stamp = messages.start_ns + 60 * SECOND_NS + step * STEP_NS
        intake.take_odometry(messages.odometry(stamp))
        assert not intake.take_image(messages.image(stamp)).must_reset
    taken = intake.take_image(messages.image(messages.start_ns))
    assert taken.must_reset
    assert any("went back by 62.9" in reason for reason in taken.reasons)
    assert frame_of(taken).ego is None
    intake.take_odometry(messages.odometry(messages.start_ns + STEP_NS))
    taken = intake.take_image(messages.image(messages.start_ns + STEP_NS))
    assert not taken.must_reset
    assert frame_of(taken).ego is not None


def test_odometry_of_the_new_time_survives_the_jump_of_the_image(intake, messages):
    later = messages.start_ns + 60 * SECOND_NS
    intake.take_odometry(messages.odometry(later))
    frame_of(intake.take_image(messages.image(later)))
    intake.take_odometry(messages.odometry(messages.start_ns))
    taken = intake.take_image(messages.image(messages.start_ns + STEP_NS // 2))
    assert taken.must_reset
    assert frame_of(taken).ego is not None


def test_repeated_stamp_is_refused_by_name(intake, messages):
    frame_of(intake.take_image(messages.image()))
    refusal_of(intake.take_image(messages.image()), "repeated_stamp")


@pytest.mark.parametrize("gap_s, must_reset", [(1.9, False), (2.1, True)])
def test_long_gap_resets(intake, messages, gap_s, must_reset):
    intake.take_image(messages.image())
    assert intake.take_image(messages.image(messages.start_ns + int(gap_s * 1e9))).must_reset is must_reset


def test_clock_jump_told_by_the_caller_resets(intake, messages):
    frame_of(intake.take_image(messages.image()))
    intake.reset("the clock jumped")
    taken = intake.take_image(messages.image(messages.start_ns + STEP_NS))
    assert taken.must_reset
    assert "the clock jumped" in taken.reasons


def test_missing_odometry_leaves_the_frame_without_ego_and_says_so(intake, messages):
    taken = intake.take_image(messages.image())
    assert frame_of(taken).ego is None
    assert "no odometry near the image stamp" in taken.reasons


def test_odometry_older_than_100_ms_counts_as_missing(intake, messages):
    intake.take_odometry(messages.odometry(messages.start_ns))
    assert frame_of(intake.take_image(messages.image(messages.start_ns + STEP_NS))).ego is not None
    assert frame_of(intake.take_image(messages.image(messages.start_ns + STEP_NS + 1))).ego is None


def test_odometry_with_nan_is_dropped_and_named_until_a_good_one_comes(intake, messages):
    intake.take_odometry(messages.odometry(messages.start_ns, speed_mps=math.nan))
    taken = intake.take_image(messages.image(messages.start_ns))
    assert frame_of(taken).ego is None
    assert any("odometry dropped" in reason and "NaN" in reason for reason in taken.reasons)
    intake.take_odometry(messages.odometry(messages.start_ns + STEP_NS))
    assert intake.take_image(messages.image(messages.start_ns + STEP_NS)).reasons == ()


@pytest.mark.parametrize("field", ["position", "orientation"])
def test_odometry_pose_with_nan_is_dropped_and_named(intake, messages, field):
    odometry = messages.odometry()
    getattr(odometry.pose.pose, field).x = math.nan
    intake.take_odometry(odometry)
    taken = intake.take_image(messages.image())
    assert frame_of(taken).ego is None
    assert any("odometry dropped" in reason for reason in taken.reasons)


def test_odometry_of_another_body_is_dropped_and_named(intake, messages):
    odometry = messages.odometry()
    odometry.child_frame_id = "trailer"
    intake.take_odometry(odometry)
    assert any("'trailer'" in reason for reason in intake.take_image(messages.image()).reasons)


def test_twist_gives_speed(intake, messages):
    twist = TwistStamped(header=messages.header(frame_id="base_link"))
    twist.twist.linear.x = 7.0
    intake.take_twist(twist)
    assert frame_of(intake.take_image(messages.image())).ego.speed_mps == 7.0


def imu_message(messages, frame_id, yaw_rate_rps=0.2):
    imu = Imu(header=messages.header(frame_id=frame_id))
    imu.angular_velocity.z = yaw_rate_rps
    return imu


def test_imu_gives_rotation_but_no_speed_and_says_so(intake, messages):
    intake.take_imu(imu_message(messages, "base_link"))
    taken = intake.take_image(messages.image())
    assert frame_of(taken).ego.yaw_rate_rps == pytest.approx(0.2)
    assert not frame_of(taken).ego.has_translation
    assert any("gyro" in reason for reason in taken.reasons)


def test_imu_of_unknown_mounting_is_dropped_and_named(intake, messages):
    intake.take_imu(imu_message(messages, "imu_link"))
    taken = intake.take_image(messages.image())
    assert frame_of(taken).ego is None
    assert any("imu dropped" in reason and "imu_link" in reason for reason in taken.reasons)


def test_imu_rates_are_turned_into_the_base_frame(messages):
    transforms = StaticTransforms("base_link")
    upside_down = RigidTransform(np.diag([1.0, -1.0, -1.0]), np.zeros(3))
    transforms.add("base_link", "imu_link", upside_down)
    intake = FrameIntake(NodeConfig(), transforms)
    intake.take_camera_info(messages.camera_info())
    intake.take_imu(imu_message(messages, "imu_link", yaw_rate_rps=0.2))
    assert frame_of(intake.take_image(messages.image())).ego.yaw_rate_rps == pytest.approx(-0.2)


def test_imu_that_measures_no_rates_is_dropped_and_named(intake, messages):
    imu = imu_message(messages, "base_link")
    imu.angular_velocity_covariance[0] = -1.0
    intake.take_imu(imu)
    assert any("no angular velocity" in reason for reason in intake.take_image(messages.image()).reasons)


def test_missing_transform_is_an_unknown_mounting_never_identity(messages):
    intake = FrameIntake(NodeConfig(), NoTransforms())
    intake.take_camera_info(messages.camera_info())
    taken = intake.take_image(messages.image())
    assert frame_of(taken).base_from_camera is None
    assert any("mounting is unknown" in reason for reason in taken.reasons)


def test_transform_wins_over_parameters(messages):
    transforms = StaticTransforms("base_link")
    transforms.add("base_link", messages.frame_id, base_from_camera(2.5, 0.0))
    intake = FrameIntake(NodeConfig(mounting=MountingConfig(height_m=1.5)), transforms)
    intake.take_camera_info(messages.camera_info())
    assert frame_of(intake.take_image(messages.image())).base_from_camera.translation_m[2] == 2.5


def test_stamp_survives_to_the_nanosecond(messages):
    for nanoseconds in (0, 1, 999_999_999, 1_700_000_000_123_456_789, 2**31 * SECOND_NS - 1):
        assert stamp_ns(messages.header(nanoseconds).stamp) == nanoseconds
