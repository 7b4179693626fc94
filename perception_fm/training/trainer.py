"""A run from its first step, or the one after its last checkpoint, to its last."""

from __future__ import annotations

import contextlib
import datetime
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from perception_fm.errors import TrainingError
from perception_fm.models.network.multihead import MultiHeadNetwork
from perception_fm.training.checkpoint_io import SafeCheckpointIO, read_checkpoint
from perception_fm.training.config import TrainConfig
from perception_fm.training.data_module import TrainingData, TrainingDataModule
from perception_fm.training.ema import EmaWeights
from perception_fm.training.module import TrainingModule
from perception_fm.training.recorder import Checkpoints, Figures, FolderLogger, Pause, Progress, Recorder
from perception_fm.training.run_folder import RunFolder

_LOGGED_STEPS = 20  # between two rows of the terms of the loss


@dataclass(frozen=True)
class TrainingResult:
    """`step`: the last one. `best_score`: of `validation.score_of`, None without validation; `figures` belong to it."""

    step: int
    best_step: int
    best_score: float | None
    figures: Figures


def fit(
    network: MultiHeadNetwork,
    config: TrainConfig,
    data: TrainingData,
    folder: RunFolder,
    *,
    is_resumed: bool = False,
    pause_minutes: float | None = None,
    on_progress: Progress = lambda phase, step, steps: None,
) -> TrainingResult:
    """Trains `network` in place; afterwards it has the averaged weights of the last step.

    `pause_minutes`: after so long it stops, to be resumed. With `is_resumed` weights, optimiser, averages, time and
    place in the data are those of `folder.last`. Raises `TrainingError` for figures that are not finite and for a run
    with no steps or time left, `ModelError` for a full disk and a checkpoint that does not fit, and what `data` raises;
    the last checkpoint stays.
    """
    step = _resumed_step(folder) if is_resumed else 0
    if is_first_process():
        folder.start_metrics(step)
    pl.seed_everything(config.seed, verbose=False)
    module = TrainingModule(network, config)
    batches = TrainingDataModule(data, config.schedule.accumulate)
    checkpoints = Checkpoints(folder, config)
    recorder = Recorder(folder, config, batches.validation_names, _origins(batches), checkpoints, on_progress)
    callbacks = [recorder, EmaWeights(config.schedule.ema_decay), checkpoints]
    callbacks += [] if pause_minutes is None else [Pause(pause_minutes)]
    with _quiet():
        trainer = _trainer(config, folder, callbacks, step)
        try:
            trainer.fit(module, datamodule=batches, ckpt_path=folder.last if is_resumed else None)
            if trainer.global_step == step:
                raise TrainingError(
                    f"{folder.path} has no steps or time left after step {step}: give more with --max-minutes, or tune "
                    f"{folder.best} in a new run"
                )
            if batches.validation_names and recorder.validated_step != trainer.global_step:
                trainer.validate(module, datamodule=batches, verbose=False)
        except SystemExit as stop:  # Lightning's answer to Ctrl-C
            raise KeyboardInterrupt from stop
    if is_first_process():
        if not batches.validation_names:
            recorder.best_step = trainer.global_step
            recorder.keep(module)
        folder.note(best_step=recorder.best_step, best_score=recorder.best_score, best_figures=recorder.best_figures)
    return TrainingResult(trainer.global_step, recorder.best_step, recorder.best_score, recorder.best_figures)


def is_first_process() -> bool:
    """Whether this is the process that writes; Lightning runs the command once more for every further device."""
    return int(rank_zero_only.rank or 0) == 0


def _trainer(config: TrainConfig, folder: RunFolder, callbacks: Sequence[pl.Callback], step: int) -> pl.Trainer:
    schedule, machine = config.schedule, config.machine
    timers = []
    if not math.isnan(schedule.max_minutes):
        timers.append(Timer(datetime.timedelta(minutes=schedule.max_minutes), interval="step", verbose=False))
    board = TensorBoardLogger(str(folder.path), name="tensorboard", version="", purge_step=step)
    return pl.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices or "auto",
        num_nodes=machine.nodes,
        strategy=machine.strategy,
        precision=machine.precision,
        max_steps=schedule.steps,
        max_epochs=-1,
        accumulate_grad_batches=schedule.accumulate,
        val_check_interval=config.validation.every_steps * schedule.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=_LOGGED_STEPS,
        callbacks=[*callbacks, *timers],
        logger=[FolderLogger(folder), board],
        plugins=[SafeCheckpointIO()],
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(folder.path),
    )


def _resumed_step(folder: RunFolder) -> int:
    if not folder.last.is_file():
        raise TrainingError(f"{folder.path} has no checkpoint yet: remove the folder and start the run again")
    return int(read_checkpoint(folder.last)["global_step"])


def _origins(batches: TrainingDataModule) -> str:
    """Names and licences of the data, for the card."""
    documents = batches.documents
    return ", ".join(f"{name} ({one.get('licence') or 'licence unknown'})" for name, one in documents.items())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning advises on much that is meant as it is; errors still come through."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
