"""`perception-fm models`: what the zoo has, what one of its models is, and its weights from the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from perception_fm.cli import EXIT_CHECK_FAILED
from perception_fm.errors import ModelError
from perception_fm.models.cache import cache_folder
from perception_fm.models.locate import next_step, ready_file
from perception_fm.models.lock import is_pulled, read_lock
from perception_fm.models.zoo import Part, ZooEntry, entry_named
from perception_fm.models.zoo_entries import DEFAULT, ZOO

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")
_CACHE = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of weights and exported models [default: perception_fm in XDG_CACHE_HOME or ~/.cache].",
)


@click.group(name="models")
def command() -> None:
    """The zoo of named models: list them, show one, fetch its weights, check a converted file.

    A model comes to the vehicle in three steps, each told by the one before:

    \b
      perception-fm models list         what there is, and what a licence allows
      perception-fm models pull NAME    its weights; the first pull locks revision and hashes
      perception-fm export NAME         the ONNX file that the node's parameter `model: NAME` finds

    The bundled model needs no pull. Only safetensors, JSON and ONNX files are ever fetched. Without network everything
    that is here already keeps working.
    """


@command.command(name="list")
@_JSON
@_CACHE
def list_models(as_json: bool, cache: Path | None) -> None:
    """All models: heads, licence, commercial use, size, and what of each is here."""
    cache = cache or cache_folder()
    if as_json:
        click.echo(json.dumps([_record(entry, cache) for entry in ZOO.values()], indent=2))
        return
    header = ("NAME", "HEADS", "LICENCE", "COMMERCIAL", "SIZE", "HERE", "NOTE")
    rows = [header, *(_row(entry, cache) for entry in ZOO.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header) - 1)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


@command.command()
@click.argument("name")
@_JSON
@_CACHE
def info(name: str, as_json: bool, cache: Path | None) -> None:
    """Everything that is known of the model NAME: source, revision, hashes, licence, input, heads, labels."""
    cache = cache or cache_folder()
    record = _record(entry_named(name), cache)
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    for line in _lines(record):
        click.echo(line)


@command.command()
@click.argument("name")
@click.option("--endpoint", metavar="URL", help="Another hub than huggingface.co (also HF_ENDPOINT).")
@_JSON
@_CACHE
def pull(name: str, endpoint: str | None, as_json: bool, cache: Path | None) -> None:
    """Fetch the weights of the model NAME, or check those that are here.

    The first pull writes revision and SHA-256 of every file into zoo.lock.json; a later one refuses other bytes.
    """
    cache = cache or cache_folder()
    entry = entry_named(name)
    licence = entry.licence
    if entry.parts and not as_json:
        terms = "commercial use allowed" if licence.is_commercial else "NO commercial use"
        click.echo(f"{name}: {entry.size_mb:.0f} MB, {licence.name} ({terms}), {licence.source}", err=True)
    try:
        from perception_fm.models.pull import pull as fetch
    except ImportError as error:
        raise ModelError(f"pulling needs the package {error.name}: pip install 'perception_fm[models]'") from error
    folders = fetch(entry, cache=cache, endpoint=endpoint)
    if as_json:
        click.echo(json.dumps(_record(entry, cache), indent=2))
        return
    for role, folder in folders.items():
        click.echo(f"{role}: {folder}")
    click.echo(f"next: {next_step(entry, cache)}")


@command.command()
@click.argument("candidate", type=click.Path(path_type=Path))
@click.argument("reference", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")
@click.pass_context
def check(ctx: click.Context, candidate: Path, reference: Path, as_json: bool) -> None:
    """Compare a converted file with the FP32 file that it was made from, on the golden frames.

    Both run in ONNX Runtime on the CPU. Exit status 1 where CANDIDATE is outside a tolerance of the acceptance gate.
    """
    from perception_fm.inference.open_backend import gate_files

    report = gate_files(candidate, reference)
    click.echo(report.to_json() if as_json else report.table())
    if not report.is_accepted:
        ctx.exit(EXIT_CHECK_FAILED)


@command.command("attach-error")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
def attach_error(model: Path, file: Path) -> None:
    """Put the depth error in FILE (perception-fm evaluate depth-error) into the card of MODEL.

    MODEL is an ONNX file, or a checkpoint in safetensors, whose exports then carry it. A model without a head for its
    own variance gets its standard deviations from there, and the test for fake walls its covariance.
    """
    try:
        from perception_fm.models.attach import attach_depth_error, read_depth_error

        card = attach_depth_error(model, read_depth_error(file))
    except ImportError as error:
        raise ModelError(f"attaching needs the package {error.name}: pip install 'perception_fm[models]'") from error
    click.echo(f"written: {model}, model {card.name} with its depth error")


@command.command("card")
@click.argument("model", metavar="RUN_OR_MODEL", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Markdown file to write.")
@click.option("--run", type=click.Path(path_type=Path), help="Run folder that a model file came from.")
@click.option(
    "--evaluation",
    "evaluations",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="JSON",
    help="depth.json, segmentation.json or shards.json of this model; several times.",
)
@click.option(
    "--known-failures", type=click.Path(path_type=Path), metavar="FILE", help="Text of the section on known failures."
)
def write_card(
    model: Path, output: Path, run: Path | None, evaluations: tuple[Path, ...], known_failures: Path | None
) -> None:  # fmt: skip
    """Write the model card: what the model is, how it was trained and on what, its figures, its known failures.

    RUN_OR_MODEL is a run folder of `perception-fm train`, whose best checkpoint is described, or a model file. Figures
    come from result files of the same weights; those of another model are refused.

    \b
    perception-fm models card runs/7 -o card.md --evaluation out/test/shards.json --known-failures failures.md
    perception-fm models card model.onnx --run runs/7 -o docs/model_card.md --evaluation out/depth/depth.json
    """
    from perception_fm.models.atomic_file import write_atomically
    from perception_fm.models.model_card import model_card, model_facts, read_evaluation
    from perception_fm.models.training_facts import training_facts
    from perception_fm.training.run_folder import RunFolder

    if model.is_dir():
        run, model = run or model, RunFolder(model).best
    training = None if run is None else training_facts(run)
    facts = model_facts(model)
    found = [read_evaluation(path, facts.card) for path in evaluations]
    failures = "" if known_failures is None else _text(known_failures)
    write_atomically(output, model_card(facts, training, found, failures).encode())
    click.echo(f"written: {output}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ModelError(f"cannot read {path}: {reason}") from error


def _row(entry: ZooEntry, cache: Path) -> tuple[str, ...]:
    note = f"default; {entry.note}" if entry.name == DEFAULT else entry.note
    return (
        entry.name,
        _heads(entry.heads),
        entry.licence.name,
        "yes" if entry.licence.is_commercial else "NO",
        f"{entry.size_mb:.0f} MB" if entry.parts else "-",
        _here(entry, cache),
        note,
    )


def _heads(heads: tuple[str, ...]) -> str:
    """In a word each; what belongs to a head goes unsaid."""
    shown = [head for head in heads if head not in ("depth_log_variance", "confidence")]
    text = "+".join(shown) or "none"
    return f"{text} (with std)" if "depth_log_variance" in heads else text


def _here(entry: ZooEntry, cache: Path) -> str:
    if ready_file(entry.name, cache):
        return "included" if entry.kind == "bundled" else "exported"
    return "pulled" if is_pulled(entry, cache) else "-"


def _record(entry: ZooEntry, cache: Path) -> dict[str, Any]:
    """Everything about an entry; None where nothing has been seen."""
    licence, file = entry.licence, ready_file(entry.name, cache)
    return {
        "name": entry.name,
        "summary": entry.summary,
        "kind": entry.kind,
        "is_default": entry.name == DEFAULT,
        "is_trained": entry.is_trained,
        "encoder": entry.encoder,
        "heads": list(entry.heads),
        "input_width": entry.input_width,
        "input_height": entry.input_height,
        "size_multiple": entry.size_multiple,
        "output_stride": entry.output_stride,
        "canonical_focal_px": entry.canonical_focal_px(entry.input_height),
        "class_names": list(entry.class_names) if "label" in entry.heads else [],
        "train_ids": list(entry.train_ids) if "label" in entry.heads else [],
        "licence": licence.name,
        "is_commercial": licence.is_commercial,
        "licence_source": licence.source,
        "licence_note": licence.note,
        "size_mb": round(entry.size_mb, 1),
        "parts": [_part_record(part, cache) for part in entry.parts],
        "is_pulled": is_pulled(entry, cache),
        "exported": None if file is None else str(file),
        "commands": list(entry.commands),
        "note": entry.note,
    }


def _part_record(part: Part, cache: Path) -> dict[str, Any]:
    files, locked = part.weights, read_lock(cache).get(part.weights.repo)
    return {
        "role": part.role,
        "architecture": part.architecture,
        "source": files.repo,
        "branch": files.ref,
        "revision": locked.revision if locked else files.revision,
        "files": list(files.files),
        "sha256": dict(locked.sha256) if locked else (dict(files.sha256) if files.sha256 else None),
        "is_gated": files.is_gated,
        "licence": part.licence.name,
        "is_commercial": part.licence.is_commercial,
        "size_mb": part.size_mb,
        "mean": list(part.mean),
        "std": list(part.std),
    }


def _lines(record: dict[str, Any]) -> list[str]:
    focal = record["canonical_focal_px"]
    terms = "commercial use allowed" if record["is_commercial"] else "NO commercial use"
    lines = [
        f"{record['name']}: {record['summary']}",
        f"  trained    {'yes' if record['is_trained'] else 'no, or only its encoder'}",
        f"  encoder    {record['encoder']}",
        f"  heads      {', '.join(record['heads']) or 'none of its own'}",
        f"  input      {record['input_width']}x{record['input_height']}, sides multiples of {record['size_multiple']}",
        f"  outputs    one value every {record['output_stride']} pixels",
        f"  metres     {'no depth' if focal is None else f'for fx = {focal:.1f} px of this input, scaled by the fx'}",
        f"  licence    {record['licence']}: {terms} ({record['licence_source']})",
    ]
    if record["licence_note"]:
        lines.append(f"             {record['licence_note']}")
    if record["class_names"]:
        labels = ", ".join(f"{train_id} {name}" for train_id, name in zip(record["train_ids"], record["class_names"]))
        lines.append(f"  labels     {labels}")
    for part in record["parts"]:
        gate = ", gated" if part["is_gated"] else ""
        lines.append(f"  {part['role']:<10} {part['source']} at {part['branch']}{gate}, {part['size_mb']:.0f} MB")
        lines.append(f"             revision {part['revision'] or 'not seen yet: the first pull locks it'}")
        lines += [f"             {name} sha256 {digest}" for name, digest in (part["sha256"] or {}).items()]
        lines.append(f"             {part['licence']}; RGB / 255 normalised by mean {part['mean']}, std {part['std']}")
    if record["note"]:
        lines.append(f"  note       {record['note']}")
    ways = record["commands"] or ["it comes with the package"]
    return [*lines, *(f"  get it     {one}" for one in ways)]
