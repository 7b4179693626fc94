"""One picture of what a network says about a sample, beside the truth."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.training.batch import Batch
from perception_fm.training.validation import FARTHEST_M, NEAREST_M, Answers
from perception_fm.visual.dense_panels import depth_mosaic, label_mosaic, mosaic

Image = NDArray[np.uint8]


def sample_picture(batch: Batch, answers: Answers, index: int) -> Image:
    """Depth, labels, normals and paint of one sample, in panels (H', W', 3) BGR; a prediction's cell is a square."""
    image = batch.image[index].cpu().numpy()
    step = image.shape[0] // answers.depth_m.shape[1]
    true_m = np.where(np.isfinite(depth_m := batch.depth_m[index].cpu().numpy()), depth_m, np.nan)
    label = batch.label[index].cpu().numpy().astype(np.int64)
    predicted = _enlarged(answers.logits[index].argmax(0).numpy(), step)
    surfaces = (_normal_colours(answers.targets.normals[index]), _normal_colours(answers.normals[index]))
    panels = [("true normals", surfaces[0]), ("normals", surfaces[1])]
    panels += [("true paint", _grey(answers.targets.painted[index])), ("paint", _grey(answers.painted[index]))]
    return np.vstack(
        [
            depth_mosaic(image, true_m, _enlarged(answers.depth_m[index].numpy(), step), (NEAREST_M, FARTHEST_M)),
            label_mosaic(
                image,
                np.where(label == UNKNOWN_LABEL, -1, label),
                predicted,
                label != UNKNOWN_LABEL,
                range(len(CITYSCAPES_CLASSES)),
            ),
            mosaic([(caption, _enlarged(picture, step)) for caption, picture in panels]),
        ]
    )


def _enlarged(values: NDArray[np.generic], step: int) -> NDArray[np.generic]:
    return values.repeat(step, 0).repeat(step, 1)


def _normal_colours(normals: torch.Tensor) -> Image:
    """(3, h, w) of any length as (h, w, 3): x, y, z from -1 to 1 as red, green, blue; unknown is black."""
    unit = torch.nn.functional.normalize(normals, dim=0)
    colours = torch.nan_to_num((unit * 127.0 + 128.0), nan=0.0).to(torch.uint8)
    return colours.flip(0).movedim(0, -1).contiguous().numpy()


def _grey(share: torch.Tensor) -> Image:
    """(h, w) from 0 to 1; unknown is black."""
    return torch.nan_to_num(share * 255.0, nan=0.0).to(torch.uint8).numpy()
