"""`perception-fm evaluate fakewall`: the benchmark of painted walls."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perception_fm.cli.progress import progress
from perception_fm.config import PerceptionConfig
from perception_fm.errors import ConfigError

if TYPE_CHECKING:
    from perception_fm.evaluation.fake_wall_benchmark.drive_plan import PlannedDrive

_SIZE = re.compile(r"([1-9]\d*)x([1-9]\d*)")
_PART = re.compile(r"([1-9]\d*)/([1-9]\d*)")
_SUITES = ("painted_wall", "plain_wall", "odometry", "free_road", "traffic", "phantoms")


@click.command("fakewall")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option(
    "--split", type=click.Choice(["dev", "test"]), default="dev", show_default=True,
    help="dev to look at while working; test once constants are settled.",
)
@click.option(
    "--suite", "suites", multiple=True, type=click.Choice(_SUITES),
    help="Scenario file; may be repeated.  [default: all, unless --drive is given]",
)
@click.option(
    "--drive", "folders", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
    help="Real drive folder with poses: run as it is, and with walls pasted into it; may be repeated.",
)
@click.option(
    "--share", type=click.FloatRange(0.0, 1.0, min_open=True), default=1.0, show_default=True,
    help="Of the cases of every suite, spread evenly.",
)
@click.option("--size", metavar="WxH", help="Image size; the field of view stays.  [default: as the scenarios say]")
@click.option("--model", default="bundled", show_default=True, help="Network under test, or none.")
@click.option("--no-rivals", is_flag=True, help="Leave baselines and ablations out.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--ray", "ray_address", metavar="ADDRESS", help="Run on a Ray cluster (auto, or host:port) instead.")
@click.option("--part", metavar="K/N", help="Only every N-th drive, beginning with the K-th: for several machines.")
@click.option("--judge-only", is_flag=True, help="Run nothing: judge the drives that are there.")
@click.option("--rerun", is_flag=True, help="Run again what is there: the code has changed.")
def fakewall(
    output: Path, split: str, suites: tuple[str, ...], folders: tuple[Path, ...], share: float, size: str | None,
    model: str, no_rivals: bool, workers: int, ray_address: str | None, part: str | None,
    judge_only: bool, rerun: bool,
) -> None:  # fmt: skip
    """Drive at painted walls and along streets without any, and judge what is said about them.

    Every frame goes through the method without a network, with networks that believe the picture (exactly, and off by a
    smooth 15% and 30%) and with the model, and, in the same run, through three baselines and the method with each gate
    taken out. Walls count as found where an obstacle is confirmed on their true plane; naming them is scored apart.

    OUTPUT gets drives/NAME.json, one per drive with every frame's claims, fakewall.json and report.html. A drive whose
    file is there is not run again, so the command goes on where it was stopped; parts of several machines add up when
    their drives/ are put together and the command is given once more without --part.

    \b
    perception-fm evaluate fakewall -o out/fakewall --share 0.1 --size 640x384 --workers 2
    perception-fm evaluate fakewall -o out/fakewall_real --drive drives/morning
    """
    from perception_fm.evaluation.fake_wall_benchmark.drive_run import BenchmarkSettings, discard, is_made

    settings = BenchmarkSettings(output, PerceptionConfig(), model, not no_rivals)
    drives = _planned(suites, folders, split, share, size, part)
    if rerun and judge_only:
        raise ConfigError("--rerun and --judge-only exclude each other")
    if rerun:
        for drive in drives:
            discard(drive, settings)
    waiting = [drive for drive in drives if not is_made(drive, settings)]
    click.echo(f"{len(drives)} drives, {len(drives) - len(waiting)} of them are there already")
    if judge_only:
        drives = [drive for drive in drives if is_made(drive, settings)]
        if not drives:
            raise ConfigError(f"{output} holds no finished drive of these: leave --judge-only out")
    elif ray_address is not None:
        from perception_fm.evaluation.fake_wall_benchmark.many_drives import run_drives_on_ray

        for _ in progress(run_drives_on_ray(waiting, settings, ray_address), len(waiting), unit="drive"):
            pass
    else:
        from perception_fm.evaluation.fake_wall_benchmark.many_drives import run_drives

        for _ in progress(run_drives(waiting, settings, workers), None):
            pass
    command = _command(output, split, suites, folders, share, size, model, no_rivals)
    _judge(drives, settings, split, command)


def _judge(drives: list[PlannedDrive], settings: Any, split: str, command: str) -> None:
    from perception_fm.evaluation.fake_wall_benchmark.benchmark_report import benchmark_document, write_benchmark
    from perception_fm.evaluation.fake_wall_benchmark.judging import judge

    judged, latency_ms = judge(drives, settings)
    document = benchmark_document(judged, split, command, latency_ms)
    report = write_benchmark(document, judged, settings)
    for line in summary_lines(document):
        click.echo(line)
    click.echo(f"report: {report}")


def summary_lines(document: Mapping[str, Any]) -> list[str]:
    """The figures for a terminal."""
    summary = document["summary"]
    lines = [f"{summary['drives']} drives, {summary['length_km']:.2f} km, {60.0 * summary['hours']:.1f} min"]
    for name, figures in summary["detectors"].items():
        walls, streets = figures["walls"], figures["streets"]
        low, high = walls["in_time_interval"]
        lines.append(
            f"{name}: {walls['in_time']} of {walls['drives']} walls in time "
            f"({100.0 * low:.0f} to {100.0 * high:.0f}%), "
            f"confirmed {walls['confirmed']} at {walls['range_median_m']:.1f} m, named {walls['named']}; "
            f"{streets['false_events']} false alarms in {streets['drives']} other drives "
            f"(below {streets['per_km_upper']:.1f} per km), {streets['false_names']} false names"
        )
        if figures["real"]["drives"]:
            lines.append(
                f"  real drives: {figures['real']['false_events']} alarms in {figures['real']['drives']}; "
                f"pasted walls in time {figures['composites']['in_time']} of {figures['composites']['drives']}"
            )
    return lines


def _planned(
    suites: tuple[str, ...], folders: tuple[Path, ...], split: str, share: float, size: str | None, part: str | None
) -> list[PlannedDrive]:
    """Every drive that is asked for. Raises `ConfigError` before anything is rendered."""
    from perception_fm.evaluation.fake_wall_benchmark.drive_plan import (
        interleaved,
        part_of,
        real_drives,
        scenario_drives,
    )
    from perception_fm.evaluation.scenario_suite import unique

    resolution = None
    if size is not None:
        match = _SIZE.fullmatch(size)
        if match is None:
            raise ConfigError(f"--size is WIDTHxHEIGHT, such as 640x384, got {size!r}")
        resolution = (int(match[1]), int(match[2]))
    chosen = suites or (() if folders else _SUITES)
    found = [list(scenario_drives(suite, split, share, resolution)) for suite in chosen]
    found += [list(real_drives(folder)) for folder in folders]
    drives = interleaved(found)
    if part is not None:
        match = _PART.fullmatch(part)
        if match is None:
            raise ConfigError(f"--part is K/N, such as 2/4, got {part!r}")
        drives = part_of(drives, int(match[1]), int(match[2]))
    return unique(drives)


def _command(
    output: Path, split: str, suites: tuple[str, ...], folders: tuple[Path, ...], share: float, size: str | None,
    model: str, no_rivals: bool,
) -> str:  # fmt: skip
    """What gives the same result again."""
    words = ["perception-fm", "evaluate", "fakewall", "-o", str(output), "--split", split]
    words += [word for suite in suites for word in ("--suite", suite)]
    words += [word for folder in folders for word in ("--drive", str(folder))]
    words += ["--share", f"{share:g}"] if share < 1.0 else []
    words += ["--size", size] if size is not None else []
    words += ["--model", model] if model != "bundled" else []
    words += ["--no-rivals"] if no_rivals else []
    return shlex.join(words)
