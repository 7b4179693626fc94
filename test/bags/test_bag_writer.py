"""Bags come out complete, readable by Humble, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from rosbags.rosbag2 import Reader

from perception_fm.bags.message_types import deserialize, message, serialize
from perception_fm.bags.reader import BagReader
from perception_fm.bags.writer import BagWriter, refuse_output
from perception_fm.errors import BagError

STRING = "std_msgs/msg/String"


def text(value: str) -> bytes:
    return serialize(message(STRING, data=value))


def write_three(path: Path, storage: str = "mcap", **options: object) -> None:
    with BagWriter(path, storage, **options) as writer:
        for stamp_ns in (30, 10, 20):
            writer.write("/a", stamp_ns, text(f"at {stamp_ns}"), STRING)
        writer.write("/tf_static", 10, text("latched"), STRING)


def write_and_fail(path: Path, storage: str, **options: object) -> None:
    with BagWriter(path, storage, **options) as writer:
        writer.write("/a", 1, text("lost"), STRING)
        raise RuntimeError("mid-way")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_is_written_is_read_back_in_time_order(tmp_path: Path, storage: str) -> None:
    write_three(tmp_path / "bag", storage)
    with BagReader(tmp_path / "bag") as reader:
        assert reader.topics == {"/a": STRING, "/tf_static": STRING}
        assert reader.counts == {"/a": 3, "/tf_static": 1}
        assert (reader.count, reader.start_ns, reader.duration_ns) == (4, 10, 20)
        read = [(stamp_ns, deserialize(cdr, msgtype).data) for _, msgtype, stamp_ns, cdr in reader.messages(["/a"])]
    assert read == [(10, "at 10"), (20, "at 20"), (30, "at 30")]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_rosbags_itself_reads_it_and_finds_the_definition(tmp_path: Path, storage: str) -> None:
    write_three(tmp_path / "bag", storage)
    with Reader(tmp_path / "bag") as reader:
        assert {connection.msgdef.data.strip() for connection in reader.connections} == {"string data"}
        assert reader.message_count == 4


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_metadata_is_version_8_with_qos_as_text_as_humble_needs_it(tmp_path: Path, storage: str) -> None:
    write_three(tmp_path / "bag", storage, custom_data={"licence": "CC0"})
    information = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert information["version"] == 8
    assert information["custom_data"] == {"licence": "CC0"}
    assert information["storage_identifier"] == storage
    assert (tmp_path / "bag" / information["relative_file_paths"][0]).is_file()
    profiles = {}
    for topic in information["topics_with_message_count"]:
        stored = topic["topic_metadata"]["offered_qos_profiles"]
        assert isinstance(stored, str)
        (profiles[topic["topic_metadata"]["name"]],) = yaml.safe_load(stored)
    reliable, transient_local, volatile = 1, 1, 2  # rmw_qos_*_policy_e
    assert profiles["/tf_static"]["durability"] == transient_local
    assert profiles["/a"]["durability"] == volatile
    assert profiles["/tf_static"]["reliability"] == profiles["/a"]["reliability"] == reliable


def test_compressed_mcap_is_read_back(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", compress=True) as writer:
        writer.write("/a", 1, text("x" * 100_000), STRING)
    assert sum(file.stat().st_size for file in (tmp_path / "bag").iterdir()) < 20_000
    with BagReader(tmp_path / "bag") as reader:
        ((_, msgtype, _, cdr),) = reader.messages()
    assert deserialize(cdr, msgtype).data == "x" * 100_000


def test_own_messages_need_no_ros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    msgtype = "perception_fm_msgs/msg/StageLatency"
    stage = message(msgtype, stage="motion", latency_ms=3.5)
    with BagWriter(tmp_path / "bag") as writer:
        writer.write("/latency", 1, serialize(stage), msgtype)
    with BagReader(tmp_path / "bag") as reader:
        ((_, read_type, _, cdr),) = reader.messages()
    assert deserialize(cdr, read_type).latency_ms == 3.5


def test_unknown_message_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="no definition of nowhere_msgs"), BagWriter(tmp_path / "bag") as writer:
        writer.write("/a", 1, b"\0\1\0\0", "nowhere_msgs/msg/Thing")


def test_negative_stamp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="not negative"), BagWriter(tmp_path / "bag") as writer:
        writer.write("/a", -1, text(""), STRING)


def test_unknown_storage_and_compressed_sqlite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="mcap or sqlite3"):
        BagWriter(tmp_path / "bag", "rosbag1")
    with pytest.raises(BagError, match="only mcap"):
        BagWriter(tmp_path / "bag", "sqlite3", compress=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_failure_in_the_block_leaves_nothing(tmp_path: Path, storage: str) -> None:
    with pytest.raises(RuntimeError, match="mid-way"):
        write_and_fail(tmp_path / "bag", storage)
    assert list(tmp_path.iterdir()) == []


def test_failed_overwrite_keeps_the_old_bag(tmp_path: Path) -> None:
    write_three(tmp_path / "bag")
    with pytest.raises(RuntimeError, match="mid-way"):
        write_and_fail(tmp_path / "bag", "mcap", overwrite=True)
    assert BagReader(tmp_path / "bag").count == 4


def test_existing_output_is_refused_unless_overwritten(tmp_path: Path) -> None:
    write_three(tmp_path / "bag")
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path / "bag")
    with BagWriter(tmp_path / "bag", overwrite=True) as writer:
        writer.write("/b", 1, text("new"), STRING)
    assert BagReader(tmp_path / "bag").topics == {"/b": STRING}
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def test_folder_that_is_no_bag_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(BagError, match="is no bag"):
        BagWriter(tmp_path / "precious", overwrite=True)
    assert (tmp_path / "precious" / "thesis.txt").exists()


def test_folder_that_cannot_be_written_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot write"):
        BagWriter(tmp_path / "file" / "bag")


def test_closed_writer_takes_nothing(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        writer.write("/a", 1, text(""), STRING)
    with pytest.raises(BagError, match="closed"):
        writer.write("/a", 2, text(""), STRING)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_killed_writer_leaves_nothing_that_looks_complete(tmp_path: Path, storage: str) -> None:
    script = textwrap.dedent(f"""
        import os, signal
        from perception_fm.bags.message_types import message, serialize
        from perception_fm.bags.writer import BagWriter
        with BagWriter({str(tmp_path / "bag")!r}, {storage!r}) as writer:
            writer.write("/a", 1, serialize(message("{STRING}", data="x" * 2_000_000)), "{STRING}")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".bag.partial"]
    assert not list(tmp_path.rglob("metadata.yaml"))
    with pytest.raises(BagError):
        BagReader(tmp_path / ".bag.partial")
    write_three(tmp_path / "bag", storage)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def test_refused_output_is_told_without_touching_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for target in (tmp_path / "file", tmp_path / "file" / "bag"):
        with pytest.raises(BagError, match="file"):
            refuse_output(target, overwrite=True)
    refuse_output(tmp_path / "new" / "bag", overwrite=False)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
