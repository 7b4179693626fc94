"""`TrainingModule`: network, loss and optimiser as Lightning wants them."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Timer
from torch import Tensor, nn

from perception_fm.errors import TrainingError
from perception_fm.models.network.deployed import DeployedNetwork
from perception_fm.models.network.multihead import MultiHeadNetwork
from perception_fm.training.batch import Batch
from perception_fm.training.config import TrainConfig
from perception_fm.training.losses import loss_terms
from perception_fm.training.optimiser import adamw, freeze, keep_frozen_still, progress_of, rate_share

_SECONDS = 60.0


class TrainingModule(pl.LightningModule):
    """Learns `network` in place. Raises `TrainingError` for a loss or a gradient that is not finite."""

    def __init__(self, network: MultiHeadNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        # Channels last: 1.5 s for a step of 8 frames that took 2.4 s (EfficientNet-Lite0, two CPU cores).
        network.to(memory_format=torch.channels_last)
        # The normalisation of the model file, with both stages behind it.
        self.deployed = DeployedNetwork(_Stages(network), network.card)
        freeze(network.encoder, config.schedule.frozen_stages)
        self.train()

    @property
    def network(self) -> MultiHeadNetwork:
        """What learns."""
        return self.deployed.inner.network

    @property
    def canonical_focal_px(self) -> float:
        """Focal length that the depth of the network is for."""
        return float(self.network.card.canonical_focal_px)

    def train(self, mode: bool = True) -> TrainingModule:
        """Training mode, but for frozen stages."""
        super().train(mode)
        if mode:
            keep_frozen_still(self.network.encoder, self.config.schedule.frozen_stages)
        return self

    def forward(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """Raw outputs of both stages for (N, H, W, 3) uint8 BGR."""
        return self.deployed.raw(image)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss; its terms are logged."""
        terms = loss_terms(self(batch.image), batch, self.canonical_focal_px, self.config.losses)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            broken = [name for name, value in terms.items() if not torch.isfinite(value)]
            seen = ", ".join(dict.fromkeys(batch.sources))
            raise TrainingError(
                f"the loss is {loss.item():g} at step {self.global_step} ({', '.join(broken)}; data of {seen}); the "
                "checkpoint is from before: start from its weights with a lower learning rate, or leave that data out"
            )
        self.log_dict({f"loss/{name}": value.detach() for name, value in terms.items()}, batch_size=len(batch))
        self.log("learning_rate", self.optimizers().param_groups[-1]["lr"])
        self.log("loss/all", loss.detach(), prog_bar=True, batch_size=len(batch))
        return loss

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """Clips the norm; a gradient that is not finite would make every weight NaN."""
        limit = self.config.schedule.gradient_clip or math.inf
        norm = nn.utils.clip_grad_norm_(self.parameters(), limit)
        # In 16 bits infinities are usual, and the scaler leaves such a step out.
        if self.config.machine.precision != "16-mixed" and not torch.isfinite(norm):
            raise TrainingError(
                f"the gradient is {float(norm):g} at step {self.global_step}; the checkpoint is from before: start "
                "from its weights with a lower learning rate"
            )
        self.log("gradient_norm", norm)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor]:
        """Fine raw outputs; the figures are made by who listens."""
        return dict(self(batch.image)["fine"])

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW, its rate after every step by the progress of the run."""
        optimiser = adamw(self.network, self.config.schedule)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate_share)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate_share(self, step: int) -> float:
        return rate_share(progress_of(step, self._minutes(), self.config.schedule), self.config.schedule)

    def _minutes(self) -> float:
        """Of training so far; the same on all devices, or their weights would part."""
        timers = [one for one in self.trainer.callbacks if isinstance(one, Timer)]
        if not timers:
            return 0.0
        return float(self.trainer.strategy.broadcast(timers[0].time_elapsed("train"))) / _SECONDS


class _Stages(nn.Module):
    """A network that answers for both stages."""

    def __init__(self, network: MultiHeadNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """Raw outputs of (N, 3, H, W) float32, normalised RGB."""
        return self.network.stages(image)
