from __future__ import annotations

import array

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from perception_fm.errors import ImageError
from perception_fm.ros import images
from perception_fm.ros.images import image_array, image_message

RED_BGR = (10, 20, 200)


def red(height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), RED_BGR, np.uint8)


def padded(message: Image, padding: int) -> Image:
    """The same picture with unused bytes at the end of each row."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    wide = np.hstack([rows, np.full((message.height, padding), 77, np.uint8)])
    message.step += padding
    message.data = array.array("B", wide.tobytes())
    return message


@pytest.mark.parametrize(
    "encoding, code",
    [
        ("bgr8", None),
        ("8UC3", None),
        ("rgb8", cv2.COLOR_BGR2RGB),
        ("bgra8", cv2.COLOR_BGR2BGRA),
        ("rgba8", cv2.COLOR_BGR2RGBA),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_plain_colour_encodings_give_the_same_bgr(encoding, code, padding):
    pixels = red() if code is None else cv2.cvtColor(red(), code)
    message = padded(image_message(pixels, encoding, Header()), padding)
    np.testing.assert_array_equal(image_array(message), red())


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_mono_stays_grey(encoding):
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(image_array(padded(image_message(grey, encoding, Header()), 3)), grey)


@pytest.mark.parametrize("encoding", ["bgr8", "mono8"])
def test_plain_encoding_is_a_view_of_the_message(encoding):
    pixels = red() if encoding == "bgr8" else red()[:, :, 0]
    message = image_message(pixels, encoding, Header())
    view = image_array(message)
    message.data[0] = 99
    assert view.reshape(-1)[0] == 99


@pytest.mark.parametrize("padding", [0, 2])
def test_bayer_is_converted(padding):
    # A grey scene has the same value under every colour of the filter.
    grey = np.full((8, 8), 90, np.uint8)
    result = image_array(padded(image_message(grey, "bayer_rggb8", Header()), padding))
    np.testing.assert_array_equal(result, np.full((8, 8, 3), 90, np.uint8))


def test_mono16_is_scaled_to_eight_bits():
    result = image_array(image_message(np.full((4, 4), 0x8080, np.uint16), "mono16", Header()))
    np.testing.assert_array_equal(result, np.full((4, 4), 0x80, np.uint8))


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1", "", "nonsense", "bgr"])
def test_wrong_encoding_is_refused(encoding):
    message = image_message(red(), "bgr8", Header())
    message.encoding = encoding
    with pytest.raises(ImageError, match="known encodings"):
        image_array(message)


@pytest.mark.parametrize("step", [0, 17, 19])
def test_wrong_step_is_refused(step):
    message = image_message(red(), "bgr8", Header())
    assert message.step == 18
    message.step = step
    with pytest.raises(ImageError, match="step"):
        image_array(message)


def test_short_data_is_refused():
    message = image_message(red(), "bgr8", Header())
    message.data = message.data[:-1]
    with pytest.raises(ImageError, match="71 bytes"):
        image_array(message)


@pytest.mark.parametrize("height, width", [(0, 6), (4, 0), (0, 0)])
def test_empty_image_is_refused(height, width):
    with pytest.raises(ImageError, match="empty"):
        image_array(Image(height=height, width=width, encoding="bgr8", step=width * 3))


def test_image_without_data_is_refused():
    with pytest.raises(ImageError, match="empty"):
        image_array(Image(height=4, width=6, encoding="bgr8", step=18))


def compressed(suffix: str, pixels: np.ndarray) -> CompressedImage:
    is_written, stream = cv2.imencode(suffix, pixels)
    assert is_written
    return CompressedImage(format=suffix[1:], data=array.array("B", stream.tobytes()))


def test_png_comes_back_exactly():
    np.testing.assert_array_equal(image_array(compressed(".png", red())), red())


def test_jpeg_comes_back_within_its_loss():
    difference = image_array(compressed(".jpg", red(16, 16))).astype(int) - red(16, 16)
    assert np.abs(difference).max() <= 3  # one colour: only the rounding of the colour transform is lost


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_stream_is_refused(suffix, share):
    rng = np.random.default_rng(1)
    message = compressed(suffix, rng.integers(0, 255, (64, 64, 3), np.uint8))
    message.data = message.data[: int(share * len(message.data))]
    with pytest.raises(ImageError, match="truncated"):
        image_array(message)


def test_corrupt_png_is_refused():
    message = compressed(".png", np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8))
    message.data[60:200] = array.array("B", [7] * 140)
    with pytest.raises(ImageError, match="corrupt"):
        image_array(message)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff" + bytes(40) + b"\xff\xd9"])
def test_stream_that_is_no_picture_is_refused(data):
    with pytest.raises(ImageError):
        image_array(CompressedImage(format="jpeg", data=array.array("B", data)))


@given(
    st.builds(
        Image,
        height=st.integers(0, 9),
        width=st.integers(0, 9),
        step=st.integers(0, 40),
        encoding=st.sampled_from(["bgr8", "mono8", "rgba8", "mono16", "yuv422", "bayer_gbrg8", "8UC4", ""]),
        data=st.binary(max_size=400).map(lambda data: array.array("B", data)),
    )
)
def test_any_image_message_gives_an_image_or_one_clear_error(message):
    try:
        result = image_array(message)
    except ImageError:
        return
    assert result.shape[:2] == (message.height, message.width)
    assert result.dtype == np.uint8


class Bridge:
    """Stands for cv_bridge, which no registry has."""

    def imgmsg_to_cv2(self, message, encoding):
        if message.data[0] == 13:
            raise BridgeError("it does not like 13")
        return np.full((message.height, message.width, 3), 42, np.uint8) if encoding == "bgr8" else None


class BridgeError(Exception):
    pass


@pytest.fixture
def bridge(monkeypatch):
    monkeypatch.setattr(images, "_BRIDGE", Bridge())
    monkeypatch.setattr(images, "CvBridgeError", BridgeError, raising=False)


def test_cv_bridge_converts_where_it_is_installed(bridge):
    message = image_message(np.zeros((4, 6), np.uint8), "bayer_rggb8", Header())
    np.testing.assert_array_equal(image_array(message), np.full((4, 6, 3), 42, np.uint8))


def test_refusal_of_cv_bridge_is_an_image_error(bridge):
    message = image_message(np.full((4, 6), 13, np.uint8), "bayer_rggb8", Header())
    with pytest.raises(ImageError, match="it does not like 13"):
        image_array(message)


def test_plain_encodings_do_not_need_cv_bridge(bridge):
    np.testing.assert_array_equal(image_array(image_message(red(), "bgr8", Header())), red())
