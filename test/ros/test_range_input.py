"""Ranges of each message type beside an image: placed, moved to its stamp, or left out with a reason."""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import LaserScan, PointCloud2, PointField, Range

from perception_fm.config import MountingConfig, NodeConfig
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.transform import RigidTransform
from perception_fm.ros.intake import Accepted, FrameIntake
from perception_fm.ros.transforms import StaticTransforms

STEP_NS = 100_000_000
SENSOR = "roof_lidar"
BASE_FROM_SENSOR = RigidTransform(np.eye(3), np.array([0.5, 0.0, 1.2]))
FLOAT32 = PointField.FLOAT32


def made_range(header: Any, distance_m: float = 9.0, **changes: Any) -> Range:
    known = {"field_of_view": 0.1, "min_range": 0.2, "max_range": 30.0, "range": distance_m}
    return Range(header=header, **(known | changes))


def made_scan(header: Any, ranges: Any, **changes: Any) -> LaserScan:
    known = {"angle_min": -0.02, "angle_increment": 0.01, "range_min": 0.1, "range_max": 60.0}
    return LaserScan(header=header, ranges=array.array("f", ranges), **(known | changes))


def made_cloud(header: Any, points: np.ndarray, kind: str = "<f4", pad: int = 4) -> PointCloud2:
    """Points (N, 3), with `pad` bytes of something else after each."""
    code, size = {"f4": (FLOAT32, 4), "f8": (PointField.FLOAT64, 8)}[kind[1:]]
    fields = [PointField(name=name, offset=size * i, datatype=code, count=1) for i, name in enumerate("xyz")]
    body = points.astype(kind).view(np.uint8).reshape(len(points), 3 * size)
    data = np.hstack([body, np.full((len(points), pad), 7, np.uint8)])
    message = PointCloud2(header=header, height=1, width=len(points), fields=fields, is_bigendian=kind[0] == ">")
    message.point_step, message.row_step = 3 * size + pad, data.size
    message.data = array.array("B", data.tobytes())
    return message


FACE = np.array([[9.0, y, z] for y in (-0.3, 0.0, 0.3) for z in (-0.2, 0.0, 0.5)])


def intake_of(messages: Any, source: str, **settings: Any) -> FrameIntake:
    transforms = StaticTransforms("base_link")
    transforms.add("base_link", SENSOR, BASE_FROM_SENSOR)
    config = NodeConfig(range_source=source, mounting=MountingConfig(height_m=1.5), **settings)
    intake = FrameIntake(config, transforms)
    intake.take_camera_info(messages.camera_info())
    for step in range(-5, 20):
        stamp = messages.start_ns + step * STEP_NS
        intake.take_odometry(messages.odometry(stamp, 10.0, x_m=step * 1.0))
    return intake


def taken(messages: Any, message: Any, source: str, stamp: int | None = None, **settings: Any) -> Accepted:
    intake = intake_of(messages, source, **settings)
    if message is not None:
        intake.range.take(deserialize_message(serialize_message(message), type(message)))
    answer = intake.take_image(messages.image(stamp or messages.start_ns))
    assert isinstance(answer, Accepted)
    return answer


def scan_of(answer: Accepted) -> RangeScan:
    assert answer.reasons == ()
    assert answer.frame.range_scan is not None
    return answer.frame.range_scan


def reason_of(answer: Accepted) -> str:
    """Why there is no reading; the frame itself is taken all the same."""
    assert answer.frame.range_scan is None
    (reason,) = answer.reasons
    assert reason.startswith("range: ")
    return reason


