"""`perception-fm synth sheet`: scenes to look at."""

from __future__ import annotations

import os
from pathlib import Path

import click

from perception_fm.cli.progress import progress
from perception_fm.cli.synth_extra import require_extra
from perception_fm.errors import BagError


@click.command("sheet")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Image to write (.jpg or .png).")
@click.option("--columns", default=4, show_default=True, type=click.IntRange(1, 12), help="Pictures side by side.")
@click.option("--tile-width", default=480, show_default=True, type=click.IntRange(64, 4096), help="Of a picture, px.")
def sheet(spec: Path | None, output: Path, columns: int, tile_width: int) -> None:
    """Render scenes of several scenarios onto one image, to see what they look like.

    SPEC is a YAML file with `common` settings and a list of `shots` (caption, scenario, set, before_wall_m or time_s,
    channel); without it the contact sheet of the documentation is drawn (config/contact_sheet.yaml).
    """
    require_extra()
    import cv2

    from perception_fm.synth.contact_sheet import draw_tiles, read_sheet, sheet_of
    from perception_fm.synth.scenario.library import config_file

    _refuse_output(output)
    shots = read_sheet(spec or config_file("contact_sheet.yaml"))
    tiles = list(progress(draw_tiles(shots, tile_width), len(shots), "picture"))
    if not cv2.imwrite(str(output), sheet_of(tiles, columns), [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise BagError(f"cannot write {output}")
    click.echo(f"{output}: {len(tiles)} pictures")


def _refuse_output(output: Path) -> None:
    """Told before the rendering, not after."""
    if output.suffix not in (".jpg", ".png"):
        raise BagError(f"a sheet is a .jpg or .png, got {output}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BagError(f"cannot write {output}: {error.strerror}") from error
    if output.is_dir() or not os.access(output.parent, os.W_OK | os.X_OK):
        raise BagError(f"cannot write {output}")
