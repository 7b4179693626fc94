"""`Recorder`: checkpoints, figures, pictures and the best weights of a run, as it goes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

from perception_fm.models.network.deployed import check_weights
from perception_fm.models.network.weights import save_network
from perception_fm.training.batch import Batch
from perception_fm.training.config import TrainConfig
from perception_fm.training.module import TrainingModule
from perception_fm.training.pictures import sample_picture
from perception_fm.training.run_folder import RunFolder
from perception_fm.training.temperature import fitted_temperature, thinned
from perception_fm.training.validation import ValidationSums, answers_of, score_of

Progress = Callable[[str, int, int], None]
Figures = dict[str, dict[str, float]]


class Checkpoints(Callback):
    """Writes `last.ckpt`. Goes after the averaging callback, or the averages of a checkpoint lack its own step."""

    def __init__(self, folder: RunFolder, config: TrainConfig) -> None:
        self._path, self._config = folder.last, config
        self._saved_step = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: TrainingModule, outputs: Any, batch: Batch, _: int
    ) -> None:
        """Saves in between; where a validation follows, after that."""
        step = trainer.global_step
        if step % self._config.machine.checkpoint_steps == 0 and step % self._config.validation.every_steps:
            self.save(trainer, module)

    def on_validation_end(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Saves, so that a resumed run need not validate again."""
        if trainer.state.fn == "fit":
            self.save(trainer, module)

    def save(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Saves, unless this step is saved. Raises `ModelError` for weights that are not finite, and a full disk."""
        if trainer.global_step != self._saved_step:
            check_weights(module, f"of step {trainer.global_step}")
            trainer.save_checkpoint(self._path)
            self._saved_step = trainer.global_step


class Pause(Callback):
    """Stops the run some minutes after it began or was resumed; nothing about its schedule changes."""

    def __init__(self, minutes: float) -> None:
        self._seconds, self._begin_s = 60.0 * minutes, 0.0

    def on_train_start(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Starts the clock."""
        self._begin_s = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, module: TrainingModule, *_: Any) -> None:
        """Stops all devices at the same step."""
        is_over = time.monotonic() - self._begin_s >= self._seconds
        trainer.should_stop = trainer.should_stop or bool(trainer.strategy.broadcast(is_over))


class Recorder(Callback):
    """Writes figures, pictures and the best weights into `folder`.

    Goes before the averaging callback: at the end of a validation the averaged weights are still in the network then,
    at the end of the training the learnt ones.

    `names`: data sets of the validation loaders. `origins`: what the card says of the data.
    """

    def __init__(
        self, folder: RunFolder, config: TrainConfig, names: Sequence[str], origins: str, checkpoints: Checkpoints,
        on_progress: Progress,
    ) -> None:  # fmt: skip
        self._folder, self._config, self._names = folder, config, names
        self._origins, self._on_progress = origins, on_progress
        self._checkpoints = checkpoints
        self.validated_step = -1
        self.best_score: float | None = None
        self.best_step = -1
        self.best_figures: Figures = {}
        self._start_validation()

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "best_score": self.best_score,
            "best_step": self.best_step,
            "best_figures": self.best_figures,
            "validated_step": self.validated_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: TrainingModule, outputs: Any, batch: Batch, _: int
    ) -> None:
        """Shows progress."""
        steps = self._config.schedule.steps
        self._on_progress(f"train, loss {float(outputs['loss']):.3f}", trainer.global_step, steps)

    def on_validation_epoch_start(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Forgets the last one."""
        self._start_validation()

    def on_validation_batch_end(
        self, trainer: pl.Trainer, module: TrainingModule, outputs: Mapping[str, Tensor], batch: Batch,
        batch_idx: int, dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Judges a batch, and draws its samples while there are too few pictures."""
        name = self._names[dataloader_idx]
        answers = answers_of(outputs, batch, module.canonical_focal_px)
        self._sums[name].add(answers)
        self._cells.append(thinned(answers.logits, answers.targets.label))
        drawn = self._drawn[name]
        wanted = max(0, self._config.validation.pictures - drawn) if trainer.is_global_zero else 0
        for index in range(min(wanted, len(batch))):
            picture = sample_picture(batch, answers, index)
            self._folder.add_picture(f"{name}_{drawn + index:02d}_step_{trainer.global_step:07d}", picture)
            self._drawn[name] += 1
        self._on_progress("validate", batch_idx + 1, batch_idx + 1)

    def on_validation_epoch_end(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Logs the figures, and keeps the weights where they are the best so far."""
        figures = {name: sums.figures() for name, sums in self._sums.items()}
        score, step = score_of(figures), trainer.global_step
        flat = {f"{name}/{figure}": value for name, one in figures.items() for figure, value in one.items()}
        for logger in trainer.loggers:
            logger.log_metrics({f"val/{name}": value for name, value in {**flat, "score": score}.items()}, step)
        self.validated_step = step
        if self.best_score is None or score <= self.best_score:
            self.best_score, self.best_step, self.best_figures = score, step, figures
            if trainer.is_global_zero:
                self.keep(module)

    def on_train_end(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        """Saves what the run came to, before averages take the place of what was learnt."""
        self._checkpoints.save(trainer, module)

    def keep(self, module: TrainingModule) -> None:
        """Writes `best.safetensors` with the weights that the network has now."""
        network, config = module.network, self._config
        logits, labels = zip(*self._cells) if self._cells else ((), ())
        card = network.card
        network.card = dataclasses.replace(
            card,
            name=config.name,
            source=f"perception_fm, {config.encoder}, trained on {self._origins}",
            licence=config.licence or card.licence,
            is_commercial=config.is_commercial,
            is_trained=True,
            temperature=fitted_temperature(logits, labels),
        )
        save_network(network, self._folder.best)
        network.card = card

    def _start_validation(self) -> None:
        self._sums = {name: ValidationSums() for name in self._names}
        self._drawn = dict.fromkeys(self._names, 0)
        self._cells: list[tuple[Tensor, Tensor]] = []


class FolderLogger(Logger):
    """Lightning's figures go into `metrics.csv`."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder

    @property
    def name(self) -> str:
        """Of the run."""
        return self._folder.path.name

    @property
    def version(self) -> str:
        """There is one of each run."""
        return ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """They are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """One row each."""
        self._folder.add_metrics(step or 0, {name: value for name, value in metrics.items() if name != "epoch"})
