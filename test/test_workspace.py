"""The two commands and the package descriptions: what can be said about them without building anything."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from xml.etree import ElementTree

import pytest

from perception_fm import __version__
from perception_fm.types import Mode, PathState, Provenance

TARGETS = ("setup", "demo", "test", "lint", "deps", "link", "test-compat", "clean", "help")


def run_tool(repository: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tools/workspace` as the Makefile does."""
    command = [sys.executable, str(repository / "tools" / "workspace"), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def package(path: Path) -> ElementTree.Element:
    """The root element of a package description."""
    return ElementTree.parse(path / "package.xml").getroot()


def constants(path: Path, prefix: str = "") -> dict[str, int]:
    """Integer constants of a message whose names begin with `prefix`, without it."""
    found = re.findall(rf"^u?int\d+ {prefix}([A-Z_]+)=(\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: int(value) for name, value in found}


def test_make_without_a_target_lists_every_target(repository: Path) -> None:
    shown = subprocess.run(["make"], cwd=repository, capture_output=True, text=True, check=True).stdout
    listed = [line.split()[1] for line in shown.splitlines() if line.startswith("make ")]
    assert sorted(listed) == sorted(TARGETS)


def test_versions_of_both_packages_and_of_the_code_are_one(repository: Path) -> None:
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg", encoding="utf-8")
    versions = [package(path).findtext("version") for path in (repository, repository / "perception_fm_msgs")]
    assert [*versions, config["metadata"]["version"]] == [__version__] * 3


def test_maintainer_addresses_are_well_formed(repository: Path) -> None:
    for path in (repository, repository / "perception_fm_msgs"):
        maintainer = package(path).find("maintainer")
        assert maintainer is not None
        assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}", maintainer.attrib["email"])


@pytest.mark.parametrize(
    ("message", "prefix", "enum"),
    [("FakeWallReport", "", PathState), ("PerceptionStatus", "", Mode), ("Obstacle", "PROVENANCE_", Provenance)],
)
def test_message_constants_equal_the_core_types(
    repository: Path, message: str, prefix: str, enum: type[IntEnum]
) -> None:
    path = repository / "perception_fm_msgs" / "msg" / f"{message}.msg"
    assert constants(path, prefix) == {item.name: item.value for item in enum}


def test_every_message_is_built(repository: Path) -> None:
    folder = repository / "perception_fm_msgs"
    built = re.findall(r'"(msg/\w+\.msg)"', (folder / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert sorted(built) == sorted(str(path.relative_to(folder)) for path in folder.glob("msg/*.msg"))


def test_every_message_field_is_commented(repository: Path) -> None:
    for path in (repository / "perception_fm_msgs" / "msg").glob("*.msg"):
        blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
        uncommented = [block for block in blocks if not block.startswith("#")]
        assert uncommented == [], path.name


def test_missing_compiler_is_one_line_with_the_packages(repository: Path, tmp_path: Path) -> None:
    done = run_tool(repository, "check", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"error: [^\n]*apt-get install g\+\+ make[^\n]*\n", done.stderr)


def test_old_python_is_refused_in_one_line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools" / "workspace"))
    import interpreter

    assert interpreter.refusal((3, 10, 12), "cpython", "") == ""
    assert interpreter.refusal((3, 13, 0), "cpython", "") == ""
    for version, implementation in (((3, 9, 2), "cpython"), ((3, 14, 0), "cpython"), ((3, 11, 0), "pypy")):
        line = interpreter.refusal(version, implementation, "")
        assert "CPython 3.10 to 3.13" in line
        assert "apt-get install" in line
        assert "\n" not in line


def test_another_python_on_path_is_named(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools" / "workspace"))
    import interpreter

    (tmp_path / "python3.12").touch(mode=0o755)
    assert "make PYTHON=python3.12 setup" in interpreter.refusal((3, 9, 2), "cpython", str(tmp_path))


def test_link_shows_both_packages_and_is_idempotent(repository: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert run_tool(repository, "link", str(tmp_path / "ws")).returncode == 0
    assert (tmp_path / "ws" / "src" / "perception_fm").resolve() == repository
    assert (tmp_path / "ws" / "src" / "perception_fm_msgs").resolve() == repository / "perception_fm_msgs"


def test_link_never_replaces_what_is_there(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "src" / "perception_fm_msgs").mkdir(parents=True)
    done = run_tool(repository, "link", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "src" / "perception_fm_msgs").is_symlink()


def test_link_without_a_workspace_is_refused(repository: Path) -> None:
    done = run_tool(repository, "link", "")
    assert done.returncode == 2
    assert "make link WS=" in done.stderr


def test_cut_off_stamp_counts_as_none(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools" / "workspace"))
    import layout

    stamp = tmp_path / "workspace.json"
    assert layout.read_stamp(stamp) == {}
    stamp.write_text('{"key": "ab')
    assert layout.read_stamp(stamp) == {}
    layout.write_stamp(stamp, {"key": "ab"})
    assert layout.read_stamp(stamp) == {"key": "ab"}


def test_links_to_removed_files_do_not_stop_the_next_build(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools" / "workspace"))
    import build_step

    kept, removed = tmp_path / "config" / "kept.yaml", tmp_path / "config" / "removed.yaml"
    kept.parent.mkdir()
    (tmp_path / "source.yaml").touch()
    kept.symlink_to(tmp_path / "source.yaml")
    removed.symlink_to(tmp_path / "no_longer_there.yaml")
    build_step.remove_dangling_links(tmp_path)
    assert kept.is_symlink()
    assert not removed.is_symlink()


def test_extras_add_their_requirements_and_an_unknown_one_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools" / "workspace"))
    import venv_step
    from console import SetupError

    plain = venv_step.runtime_requirements(repository)
    assert not any(line.startswith("torch") for line in plain)  # the node never needs it
    assert any(line.startswith("torch") for line in venv_step.runtime_requirements(repository, ["models"]))
    with pytest.raises(SetupError, match=r"no extra 'model'; setup\.cfg has models, "):
        venv_step.runtime_requirements(repository, ["model"])
