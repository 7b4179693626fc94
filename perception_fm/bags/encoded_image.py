"""Image files as bytes: what they are, and whether they are whole."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import BagError

Pixel = TypeVar("Pixel", bound=np.generic)

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_TAIL = 4096  # some cameras append a few bytes after the end marker
_JPEG_QUALITY = 95  # re-encoding at 95 moves corners by a few hundredths of a pixel, below tracking noise


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A JPEG or PNG file; `format` is what `sensor_msgs/CompressedImage` calls it (jpeg, png)."""

    data: bytes
    format: str


def read_image(path: Path, size: tuple[int, int] | None) -> EncodedImage:
    """A whole 8-bit JPEG or PNG of `size` (width, height; None: any). All else raises a `BagError` that names it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BagError(f"cannot read {path}: {error.strerror}") from error
    if data.startswith(_JPEG_START):
        image_format, end = "jpeg", _JPEG_END
    elif data.startswith(_PNG_START):
        image_format, end = "png", _PNG_END
    else:
        raise BagError(f"{path} is neither JPEG nor PNG; convert the images to one of the two")
    # OpenCV decodes a truncated JPEG to a half grey picture without an error, so the end marker is looked for.
    if end not in data[-_TAIL:]:
        raise BagError(f"{path} is truncated; copy it again")
    pixels = decode(EncodedImage(data, image_format), str(path))
    found = (pixels.shape[1], pixels.shape[0])
    if size is not None and found != size:
        raise BagError(f"{path} is {found[0]}x{found[1]}, expected {size[0]}x{size[1]} from the calibration")
    return EncodedImage(data, image_format)


def decode(image: EncodedImage, name: str) -> NDArray[np.uint8]:
    """Pixels as stored, (H, W) grey or (H, W, 3) BGR, uint8; alpha is dropped, EXIF rotation is not applied."""
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(image.data, np.uint8), flags)
    if pixels is None:
        raise BagError(f"{name} cannot be decoded; copy it again")
    if pixels.dtype != np.uint8:
        raise BagError(f"{name} has {pixels.dtype} pixels, expected 8 bits per channel")
    return np.asarray(pixels, dtype=np.uint8)


def encode_jpeg(pixels: NDArray[np.uint8]) -> EncodedImage:
    """Decoded pixels as a JPEG of high quality."""
    is_encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not is_encoded:
        raise BagError(f"an image of shape {pixels.shape} cannot be stored as JPEG; use --raw")
    return EncodedImage(data.tobytes(), "jpeg")


def read_map(path: Path, dtype: type[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    """A one-channel PNG of exactly this type and size (width, height), such as depth or labels.

    Raises `BagError` for all else, damaged files among them.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BagError(f"cannot read {path}: {error.strerror}") from error
    if not _is_whole_png(data):
        raise BagError(f"cannot read {path}; expected a whole PNG of one channel")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than OpenCV is willing to decode
        pixels = None
    if pixels is None:
        raise BagError(f"cannot read {path}; expected a PNG of one channel")
    if pixels.dtype != dtype or pixels.shape != (size[1], size[0]):
        raise BagError(
            f"{path} is {pixels.dtype} of shape {pixels.shape}, expected {np.dtype(dtype)} of {size[0]}x{size[1]}"
        )
    return np.asarray(pixels, dtype=dtype)


def _is_whole_png(data: bytes) -> bool:
    """Whether every chunk has its checksum, down to the last: libpng complains on stderr, past every exception."""
    if not data.startswith(_PNG_START):
        return False
    begin = len(_PNG_START)
    while begin + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, begin)
        end = begin + 12 + size
        kind = data[begin + 4 : begin + 8]
        if end > len(data) or zlib.crc32(data[begin + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return False
        if kind == b"IEND":
            return True
        begin = end
    return False
