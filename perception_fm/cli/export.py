"""`perception-fm export`: a model of the zoo, an encoder or a checkpoint becomes one ONNX file."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from perception_fm.errors import ModelError

if TYPE_CHECKING:
    from perception_fm.models.card import ModelCard
    from perception_fm.models.export_file import FileReport
    from perception_fm.models.exportable import ExportOptions

_KIND_OF_DIFFERENCE = {"depth": "relative", "label": "share of cells"}
_LAYOUTS = ("tensorrt", "onnxruntime")


class _Size(click.ParamType):  # type: ignore[type-arg]
    """WxH as (width, height)."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Two positive whole numbers."""
        parts = str(value).lower().split("x")
        if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no size such as 640x384", param, ctx)
        return int(parts[0]), int(parts[1])


@click.command(name="export")
@click.argument("model", metavar="NAME_OR_SAFETENSORS")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="ONNX file to write [default: where the parameter `model: NAME` finds it, beside a checkpoint, or "
    "bundled.onnx here]; a .safetensors file gets the weights, to be trained on.",
)
@click.option("--precision", type=click.Choice(["fp32", "fp16", "int8"]), default="fp32", show_default=True)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="BAG",
    help="Bag whose camera images set the ranges of int8: the drives that the model will see.",
)
@click.option("--camera", metavar="NAME", help="Camera of the bag, where it has several.")
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Images to calibrate on, spread over the bag.",
)
@click.option(
    "--layout",
    type=click.Choice(_LAYOUTS),
    default="tensorrt",
    show_default=True,
    help="Which runtime the int8 file is for: TensorRT takes its own only; ONNX Runtime runs both, its own "
    "more than twice as fast.",
)
@click.option(
    "--stage",
    type=click.Choice(["fine", "coarse"]),
    default="fine",
    show_default=True,
    help="coarse stops at a sixteenth of the resolution, without the fine decoder.",
)
@click.option("--size", type=_Size(), help="Width and height of the input in pixels [default: the model's own].")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="T",
    help="Divide the logits by this, so that the confidence is calibrated [default: the model's own].",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE.onnx",
    help="Wrap this depth network instead of the pulled one (models of kind onnx).",
)
def command(
    model: str,
    output: Path | None,
    precision: str,
    calibration: Path | None,
    camera: str | None,
    frames: int,
    layout: str,
    stage: str,
    size: tuple[int, int] | None,
    temperature: float | None,
    source: Path | None,
) -> None:
    """Write one ONNX file that ONNX Runtime and TensorRT run: camera bytes in, metres and classes out.

    NAME_OR_SAFETENSORS is a pulled model of the zoo (perception-fm models list), a checkpoint of perception-fm train,
    or an encoder (efficientnet_lite0, efficientnet_lite2, dinov2_small, dinov3_base, ...), which gets untrained heads.
    Licence, label map, normalisation, focal length and hash travel inside the file.

    \b
    Examples:
      perception-fm export bundled
      perception-fm export run7/best.safetensors -o road.onnx --precision fp16
      perception-fm export run7/best.safetensors -o road.safetensors --precision fp16
      perception-fm export bundled -o cpu.onnx --precision int8 --calibration drive/ --layout onnxruntime
    """
    if precision == "int8" and calibration is None:
        raise click.UsageError("--precision int8 needs --calibration BAG: ranges are measured on images, not guessed")
    from perception_fm.models.exportable import ExportOptions  # heavy imports only now: --help is instant

    target = output or _default_target(model)
    options = ExportOptions(*(size or (None, None)), stage, temperature)
    if target.suffix == ".safetensors":
        _write_weights(model, options, precision, target)
        return
    network, graph, card = _model(model, source, options)
    from perception_fm.models.export_file import report_of, write_model_file

    with _images(calibration, camera, frames, precision) as (images, on_image):
        _make_folder(target.parent)
        write_model_file(
            network if graph is None else graph,
            card,
            target,
            precision,
            images=images,
            layout=layout,
            on_image=on_image,
        )
    for line in _lines(target, card, precision, report_of(target, network, card)):
        click.echo(line)
    if not card.is_trained:
        click.echo("note: the heads are NOT trained: the file runs, its answers mean nothing")


def _default_target(model: str) -> Path:
    """Beside a checkpoint; of a name, where the node looks for it; `bundled` itself stays the shipped file."""
    from perception_fm.models.cache import cache_folder, exported_path, packaged_path

    if model.endswith(".safetensors"):
        return Path(model).with_suffix(".onnx")
    if packaged_path(model).is_file():
        return Path(f"{model}.onnx")
    return exported_path(model, cache_folder())


