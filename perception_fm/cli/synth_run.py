"""`perception-fm synth run` and `synth cases`: recordings of scenarios."""

from __future__ import annotations

from pathlib import Path

import click

from perception_fm.cli.progress import progress
from perception_fm.cli.synth_extra import require_extra


@click.command("run")
@click.argument("scenario")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Bag to write.")
@click.option("--case", "wanted", metavar="NAME|N", help="Case of a file that has several.  [default: the first]")
@click.option("--split", type=click.Choice(["dev", "test"]), help="Split of the cases.  [default: dev]")
@click.option("--seed", type=int, help="Another world, drive and noise; of a split only its own seeds.")
@click.option("-s", "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting: drive.speed_mps=20.")
@click.option(
    "--truth",
    default="light",
    show_default=True,
    help="Ground truth: all, light (poses and speed), none, or channels such as depth,label.",
)
@click.option("--raw", "is_raw", is_flag=True, help="Images uncompressed.")
@click.option("--overwrite", is_flag=True, help="Replace a bag of that name.")
def run(
    scenario: str,
    output: Path,
    wanted: str | None,
    split: str | None,
    seed: int | None,
    assignments: tuple[str, ...],
    truth: str,
    is_raw: bool,
    overwrite: bool,
) -> None:
    """Render a scenario into an MCAP bag like a vehicle's own recording, with exact ground truth beside it.

    SCENARIO is a YAML file or the name of one that comes with the package: demo, plain_wall, painted_wall, free_road,
    traffic, phantoms, odometry, small_obstacles (docs/data_format.md). The bag appears under its name only when it is
    complete.
    """
    require_extra()
    from perception_fm.synth.recording import record
    from perception_fm.synth.scenario.cases import find_case
    from perception_fm.synth.simulation import Simulation

    given = [*assignments, *([f"seed={seed}"] if seed is not None else [])]
    chosen = find_case(scenario, split, wanted).scenario(given)
    frames = len(Simulation(chosen))
    for _ in progress(record(chosen, output, truth=truth, is_raw=is_raw, overwrite=overwrite), frames):
        pass
    size_mb = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    click.echo(f"{output}: {frames} frames of {chosen.name}, seed {chosen.seed}, {size_mb:.1f} MB")


@click.command("cases")
@click.argument("scenario", required=False)
@click.option("--split", type=click.Choice(["dev", "test"]), help="Split of the cases.  [default: dev]")
def cases(scenario: str | None, split: str | None) -> None:
    """List the cases of a scenario file with their seeds; without SCENARIO, the files that come with the package."""
    require_extra()
    from perception_fm.synth.scenario.cases import cases as cases_of
    from perception_fm.synth.scenario.library import library

    if scenario is None:
        for name, file in library().items():
            click.echo(f"{name}  {file}")
        return
    for case in cases_of(scenario, split):
        click.echo(f"{case.name}  seed {case.seed}")
