"""The Lovasz softmax loss, a convex surrogate of the mean IoU (Berman, Triki, Blaschko, CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(probabilities: Tensor, label: Tensor) -> Tensor:
    """Mean over the classes that `label` holds, 0 to 1; 0 where it holds none.

    `probabilities` (P, C), rows sum to 1; `label` (P,) int64, 0 to C - 1, of judged cells only. Equations 8 and 11:
    errors |1[label = c] - p_c| in falling order, weighted by the steps of the Jaccard loss along that order.
    """
    terms = []
    for index in torch.unique(label).tolist():
        is_class = (label == index).to(probabilities.dtype)
        errors, order = torch.sort((is_class - probabilities[:, index]).abs(), descending=True)
        terms.append(errors @ _steps(is_class[order]))
    return torch.stack(terms).mean() if terms else probabilities.sum() * 0.0


def _steps(is_class: Tensor) -> Tensor:
    """Growth (P,) of 1 - IoU as the cells, true or not of the class (P,), become wrong one after the other."""
    total = is_class.sum()
    loss = 1.0 - (total - is_class.cumsum(0)) / (total + (1.0 - is_class).cumsum(0))
    return torch.cat([loss[:1], loss[1:] - loss[:-1]])
