"""Image, truth, prediction and error of one frame in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.visual.pen import Image, Pen

# Colours of the Cityscapes train classes, RGB (cityscapesScripts labels.py), by trainId.
CITYSCAPES_COLOURS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
    (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142),
    (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
_NOTHING = (24, 24, 24)
_RIGHT, _WRONG = (96, 190, 40), (48, 48, 225)
_CAPTION_BACK = (40, 36, 32)
_LARGEST_ERROR = math.log(2.0)  # twice too far or too near is full colour
_SPARSE_SHARE = 0.2  # truth on fewer pixels is points, which are drawn larger to be seen
_PANEL_WIDTH_PX = 560


def depth_mosaic(
    image: NDArray[np.uint8],
    true_m: NDArray[np.float32],
    predicted_m: NDArray[np.float32],
    limits_m: tuple[float, float],
) -> Image:
    """Four panels in one picture: depth from near (red) to far (blue), logarithmic; the error at the true pixels, red
    where the prediction is too far, blue where too near, full at a factor of two. Depths (H, W), NaN nothing.
    """
    with np.errstate(invalid="ignore"):
        log_error = np.log(predicted_m / true_m)
    share = 0.5 + 0.5 * log_error / _LARGEST_ERROR
    return mosaic(
        [
            ("image", image),
            ("truth", _with_larger_points(_depth_colours(true_m, limits_m), np.isfinite(true_m))),
            ("prediction", _depth_colours(predicted_m, limits_m)),
            ("red: too far, blue: too near", _with_larger_points(_diverging(share), np.isfinite(log_error))),
        ]
    )


def label_mosaic(
    image: NDArray[np.uint8],
    true: NDArray[np.integer],
    predicted: NDArray[np.integer],
    judged: NDArray[np.bool_],
    train_ids: Sequence[int],
) -> Image:
    """Four panels in one picture. `true` and `predicted` (H, W) are places in `train_ids`, whose colours they get; any
    other number is no class. `judged` (H, W): where they are compared.
    """
    palette = np.full((len(train_ids) + 1, 3), _NOTHING, np.uint8)
    for index, train_id in enumerate(train_ids):
        palette[index] = CITYSCAPES_COLOURS[train_id][::-1]
    true_picture, predicted_picture = (
        palette[np.where((index >= 0) & (index < len(train_ids)), index, len(train_ids))] for index in (true, predicted)
    )
    agreement = np.where(judged[..., None], np.where((true == predicted)[..., None], _RIGHT, _WRONG), _NOTHING)
    return mosaic(
        [
            ("image", image),
            ("truth", _with_larger_points(true_picture, true >= 0)),
            ("prediction", predicted_picture),
            ("green: right, red: wrong", _with_larger_points(agreement.astype(np.uint8), judged)),
        ]
    )


def surface_mosaic(
    normals: tuple[NDArray[np.floating], NDArray[np.floating]] | None,
    painted: tuple[NDArray[np.bool_], NDArray[np.floating]] | None,
) -> Image:
    """Truth beside prediction. `normals` (H, W, 3): red, green, blue are x, y, z of the optical frame turned to the
    camera. `painted` (H, W): white is a print. Raises `ValueError` where both are None.
    """
    panels = []
    if normals is not None:
        panels += [(f"{name} normals", _normal_colours(one)) for name, one in zip(("true", "predicted"), normals)]
    if painted is not None:
        true, probability = painted
        panels.append(("where prints are", _grey(true.astype(np.float32))))
        panels.append(("probability of a print", _grey(probability)))
    return mosaic(panels)


def mosaic(panels: Sequence[tuple[str, NDArray[np.uint8]]]) -> Image:
    """Pictures of one size, two in a row, each with its caption."""
    drawn = []
    for caption, picture in panels:
        colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
        height = max(1, round(colour.shape[0] * _PANEL_WIDTH_PX / colour.shape[1]))
        is_smaller = colour.shape[1] > _PANEL_WIDTH_PX
        small = cv2.resize(
            colour, (_PANEL_WIDTH_PX, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_NEAREST
        )
        Pen(small).label(caption, 0, 0, 1.2, _CAPTION_BACK)
        drawn.append(small)
    rows = [np.hstack(drawn[start : start + 2]) for start in range(0, len(drawn), 2)]
    return np.asarray(np.vstack(rows), np.uint8)


def _depth_colours(depth_m: NDArray[np.float32], limits_m: tuple[float, float]) -> Image:
    low, high = (math.log(limit) for limit in limits_m)
    with np.errstate(invalid="ignore"):
        share = (np.log(depth_m) - low) / (high - low)
    byte = np.nan_to_num(255.0 * (1.0 - np.clip(share, 0.0, 1.0))).astype(np.uint8)
    picture = np.asarray(cv2.applyColorMap(byte, cv2.COLORMAP_TURBO), np.uint8)
    picture[~np.isfinite(depth_m)] = _NOTHING
    return picture


def _normal_colours(normals: NDArray[np.floating]) -> Image:
    """Right red, down green, towards the camera blue; NaN and 0 are nothing."""
    turned = normals * np.array([1.0, 1.0, -1.0])
    picture = np.nan_to_num(127.5 + 127.5 * np.clip(turned, -1.0, 1.0)).astype(np.uint8)[..., ::-1].copy()
    picture[~(np.linalg.norm(np.nan_to_num(normals), axis=-1) > 0.0)] = _NOTHING
    return picture


def _grey(share: NDArray[np.floating]) -> Image:
    return np.nan_to_num(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8)


def _diverging(share: NDArray[np.floating]) -> Image:
    """Blue at 0, white at 0.5, red at 1; NaN is nothing."""
    towards = np.clip(2.0 * np.nan_to_num(share, nan=0.5) - 1.0, -1.0, 1.0)
    blue, red = np.minimum(1.0, 1.0 - towards), np.minimum(1.0, 1.0 + towards)
    picture = (255.0 * np.dstack([blue, np.minimum(blue, red), red])).astype(np.uint8)
    picture[~np.isfinite(share)] = _NOTHING
    return picture


def _with_larger_points(picture: Image, has_value: NDArray[np.bool_]) -> Image:
    """Sparse points as small squares, the lower right of two in the way of each other on top."""
    if has_value.mean() >= _SPARSE_SHARE:
        return picture
    rows, columns = np.nonzero(has_value)
    larger = np.full_like(picture, _NOTHING)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            row = np.clip(rows + down, 0, picture.shape[0] - 1)
            column = np.clip(columns + right, 0, picture.shape[1] - 1)
            larger[row, column] = picture[rows, columns]
    larger[rows, columns] = picture[rows, columns]
    return larger
