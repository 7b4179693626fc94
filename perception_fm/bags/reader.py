"""Read rosbag2 recordings; every bag that cannot be read gives one line that says what to do."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import final

import yaml
from rosbags.interfaces import ConnectionExtRosbag2, Qos
from rosbags.rosbag2 import Reader

from perception_fm.bags.mcap_recovery import MAGIC, McapRecovery
from perception_fm.errors import BagError

_MAGICS = {MAGIC: "mcap", b"SQLite format 3\0": "sqlite3", b"#ROSBAG V": "ros1"}
_SUFFIXES = {".mcap": "mcap", ".db3": "sqlite3"}

BagMessage = tuple[str, str, int, bytes]
"""(topic, message type, log time in ns, CDR bytes)"""


@final
class BagReader:
    """A rosbag2 folder, or a bare `.mcap` or `.db3` file, opened for reading; use it in a `with` block.

    A truncated MCAP opens: `messages` yields every whole message and then raises `BagError`. All else that is damaged,
    foreign or missing raises `BagError` at once.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._recovery: McapRecovery | None = None
        self._reader: Reader | None = None
        files = _storage_files(self.path)
        broken = [file for file in files if _is_truncated_mcap(file)]
        if broken and len(files) == 1:
            self._recovery = _recover(files[0])
        elif broken:
            raise BagError(f"{broken[0]} breaks off; read the files of {self.path} one by one")
        else:
            self._reader = _open(self.path)

    @property
    def is_truncated(self) -> bool:
        """True where the end of the recording is missing."""
        return self._recovery is not None

    @property
    def topics(self) -> Mapping[str, str]:
        """Message type of every topic that the bag names, also of those without messages."""
        if self._recovery:
            return dict(self._recovery.channels.values())
        assert self._reader
        return {connection.topic: connection.msgtype for connection in self._reader.connections}

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of messages by topic; in a truncated bag, of those that can be read."""
        counts: Counter[str] = Counter(dict.fromkeys(self.topics, 0))
        if self._recovery:
            counts.update(self._recovery.channels[entry.channel][0] for entry in self._recovery.index)
        elif self._reader:
            for connection in self._reader.connections:
                counts[connection.topic] += connection.msgcount
        return dict(counts)

    @property
    def offered_qos(self) -> Mapping[str, tuple[Qos, ...]]:
        """What the recorded publishers of every topic offered; empty for a topic of which the bag does not say it."""
        offered: dict[str, tuple[Qos, ...]] = dict.fromkeys(self.topics, ())
        for connection in self._reader.connections if self._reader else ():
            assert isinstance(connection.ext, ConnectionExtRosbag2)
            offered[connection.topic] += tuple(connection.ext.offered_qos_profiles)
        return offered

    @property
    def custom_data(self) -> Mapping[str, str]:
        """What the recorder wrote into the metadata; empty for a bare file. Raises `BagError` for damaged metadata."""
        file = self.path / "metadata.yaml"
        if not file.is_file():
            return {}
        try:  # rosbags reads it too, but hands it to nobody
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            return dict(document["rosbag2_bagfile_information"].get("custom_data") or {})
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise BagError(f"cannot read {file}: {error}; copy it again") from error

    @property
    def count(self) -> int:
        """Number of messages; in a truncated bag, of those that can be read."""
        return sum(self.counts.values())

    @property
    def start_ns(self) -> int:
        """Log time of the first message, 0 for an empty bag."""
        if self.count == 0:
            return 0
        if self._recovery:
            return self._recovery.index[0].log_time_ns
        assert self._reader
        return self._reader.start_time

    @property
    def duration_ns(self) -> int:
        """Log time of the last message minus that of the first, 0 for an empty bag."""
        if self.count == 0:
            return 0
        if self._recovery:
            return self._recovery.index[-1].log_time_ns - self._recovery.index[0].log_time_ns
        assert self._reader
        return self._reader.duration - 1  # rosbags counts up to one nanosecond after the last message

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[BagMessage]:
        """All messages of the wanted topics (None: of all), in order of log time.

        Raises `BagError` for a topic that the bag lacks, and where the bag turns out to be damaged.
        """
        wanted = None if topics is None else frozenset(topics)
        missing = sorted((wanted or frozenset()) - set(self.topics))
        if missing:
            raise BagError(f"{self.path} has no topic {missing[0]}; it has {', '.join(sorted(self.topics)) or 'none'}")
        return self._recovered(wanted) if self._recovery else self._read(wanted)

    def close(self) -> None:
        """Release the files."""
        if self._reader is not None and self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, wanted: frozenset[str] | None) -> Iterator[BagMessage]:
        assert self._reader
        connections = [one for one in self._reader.connections if wanted is None or one.topic in wanted]
        if not connections:  # to rosbags no connection means all connections
            return
        try:
            for connection, stamp_ns, cdr in self._reader.messages(connections):
                yield connection.topic, connection.msgtype, stamp_ns, cdr
        except Exception as error:  # damaged data surfaces as struct.error, zstd, sqlite and other foreign types
            raise BagError(f"{self.path} is damaged: {error}; record it again or run `ros2 bag reindex`") from error

    def _recovered(self, wanted: frozenset[str] | None) -> Iterator[BagMessage]:
        assert self._recovery
        yield from self._recovery.messages(wanted)
        raise BagError(
            f"{self._recovery.path} breaks off after {self.count} messages: the recording or copy was cut; "
            "copy it again, or repair it with `mcap recover`"
        )


def _storage_files(path: Path) -> list[Path]:
    """The files that hold the messages, each found to be of the storage that it claims."""
    if not path.exists():
        raise BagError(f"{path} does not exist; give the folder of a rosbag2 recording")
    if path.is_file():
        claimed = _SUFFIXES.get(path.suffix)
        if claimed is None and _storage_of(path) != "ros1":
            raise BagError(f"{path} is no rosbag2 recording; give a bag folder, a .mcap or a .db3 file")
        _check_storage(path, claimed or "mcap")
        return [path]
    metadata = path / "metadata.yaml"
    if not metadata.is_file():
        parts = sorted(file.name for file in path.iterdir() if file.suffix in _SUFFIXES)
        if parts:
            raise BagError(
                f"{path} has no metadata.yaml: the recording was cut off; run `ros2 bag reindex {path}` "
                f"or read {parts[0]} itself"
            )
        raise BagError(f"{path} is no rosbag2 recording: it has no metadata.yaml; give the folder of a bag")
    storage, names = _named_files(metadata)
    files = [path / Path(name).name for name in names]
    for file in files:
        if not file.is_file():
            raise BagError(f"{path} is incomplete: {file.name} is missing; copy the bag again")
        if file.suffix != ".zstd":
            _check_storage(file, storage)
    return files


def _named_files(metadata: Path) -> tuple[str, list[str]]:
    try:
        information = yaml.safe_load(metadata.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        return str(information["storage_identifier"]), [str(name) for name in information["relative_file_paths"]]
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError, OSError) as error:
        raise BagError(f"{metadata} is damaged; run `ros2 bag reindex {metadata.parent}`") from error


def _storage_of(file: Path) -> str | None:
    try:
        with file.open("rb") as handle:
            head = handle.read(16)
    except OSError as error:
        raise BagError(f"cannot read {file}: {error.strerror}") from error
    return next((name for magic, name in _MAGICS.items() if head.startswith(magic)), None)


def _check_storage(file: Path, claimed: str) -> None:
    if claimed not in _SUFFIXES.values():
        raise BagError(f"{file} is stored as {claimed}; only mcap and sqlite3 are read, run `ros2 bag convert`")
    found = _storage_of(file)
    if found == "ros1":
        raise BagError(f"{file} is a ROS 1 bag; run `rosbags-convert --src {file} --dst {file.with_suffix('')}` first")
    if found != claimed:
        what = "empty" if file.stat().st_size == 0 else f"in fact {found}" if found else f"no {claimed} file"
        raise BagError(f"{file} should be {claimed} but is {what}; copy or record it again")


def _is_truncated_mcap(file: Path) -> bool:
    """True where an MCAP file does not end with its closing magic."""
    if _storage_of(file) != "mcap":
        return False
    with file.open("rb") as handle:
        handle.seek(0, 2)
        handle.seek(max(len(MAGIC), handle.tell() - len(MAGIC)))
        return handle.read() != MAGIC


def _recover(file: Path) -> McapRecovery:
    try:
        return McapRecovery(file)
    except (OSError, struct.error) as error:
        raise BagError(f"{file} breaks off and is damaged besides: {error}; copy or record it again") from error


def _open(path: Path) -> Reader:
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # damaged files surface as struct.error, apsw and other foreign types
        raise BagError(f"cannot read {path}: {error}; copy or record it again") from error
    return reader
