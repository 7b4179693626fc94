"""`DensePrediction` into messages on the model's grid: images, calibration of exactly that grid, label names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.ros.images import image_message

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:  # not in the Python registry; a ROS installation has it
    LabelInfo = VisionClass = None


def depth_message(depth_m: NDArray[np.float32], header: Header) -> Image:
    """32FC1, metres along optical z, NaN invalid (REP 118)."""
    return image_message(depth_m, "32FC1", header)


def mono_message(values: NDArray[np.uint8], header: Header) -> Image:
    """mono8: labels (Cityscapes trainId, 255 unknown) or confidence (probability x 255)."""
    return image_message(values, "mono8", header)


def normals_message(normals: NDArray[np.float32], header: Header) -> Image:
    """32FC3, unit vectors of the rectified optical frame, NaN invalid."""
    return image_message(normals, "32FC3", header)


def grid_camera_info(camera: CameraModel, header: Header) -> CameraInfo:
    """An undistorted camera: D is zero, R identity, P = [K 0]."""
    message = CameraInfo(header=header, height=camera.height, width=camera.width, distortion_model="plumb_bob")
    message.d = [0.0] * 5
    message.k = camera.intrinsics.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.column_stack([camera.intrinsics, np.zeros(3)]).ravel()
    return message


def label_info(header: Header) -> Any | None:
    """`vision_msgs/LabelInfo` with the names of the labels, None where vision_msgs is not installed."""
    if LabelInfo is None:
        return None
    classes = [VisionClass(class_id=number, class_name=name) for number, name in enumerate(CITYSCAPES_CLASSES)]
    return LabelInfo(header=header, class_map=classes, threshold=0.0)
