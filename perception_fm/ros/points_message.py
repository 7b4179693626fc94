"""Labelled points into `sensor_msgs/PointCloud2`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from perception_fm.ros.images import byte_array
from perception_fm.scene.points import LabeledPoints, Surface
from perception_fm.types import CameraFrame
from perception_fm.visual.grid_pixels import cells_in_image

POINT = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "label", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 16, 17],
        "itemsize": 20,
    }
)
"""One point in the message: x y z (m), colour packed as 0x00RRGGBB, label, confidence."""

_FIELDS = tuple(
    PointField(name=name, offset=offset, datatype=kind, count=1)
    for name, offset, kind in (
        ("x", 0, PointField.FLOAT32), ("y", 4, PointField.FLOAT32), ("z", 8, PointField.FLOAT32),
        ("rgb", 12, PointField.FLOAT32), ("label", 16, PointField.UINT8), ("confidence", 17, PointField.UINT8),
    )
)  # fmt: skip


def points_message(points: LabeledPoints, frame: CameraFrame, header: Header) -> PointCloud2:
    """Organised cloud (m, rectified optical frame), aligned with the label image cell by cell; invalid points are NaN.

    `frame`: the image that the points come from, for their colours. Fields: x y z, rgb as PCL packs it into a float,
    label (Cityscapes trainId), confidence (probability x 255).
    """
    height, width = points.label.shape
    cloud = np.zeros((height, width), POINT)
    is_edge = points.surface == Surface.EDGE
    for axis, name in enumerate("xyz"):
        cloud[name] = np.where(is_edge, np.float32(np.nan), points.points_m[..., axis])
    cloud["rgb"] = _colours(points, frame)
    cloud["label"], cloud["confidence"] = points.label, points.confidence
    message = PointCloud2(header=header, height=height, width=width, fields=list(_FIELDS))
    message.point_step, message.row_step, message.is_dense = POINT.itemsize, POINT.itemsize * width, False
    message.data = byte_array(cloud.view(np.uint8))
    return message


def _colours(points: LabeledPoints, frame: CameraFrame) -> NDArray[np.uint32]:
    """Packed (h, w) colours of the stored image where the cells see it, black off it."""
    pixels = cells_in_image(points.camera, frame.camera)
    seen = np.asarray(cv2.remap(frame.image, pixels, None, cv2.INTER_NEAREST)).astype(np.uint32)
    if seen.ndim == 2:
        return np.asarray(seen * np.uint32(0x010101))
    return np.asarray(seen[..., 2] << 16 | seen[..., 1] << 8 | seen[..., 0])
