"""Which weights learn, how fast, and how that changes over the run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from perception_fm.models.network.encoders import STRIDES, Encoder
from perception_fm.models.network.multihead import MultiHeadNetwork
from perception_fm.training.config import ScheduleConfig

_LEAST_SHARE = 1e-3  # of the highest rate: the first step of the rise learns, too


def frozen_parts(encoder: Encoder, stages: int) -> Iterator[nn.Module | nn.Parameter]:
    """What the first `stages` (0 to 4) stages of an encoder consist of, from the image on.

    A stage ends where features are taken: at strides 4, 8, 16 and 32 of a convolutional encoder, after each quarter of
    the layers of a transformer. All four are the whole encoder.
    """
    if stages >= len(STRIDES):
        yield encoder
    elif stages > 0:
        layers = encoder.blocks if hasattr(encoder, "blocks") else encoder.layers
        yield from layers[: encoder.taps[stages - 1] + 1]
        for name in ("stem", "patch", "prefix", "position"):
            part = getattr(encoder, name, None)
            if part is not None:
                yield part


def freeze(encoder: Encoder, stages: int) -> None:
    """Stops `frozen_parts` from learning; `keep_frozen_still` holds their batch-norm statistics, too."""
    for part in frozen_parts(encoder, stages):
        part.requires_grad_(False)


def keep_frozen_still(encoder: Encoder, stages: int) -> None:
    """Puts frozen modules into evaluation mode, after every change to training mode."""
    for part in frozen_parts(encoder, stages):
        if isinstance(part, nn.Module):
            part.eval()


def adamw(network: MultiHeadNetwork, config: ScheduleConfig) -> torch.optim.AdamW:
    """The optimiser of all weights that learn: the encoder slower, and no decay of biases, norms and other vectors."""
    groups: list[dict[str, Any]] = []
    encoder = {id(weight) for weight in network.encoder.parameters()}
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    for is_encoder, rate in ((True, config.encoder_learning_rate), (False, config.learning_rate)):
        part = [weight for weight in learning if (id(weight) in encoder) == is_encoder]
        for weights, decay in (
            ([weight for weight in part if weight.ndim > 1], config.weight_decay),
            ([weight for weight in part if weight.ndim <= 1], 0.0),
        ):
            if weights:
                groups.append({"params": weights, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def rate_share(progress: float, config: ScheduleConfig) -> float:
    """Learning rate at `progress` (0 to 1) of the run as a share of the highest: a linear rise, then half a cosine."""
    if progress < config.warmup_share:
        return max(_LEAST_SHARE, progress / config.warmup_share)
    rest = min(1.0, (progress - config.warmup_share) / (1.0 - config.warmup_share))
    return config.final_share + (1.0 - config.final_share) * 0.5 * (1.0 + math.cos(math.pi * rest))


def progress_of(step: int, minutes: float, config: ScheduleConfig) -> float:
    """How far a run is, 0 to 1: by its steps or, where it has a limit, its training time, whichever is further."""
    by_time = 0.0 if math.isnan(config.max_minutes) else minutes / config.max_minutes
    return min(1.0, max(step / config.steps, by_time))
