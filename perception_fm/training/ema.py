"""Averaged weights, by Lightning's own callback: they are judged and kept, the others learn."""

from __future__ import annotations

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

# Weights of step n count n/(n + 10) at least as much as older ones, so that a short run does not average its start
# (the ramp of tf.train.ExponentialMovingAverage).
_RAMP = 10.0


class EmaWeights(WeightAveraging):
    """Exponential moving average of weights and of batch-norm statistics with a ramp in its decay."""

    def __init__(self, decay: float) -> None:
        def averaged(average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
            count = float(steps)
            share = 1.0 - min(decay, (1.0 + count) / (_RAMP + count))
            return average + (current - average) * share if average.is_floating_point() else current

        super().__init__(avg_fn=averaged)
