"""An engine on disk with its record beside it: what it is for, and the hash that shows whether it was changed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_fm.errors import EngineError, ModelError
from perception_fm.evaluation.results import strict
from perception_fm.inference.fingerprint import EngineFingerprint
from perception_fm.inference.private_files import read_private, write_private
from perception_fm.models.card import ModelCard

ENGINE_SUFFIX = ".engine"
_REBUILD = "delete it, then it is built again"


@dataclass(frozen=True)
class EngineRecord:
    """What is kept beside an engine, as JSON.

    `sha256`, `byte_count`: of the engine. `precision`: of the typed network that it was built from. `log`: warnings of
    the builder. `gate`: the verdict of the acceptance gate as it writes it (NaN becomes null), None before it ran.
    """

    fingerprint: EngineFingerprint
    sha256: str
    byte_count: int
    card: ModelCard
    precision: str
    log: tuple[str, ...] = ()
    gate: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """For people too, hence the indentation."""
        document = {
            "fingerprint": json.loads(self.fingerprint.to_json()),
            "digest": self.fingerprint.digest,
            "sha256": self.sha256,
            "byte_count": self.byte_count,
            "card": json.loads(self.card.to_json()),
            "precision": self.precision,
            "log": list(self.log),
            "gate": strict(self.gate),
        }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str, where: str) -> EngineRecord:
        """The record in `text`; `where` names its file. Raises `EngineError` for anything but a whole one."""
        try:
            values = json.loads(text)
            gate = values["gate"]
            if not (isinstance(gate, dict) or gate is None):
                raise ValueError("gate is no object")
            return EngineRecord(
                fingerprint=EngineFingerprint.from_json(json.dumps(values["fingerprint"]), where),
                sha256=str(values["sha256"]),
                byte_count=int(values["byte_count"]),
                card=ModelCard.from_json(json.dumps(values["card"]), where),
                precision=str(values["precision"]),
                log=tuple(map(str, values["log"])),
                gate=gate,
            )
        except EngineError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, ModelError) as error:
            raise EngineError(f"{where} cannot be read as the record of an engine ({error!r}): {_REBUILD}") from error


@dataclass(frozen=True)
class StoredEngine:
    """An engine and its record. `path`: None where it exists in memory alone, because the disk did not take it."""

    engine: bytes
    record: EngineRecord
    path: Path | None


def record_of(
    engine: bytes, fingerprint: EngineFingerprint, card: ModelCard, precision: str, log: tuple[str, ...]
) -> EngineRecord:
    """The record of an engine that was just built."""
    return EngineRecord(fingerprint, hashlib.sha256(engine).hexdigest(), len(engine), card, precision, log)


def record_path(path: Path) -> Path:
    """Of the record beside the engine at `path`."""
    return path.with_name(path.name + ".json")


def write_engine(path: Path, engine: bytes, record: EngineRecord) -> None:
    """Both files, for their owner alone; raises `EngineError` where the disk does not take them, and leaves neither."""
    write_private(path, engine)
    try:
        write_private(record_path(path), record.to_json().encode())
    except EngineError:
        path.unlink(missing_ok=True)
        raise


def read_engine(path: Path, wanted: EngineFingerprint) -> StoredEngine:
    """The engine at `path`, if it is what was built by this user for exactly this.

    Raises `EngineError` in one line for another owner, permissions that let others write, a record that is missing or
    unreadable, an engine that is cut off or changed, and one for another GPU, model, library or set of options.
    """
    record = read_record(path)
    differences = record.fingerprint.differences(wanted)
    if differences:
        raise EngineError(f"the engine {path} is for something else: {'; '.join(differences)}: build it again")
    engine = read_private(path)
    if len(engine) != record.byte_count:
        raise EngineError(f"the engine {path} has {len(engine)} bytes instead of {record.byte_count}: {_REBUILD}")
    if hashlib.sha256(engine).hexdigest() != record.sha256:
        raise EngineError(f"the engine {path} was changed after it was built (wrong SHA-256): {_REBUILD}")
    return StoredEngine(engine, record, path)


def read_record(path: Path) -> EngineRecord:
    """Of the engine at `path`. Raises `EngineError`."""
    beside = record_path(path)
    try:
        text = read_private(beside).decode()
    except UnicodeDecodeError as error:
        raise EngineError(f"{beside} is no text: {_REBUILD}") from error
    return EngineRecord.from_json(text, str(beside))


def with_gate(record: EngineRecord, verdict: Mapping[str, Any]) -> EngineRecord:
    """The record with the verdict of the acceptance gate."""
    return dataclasses.replace(record, gate=dict(verdict))
