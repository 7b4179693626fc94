"""Read what is left of an MCAP file whose end is missing: rosbags needs the index at the end, this does not.

Record layout: https://mcap.dev/spec (opcode, u64 length, content; little endian).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rosbags.rosbag2.storage_mcap import decompress

MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 0x03, 0x04, 0x05, 0x06
_CHUNK_FIXED = struct.Struct("<QQQI")  # start time, end time, uncompressed size, checksum
_MESSAGE_FIXED = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_MAX_COMPRESSED_CHUNK = 1 << 31
_BLOCK_BYTES = 512  # the smallest disk block; fewer zeros may well be the end of a message
_SCAN_BYTES = 1 << 20


@dataclass(frozen=True)
class RecoveredMessage:
    """Where one whole message lies: `offset` counts in the file, or in the unpacked chunk that starts at `chunk`."""

    log_time_ns: int
    channel: int
    chunk: int | None
    offset: int
    size: int


class McapRecovery:
    """Index of all whole messages of a truncated MCAP file, in order of log time.

    A chunk without compression that breaks off still gives its whole messages; a compressed one gives none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channels: dict[int, tuple[str, str]] = {}
        self._schemas: dict[int, str] = {}
        with path.open("rb") as file:
            file.seek(len(MAGIC))
            found = list(self._scan(file, _end_of_data(path), chunk=None))
        self.index = sorted((one for one in found if one.channel in self.channels), key=lambda one: one.log_time_ns)

    def messages(self, topics: frozenset[str] | None) -> Iterator[tuple[str, str, int, bytes]]:
        """(topic, message type, log time, CDR bytes) of the wanted topics (None: all), in order of log time."""
        unpacked_at, unpacked = -1, b""
        with self.path.open("rb") as file:
            for entry in self.index:
                topic, msgtype = self.channels[entry.channel]
                if topics is not None and topic not in topics:
                    continue
                if entry.chunk is None:
                    file.seek(entry.offset)
                    data = file.read(entry.size)
                else:
                    if entry.chunk != unpacked_at:
                        unpacked_at, unpacked = entry.chunk, self._unpack(file, entry.chunk)
                    data = unpacked[entry.offset : entry.offset + entry.size]
                yield topic, msgtype, entry.log_time_ns, data

    def _scan(self, file: BinaryIO, end: int, chunk: int | None) -> Iterator[RecoveredMessage]:
        """Walk over records up to `end`; a record that breaks off ends the walk."""
        while True:
            start = file.tell()
            head = file.read(9)
            if len(head) < 9 or head[0] == 0:
                return
            body, size = start + 9, struct.unpack("<Q", head[1:])[0]
            is_whole = body + size <= end
            if head[0] == _MESSAGE and is_whole and size >= _MESSAGE_FIXED.size:
                channel, _, log_time_ns, _ = _MESSAGE_FIXED.unpack(file.read(_MESSAGE_FIXED.size))
                yield RecoveredMessage(
                    log_time_ns, channel, chunk, body + _MESSAGE_FIXED.size, size - _MESSAGE_FIXED.size
                )
            elif head[0] in (_SCHEMA, _CHANNEL) and is_whole:
                self._define(head[0], file.read(size))
            elif head[0] == _CHUNK and chunk is None:
                yield from self._scan_chunk(file, start, min(body + size, end))
            if not is_whole:
                return
            file.seek(body + size)

    def _scan_chunk(self, file: BinaryIO, start: int, end: int) -> Iterator[RecoveredMessage]:
        fixed = file.read(_CHUNK_FIXED.size + 4)
        if len(fixed) < _CHUNK_FIXED.size + 4:
            return
        compression = file.read(struct.unpack("<I", fixed[-4:])[0])
        file.read(8)
        if compression:
            unpacked = self._unpack(file, start)
            yield from self._scan(io.BytesIO(unpacked), len(unpacked), chunk=start)
        else:
            yield from self._scan(file, end, chunk=None)

    def _unpack(self, file: BinaryIO, start: int) -> bytes:
        """The content of the compressed chunk at `start`; empty where it breaks off or is damaged."""
        try:
            file.seek(start + 9)
            _, _, size, checksum = _CHUNK_FIXED.unpack(file.read(_CHUNK_FIXED.size))
            compression = file.read(struct.unpack("<I", file.read(4))[0]).decode()
            packed_size = struct.unpack("<Q", file.read(8))[0]
            packed = file.read(min(packed_size, _MAX_COMPRESSED_CHUNK))
            return bytes(decompress(packed, compression, size, checksum))
        except Exception:  # the decompressors raise types of their own; damaged is damaged
            return b""

    def _define(self, opcode: int, content: bytes) -> None:
        number = struct.unpack_from("<H", content)[0]
        if opcode == _SCHEMA:
            self._schemas[number] = _text(content, 2)
        else:
            schema = struct.unpack_from("<H", content, 2)[0]
            self.channels[number] = (_text(content, 4), self._schemas.get(schema, ""))


def _end_of_data(path: Path) -> int:
    """Where the file's content ends: after a power cut, whole blocks of zeros stand for data that never arrived."""
    size = end = path.stat().st_size
    with path.open("rb") as file:
        while end > 0:
            start = max(0, end - _SCAN_BYTES)
            file.seek(start)
            filled = len(file.read(end - start).rstrip(b"\0"))
            end = start + filled
            if filled:
                break
    return end if size - end >= _BLOCK_BYTES else size


def _text(content: bytes, at: int) -> str:
    size = struct.unpack_from("<I", content, at)[0]
    return content[at + 4 : at + 4 + size].decode("utf-8", errors="replace")
