"""`sensor_msgs/CameraInfo` into a `CameraModel`."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo

from perception_fm.camera.model import CameraModel


def camera_model(message: CameraInfo) -> CameraModel:
    """The camera of a calibration; raises `CameraError` for zero or NaN K, unknown distortion, impossible ROI."""
    return CameraModel.from_camera_info(message)


def calibration_key(message: CameraInfo) -> tuple[object, ...]:
    """What makes two calibrations the same camera; the stamp does not count."""
    roi = message.roi
    return (
        message.header.frame_id,
        message.height,
        message.width,
        message.distortion_model,
        tuple(message.d),
        tuple(message.k),
        tuple(message.r),
        tuple(message.p),
        message.binning_x,
        message.binning_y,
        (roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )
