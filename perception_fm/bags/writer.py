"""Write rosbag2 recordings that ROS 2 Humble and newer read, complete or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, final

from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from perception_fm.bags.message_types import ensure_type
from perception_fm.bags.qos import offered_qos
from perception_fm.errors import BagError

# Version 9 stores QoS as a list, which Humble refuses (rosbag2 issue 2013).
_ROSBAG2_VERSION: Final = 8
_STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}


@final
class BagWriter:
    """A bag under construction; use it in a `with` block.

    Everything goes into the hidden sibling folder `.NAME.partial` and moves to `path` when the block ends well. After
    an exception the partial folder is removed; after a kill it stays, without `metadata.yaml`, and the next writer of
    the same bag replaces it.
    """

    def __init__(
        self,
        path: str | Path,
        storage: str = "mcap",
        *,
        overwrite: bool = False,
        compress: bool = False,
        custom_data: Mapping[str, str] | None = None,
    ) -> None:
        """`storage` is mcap or sqlite3. `compress` packs MCAP chunks with zstd. `custom_data` goes into the metadata.

        Raises `BagError` for an unknown storage, an output that exists (with `overwrite`: that exists and is no bag),
        or a folder that cannot be written.
        """
        if storage not in _STORAGES:
            raise BagError(f"a bag's storage is mcap or sqlite3, got {storage!r}")
        if compress and storage != "mcap":
            raise BagError("only mcap bags are compressed here; use storage mcap or leave compression off")
        self.path = Path(os.path.abspath(path))
        refuse_output(self.path, overwrite=overwrite)
        self._partial = self.path.parent / f".{self.path.name}.partial"
        self._connections: dict[tuple[str, str], Connection] = {}
        self._counts: dict[str, int] = {}
        try:
            if self._partial.exists():
                shutil.rmtree(self._partial)
            # rosbags names the storage file after its folder, so the folder has the final name already.
            self._writer = Writer(
                self._partial / self.path.name, version=_ROSBAG2_VERSION, storage_plugin=_STORAGES[storage]
            )
            if compress:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            for key, value in (custom_data or {}).items():
                self._writer.set_custom_data(key, value)
            self._writer.open()
        except (OSError, sqlite3.Error) as error:
            raise BagError(f"cannot write {self.path}: {error}") from error
        self._is_open = True

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages written so far, by topic."""
        return dict(self._counts)

    def write(self, topic: str, stamp_ns: int, cdr: bytes | memoryview, msgtype: str) -> None:
        """Add one serialized message; `stamp_ns` becomes its log time. Raises `BagError` when it cannot be stored."""
        if not self._is_open:
            raise BagError(f"{self.path} is closed; nothing can be added")
        if not 0 <= stamp_ns < 2**63:
            raise BagError(f"{topic}: a stamp is nanoseconds since 1970 and not negative, got {stamp_ns}")
        connection = self._connections.get((topic, msgtype)) or self._connect(topic, msgtype)
        try:
            self._writer.write(connection, stamp_ns, cdr)
        except (OSError, sqlite3.Error) as error:
            raise BagError(f"cannot write {self.path}: {error}") from error
        self._counts[topic] += 1

    def close(self) -> None:
        """Finish the bag and move it to its place. Raises `BagError`; then no bag exists under the final name."""
        if not self._is_open:
            return
        self._is_open = False
        complete = self._partial / self.path.name
        try:
            self._writer.close()
            for file in complete.iterdir():
                _flush_to_disk(file)
            self._move_into_place(complete)
        except (OSError, sqlite3.Error, WriterError) as error:
            shutil.rmtree(self._partial, ignore_errors=True)
            raise BagError(f"cannot finish {self.path}: {error}") from error

    def abort(self) -> None:
        """Give the bag up and remove what was written."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError, sqlite3.Error):  # a full disk must not hide the first error
                self._writer.abort()
            shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _connect(self, topic: str, msgtype: str) -> Connection:
        store = ensure_type(msgtype)
        try:
            connection = self._writer.add_connection(
                topic, msgtype, typestore=store, offered_qos_profiles=[offered_qos(topic)]
            )
        except WriterError as error:
            raise BagError(f"{topic}: {error}") from error
        self._connections[topic, msgtype] = connection
        self._counts.setdefault(topic, 0)
        return connection

    def _move_into_place(self, complete: Path) -> None:
        replaced = self._partial / "replaced"
        if self.path.exists():
            self.path.rename(replaced)
        complete.rename(self.path)
        shutil.rmtree(self._partial)


def refuse_output(path: Path, *, overwrite: bool) -> None:
    """Raises `BagError` where no bag can be written, so that it is known before hours of work and not after."""
    if path.exists():
        if not overwrite:
            raise BagError(f"{path} exists already; choose another output or ask to overwrite it")
        if not path.is_dir() or (any(path.iterdir()) and not (path / "metadata.yaml").exists()):
            raise BagError(f"{path} is no bag and is not overwritten; choose another output")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise BagError(f"cannot write {path}: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BagError(f"cannot write {path}: {folder} may not be written to")


def _flush_to_disk(file: Path) -> None:
    """Without this, a power cut after the rename could leave a bag that looks complete and is empty."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
