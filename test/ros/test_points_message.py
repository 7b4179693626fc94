"""The cloud has the points, labels and colours of the prediction, cell by cell."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from scene_results import CAR, COLUMNS, ROAD, ROWS, frame, points
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from perception_fm.camera.model import CameraModel
from perception_fm.ros.points_message import POINT, points_message


def read(message):
    """Structured array (h, w) by the fields that the message itself names."""
    kinds = {PointField.FLOAT32: "<f4", PointField.UINT8: "u1"}
    dtype = np.dtype({
        "names": [field.name for field in message.fields],
        "formats": [kinds[field.datatype] for field in message.fields],
        "offsets": [field.offset for field in message.fields],
        "itemsize": message.point_step,
    })  # fmt: skip
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)


def built(one=None, seen=None):
    message = points_message(one or points(), seen or frame(), Header(frame_id="front_optical"))
    return deserialize_message(serialize_message(message), PointCloud2)


def test_points_are_organised_with_nan_where_there_is_none():
    source, message = points(), built()
    cloud = read(message)
    assert (message.height, message.width, message.is_dense) == (ROWS, COLUMNS, False)
    assert message.row_step == COLUMNS * message.point_step == COLUMNS * POINT.itemsize
    assert len(message.data) == ROWS * message.row_step
    for axis, name in enumerate("xyz"):
        np.testing.assert_array_equal(cloud[name], source.points_m[..., axis])
    assert np.isnan(cloud["x"][:6]).all()
    assert np.isfinite(cloud["x"][6:]).all()


def test_labels_and_confidence_lie_on_the_cells_of_the_label_image():
    cloud = read(built())
    np.testing.assert_array_equal(cloud["label"], points().label)
    np.testing.assert_array_equal(cloud["confidence"], points().confidence)
    assert (cloud["label"][0, 7], cloud["label"][0, 8]) == (ROAD, CAR)


def test_colours_are_those_of_the_pixels_that_the_cells_see():
    packed = read(built())["rgb"].copy().view(np.uint32)
    red, green, blue = packed >> 16 & 255, packed >> 8 & 255, packed & 255
    # Four pixels to a cell: the middle of cell 8 is between pixels 33 and 34.
    assert (red == 7).all()
    assert green[0, 8] == pytest.approx(33.5, abs=0.51)
    assert blue[6, 0] == pytest.approx(25.5, abs=0.51)


def test_grey_image_gives_grey_points():
    packed = read(built(seen=frame(is_colour=False)))["rgb"].copy().view(np.uint32)
    np.testing.assert_array_equal(packed & 255, packed >> 16 & 255)


def test_colours_follow_lens_and_rectification():
    """A camera whose rectification rolls it by 180 degrees sees the first cell in its last pixels."""
    turned = np.diag([-1.0, -1.0, 1.0])
    plain = frame()
    camera = CameraModel(64, 48, plain.camera.intrinsics, rectification=turned)
    packed = read(built(seen=dataclasses.replace(plain, camera=camera)))["rgb"].copy().view(np.uint32)
    assert (packed >> 8 & 255)[0, 0] == pytest.approx(61.5, abs=0.51)
    assert (packed & 255)[0, 0] == pytest.approx(45.5, abs=0.51)


def test_cells_off_the_image_are_black():
    narrow = dataclasses.replace(
        points(), camera=CameraModel(COLUMNS, ROWS, np.array([[3.0, 0.0, 7.5], [0.0, 3.0, 5.5], [0.0, 0.0, 1.0]]))
    )
    packed = read(built(narrow))["rgb"].copy().view(np.uint32)
    assert packed[0, 0] == 0
    assert packed[6, 8] != 0
    assert not math.isnan(read(built(narrow))["z"][6, 8])
