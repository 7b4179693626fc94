"""From the path of a model file to a backend that has passed the acceptance gate."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perception_fm.errors import EngineError, InferenceError, ModelError
from perception_fm.inference.backend import InferenceBackend
from perception_fm.inference.engine_cache import EngineCache
from perception_fm.inference.gate import check_backend
from perception_fm.inference.gate_report import GateReport, is_accepted_verdict, require_accepted
from perception_fm.inference.golden_frames import golden_frames
from perception_fm.inference.known_bad import known_bad_line
from perception_fm.inference.model_file import ModelFile, read_model_file
from perception_fm.inference.private_files import make_private_folder, read_private, write_private
from perception_fm.inference.reference import compute_reference, reference_outputs

AUTO, ONNXRUNTIME = "auto", "onnxruntime"
RUNTIMES = (AUTO, ONNXRUNTIME, "tensorrt", "tensorrt_rtx")

OnProgress = Callable[[str, int, int], None]
Verdict = Mapping[str, Any]

_LOG = logging.getLogger(__name__)


def open_backend(
    model: Path,
    *,
    runtime: str = AUTO,
    cache: EngineCache | None = None,
    on_progress: OnProgress | None = None,
    max_batch: int = 1,
    threads: int | None = None,
) -> InferenceBackend:
    """The model at `model`, ready to run and accepted by the gate.

    `runtime`: auto takes TensorRT where its library and a GPU are, else ONNX Runtime. `cache`: of engines, reference
    outputs and verdicts; None is that of this user. `on_progress`: (phase, step, steps) of a build, from other threads.
    `max_batch`: cameras. `threads`: of ONNX Runtime on the CPU, None: one per physical core.

    All golden frames are compared once for each engine and runtime, some at every start. Raises `ModelError` for a
    file that cannot be used, and `EngineError` for an engine that must not be loaded, cannot be built, or that the gate
    refuses.
    """
    if runtime not in RUNTIMES:
        raise ModelError(f"no runtime is called {runtime}: choose {', '.join(RUNTIMES)}")
    cache = EngineCache() if cache is None else cache
    model_file = read_model_file(model)
    library = None if runtime == ONNXRUNTIME else _library(runtime)
    if library is None:
        return _open_onnxruntime(model_file, cache, max_batch, threads)
    return _open_tensorrt(model_file, cache, library, max_batch, on_progress)


def gate_files(candidate: Path, reference: Path) -> GateReport:
    """The report of one model file against another, both in ONNX Runtime on the CPU: a precision against FP32.

    Raises `ModelError` where either cannot be used, the cards differ in more than precision, or the reference is not
    FP32.
    """
    from perception_fm.inference.onnxruntime_ import CPU, OnnxRuntimeBackend

    mine, theirs = read_model_file(candidate), read_model_file(reference)
    if theirs.card.precision != "fp32":
        raise ModelError(f"{reference} is {theirs.card.precision}: compare with the FP32 file that it was made from")
    for field in ("heads", "input_height", "input_width", "output_stride", "class_names", "canonical_focal_px"):
        if getattr(mine.card, field) != getattr(theirs.card, field):
            raise ModelError(f"{candidate} and {reference} are not the same model: their {field} differ")
    frames = golden_frames(theirs.card)
    outputs = compute_reference(theirs, frames)
    try:
        with OnnxRuntimeBackend(mine, providers=(CPU,)) as backend:
            return check_backend(backend, frames, outputs, onnx_sha256=mine.sha256)
    except InferenceError as error:
        raise ModelError(f"{candidate} does not run: {error}") from error


def _library(runtime: str) -> Any:
    """The TensorRT library to use, None for none. Raises `EngineError` where one that was named cannot be used."""
    from perception_fm.inference.tensorrt_.builder import checked_target
    from perception_fm.inference.tensorrt_.cuda_memory import current_gpu
    from perception_fm.inference.tensorrt_.library import load_library

    try:
        library = load_library(runtime)
        current_gpu()
        checked_target(library, None)  # TensorRT for RTX does not know every GPU that it runs on
    except EngineError as error:
        if runtime != AUTO:
            raise
        _LOG.info("ONNX Runtime is used: %s", error)
        return None
    return library


def _open_tensorrt(
    model: ModelFile, cache: EngineCache, library: Any, max_batch: int, on_progress: OnProgress | None
) -> InferenceBackend:
    from perception_fm.inference.tensorrt_.builder import BuildOptions
    from perception_fm.inference.tensorrt_.obtain import obtain_engine, start_engine

    report = on_progress or (lambda phase, step, steps: None)
    stored = obtain_engine(model, BuildOptions(max_batch=max_batch), cache, report, library=library)
    known = known_bad_line(library.name, library.version)
    if known:
        _LOG.warning("%s; the acceptance gate decides", known)

    def keep(verdict: Verdict) -> None:
        cache.write_gate(stored, verdict)

    return _gated(start_engine(stored, library), model, cache, max_batch, stored.record.gate, keep)


def _open_onnxruntime(model: ModelFile, cache: EngineCache, max_batch: int, threads: int | None) -> InferenceBackend:
    from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend

    backend = OnnxRuntimeBackend(model, threads=threads)
    # A home may be shared by machines whose processors round differently.
    where = json.dumps([model.sha256, str(backend.info), platform.node(), max_batch])
    path = cache.folder / f"{hashlib.sha256(where.encode()).hexdigest()[:32]}.verdict.json"

    def keep(verdict: Verdict) -> None:
        make_private_folder(cache.folder)
        write_private(path, json.dumps(verdict, allow_nan=False).encode())

    return _gated(backend, model, cache, max_batch, _read_verdict(path), keep)


def _read_verdict(path: Path) -> Verdict | None:
    """What was kept; None where there is nothing that can be trusted, which costs a full check."""
    if not path.exists():
        return None
    try:
        verdict = json.loads(read_private(path))
    except (EngineError, ValueError) as error:
        _LOG.warning("the verdict of the acceptance gate is found anew: %s", error)
        return None
    return verdict if isinstance(verdict, dict) else None


def _gated(
    backend: InferenceBackend,
    model: ModelFile,
    cache: EngineCache,
    max_batch: int,
    verdict: Verdict | None,
    keep: Callable[[Verdict], None],
) -> InferenceBackend:
    """The backend, after the gate; closed where it is refused."""
    try:
        frames = golden_frames(model.card)
        reference = reference_outputs(model, frames, cache.folder / "references")

        def check(is_quick: bool) -> GateReport:
            return check_backend(
                backend, frames, reference, onnx_sha256=model.sha256, batch=max_batch, is_quick=is_quick
            )

        report = check(is_quick=verdict is not None)
        require_accepted(report)
        if not report.is_complete and not is_accepted_verdict(verdict, report.to_dict()):
            report = check(is_quick=False)
            require_accepted(report)
        if report.is_complete:
            _keep(keep, report)
    except InferenceError as error:
        backend.close()
        raise EngineError(f"model {model.card.name} does not run on {backend.info.runtime}: {error}") from error
    except BaseException:
        backend.close()
        raise
    return backend


def _keep(keep: Callable[[Verdict], None], report: GateReport) -> None:
    """A disk that does not take it costs time at the next start, nothing else."""
    try:
        keep(report.to_dict())
    except EngineError as error:
        _LOG.warning("the verdict of the acceptance gate is not kept: %s", error)
