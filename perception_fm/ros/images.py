"""Images between messages and arrays. The plain encodings travel as views, so that a frame is never copied twice."""

from __future__ import annotations

import array
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from perception_fm.errors import ImageError
from perception_fm.ros.cdr import CdrWriter

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:
    _BRIDGE: Any = None
else:
    _BRIDGE = CvBridge()

ImageArray = NDArray[np.uint8]

# Channels of the encodings that NumPy can view in place.
_PLAIN_CHANNELS = {"bgr8": 3, "8UC3": 3, "rgb8": 3, "mono8": 1, "8UC1": 1, "bgra8": 4, "rgba8": 4}
# OpenCV copies a reversed or four-channel view in each of its calls; one conversion here is cheaper.
_TO_BGR = {"rgb8": cv2.COLOR_RGB2BGR, "bgra8": cv2.COLOR_BGRA2BGR, "rgba8": cv2.COLOR_RGBA2BGR}
# Bytes per pixel of the encodings that a library converts.
_CONVERTED_BYTES = {
    **{f"bayer_{pattern}8": 1 for pattern in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{pattern}16": 2 for pattern in ("rggb", "bggr", "gbrg", "grbg")},
    "mono16": 2, "bgr16": 6, "rgb16": 6, "bgra16": 8, "rgba16": 8,
    "yuv422": 2, "uyvy": 2, "yuv422_yuy2": 2, "yuyv": 2,
}
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_TRAILER_BYTES = 1024  # some cameras pad the end of a JPEG stream; the end marker must lie within this many bytes


def image_array(message: Image | CompressedImage) -> ImageArray:
    """Pixels (H, W) grey or (H, W, 3) BGR, uint8; a read-only view of the message where its encoding allows that.

    Raises `ImageError` for an empty image, an encoding that is no camera picture, a step or data length that does not
    fit, and a compressed stream that is not a complete JPEG or PNG.
    """
    if hasattr(message, "format"):
        return _decoded(message)
    channels = _PLAIN_CHANNELS.get(message.encoding)
    pixel_bytes = channels if channels is not None else _CONVERTED_BYTES.get(message.encoding)
    if pixel_bytes is None:
        known = ", ".join([*_PLAIN_CHANNELS, *_CONVERTED_BYTES])
        raise ImageError(f"the image encoding is {message.encoding!r}; known encodings: {known}")
    _check_layout(message, pixel_bytes)
    if channels is None:
        return _converted(message, pixel_bytes)
    shape = (message.height, message.width) if channels == 1 else (message.height, message.width, channels)
    strides = (message.step, 1) if channels == 1 else (message.step, channels, 1)
    view: ImageArray = np.ndarray(shape, np.uint8, buffer=_bytes(message.data), strides=strides)
    code = _TO_BGR.get(message.encoding)
    return view if code is None else np.asarray(cv2.cvtColor(view, code), dtype=np.uint8)


def image_message(pixels: NDArray[np.generic], encoding: str, header: Header) -> Image:
    """`sensor_msgs/Image` of an array (H, W) or (H, W, C); `encoding` must name its type, for example bgr8 or 32FC1."""
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.step = pixels.strides[0]
    message.data = byte_array(pixels)
    return message


def image_bytes(pixels: NDArray[np.generic], encoding: str, header: Header) -> bytes:
    """What serialising `image_message` of the same gives, but for the bytes between fields, which are 0."""
    pixels = np.ascontiguousarray(pixels)
    writer = CdrWriter()
    writer.header(header)
    writer.numbers("I", *pixels.shape[:2])
    writer.text(encoding)
    writer.numbers("B", False)  # no big end first
    writer.numbers("I", pixels.strides[0])
    writer.array(pixels.view(np.uint8), pixels.nbytes)
    return writer.message()


def byte_array(values: NDArray[np.generic]) -> array.array[int]:
    """The bytes of a contiguous array as `array.array('B')`: rclpy takes it as it is; bytes or a list cost 2 ms."""
    data = array.array("B")
    if values.size:
        data.frombytes(memoryview(values).cast("B"))
    return data


def _bytes(data: Any) -> ImageArray:
    return data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)


def _check_layout(message: Image, pixel_bytes: int) -> None:
    if message.width == 0 or message.height == 0 or len(message.data) == 0:
        raise ImageError(f"the image is empty ({message.width}x{message.height}, {len(message.data)} bytes)")
    if message.step < message.width * pixel_bytes:
        raise ImageError(
            f"the image step is {message.step} bytes; {message.width} pixels of {message.encoding} need at least "
            f"{message.width * pixel_bytes}"
        )
    # Extra bytes are refused too: with a step that is too small every row would be sheared against the next.
    if len(message.data) != message.step * message.height:
        raise ImageError(
            f"the image holds {len(message.data)} bytes; step {message.step} x height {message.height} is "
            f"{message.step * message.height}"
        )


def _converted(message: Image, pixel_bytes: int) -> ImageArray:
    target = "mono8" if message.encoding == "mono16" else "bgr8"
    if _BRIDGE is not None:
        try:
            return np.asarray(_BRIDGE.imgmsg_to_cv2(message, target), dtype=np.uint8)
        except CvBridgeError as error:
            raise ImageError(f"cv_bridge cannot convert {message.encoding} to {target}: {error}") from error
    try:
        from rosbags.image import ImageError as RosbagsImageError
        from rosbags.image import image_to_cvimage
    except ImportError as error:
        raise ImageError(
            f"the image encoding {message.encoding} needs cv_bridge or rosbags-image; none is installed"
        ) from error
    packed = _bytes(message.data).reshape(message.height, message.step)[:, : message.width * pixel_bytes]
    plain = SimpleNamespace(
        height=message.height,
        width=message.width,
        encoding=message.encoding,
        is_bigendian=bool(message.is_bigendian),
        data=np.ascontiguousarray(packed),
    )
    try:
        return np.asarray(image_to_cvimage(plain, target), dtype=np.uint8)  # type: ignore[arg-type]
    except (RosbagsImageError, cv2.error) as error:
        raise ImageError(f"rosbags-image cannot convert {message.encoding} to {target}: {error}") from error


def _decoded(message: CompressedImage) -> ImageArray:
    data = _bytes(message.data)
    if data.size == 0:
        raise ImageError("the compressed image is empty")
    head, tail = data[:8].tobytes(), data[-_TRAILER_BYTES:].tobytes()
    if head.startswith(_JPEG_START):
        is_complete = _JPEG_END in tail
    elif head.startswith(_PNG_START):
        is_complete = _PNG_END in tail
    else:
        raise ImageError(f"the compressed image ({message.format!r}) is neither JPEG nor PNG")
    # OpenCV returns a picture with an invented lower part for a truncated stream, so the end is looked for here.
    if not is_complete:
        raise ImageError(f"the compressed image is truncated ({data.size} bytes, no end marker)")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f"the compressed image is corrupt: {error}") from error
    if image is None:
        raise ImageError("the compressed image is corrupt: it cannot be decoded")
    return np.asarray(image, dtype=np.uint8)
