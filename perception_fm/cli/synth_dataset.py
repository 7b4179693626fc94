"""`perception-fm synth dataset`: training frames in shards."""

from __future__ import annotations

import os
from pathlib import Path

import click

from perception_fm.cli.progress import progress
from perception_fm.cli.synth_extra import require_extra


@click.command("dataset")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the shards.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=lambda: os.cpu_count() or 1,
    help="Processes; default: one per core.",
)
def dataset(spec: Path, output: Path, workers: int) -> None:
    """Render training frames with ground truth into WebDataset shards, as a specification in YAML says.

    The same command goes on where an earlier run stopped, whatever stopped it. What a shard holds depends on the
    specification alone, not on the number of processes.
    """
    require_extra()
    from perception_fm.synth.dataset.config import read_spec
    from perception_fm.synth.dataset.dataset import DatasetWriter, read_index
    from perception_fm.synth.dataset.source import simulated

    writer = DatasetWriter(read_spec(spec), output, simulated)
    for _ in progress(writer.write(workers), writer.frames_missing):
        pass
    index = read_index(output)
    click.echo(
        f"{output}: {index['frames']} frames of {index['worlds']} worlds in {index['shards']} shards, "
        f"{index['frames_with_painted_surfaces']} with painted surfaces"
    )
