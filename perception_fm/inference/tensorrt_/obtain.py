"""From a model file to an engine for this machine: from the cache, or built."""

from __future__ import annotations

import json

from perception_fm.errors import EngineError
from perception_fm.inference.engine_cache import EngineCache
from perception_fm.inference.engine_file import EngineRecord, StoredEngine, record_of
from perception_fm.inference.fingerprint import EngineFingerprint
from perception_fm.inference.model_file import ModelFile
from perception_fm.inference.tensorrt_.builder import BuildOptions, build_engine, checked_target
from perception_fm.inference.tensorrt_.cuda_memory import current_gpu
from perception_fm.inference.tensorrt_.engine import TensorRtBackend
from perception_fm.inference.tensorrt_.library import Library
from perception_fm.inference.tensorrt_.progress import OnProgress


def fingerprint_of(model: ModelFile, options: BuildOptions, library: Library) -> EngineFingerprint:
    """Everything that the engine of a model file depends on.

    An engine of TensorRT for RTX compiles its kernels where it is loaded: it is for a capability, whatever the GPU is
    called. Raises `EngineError` where there is no GPU and no target.
    """
    target = checked_target(library, options.target)
    card = model.card
    gpu = None if target else current_gpu()
    return EngineFingerprint(
        model=card.name,
        onnx_sha256=model.sha256,
        library=library.name,
        library_version=library.version,
        gpu="" if gpu is None else gpu.name,
        capability=f"{target[2:-1]}.{target[-1]}" if gpu is None else gpu.capability,
        driver="" if gpu is None else gpu.driver,
        precision=card.precision,
        input_shape=(options.max_batch, card.input_height, card.input_width, 3),
        options=json.dumps({"has_tf32": options.has_tf32, "workspace_mib": options.workspace_mib}, sort_keys=True),
    )


def obtain_engine(
    model: ModelFile,
    options: BuildOptions,
    cache: EngineCache,
    on_progress: OnProgress = lambda phase, step, steps: None,
    *,
    library: Library,
) -> StoredEngine:
    """The engine of a model file, from the cache or built now, with progress.

    Raises `EngineError` for a cached engine that must not be loaded and for what the library refuses, `ModelError` for
    a model that it cannot take.
    """
    fingerprint = fingerprint_of(model, options, library)

    def build() -> tuple[bytes, EngineRecord]:
        timings = cache.read_timings(fingerprint) if library.has_timing_cache else b""
        built = build_engine(
            model.read_bytes(), options, on_progress, library=library, where=str(model.path), timing_cache=timings
        )
        if built.timing_cache:
            cache.write_timings(fingerprint, built.timing_cache)
        return built.engine, record_of(built.engine, fingerprint, model.card, built.precision, built.log)

    return cache.obtain(fingerprint, build)


def start_engine(stored: StoredEngine, library: Library) -> TensorRtBackend:
    """The engine on the GPU. Raises `EngineError` where library, GPU and engine do not go together."""
    record = stored.record
    if record.fingerprint.library != library.name:
        raise EngineError(f"the engine of {record.card.name} is for {record.fingerprint.library}, not {library.name}")
    return TensorRtBackend(
        stored.engine,
        record.card,
        library=library,
        precision=record.precision,
        fingerprint=record.fingerprint.digest,
    )
