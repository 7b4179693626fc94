"""Damaged and foreign bags give one line that says what to do; what is readable is read first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perception_fm.bags.message_types import deserialize, message, serialize
from perception_fm.bags.reader import BagReader
from perception_fm.bags.writer import BagWriter
from perception_fm.errors import BagError

STRING = "std_msgs/msg/String"


def make_bag(
    path: Path, storage: str = "mcap", *, count: int = 40, size: int = 100_000, compress: bool = False
) -> Path:
    """`count` messages on /numbers at 0, 1, ... ns, each `size` bytes; returns the storage file."""
    with BagWriter(path, storage, compress=compress) as writer:
        noise = np.random.default_rng(0)
        for index in range(count):
            letters = noise.integers(97, 123, size).astype(np.uint8).tobytes().decode()
            cdr = serialize(message(STRING, data=f"{index} {letters}"[:size]))
            writer.write("/numbers", index, cdr, STRING)
    return path / f"{path.name}.{'mcap' if storage == 'mcap' else 'db3'}"


def read_until_error(reader: BagReader) -> tuple[list[int], str]:
    """Numbers read, and the text of the error that ended it."""
    numbers: list[int] = []

    def read() -> None:
        for _, msgtype, stamp_ns, cdr in reader.messages():
            assert int(deserialize(cdr, msgtype).data.split()[0]) == stamp_ns
            numbers.append(stamp_ns)

    with pytest.raises(BagError) as refused:
        read()
    return numbers, str(refused.value)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bare_storage_file_is_read(tmp_path: Path, storage: str) -> None:
    with BagReader(make_bag(tmp_path / "bag", storage)) as reader:
        assert [stamp_ns for _, _, stamp_ns, _ in reader.messages()] == list(range(40))


def test_empty_bag_has_no_duration(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag"):
        pass
    with BagReader(tmp_path / "bag") as reader:
        assert (reader.count, reader.start_ns, reader.duration_ns, list(reader.messages())) == (0, 0, 0, [])


def test_topics_are_chosen_and_unknown_ones_refused(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag")
    with BagReader(tmp_path / "bag") as reader:
        assert list(reader.messages([])) == []
        with pytest.raises(BagError, match="no topic /letters; it has /numbers"):
            reader.messages(["/letters"])


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("as_folder", [False, True])
def test_truncated_mcap_yields_what_is_readable_then_says_so(tmp_path: Path, compress: bool, as_folder: bool) -> None:
    file = make_bag(tmp_path / "bag", compress=compress)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(0.44 * len(whole))])
    reader = BagReader(tmp_path / "bag" if as_folder else file)
    assert reader.is_truncated
    numbers, error = read_until_error(reader)
    assert numbers == list(range(len(numbers)))
    # 18 of 40 messages of equal size begin before the cut, the last of them breaks off; chunks hold 11 (just over
    # 1 MiB), and a compressed chunk counts only as a whole.
    assert len(numbers) == (11 if compress else 17)
    assert reader.count == len(numbers)
    assert f"breaks off after {len(numbers)} messages" in error
    assert "\n" not in error


def test_every_cut_of_an_mcap_is_handled(tmp_path: Path) -> None:
    file = make_bag(tmp_path / "bag", count=3, size=20)
    whole = file.read_bytes()
    cut_file = tmp_path / "cut.mcap"
    magic_size = 8
    counts = []
    for length in range(len(whole)):
        cut_file.write_bytes(whole[:length])
        if length < magic_size:
            with pytest.raises(BagError, match="should be mcap"):
                BagReader(cut_file)
        else:
            counts.append(len(read_until_error(BagReader(cut_file))[0]))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 3)


def test_tail_of_zeros_after_a_power_cut_is_a_truncation(tmp_path: Path) -> None:
    file = make_bag(tmp_path / "bag")
    whole = file.read_bytes()
    kept = int(0.44 * len(whole))
    file.write_bytes(whole[:kept] + bytes(len(whole) - kept))
    numbers, error = read_until_error(BagReader(file))
    # The message that breaks off has its full length in the file, but zeros for content: it must not come out.
    assert numbers == list(range(17))
    assert "breaks off" in error


def test_damaged_middle_of_a_compressed_mcap_is_reported(tmp_path: Path) -> None:
    file = make_bag(tmp_path / "bag", compress=True)
    whole = file.read_bytes()
    zstd_magic = b"\x28\xb5\x2f\xfd"
    last_chunk = whole.rindex(zstd_magic)
    file.write_bytes(whole[:last_chunk] + bytes(4) + whole[last_chunk + 4 :])
    numbers, error = read_until_error(BagReader(tmp_path / "bag"))
    assert numbers == list(range(33))  # three chunks of 11 before the damage
    assert "damaged" in error


def test_truncated_sqlite_is_refused(tmp_path: Path) -> None:
    file = make_bag(tmp_path / "bag", "sqlite3")
    file.write_bytes(file.read_bytes()[:300_000])
    with pytest.raises(BagError):
        list(BagReader(tmp_path / "bag").messages())


def test_missing_metadata_names_the_command_that_mends_it(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag")
    (tmp_path / "bag" / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=r"no metadata.yaml: .* `ros2 bag reindex .*bag.mcap"):
        BagReader(tmp_path / "bag")


@pytest.mark.parametrize("text", ["", "{", "rosbag2_bagfile_information: {}", "- 1", "\0"])
def test_damaged_metadata_is_refused(tmp_path: Path, text: str) -> None:
    make_bag(tmp_path / "bag")
    (tmp_path / "bag" / "metadata.yaml").write_text(text)
    with pytest.raises(BagError, match="damaged"):
        BagReader(tmp_path / "bag")


def test_missing_storage_file_is_refused(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag").unlink()
    with pytest.raises(BagError, match=r"incomplete: bag.mcap is missing"):
        BagReader(tmp_path / "bag")


def test_wrong_storage_is_named(tmp_path: Path) -> None:
    mcap, sqlite = make_bag(tmp_path / "a"), make_bag(tmp_path / "b", "sqlite3")
    mcap.write_bytes(sqlite.read_bytes())
    with pytest.raises(BagError, match="should be mcap but is in fact sqlite3"):
        BagReader(tmp_path / "a")


def test_unknown_storage_plugin_is_named(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag")
    metadata = tmp_path / "bag" / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("storage_identifier: mcap", "storage_identifier: tape"))
    with pytest.raises(BagError, match="stored as tape"):
        BagReader(tmp_path / "bag")


def test_ros1_bag_names_the_converter(tmp_path: Path) -> None:
    file = tmp_path / "old.bag"
    file.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    with pytest.raises(BagError, match=r"ROS 1 bag; run `rosbags-convert"):
        BagReader(file)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.txt", b"hello", "no rosbag2 recording"),
        ("random.mcap", b"\x00\x01\x02 nothing", "no mcap file"),
        ("empty.mcap", b"", "empty"),
        ("random.db3", b"\x7fELF", "no sqlite3 file"),
        ("other.db3", b"SQLite format 3\0" + bytes(4096), "cannot read"),
    ],
)
def test_foreign_file_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BagError, match=reason) as refused:
        BagReader(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_missing_path_and_foreign_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="does not exist"):
        BagReader(tmp_path / "nothing")
    with pytest.raises(BagError, match="no rosbag2 recording"):
        BagReader(tmp_path)
