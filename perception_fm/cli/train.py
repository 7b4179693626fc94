"""`perception-fm train`: a network learns from a mixture of data sets, or a model is tuned to own drives."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perception_fm.cli.progress import phase_progress
from perception_fm.errors import ModelError

if TYPE_CHECKING:
    from perception_fm.training.config import TrainConfig
    from perception_fm.training.run_folder import RunFolder
    from perception_fm.training.trainer import TrainingResult

_SHOWN = ("abs_rel", "rmse_m", "delta1", "mean_iou", "road_iou", "vehicle_iou", "person_iou", "normals_deg", "ece")


@click.command(name="train")
@click.argument("config_file", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="RUN", help="Run folder to make.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Where the data sets of CONFIG lie; with --finetune the data itself. May be repeated.",
)
@click.option(
    "--finetune", "model", metavar="MODEL", help="Tune this: a checkpoint (.safetensors), bundled, or an encoder."
)
@click.option("--encoder", metavar="NAME", help="Short for --set encoder=NAME.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting. May be repeated.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with this run.")
@click.option(
    "--max-minutes",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="M",
    help="Training time of the whole run; the learning rate falls with it.",
)
@click.option(
    "--pause-after",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="M",
    help="Stop after so many minutes, to go on with --resume; the schedule stays.",
)
@click.option("--show-settings", is_flag=True, help="List every setting with its default, and stop.")
def command(
    config_file: Path | None, output: Path | None, data: tuple[Path, ...], model: str | None, encoder: str | None,
    settings: tuple[str, ...], resume: Path | None, max_minutes: float | None, pause_after: float | None,
    show_settings: bool,
) -> None:  # fmt: skip
    """Train a network, or tune one to your own drives.

    CONFIG says what is learnt from which data (config/training/bundled.yaml is the recipe of the model that ships, and
    the default); docs/training.md explains it, --show-settings lists what it may hold. RUN gets config.yaml,
    metrics.csv, pictures, last.ckpt and best.safetensors, the weights with the best validation. A run that was stopped
    goes on with --resume.

    \b
    Examples:
      perception-fm train config/training/bundled.yaml --data data/ -o runs/1
      perception-fm train --finetune bundled --data drives/morning --data drives/rain -o runs/mine
      perception-fm train --finetune runs/1/best.safetensors --data drives/morning -o runs/2 --max-minutes 20
      perception-fm train --resume runs/1 --max-minutes 120
      perception-fm train my.yaml -o runs/3 --set schedule.batch_size=32 --set machine.precision=bf16-mixed
      tensorboard --logdir runs
    """
    if show_settings:
        _show_settings()
        return
    if (resume is None) == (output is None):
        raise click.UsageError("give either -o RUN for a new run or --resume RUN")
    if resume is not None and (config_file or model or encoder or settings):
        raise click.UsageError("--resume has its settings: only --data, --max-minutes and --pause-after go with it")
    if model is not None and not data:
        raise click.UsageError("--finetune needs --data DIR: the drives to tune to")
    overrides = (*settings, *([f"encoder={encoder}"] if encoder else []))
    # OpenMP reads this when PyTorch loads it. Its threads else spin while they wait for each other, and with a loader
    # on the same cores they wait for one that is not running: on two cores steps of 2.4 s took 15 s and more.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from perception_fm.training.run_folder import RunFolder
        from perception_fm.training.trainer import fit
    except ImportError as error:
        raise ModelError(
            f"training needs PyTorch and Lightning: pip install 'perception_fm[models,train]' ({error})"
        ) from error
    if resume is not None:
        folder = RunFolder(resume)
        config, folders = folder.reopen(_moved(folder, data))
    else:
        folder = RunFolder(output)
        config, folders = _new(config_file, data, model, overrides)
    _train(fit, folder, config, folders, resume is not None, max_minutes, pause_after)


def _show_settings() -> None:
    from perception_fm.config import settings
    from perception_fm.training.config import DatasetConfig, TrainConfig

    rows = [one for one in settings(TrainConfig) if one.name != "datasets"]
    for one in [*rows, *settings(DatasetConfig, "datasets.0.")]:
        value = list(one.default) if isinstance(one.default, tuple) else one.default
        click.echo(f"{one.name} = {value!r}\n    {one.metadata['help']}")


def _new(
    file: Path | None, data: tuple[Path, ...], model: str | None, overrides: tuple[str, ...]
) -> tuple[TrainConfig, dict[str, Path]]:
    """Settings and data folders of a new run."""
    from perception_fm.synth.scenario.library import config_file
    from perception_fm.synth.scenario.strict_yaml import read_yaml
    from perception_fm.training.config import build_train_config, overridden, read_train_config
    from perception_fm.training.run_folder import data_folders
    from perception_fm.training.start import merged, tuning_datasets, tuning_settings

    if model is None:
        config = read_train_config(file or config_file("training/bundled.yaml"), overrides)
    else:
        recipe = read_yaml(file or config_file("training/finetune.yaml"))
        document = merged(recipe, tuning_settings(model), {"datasets": tuning_datasets(data)})
        config = build_train_config(overridden(document, overrides))
    return config, data_folders(config.datasets, data)


def _moved(folder: RunFolder, roots: tuple[Path, ...]) -> dict[str, Path]:
    """Data sets of a run that --data finds somewhere, by name."""
    names = {name: Path(known["folder"]).name for name, known in folder.record()["data"].items()}
    places = {name: [root / last for root in roots] for name, last in names.items()}
    found = {name: next((place for place in many if place.is_dir()), None) for name, many in places.items()}
    return {name: place for name, place in found.items() if place is not None}


def _train(
    fit: Any, folder: RunFolder, config: TrainConfig, folders: Mapping[str, Path], is_resumed: bool,
    max_minutes: float | None, pause_after: float | None,
) -> None:  # fmt: skip
    """The run, and its closing lines."""
    from perception_fm.models.network.multihead import network_of
    from perception_fm.training.source_data import SourceData
    from perception_fm.training.start import first_network, with_minutes
    from perception_fm.training.trainer import is_first_process

    config = with_minutes(config, max_minutes)
    data = SourceData(config, folders)
    network = network_of(folder.card()) if is_resumed else first_network(config)
    call = ["perception-fm", *sys.argv[1:]]
    if not is_first_process():  # of another device: it learns in silence
        fit(network, config, data, folder, is_resumed=is_resumed, pause_minutes=pause_after)
        return
    if is_resumed:
        folder.note(resumed=[*folder.record().get("resumed", ()), call])
    else:
        folder.create(config, folders, call, network.card)
    for name, (training, judged) in data.counts.items():
        click.echo(f"data:       {name}, {training} frames to learn from, {judged} to judge by")
    with phase_progress() as on_progress:
        result = fit(
            network, config, data, folder, is_resumed=is_resumed, pause_minutes=pause_after, on_progress=on_progress
        )
    for line in _lines(folder, config, result):
        click.echo(line)


def _lines(folder: RunFolder, config: TrainConfig, result: TrainingResult) -> list[str]:
    lines = [f"trained:    {result.step} of {config.schedule.steps} steps, best at {result.best_step}"]
    for name, figures in result.figures.items():
        shown = ", ".join(f"{one} {figures[one]:.3f}" for one in _SHOWN if one in figures)
        lines.append(f"{name}: {shown}")
    return [
        *lines,
        f"weights:    {folder.best}",
        f"course:     {folder.metrics}, {folder.path / 'pictures'}, tensorboard --logdir {folder.path}",
        f"next:       perception-fm export {folder.best}",
    ]
