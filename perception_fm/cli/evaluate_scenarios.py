"""`perception-fm evaluate scenarios`: the pipeline on rendered drives, judged by their truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perception_fm.cli.progress import progress
from perception_fm.config import NodeConfig
from perception_fm.errors import ConfigError

if TYPE_CHECKING:
    from perception_fm.synth.scenario.scenario import Scenario

_SIZE = re.compile(r"([0-9]+)x([0-9]+)")


@click.command("scenarios")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--split", type=click.Choice(["dev", "test"]), help="Split of the cases.  [default: dev]")
@click.option("--cases", "count", type=click.IntRange(min=1), help="The first cases of each file.  [default: all]")
@click.option("--case", "wanted", multiple=True, metavar="NAME|N", help="This case of each file; may be repeated.")
@click.option("-s", "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting: drive.speed_mps=20.")
@click.option("--size", metavar="WxH", help="Image size; the field of view stays.  [default: as the scenario says]")
@click.option("--discard-bags", is_flag=True, help="Remove each recording when it is judged.")
@click.option("--rerun", is_flag=True, help="Run the pipeline again where results are there: its code has changed.")
def command(
    names: tuple[str, ...],
    output: Path,
    split: str | None,
    count: int | None,
    wanted: tuple[str, ...],
    assignments: tuple[str, ...],
    size: str | None,
    discard_bags: bool,
    rerun: bool,
) -> None:
    """Render scenarios, run the pipeline on them as `perception-fm run` does, and judge it by the truth.

    NAME is a scenario file or the name of one that comes with the package, and may name its cases itself:
    painted_wall:10,41 plain_wall:0. Every case gets a folder in OUTPUT with its bag, the results of the run, and the
    truth; scenarios.json and report.html hold the figures of all. What an earlier call has finished is not made again.
    """
    from perception_fm.evaluation.results import write_json
    from perception_fm.evaluation.scenario_report import write_scenario_report
    from perception_fm.evaluation.scenario_suite import CaseFolder, evaluate_case
    from perception_fm.evaluation.scenario_summary import (
        NAME,
        scenarios_document,
        score_line,
        summarise_scenarios,
        summary_lines,
    )
    from perception_fm.evaluation.scenario_truth import read_truth
    from perception_fm.ros.bag_run import VIDEO_NAME, run_bag

    config = NodeConfig(model="none")  # what is scored comes from the geometry
    scenarios = _scenarios(names, split, count, wanted, assignments, size)
    scored = []
    for number, scenario in enumerate(scenarios, 1):
        folder = CaseFolder(output / scenario.name)
        score = evaluate_case(
            scenario,
            folder,
            config,
            lambda bag, results: run_bag(bag, results, config, overwrite=True, progress=progress),
            keeps_bag=not discard_bags,
            is_run_again=rerun,
            progress=progress,
        )
        click.echo(f"[{number}/{len(scenarios)}] {score_line(score)}")
        scored.append((score, read_truth(folder.truth)))
    scores = [score for score, _ in scored]
    write_json(output / NAME, scenarios_document(scores))
    report = write_scenario_report(output, scored, VIDEO_NAME)
    for line in summary_lines(summarise_scenarios(scores)):
        click.echo(line)
    click.echo(f"report: {report}")


def _scenarios(
    names: tuple[str, ...],
    split: str | None,
    count: int | None,
    wanted: tuple[str, ...],
    assignments: tuple[str, ...],
    size: str | None,
) -> list[Scenario]:
    """All that is asked for, each once. Raises `ConfigError` before anything is rendered."""
    from perception_fm.evaluation.scenario_suite import chosen_cases, resized, unique

    if count is not None and wanted:
        raise ConfigError("--cases and --case exclude each other")
    scenarios = [case for name in names for case in chosen_cases(name, split, count, wanted, assignments)]
    if size is not None:
        match = _SIZE.fullmatch(size)
        if match is None:
            raise ConfigError(f"--size is WIDTHxHEIGHT, such as 640x384, got {size!r}")
        scenarios = [resized(scenario, int(match[1]), int(match[2])) for scenario in scenarios]
    return unique(scenarios)
