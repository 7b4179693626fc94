"""An ONNX file's content into a TensorRT engine: strongly typed, so the precision is that of the ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perception_fm.errors import EngineError, ModelError
from perception_fm.inference.tensorrt_.cuda_memory import current_gpu
from perception_fm.inference.tensorrt_.library import Library
from perception_fm.inference.tensorrt_.messages import MessageLog, one_line
from perception_fm.inference.tensorrt_.precision import network_precision
from perception_fm.inference.tensorrt_.progress import BuildWatch, OnProgress

_MIB = 1024 * 1024


@dataclass(frozen=True)
class BuildOptions:
    """What shapes an engine besides the model. Raises `EngineError` for values that are not positive.

    `max_batch`: images per call, at most; the engine is tuned for that many. `workspace_mib`: memory on the GPU that a
    layer may use while it runs. `has_tf32`: whether fp32 factors may be rounded to TF32, 10 bits of mantissa; the
    precision is then called tf32. `target`: compute capability to build for with no such GPU here (TensorRT for RTX),
    as in SM89; None builds for the GPU of this machine.
    """

    max_batch: int = 1
    workspace_mib: int = 1024
    has_tf32: bool = False
    target: str | None = None

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.workspace_mib < 1:
            raise EngineError(
                f"batch and workspace are at least 1, got {self.max_batch} images and {self.workspace_mib} MiB"
            )


@dataclass(frozen=True)
class BuiltEngine:
    """A serialised engine as it came from the builder.

    `precision`: of the typed network (see `network_precision`). `log`: the library's warnings. `timing_cache`: for the
    next build; empty where the library has none.
    """

    engine: bytes
    precision: str
    log: tuple[str, ...]
    timing_cache: bytes


def build_engine(
    model: bytes,
    options: BuildOptions,
    on_progress: OnProgress = lambda phase, step, steps: None,
    *,
    library: Library,
    where: str,
    timing_cache: bytes = b"",
) -> BuiltEngine:
    """The engine of an ONNX file's content; `where` names the file in messages.

    Raises `ModelError` for what cannot be parsed and for a batch that the model does not take, `EngineError` where the
    library refuses (no GPU and no target, unknown target, out of memory), and whatever `on_progress` raises.
    """
    trt, messages = library.module, MessageLog(library.module)
    target = checked_target(library, options.target)
    try:
        builder = trt.Builder(messages.logger)
    except (TypeError, RuntimeError) as error:  # the binding's answer to a null pointer
        reason = messages.failure(str(error))
        raise EngineError(f"{library.name} {library.version} cannot build here: {reason}") from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parse(library, network, messages, model, where)
    config = _config(library, builder, options, target)
    _add_profile(builder, network, config, options.max_batch, where)
    precision = network_precision(network, options.has_tf32)
    watch = BuildWatch(trt, on_progress)
    config.progress_monitor = watch.monitor
    timings = _load_timings(library, config, timing_cache)
    serialised = builder.build_serialized_network(network, config)
    watch.raise_kept()
    if serialised is None:
        reason = messages.failure("it gave no reason")
        raise EngineError(f"{library.name} {library.version} cannot build {where} for {target or 'this GPU'}: {reason}")
    timing_cache = bytes(timings.serialize()) if timings is not None else b""
    return BuiltEngine(bytes(serialised), precision, tuple(messages.lines), timing_cache)


def checked_target(library: Library, target: str | None) -> str:
    """The capability to build for; "" where the library builds for the GPU that it finds.

    Raises `EngineError` for a target that the library does not have, and where there is neither target nor GPU.
    """
    if not library.targets:
        if target is not None:
            raise EngineError(f"{library.name} builds for the GPU of this machine alone: leave the target {target} out")
        return ""
    known = f"{library.name} {library.version} builds for {', '.join(library.targets)}"
    if target is None:
        try:
            target = current_gpu().target
        except EngineError as error:
            raise EngineError(f"{error}; name a target instead: {known}") from error
    if target not in library.targets:
        raise EngineError(f"{known}, not for {target}")
    return target


def parse(library: Library, network: Any, messages: MessageLog, model: bytes, where: str) -> None:
    """Fills the network from an ONNX file's content. Raises `ModelError` in one line: node, operator, what to do."""
    parser = library.module.OnnxParser(network, messages.logger)
    if parser.parse(model):
        return
    if not parser.num_errors:
        raise ModelError(f"{where}: {library.name} cannot read it: {messages.failure('it gave no reason')}")
    error = parser.get_error(0)
    more = f" (and {parser.num_errors - 1} more)" if parser.num_errors > 1 else ""
    if error.node() < 0:
        raise ModelError(
            f"{where} is no whole ONNX file: {one_line(error.desc()).rstrip('. ')}: copy or export it again"
        )
    raise ModelError(
        f"{where}: {library.name} {library.version} cannot take node {error.node_name() or error.node()}"
        f" (operator {error.node_operator()}){more}: {one_line(error.desc())}; export the model with operators that it"
        " has, or use the ONNX Runtime backend"
    )


def _config(library: Library, builder: Any, options: BuildOptions, target: str) -> Any:
    trt = library.module
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * _MIB)
    # Layer names, kernels and data types, so that the precision can be read from the finished engine.
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if options.has_tf32:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)
    if target:
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.__members__[target], 0)
    return config


def _add_profile(builder: Any, network: Any, config: Any, max_batch: int, where: str) -> None:
    """Lets the batch range from 1 to the most, where it is free. Raises `ModelError` where another size is free."""
    if network.num_inputs != 1:
        raise ModelError(f"{where} has {network.num_inputs} inputs instead of one image: copy or export it again")
    image = network.get_input(0)
    batch, *size = image.shape
    if min(size, default=-1) < 1:
        raise ModelError(f"{where}: only the batch may be free, but its input is {tuple(image.shape)}: export it again")
    if batch > 0:
        if batch != max_batch:
            raise ModelError(f"{where} takes {batch} images per call, not 1 to {max_batch}: build it with that batch")
        return
    profile = builder.create_optimization_profile()
    profile.set_shape(image.name, (1, *size), (max_batch, *size), (max_batch, *size))
    config.add_optimization_profile(profile)


def _load_timings(library: Library, config: Any, content: bytes) -> Any:
    """The timing cache of this build; one that does not fit the library or the GPU starts empty. None without."""
    if not library.has_timing_cache:
        return None
    cache = config.create_timing_cache(content)
    if not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache
