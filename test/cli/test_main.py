"""The command line itself: help at once, one line per error, the promised exit status."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click
import pytest

import perception_fm
from perception_fm import cli
from perception_fm.cli import EXIT_BAD_INPUT, EXIT_INTERRUPTED, SUBCOMMANDS, main, module_of
from perception_fm.errors import BagError


def installed() -> list[str]:
    return [name for name in SUBCOMMANDS if importlib.util.find_spec(module_of(name)) is not None]


def with_command(monkeypatch: pytest.MonkeyPatch, action: object) -> None:
    """Makes `perception-fm doctor` do something else."""

    @click.command()
    def command() -> object:
        if isinstance(action, BaseException):
            raise action
        return action

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: command)


def test_help_lists_exactly_the_subcommands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    listed = [line.split()[0] for line in text.partition("Commands:")[2].splitlines() if line.strip()]
    assert set(installed()) <= set(listed)
    assert set(listed) & set(SUBCOMMANDS) == set(installed())


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: perception-fm")


@pytest.mark.parametrize("name", installed())
def test_every_subcommand_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: perception-fm {name}")
    assert len(text.splitlines()) > 5


def test_help_imports_neither_ros_nor_opencv() -> None:
    code = (
        "import sys; from perception_fm.cli import main; main(['--help']);"
        "sys.exit(any(name in sys.modules for name in ('rclpy', 'cv2', 'numpy', 'matplotlib', 'av')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == perception_fm.__version__


@pytest.mark.parametrize("arguments", [["nope"], ["run"], ["run", "--nope"], ["doctor", "extra"]])
def test_wrong_usage_is_one_line_that_names_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--help)" in error


def test_group_without_its_subcommand_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth"])
    output = capsys.readouterr()
    text = output.err + output.out  # click before 8.2 takes it for a question, not a mistake
    assert text.startswith("Usage: perception-fm synth")
    assert "(see" not in text


def test_errors_of_the_package_are_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_command(monkeypatch, BagError("it is broken; mend it"))
    assert main(["doctor"]) == EXIT_BAD_INPUT
    assert capsys.readouterr().err == "perception-fm: it is broken; mend it\n"


def test_interrupt_is_status_130_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_command(monkeypatch, KeyboardInterrupt())
    assert main(["doctor"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "perception-fm: interrupted\n"


def test_mistakes_of_the_program_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with_command(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


@pytest.mark.parametrize("status", [0, 1])
def test_status_of_a_command_is_the_status_of_the_process(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with_command(monkeypatch, click.exceptions.Exit(status))
    assert main(["doctor"]) == status


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    with (tmp_path / "error").open("w+") as error:
        status = subprocess.run(
            [sys.executable, "-m", "perception_fm.cli", "--help"], stdout=reader.stdin, stderr=error, check=False
        ).returncode
        error.seek(0)
        assert (status, error.read()) == (0, "")
