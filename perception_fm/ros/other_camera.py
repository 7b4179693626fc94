"""A camera beside the one that looks along the path: its images wait until that one's image asks for them."""

from __future__ import annotations

import threading
import time
from collections import deque

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from perception_fm.camera.model import CameraModel
from perception_fm.config import MountingConfig
from perception_fm.errors import CameraError, ImageError
from perception_fm.ros.calibration import Calibration
from perception_fm.ros.images import ImageArray, image_array
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.transforms import parameter_mounting

_KEPT = 4  # images: at 30 Hz more than an eighth of a second
_ALIVE_NS = 500_000_000  # a camera that is further behind is not waited for


class OtherCamera:
    """Its methods may be called from any thread. `mounting`: of the parameters, None where they do not give it."""

    def __init__(self, name: str, mounting: MountingConfig) -> None:
        self.name = name
        self.mounting = parameter_mounting(mounting)
        self._calibration = Calibration()
        self._images: deque[Image | CompressedImage] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()

    def take_camera_info(self, message: CameraInfo) -> None:
        """The calibration for the following images."""
        with self._changed:
            self._calibration.take(message)

    def take_image(self, message: Image | CompressedImage) -> None:
        """An image; it is decoded when somebody asks for it."""
        with self._changed:
            self._images.append(message)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget the images, as after a clock jump."""
        with self._changed:
            self._images.clear()

    def wait_for(self, stamp: int, until_s: float) -> None:
        """Waits until there is an image of the stamp (ns) or later, or until an instant of the steady clock."""
        with self._changed:
            while self._is_alive(stamp) and (rest_s := until_s - time.monotonic()) > 0.0:
                self._changed.wait(rest_s)

    def _is_alive(self, stamp: int) -> bool:
        """Whether an image of the stamp is still to come."""
        newest = max((stamp_ns(one.header.stamp) for one in self._images), default=None)
        return newest is not None and stamp - _ALIVE_NS < newest < stamp

    def nearest(self, stamp: int, max_spread_ns: int) -> Image | CompressedImage:
        """The image nearest to a stamp (ns). Raises `ImageError` where there is none near enough."""
        with self._changed:
            images = list(self._images)
        if not images:
            raise ImageError("no image has arrived")
        found = min(images, key=lambda one: abs(stamp_ns(one.header.stamp) - stamp))
        away = abs(stamp_ns(found.header.stamp) - stamp)
        if away > max_spread_ns:
            raise ImageError(f"the nearest image is {away * 1e-9:.3f} s away")
        return found

    def picture(self, message: Image | CompressedImage) -> tuple[ImageArray, CameraModel]:
        """Pixels and calibration of one image. Raises `ImageError`, or `CameraError` without a calibration."""
        with self._changed:
            calibration = self._calibration
            camera, frame_id, problem = calibration.camera, calibration.frame_id, calibration.problem
        if camera is None:
            raise CameraError(problem)
        if message.header.frame_id != frame_id:
            raise ImageError(f"the image is of frame {message.header.frame_id!r}, camera_info of {frame_id!r}")
        return image_array(message), camera