class TestTypes:
    def test_a_range_is_one_point_with_a_cone(self, messages):
        scan = scan_of(taken(messages, made_range(messages.header(frame_id=SENSOR)), "range"))
        np.testing.assert_allclose(scan.points_base_m, [[9.5, 0.0, 1.2]], atol=1e-6)
        assert scan.spread_m == pytest.approx(9.0 * math.tan(0.05))
        assert scan.sigma_m == NodeConfig().range_sigma_m

    @pytest.mark.skipif(not hasattr(Range(), "variance"), reason="Humble's message has none")
    def test_a_range_with_a_variance_has_that_sigma(self, messages):
        message = made_range(messages.header(frame_id=SENSOR), variance=0.04)
        assert scan_of(taken(messages, message, "range")).sigma_m == pytest.approx(0.2)

    def test_a_laser_scan_is_its_beams(self, messages):
        message = made_scan(messages.header(frame_id=SENSOR), [9.0, math.inf, 9.0, math.nan, 90.0])
        scan = scan_of(taken(messages, message, "laser_scan"))
        wanted = [[9.0 * math.cos(0.02) + 0.5, -9.0 * math.sin(0.02), 1.2], [9.5, 0.0, 1.2]]
        np.testing.assert_allclose(scan.points_base_m, wanted, atol=1e-5)
        assert scan.spread_m is None

    @pytest.mark.parametrize("kind", ["<f4", "<f8", ">f4"])
    def test_a_cloud_is_its_points(self, messages, kind):
        message = made_cloud(messages.header(frame_id=SENSOR), FACE, kind)
        scan = scan_of(taken(messages, message, "point_cloud"))
        np.testing.assert_allclose(scan.points_base_m, FACE + BASE_FROM_SENSOR.translation_m, atol=1e-5)

    def test_an_organised_cloud_with_padded_rows_is_read(self, messages):
        flat = made_cloud(messages.header(frame_id=SENSOR), FACE[:8])
        rows = np.frombuffer(flat.data, np.uint8).reshape(2, -1)
        flat.height, flat.width, flat.row_step = 2, 4, rows.shape[1] + 12
        flat.data = array.array("B", np.pad(rows, ((0, 0), (0, 12))).tobytes())
        scan = scan_of(taken(messages, flat, "point_cloud"))
        np.testing.assert_allclose(scan.points_base_m, FACE[:8] + BASE_FROM_SENSOR.translation_m, atol=1e-5)

    def test_a_sensor_of_the_base_frame_needs_no_transform(self, messages):
        scan = scan_of(taken(messages, made_cloud(messages.header(frame_id="base_link"), FACE), "point_cloud"))
        np.testing.assert_allclose(scan.points_base_m, FACE, atol=1e-5)

    def test_without_the_setting_nothing_is_said(self, messages):
        answer = taken(messages, made_range(messages.header(frame_id=SENSOR)), "none")
        assert answer.frame.range_scan is None
        assert answer.reasons == ()