def _write_weights(model: str, options: ExportOptions, precision: str, target: Path) -> None:
    """A network of this project as safetensors."""
    from perception_fm.models.cache import cache_folder
    from perception_fm.models.exportable import is_own, own_network
    from perception_fm.models.network.weights import save_network

    if precision == "int8" or options.stage != "fine" or not is_own(model):
        raise ModelError(
            f"{target.name}: weights are written in fp32 or fp16 and at both stages, of a checkpoint, bundled, or an "
            "encoder"
        )
    network = own_network(model, options, cache=cache_folder())
    if options.temperature is not None:
        network.card = dataclasses.replace(network.card, temperature=options.temperature)
    _make_folder(target.parent)
    save_network(network, target, is_half=precision == "fp16")
    card = network.card
    click.echo(f"written:    {target}, {target.stat().st_size / 1e6:.1f} MB, {card.name}, {card.licence}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"cannot make the folder {folder}: {error.strerror}") from error


def _model(model: str, source: Path | None, options: ExportOptions) -> tuple[Any, Any, ModelCard]:
    """The raw network or, of an imported model, the graph; and its card."""
    from perception_fm.models.zoo_entries import ZOO

    if source is not None or (model in ZOO and ZOO[model].kind == "onnx"):
        return _imported(model, source, options)
    try:
        from perception_fm.models.exportable import exportable
    except ImportError as error:
        raise ModelError(f"export needs PyTorch and onnx: pip install 'perception_fm[models]' ({error})") from error
    network, card = exportable(model, options)
    return network, None, card


def _imported(model: str, source: Path | None, options: ExportOptions) -> tuple[None, Any, ModelCard]:
    """A foreign graph, wrapped."""
    from perception_fm.models.cache import cache_folder
    from perception_fm.models.foundation.imported import import_depth
    from perception_fm.models.lock import locked_folders
    from perception_fm.models.zoo import entry_named

    entry, revision = entry_named(model), None
    if entry.kind != "onnx":
        raise ModelError(f"--from is for models that are ONNX files already; {model} is a {entry.kind}")
    if options.stage != "fine":
        raise ModelError(f"model {model} has no coarse stage; only networks of this project have one")
    if source is None:
        folder, locked = locked_folders(entry, cache_folder())[entry.parts[0].role]
        source, revision = (
            folder / next(name for name in sorted(locked.sha256) if name.endswith(".onnx")),
            locked.revision,
        )
    graph, card = import_depth(entry, source, height=options.height, width=options.width, revision=revision)
    return None, graph, card


@contextlib.contextmanager
def _images(
    bag: Path | None, camera: str | None, count: int, precision: str
) -> Iterator[tuple[Any, Callable[[int], None]]]:
    """Calibration images, and what shows their progress."""
    if bag is None or precision != "int8":
        yield (), lambda done: None
        return
    from perception_fm.bags.camera_images import camera_images
    from perception_fm.bags.reader import BagReader
    from perception_fm.ros.bag_topics import find_topics

    with BagReader(bag) as reader, tqdm(unit="image", desc="calibrate", disable=not sys.stderr.isatty()) as bar:
        topic = find_topics(reader.counts, reader.topics, camera).image
        bar.total = min(count, reader.counts[topic])
        yield camera_images(reader, topic, count), lambda done: bar.update(done - bar.n)


def _lines(path: Path, card: ModelCard, precision: str, report: FileReport) -> list[str]:
    """The closing table."""
    commercial = "commercial use allowed" if card.is_commercial else "NO commercial use"
    lines = [
        f"written:    {path}",
        f"model:      {card.name}, {card.licence}, {commercial}",
        f"input:      {card.input_width}x{card.input_height}, output stride {card.output_stride}, {card.stage}",
        f"precision:  {precision}, {report.size_mb:.1f} MB, {report.node_count} nodes",
        f"time:       {report.median_ms:.1f} ms in ONNX Runtime here, median for one image",
    ]
    if report.differences:
        lines.append("greatest difference to PyTorch on the golden frames:")
    for head, value in report.differences.items():
        lines.append(f"  {head:20s} {value:9.2e}  {_KIND_OF_DIFFERENCE.get(head, 'absolute')}")
    return lines
