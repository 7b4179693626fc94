"""Depth and label maps: whole PNGs of the right kind, and nothing else."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.bags.encoded_image import read_map
from perception_fm.errors import BagError

SIZE = (40, 30)
DEPTH = np.arange(1200, dtype=np.uint16).reshape(30, 40)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "map.png"
    cv2.imwrite(str(path), DEPTH)
    return path


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_map_comes_back_as_it_was(file: Path) -> None:
    assert np.array_equal(read_map(file, np.uint16, SIZE), DEPTH)


@pytest.mark.parametrize("where", ["half", "end", "bit", "empty", "no PNG"])
def test_damaged_map_is_refused_in_silence(where: str, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1 if where == "bit" else 0
    cut = {"half": len(data) // 2, "end": len(data) - 1, "empty": 0}.get(where, len(data))
    file.write_bytes(b"GIF89a" + data if where == "no PNG" else data[:cut])
    with pytest.raises(BagError, match=r"map.png; expected a whole PNG"):
        read_map(file, np.uint16, SIZE)
    assert capfd.readouterr().err == ""  # libpng would write there what is no error line of ours


def test_map_that_claims_more_pixels_than_can_be_is_refused(file: Path) -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"0")), chunk(b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with pytest.raises(BagError, match="expected a PNG of one channel"):
        read_map(file, np.uint16, SIZE)


def test_other_type_or_size_and_missing_file_are_refused(file: Path) -> None:
    with pytest.raises(BagError, match=r"uint16 of shape \(30, 40\), expected uint8 of 40x30"):
        read_map(file, np.uint8, SIZE)
    with pytest.raises(BagError, match="expected uint16 of 30x40"):
        read_map(file, np.uint16, SIZE[::-1])
    with pytest.raises(BagError, match="cannot read"):
        read_map(file.with_name("none.png"), np.uint16, SIZE)
