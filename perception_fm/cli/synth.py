"""`perception-fm synth`: clips with exact ground truth."""

from __future__ import annotations

import click

from perception_fm.cli import synth_composite, synth_dataset, synth_run, synth_sheet


@click.group("synth")
def command() -> None:
    """Make synthetic clips with exact ground truth."""


command.add_command(synth_composite.composite)
command.add_command(synth_dataset.dataset)
command.add_command(synth_run.run)
command.add_command(synth_run.cases)
command.add_command(synth_sheet.sheet)
