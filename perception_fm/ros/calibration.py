"""`sensor_msgs/CameraInfo` into a `CameraModel`, and the calibration of a camera over time."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo

from perception_fm.camera.model import CameraModel
from perception_fm.errors import CameraError


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


class Calibration:
    """What the newest camera_info says. `camera` is None where there is none or it is refused; then `name`, which is
    stable, and `problem`, which is for people, say why."""

    def __init__(self) -> None:
        self.camera: CameraModel | None = None
        self.frame_id = ""
        self.name, self.problem = "missing_camera_info", "no camera_info has arrived"
        self._key: tuple[object, ...] | None = None

    def take(self, message: CameraInfo) -> bool:
        """Takes a message; True where it is another calibration than the one before."""
        key = calibration_key(message)
        if key == self._key:
            return False
        is_first, self._key = self._key is None, key
        self.frame_id = message.header.frame_id
        try:
            self.camera, self.name, self.problem = camera_model(message), "", ""
        except CameraError as error:
            self.camera, self.name, self.problem = None, "bad_camera_info", str(error)
        return not is_first
