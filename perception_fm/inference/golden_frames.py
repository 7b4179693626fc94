"""The golden frames: six views of the synthetic world that come with the package.

`config/golden_frames.yaml` says of what, `tools/golden_frames.py` renders them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.letterbox import Letterbox
from perception_fm.camera.model import CameraModel
from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard

FOLDER = Path(__file__).resolve().parent / "golden"

_WIDTH_PX, _HEIGHT_PX, _FOCAL_PX = 640, 384, 500.0
_CAMERA = CameraModel(
    _WIDTH_PX,
    _HEIGHT_PX,
    np.array([[_FOCAL_PX, 0.0, _WIDTH_PX / 2 - 0.5], [0.0, _FOCAL_PX, _HEIGHT_PX / 2 - 0.5], [0.0, 0.0, 1.0]]),
)


def golden_frames(card: ModelCard) -> NDArray[np.uint8]:
    """(K, H, W, 3) uint8 BGR, letterboxed to the input of a model. Raises `ModelError` where the package lacks them."""
    letterbox = Letterbox(_CAMERA, card.input_width, card.input_height)
    paths = sorted(FOLDER.glob("*.jpg"))
    if not paths:
        raise ModelError(f"the golden frames are missing from {FOLDER}: install perception_fm again")
    return np.stack([letterbox.apply(_image(path)) for path in paths])


def hash_of(frames: NDArray[np.uint8]) -> str:
    """SHA-256 of decoded frames, hexadecimal: two JPEG decoders may differ by a grey level, which is another set."""
    return hashlib.sha256(repr(frames.shape).encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()


def _image(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or image.shape != (_HEIGHT_PX, _WIDTH_PX, 3):
        raise ModelError(f"the golden frame {path} is damaged: install perception_fm again")
    return np.asarray(image, np.uint8)
