"""The temperature that makes confidences true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from perception_fm.dense import UNKNOWN_LABEL

LEAST, GREATEST = 0.25, 8.0
_MOST_CELLS_PER_BATCH = 4000


def thinned(logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (P, C) and labels (P,) of evenly spread known cells, from (N, C, h, w) and (N, h, w)."""
    is_known = label != UNKNOWN_LABEL
    rows, true = logits.movedim(1, -1)[is_known], label[is_known]
    step = max(1, -(-len(true) // _MOST_CELLS_PER_BATCH))
    return rows[::step].clone(), true[::step].clone()


def fitted_temperature(logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
    """The divisor of the logits (P, C) with the least cross-entropy to labels (P,); 1.0 of nothing.

    Temperature scaling (Guo et al., ICML 2017, section 4.2), within `LEAST` and `GREATEST`.
    """
    if not sum(len(one) for one in labels):
        return 1.0
    rows, true = torch.cat(list(logits)).double(), torch.cat(list(labels))

    def cost(log_temperature: float) -> float:
        return float(functional.cross_entropy(rows / math.exp(log_temperature), true))

    bounds = (math.log(LEAST), math.log(GREATEST))
    return math.exp(float(minimize_scalar(cost, bounds=bounds, method="bounded").x))
