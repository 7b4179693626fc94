"""`perception-fm build-engine`: a model file into a TensorRT engine, cached for this user."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perception_fm.cli import EXIT_CHECK_FAILED
from perception_fm.cli.progress import phase_progress
from perception_fm.errors import EngineError

if TYPE_CHECKING:
    from perception_fm.inference.engine_cache import EngineCache
    from perception_fm.inference.engine_file import StoredEngine
    from perception_fm.inference.gate_report import GateReport
    from perception_fm.inference.model_file import ModelFile
    from perception_fm.inference.tensorrt_.builder import BuildOptions
    from perception_fm.inference.tensorrt_.library import Library

_NOT_JUDGED = "not run, the engine was built ahead of time: the node runs it on its GPU, before the first frame"
_LIBRARIES = ("auto", "tensorrt", "tensorrt_rtx")


@click.command(name="build-engine")
@click.argument("model")
@click.option(
    "--library",
    "library_name",
    type=click.Choice(_LIBRARIES),
    default="auto",
    show_default=True,
    help="Which TensorRT; auto takes tensorrt, else tensorrt_rtx.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="SM89",
    help="Build for this compute capability with no such GPU here (tensorrt_rtx); may be given again.",
)
@click.option(
    "--max-batch",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Images per call, at most: the number of cameras.",
)
@click.option(
    "--workspace-mib",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="GPU memory that one layer may use while it runs.",
)
@click.option("--tf32", is_flag=True, help="Let FP32 factors be rounded to TF32: faster, 10 bits of mantissa.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the engine here as well.")
def command(
    model: str,
    library_name: str,
    targets: tuple[str, ...],
    max_batch: int,
    workspace_mib: int,
    tf32: bool,
    output: Path | None,
) -> int:
    """Compile MODEL, a name of the zoo or an ONNX file, for the GPU of this machine or for --target.

    The precision is that of the file: export FP16 or INT8 to get it. The engine is kept in the cache of this user,
    where the node looks for it. One that was built for this machine runs the acceptance gate now; exit status 1 where
    its answers are too far from those of the file.
    """
    if output is not None and len(targets) > 1:
        raise click.UsageError("one --target only with --output: each engine is a file of its own")
    from perception_fm.inference.tensorrt_.builder import BuildOptions  # heavy imports only now: --help is instant
    from perception_fm.inference.tensorrt_.library import load_library

    library = load_library(library_name)
    is_accepted = True
    for target in targets or (None,):
        options = BuildOptions(max_batch, workspace_mib, tf32, target)
        is_accepted &= _build(model, library, options, output)
    return 0 if is_accepted else EXIT_CHECK_FAILED


def _build(name: str, library: Library, options: BuildOptions, output: Path | None) -> bool:
    """One engine, and the lines about it; False where the gate refuses it."""
    from perception_fm.inference.engine_cache import EngineCache
    from perception_fm.inference.engine_file import write_engine
    from perception_fm.inference.known_bad import known_bad_line
    from perception_fm.inference.model_file import read_model_file
    from perception_fm.inference.tensorrt_.obtain import obtain_engine
    from perception_fm.models.locate import resolve_model

    model = read_model_file(resolve_model(name))
    warning = known_bad_line(library.name, library.version)
    if warning:
        _warn(warning)
    cache = EngineCache(say=_note)
    started_s = time.monotonic()
    with phase_progress() as on_progress:
        stored = obtain_engine(model, options, cache, on_progress, library=library)
    took_s = time.monotonic() - started_s
    report = None
    if options.target is None:
        stored, report = _judged(stored, model, cache, library, options)
    if output is not None:
        write_engine(output, stored.engine, stored.record)
    for line in _lines(stored, library, options, took_s, report):
        click.echo(line)
    if output is not None:
        click.echo(f"written:     {output}")
    elif stored.path is None:
        raise EngineError("the engine was built but is kept nowhere: free the disk of the cache, or name an --output")
    return report is None or report.is_accepted


def _judged(
    stored: StoredEngine, model: ModelFile, cache: EngineCache, library: Library, options: BuildOptions
) -> tuple[StoredEngine, GateReport]:
    """The engine with the verdict of the acceptance gate in its record, and that verdict."""
    from perception_fm.inference.gate import check_backend
    from perception_fm.inference.golden_frames import golden_frames
    from perception_fm.inference.reference import reference_outputs
    from perception_fm.inference.tensorrt_.obtain import start_engine

    frames = golden_frames(model.card)
    reference = reference_outputs(model, frames, cache.folder / "references")
    with start_engine(stored, library) as backend:
        report = check_backend(backend, frames, reference, onnx_sha256=model.sha256, batch=options.max_batch)
    return cache.write_gate(stored, report.to_dict()), report


def _lines(
    stored: StoredEngine, library: Library, options: BuildOptions, took_s: float, report: GateReport | None
) -> list[str]:
    """What came out."""
    record = stored.record
    fingerprint = record.fingerprint
    device = fingerprint.gpu or f"every GPU of compute capability {fingerprint.capability}"
    precision = record.precision if report is None else report.info.precision
    return [
        f"engine:      {record.card.name} for {device}, {_images(options.max_batch)} per call",
        f"library:     {library.name} {library.version}",
        f"size:        {record.byte_count / 1e6:.1f} MB, in {took_s:.1f} s",
        f"precision:   {precision}, the model file says {record.card.precision}",
        f"fingerprint: {fingerprint.digest}",
        f"cached:      {stored.path or 'no, see above'}",
        f"gate:        {_NOT_JUDGED if report is None else report.table()}",
    ]


def _images(max_batch: int) -> str:
    return "1 image" if max_batch == 1 else f"1 to {max_batch} images"


def _note(line: str) -> None:
    click.echo(f"note: {line}", err=True)


def _warn(line: str) -> None:
    click.secho(f"warning: {line}", fg="yellow", err=True)
