"""The folder of a run: whole or not there, and nobody else's folder is ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.output_folder import output_folder


def write_results(path: Path, text: str, *, overwrite: bool = False) -> None:
    with output_folder(path, overwrite=overwrite) as folder:
        assert not (path / "result.json").exists() or overwrite
        (folder / "result.json").write_text(text)


def test_results_appear_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    write_results(target, "1")
    assert (target / "result.json").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [PerceptionError("x"), KeyboardInterrupt()])
def test_nothing_is_left_after_a_failure(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with output_folder(tmp_path / "out", overwrite=False) as folder:
            (folder / "result.json").write_text("1")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_failed_overwrite_keeps_the_earlier_results(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_results(target, "old")

    def fail() -> None:
        with output_folder(target, overwrite=True):
            raise PerceptionError("x")

    with pytest.raises(PerceptionError):
        fail()
    assert (target / "result.json").read_text() == "old"


def test_leftover_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "junk").write_text("")
    write_results(tmp_path / "out", "1")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out", "result.json"]


def test_existing_results_need_overwrite(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_results(target, "old")
    with pytest.raises(PerceptionError, match="exists already; choose another folder or add --overwrite"):
        write_results(target, "new")
    write_results(target, "new", overwrite=True)
    assert (target / "result.json").read_text() == "new"


def test_foreign_folder_and_file_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("")
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceptionError, match="holds something else than results"):
        write_results(tmp_path / "photos", "1", overwrite=True)
    with pytest.raises(PerceptionError, match="is a file"):
        write_results(tmp_path / "file", "1", overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_results(tmp_path / "out", "1")
    assert (tmp_path / "out" / "result.json").exists()


def test_unwritable_parent_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceptionError, match="cannot write"):
        write_results(tmp_path / "file" / "out", "1")
