"""`EngineCache`: engines of this user, found again by their fingerprint."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perception_fm.errors import EngineError
from perception_fm.inference.engine_file import (
    ENGINE_SUFFIX,
    EngineRecord,
    StoredEngine,
    read_engine,
    read_record,
    record_path,
    with_gate,
    write_engine,
)
from perception_fm.inference.fingerprint import EngineFingerprint
from perception_fm.inference.private_files import (
    check_private_folder,
    make_private_folder,
    read_private,
    write_private,
)
from perception_fm.models.cache import cache_folder

KEPT_PER_MODEL = 4
"""Engines of one model name that stay: FP16 and INT8, coarse and fine, and no library or driver of long ago."""

_DIGEST_DIGITS = 16
_LOCK = "lock"
_LOG = logging.getLogger(__name__)

Say = Callable[[str], None]


def default_folder() -> Path:
    """Below the cache of this user."""
    return cache_folder() / "engines"


class EngineCache:
    """Engines in one folder. `say` takes lines for a person: why one is built again, what the disk did not take."""

    def __init__(self, folder: Path | None = None, kept: int = KEPT_PER_MODEL, say: Say = _LOG.warning) -> None:
        self.folder = default_folder() if folder is None else folder
        self._kept = kept
        self._say = say

    def path_of(self, fingerprint: EngineFingerprint) -> Path:
        """Where the engine lies, or would."""
        return self.folder / f"{_stem(fingerprint.model)}-{fingerprint.digest[:_DIGEST_DIGITS]}{ENGINE_SUFFIX}"

    def load(self, fingerprint: EngineFingerprint) -> StoredEngine | None:
        """The engine; None, and what changed since the last one is said, where it must be built.

        Raises `EngineError` for one that must not be loaded (see `read_engine`).
        """
        if not self.folder.exists():
            return None
        check_private_folder(self.folder)
        path = self.path_of(fingerprint)
        if path.is_symlink() or record_path(path).exists():
            return read_engine(path, fingerprint)
        if path.exists():
            self._say(f"the engine {path} has no record, as if its writer was interrupted: it is built again")
            return None
        self._say_what_changed(fingerprint)
        return None

    def store(self, engine: bytes, record: EngineRecord) -> Path:
        """Writes both files, and removes the oldest engines of the model beyond the kept ones.

        Raises `EngineError` where the disk does not take them; then nothing of them is there.
        """
        make_private_folder(self.folder)
        path = self.path_of(record.fingerprint)
        write_engine(path, engine, record)
        self._prune(path, record.fingerprint.model)
        return path

    def obtain(self, fingerprint: EngineFingerprint, build: Callable[[], tuple[bytes, EngineRecord]]) -> StoredEngine:
        """The engine, built now where there is none; two processes build it once.

        A disk that does not take it costs a line, not the engine: it is then in memory alone. Raises what `load` and
        `build` raise.
        """
        found = self.load(fingerprint)
        if found is not None:
            return found
        with self.building():
            if record_path(self.path_of(fingerprint)).exists():
                found = self.load(fingerprint)
                if found is not None:
                    return found
            engine, record = build()
            try:
                return StoredEngine(engine, record, self.store(engine, record))
            except EngineError as error:
                self._say(f"the engine is used but not kept: {error}")
                return StoredEngine(engine, record, None)

    def write_gate(self, stored: StoredEngine, verdict: Mapping[str, Any]) -> StoredEngine:
        """The engine with the verdict of the acceptance gate in its record, on disk where it is there.

        Raises `EngineError` where the disk does not take it.
        """
        record = with_gate(stored.record, verdict)
        if stored.path is not None:
            write_private(record_path(stored.path), record.to_json().encode())
        return StoredEngine(stored.engine, record, stored.path)

    def read_timings(self, fingerprint: EngineFingerprint) -> bytes:
        """What builds for the same library and GPU measured; empty where nothing is kept or it cannot be trusted."""
        try:
            return read_private(self._timings_path(fingerprint))
        except EngineError:
            return b""

    def write_timings(self, fingerprint: EngineFingerprint, timings: bytes) -> None:
        """Keeps them; where the disk does not take them, only time is lost."""
        with contextlib.suppress(EngineError):
            write_private(self._timings_path(fingerprint), timings)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Nobody else builds into this folder meanwhile; the lock ends with the process, however it ends.

        Two builds at once would also measure each other's kernels. Raises `EngineError` where the folder is not ours.
        """
        make_private_folder(self.folder)
        try:
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise EngineError(f"cannot lock {self.folder}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say(f"another process builds an engine in {self.folder}: waiting for it")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._sweep()
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Removes what builders left that were killed while they wrote; only the holder of the lock writes such."""
        for partial in self.folder.glob(f".*{ENGINE_SUFFIX}.*.partial"):
            with contextlib.suppress(OSError):
                partial.unlink()

    def _timings_path(self, fingerprint: EngineFingerprint) -> Path:
        name = _stem(f"{fingerprint.library}-{fingerprint.library_version}-{fingerprint.gpu or 'any'}")
        return self.folder / f"{name}.timings"

    def _engines_of(self, model: str) -> list[Path]:
        """Engines with a record, newest first."""
        name = re.compile(re.escape(_stem(model)) + rf"-[0-9a-f]{{{_DIGEST_DIGITS}}}{re.escape(ENGINE_SUFFIX)}")
        found = [path for path in self.folder.iterdir() if name.fullmatch(path.name) and record_path(path).exists()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    def _say_what_changed(self, wanted: EngineFingerprint) -> None:
        nearest: tuple[str, ...] = ()
        for path in self._engines_of(wanted.model):
            with contextlib.suppress(EngineError):
                differences = read_record(path).fingerprint.differences(wanted)
                nearest = min(nearest or differences, differences, key=len)
        if nearest:
            self._say(f"no engine of {wanted.model} fits, the nearest is stale: {'; '.join(nearest)}")

    def _prune(self, newest: Path, model: str) -> None:
        others = [path for path in self._engines_of(model) if path != newest]
        for path in others[max(self._kept - 1, 0) :]:
            for stale in (record_path(path), path):
                with contextlib.suppress(OSError):
                    stale.unlink()


def _stem(text: str) -> str:
    """A file name of letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".") or "model"
