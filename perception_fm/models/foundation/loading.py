"""Published architectures with random or published weights; what does not fit is named, tensor by tensor."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from perception_fm.errors import ModelError
from perception_fm.models.foundation.published import Architecture, architecture_named

WEIGHTS_NAME = "model.safetensors"
CONFIG_NAME = "config.json"
_LISTED = 3
_SHAPELESS = ("depth_estimation_type", "max_depth")


def build(name: str, **changes: Any) -> Any:
    """The architecture `name` with random weights, in evaluation mode. `changes`: of its published configuration.

    Under `torch.device("meta")` it costs no memory. Raises `ModelError` for an unknown name.
    """
    architecture = architecture_named(name)
    return _model_class(architecture)(_config(architecture, changes)).eval()


def load(name: str, folder: Path, *, class_names: Sequence[str] = (), **changes: Any) -> Any:
    """The architecture `name` with the weights of `folder`, in evaluation mode.

    `folder` holds model.safetensors with the published tensor names (transformers maps them to its present ones), and
    config.json where the hub has one. `class_names`: what its labels must be called, in order. Raises `ModelError` for
    a file that is missing or damaged, for missing, unexpected and wrongly shaped tensors, and for another label map.
    """
    architecture = architecture_named(name)
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise ModelError(f"{path} is missing: weights are read from safetensors only, never from pickles")
    _check_config(folder / CONFIG_NAME, architecture, class_names)
    try:
        with _quiet():
            model, report = _model_class(architecture).from_pretrained(
                folder,
                config=_config(architecture, changes),
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be loaded as {name}: {str(error).strip().partition(chr(10))[0]}") from error
    _check_report(report, path, name, architecture.optional)
    return model.eval()


def _check_report(report: dict[str, Any], path: Path, name: str, optional: Sequence[str]) -> None:
    faults = [
        _listed("lacks", (key for key in report["missing_keys"] if key not in optional)),
        _listed("has unexpected", (key for key in report["unexpected_keys"] if key not in optional)),
        _listed("has of another shape", (_shape_text(item) for item in report["mismatched_keys"])),
    ]
    if any(faults):
        raise ModelError(f"{path} is not {name}: it {'; it '.join(fault for fault in faults if fault)}")


def _listed(verb: str, keys: Iterable[str]) -> str:
    names = sorted(keys)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{verb} {', '.join(names[:_LISTED])}{more}" if names else ""


def _shape_text(item: Any) -> str:
    """Of a mismatch (name, shape in the file, shape of the architecture)."""
    if isinstance(item, tuple) and len(item) == 3:
        return f"{item[0]} {tuple(item[1])} instead of {tuple(item[2])}"
    return str(item)


def _check_config(path: Path, architecture: Architecture, class_names: Sequence[str]) -> None:
    """Raises `ModelError` where config.json says what no tensor shows: another scale of depth, other labels."""
    if not path.is_file():
        return
    try:
        config = json.loads(path.read_text("utf-8"))
        named = {int(index): str(label) for index, label in (config.get("id2label") or {}).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not the configuration of a model: {error}") from error
    for key in _SHAPELESS:
        want = architecture.values.get(key)
        if want is not None and config.get(key, want) != want:
            raise ModelError(f"{path} says {key} {config[key]!r}, expected {want!r}: the weights of another model")
    if architecture.class_count:
        _check_labels(path, named, architecture.class_count, class_names)


def _check_labels(path: Path, named: dict[int, str], count: int, class_names: Sequence[str]) -> None:
    """The placeholders LABEL_0, LABEL_1... say nothing."""
    if named and sorted(named) != list(range(count)):
        raise ModelError(f"{path} has a label map of {len(named)} classes, expected {count}")
    for index, want in enumerate(class_names):
        got = named.get(index, want)
        if got != want and not got.startswith("LABEL_"):
            raise ModelError(f"{path} calls label {index} {got!r}, expected {want!r}: another label map")


def _model_class(architecture: Architecture) -> Any:
    module = importlib.import_module(f"transformers.models.{architecture.module}.modeling_{architecture.module}")
    return getattr(module, architecture.model)


def _config(architecture: Architecture, changes: dict[str, Any]) -> Any:
    module = importlib.import_module(f"transformers.models.{architecture.module}.configuration_{architecture.module}")
    values = {**architecture.values, **changes}
    if architecture.backbone is not None:
        from transformers.models.dinov2.configuration_dinov2 import Dinov2Config

        values["backbone_config"] = Dinov2Config(**{**architecture.backbone, **values.get("backbone_config", {})})
    return getattr(module, architecture.config)(**values)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers reports on loading in many lines; what matters goes into one error instead."""
    from transformers.utils import logging as library

    logger, level = logging.getLogger("transformers"), library.get_verbosity()
    was_on = library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled
        library.set_verbosity(level)
        if was_on:
            library.enable_progress_bar()