class TestTime:
    def test_points_move_with_the_vehicle_to_the_stamp_of_the_image(self, messages):
        message = made_cloud(messages.header(frame_id=SENSOR), FACE)
        scan = scan_of(taken(messages, message, "point_cloud", messages.start_ns + STEP_NS))
        np.testing.assert_allclose(scan.points_base_m[:, 0], 8.5, atol=1e-5)  # a metre on at 10 m/s

    def test_the_middle_of_a_scan_is_its_time(self, messages):
        message = made_scan(messages.header(frame_id=SENSOR), [9.0] * 5, time_increment=0.025)
        scan = scan_of(taken(messages, message, "laser_scan"))
        assert scan.points_base_m[2, 0] == pytest.approx(10.0)  # 0.05 s later, so half a metre farther now

    def test_the_message_nearest_to_the_image_is_taken(self, messages):
        intake = intake_of(messages, "range")
        for step, distance in enumerate((20.0, 19.0, 18.0, 17.0)):
            header = messages.header(messages.start_ns + step * STEP_NS, SENSOR)
            intake.range.take(made_range(header, distance, field_of_view=0.0))
        frame = intake.take_image(messages.image(messages.start_ns + STEP_NS)).frame
        assert frame.range_scan.points_base_m[0, 0] == pytest.approx(19.5)

    def test_a_stale_range_gives_no_reading(self, messages):
        message = made_range(messages.header(frame_id=SENSOR))
        answer = taken(messages, message, "range", messages.start_ns + 3 * STEP_NS)
        assert "0.30 s away" in reason_of(answer)

    def test_the_limit_of_age_is_a_setting(self, messages):
        message = made_range(messages.header(frame_id=SENSOR))
        assert scan_of(taken(messages, message, "range", messages.start_ns + 3 * STEP_NS, range_max_age_s=0.5))

    def test_without_odometry_only_a_range_of_the_same_instant_is_taken(self, messages):
        transforms = StaticTransforms("base_link")
        transforms.add("base_link", SENSOR, BASE_FROM_SENSOR)
        intake = FrameIntake(NodeConfig(range_source="range", mounting=MountingConfig(height_m=1.5)), transforms)
        intake.take_camera_info(messages.camera_info())
        intake.range.take(made_range(messages.header(frame_id=SENSOR)))
        assert intake.take_image(messages.image()).frame.range_scan is not None
        later = intake.take_image(messages.image(messages.start_ns + STEP_NS // 2))
        assert later.frame.range_scan is None
        assert any("no odometry tells how the vehicle moved" in reason for reason in later.reasons)

    def test_a_clock_jump_forgets_ranges(self, messages):
        intake = intake_of(messages, "range")
        intake.range.take(made_range(messages.header(frame_id=SENSOR)))
        intake.reset("the clock jumped")
        answer = intake.take_image(messages.image())
        assert "range: no message has arrived" in answer.reasons


class TestBadInput:
    def test_a_silent_sensor_is_named(self, messages):
        assert "no message has arrived" in reason_of(taken(messages, None, "range"))

    @pytest.mark.parametrize("frame_id", ["", "rear_lidar", "front_optical"])
    def test_a_frame_without_a_transform_gives_no_reading(self, messages, frame_id):
        reason = reason_of(taken(messages, made_cloud(messages.header(frame_id=frame_id), FACE), "point_cloud"))
        assert repr(frame_id) in reason

    @pytest.mark.parametrize(
        "changes", [{"range": math.nan}, {"range": -math.inf}, {"range": 0.1}, {"range": -3.0},
                    {"field_of_view": math.nan}, {"field_of_view": 4.0}],
    )  # fmt: skip
    def test_a_range_that_is_none_gives_no_reading(self, messages, changes):
        message = made_range(messages.header(frame_id=SENSOR), **changes)
        reason_of(taken(messages, message, "range"))

    @pytest.mark.parametrize("distance_m", [math.inf, 30.5])
    def test_nothing_in_reach_is_a_look_at_nothing(self, messages, distance_m):
        scan = scan_of(taken(messages, made_range(messages.header(frame_id=SENSOR), distance_m), "range"))
        assert len(scan.points_base_m) == 0

    @pytest.mark.parametrize("ranges", [[], [math.nan] * 5, [0.05] * 5, [-math.inf] * 5])
    def test_a_scan_without_a_range_gives_no_reading(self, messages, ranges):
        reason_of(taken(messages, made_scan(messages.header(frame_id=SENSOR), ranges), "laser_scan"))

    def test_a_scan_of_nothing_in_reach_is_a_look_at_nothing(self, messages):
        scan = scan_of(taken(messages, made_scan(messages.header(frame_id=SENSOR), [math.inf] * 5), "laser_scan"))
        assert len(scan.points_base_m) == 0

    def test_a_scan_whose_angles_are_nan_gives_no_reading(self, messages):
        message = made_scan(messages.header(frame_id=SENSOR), [9.0] * 5, angle_increment=math.nan)
        assert "angles" in reason_of(taken(messages, message, "laser_scan"))

    def test_an_empty_cloud_gives_no_reading(self, messages):
        message = made_cloud(messages.header(frame_id=SENSOR), np.empty((0, 3)))
        assert "empty" in reason_of(taken(messages, message, "point_cloud"))

    @pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
    def test_a_cloud_without_a_point_gives_no_reading(self, messages, value):
        message = made_cloud(messages.header(frame_id=SENSOR), np.full((5, 3), value))
        assert "no finite point" in reason_of(taken(messages, message, "point_cloud"))

    def test_points_that_are_nan_are_left_out(self, messages):
        points = np.concatenate([np.full((5, 3), math.nan), FACE])
        scan = scan_of(taken(messages, made_cloud(messages.header(frame_id=SENSOR), points), "point_cloud"))
        assert len(scan.points_base_m) == len(FACE)

    def test_a_huge_cloud_is_thinned_out_evenly(self, messages):
        points = np.tile(FACE, (200_000, 1))
        scan = scan_of(taken(messages, made_cloud(messages.header(frame_id=SENSOR), points), "point_cloud"))
        assert 50_000 < len(scan.points_base_m) <= 100_000

    def test_a_cloud_that_is_cut_short_gives_no_reading(self, messages):
        message = made_cloud(messages.header(frame_id=SENSOR), FACE)
        message.data = message.data[:-1]
        assert "bytes" in reason_of(taken(messages, message, "point_cloud"))

    @pytest.mark.parametrize("changes", [{"point_step": 8}, {"row_step": 4}, {"width": 4_000_000_000}])
    def test_a_cloud_whose_layout_cannot_be_gives_no_reading(self, messages, changes):
        message = made_cloud(messages.header(frame_id=SENSOR), FACE)
        for name, value in changes.items():
            setattr(message, name, value)
        assert "bytes" in reason_of(taken(messages, message, "point_cloud"))

    def test_a_cloud_without_xyz_gives_no_reading(self, messages):
        message = made_cloud(messages.header(frame_id=SENSOR), FACE)
        message.fields = [message.fields[0], PointField(name="y", offset=4, datatype=PointField.INT32, count=1)]
        assert "x, y, z as floats" in reason_of(taken(messages, message, "point_cloud"))
