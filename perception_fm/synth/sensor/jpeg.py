"""JPEG, the last thing that happens to most pictures (ITU-T T.81, baseline, quality scale of the IJG's library)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ImageError


def encode(picture: NDArray[np.uint8], quality: int) -> bytes:
    """The JPEG file of a picture (H, W, 3) uint8 BGR at `quality` 0 to 100; raises `ImageError` where OpenCV cannot."""
    is_encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_encoded:
        raise ImageError(f"cannot compress a picture of shape {picture.shape} to JPEG")
    return bytes(data)
