"""What is known about the pixels of real photographs beyond their files."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.training.sample import PAINTED_UNKNOWN

SKY = CITYSCAPES_CLASSES.index("sky")
# Signs are prints, and the sides of lorries, buses and trams often carry one: nobody has marked which. Facades and
# walls count as unpainted: adverts cover a small part of them, and else no real wall would be an example of one.
_MAY_CARRY_PRINT = tuple(
    CITYSCAPES_CLASSES.index(name) for name in ("traffic sign", "traffic light", "truck", "bus", "train")
)
_SPARSE_SHARE = 0.5  # a target known at fewer pixels is that of a LiDAR
_REACH = 0.015  # of the width: about two scan lines of a vehicle's LiDAR


def is_sparse(known: NDArray[np.bool_]) -> bool:
    """Whether a target, known at these pixels (H, W), is one of single measured points."""
    return float(known.mean()) < _SPARSE_SHARE


def painted_of_photograph(label: NDArray[np.uint8] | None, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """`TrainingSample.painted` (H, W) of a photograph of `size` (width, height): 0, and 255 where a print may be.

    None without labels, because then a lorry cannot be told. The pixels round a sparse label share its doubt.
    """
    if label is None:
        return None
    may = np.isin(label, _MAY_CARRY_PRINT).astype(np.uint8)
    if is_sparse(label != UNKNOWN_LABEL):
        reach = 2 * max(1, round(_REACH * size[0])) + 1
        may = cv2.dilate(may, np.ones((reach, reach), np.uint8))
    return (may * np.uint8(PAINTED_UNKNOWN)).astype(np.uint8)


def depth_with_sky(depth_m: NDArray[np.float32] | None, label: NDArray[np.uint8] | None) -> NDArray[np.float32] | None:
    """Depth (H, W) with inf where nothing was measured and the label says sky."""
    if depth_m is None or label is None:
        return depth_m
    return np.where(np.isnan(depth_m) & (label == SKY), np.float32(np.inf), depth_m)


def colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) of a picture (H, W) or (H, W, 3)."""
    return pixels if pixels.ndim == 3 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
