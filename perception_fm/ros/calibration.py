"""`sensor_msgs/CameraInfo` into a `CameraModel`."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo

from perception_fm.camera.model import CameraModel


def camera_model(message: CameraInfo) -> CameraModel:
    """The camera of a calibration; raises `CameraError` for zero or NaN K, unknown distortion, impossible ROI."""
    roi = message.roi
    return CameraModel.from_camera_info(
        width=message.width,
        height=message.height,
        distortion_model=message.distortion_model,
        d=message.d,
        k=message.k,
        r=message.r,
        p=message.p,
        binning_x=message.binning_x,
        binning_y=message.binning_y,
        roi=(roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )


def calibration_key(message: CameraInfo) -> tuple[object, ...]:
    """What makes two calibrations the same camera; the stamp does not count."""
    roi = message.roi
    return (
        message.header.frame_id,
        message.height,
        message.width,
        message.distortion_model,
        # Bytes, because a NaN is equal to itself then: a broken calibration must not look new with every message.
        *(np.asarray(values, dtype=np.float64).tobytes() for values in (message.d, message.k, message.r, message.p)),
        message.binning_x,
        message.binning_y,
        (roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )
