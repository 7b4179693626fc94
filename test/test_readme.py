"""The documentation does what it says: its commands exist, its tables are those of the code, its links lead
somewhere.
"""

from __future__ import annotations

import ast
import configparser
import itertools
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from perception_fm.cli import main, root
from perception_fm.config import NodeConfig, Setting, from_mapping, settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BEGIN, END = "<!-- parameters:", "<!-- end of parameters -->"
CLIP = "perception_fm/demo_data/painted_wall"
# Commands of others, which are only looked at.
FOREIGN = {"cd", "colcon", "rosdep", "source"}
# The head of a documented command that takes seconds with the shipped clip, or less.
CHEAP = (
    ["perception-fm", "--version"],
    ["perception-fm", "doctor"],
    ["perception-fm", "run", CLIP],
    ["perception-fm", "replay", CLIP],
)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command in the page's bash blocks."""
    for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while "&&" in words:
                yield words[: words.index("&&")]
                words = words[words.index("&&") + 1 :]
            if words:
                yield words


DOCUMENTED = [(page.name, words) for page in PAGES for words in commands(page)]


def parameter_rows() -> list[str]:
    """The table of all settings as the README must have it."""
    return [
        f"| `{item.name}` | {shown(item.default)} | {limits(item)} | {'yes' if item.metadata['live'] else ''} "
        f"| {item.metadata['help']} |"
        for item in settings(NodeConfig)
    ]


def shown(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return f"`{str(list(value) if isinstance(value, tuple) else value).lower()}`"


def limits(item: Setting) -> str:
    if item.metadata["choices"]:
        return ", ".join(f"`{choice}`" for choice in item.metadata["choices"])
    low, high = item.metadata["low"], item.metadata["high"]
    return "" if low is None else f"{low:g} to {high:g}"


def test_parameter_table_is_that_of_the_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index(BEGIN) : text.index(END)]
    wanted = "\n".join(parameter_rows())
    assert [line for line in table.splitlines() if line.startswith("| `")] == wanted.splitlines(), f"wanted:\n{wanted}"


def test_output_table_is_that_of_the_node() -> None:
    outputs = pytest.importorskip("perception_fm.ros.outputs", reason="needs rclpy and the built messages")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text[text.index("Outputs, all below") : text.index("## What the states mean")]
    found = re.findall(r"^\| `([\w/]+)` \| `(\w+)/(\w+)` \|", rows, re.MULTILINE)
    wanted = {
        (output.topic, output.message_type.__module__.split(".")[0], output.message_type.__name__)
        for output in outputs.OUTPUTS
        if output.topic not in ("detections", "objects")
    }
    beside = {
        ("/diagnostics", "diagnostic_msgs", "DiagnosticArray"),
        # Where these packages are installed; Autoware's may have an older name.
        ("segmentation/label_info", "vision_msgs", "LabelInfo"),
        ("detections", "vision_msgs", "Detection3DArray"),
        ("objects", "autoware_perception_msgs", "DetectedObjects"),
    }
    assert set(found) == wanted | beside


def test_input_table_is_that_of_the_node() -> None:
    source = (ROOT / "perception_fm" / "ros" / "inputs.py").read_text(encoding="utf-8")
    subscribed = set(re.findall(r'"~/(\w+)"', source))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text[text.index("Inputs, all below") : text.index("Outputs, all below")]
    assert {topic.split("/")[0] for topic in re.findall(r"^\| `(\w[\w/]*)` \|", rows, re.MULTILINE)} == subscribed


def test_there_are_commands_of_every_kind() -> None:
    assert {"make", "perception-fm", "ros2"} <= {words[0] for _, words in DOCUMENTED}


@pytest.mark.parametrize(
    ("page", "words"), DOCUMENTED, ids=[f"{page}: {' '.join(words)[:60]}" for page, words in DOCUMENTED]
)
def test_documented_command_exists_with_these_options(page: str, words: list[str]) -> None:
    checks = {"make": check_make, "perception-fm": check_own, "ros2": check_ros2}
    if words[0] not in FOREIGN:
        checks[words[0]](words[1:])


@pytest.mark.parametrize("head", CHEAP, ids=[" ".join(head[1:]) for head in CHEAP])
def test_documented_command_runs(
    head: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if head[1] in ("run", "replay"):
        pytest.importorskip("rclpy")
    found = [words for _, words in DOCUMENTED if words[: len(head)] == head]
    assert found
    (tmp_path / "perception_fm").mkdir()
    (tmp_path / "perception_fm" / "demo_data").symlink_to(ROOT / "perception_fm" / "demo_data")
    monkeypatch.chdir(tmp_path)
    # Chosen already, so that the command does not set it for all tests that follow.
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
    assert main(found[0][1:]) == 0, capsys.readouterr().err


def check_make(arguments: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert arguments[0] in targets
    assert all(re.fullmatch(r"[A-Z_]+=.*", word) for word in arguments[1:])


def check_own(arguments: list[str]) -> None:
    """Parses the arguments down to the last subcommand as the command line does, without running anything."""
    if arguments == ["--version"]:
        return
    command: click.Command | None = root
    words = list(arguments)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None
    command.make_context(command.name, words)


def check_ros2(arguments: list[str]) -> None:
    verb, *rest = arguments
    {"launch": check_launch, "run": check_run, "topic": check_topic, "param": check_param}[verb](rest)


def check_launch(words: list[str]) -> None:
    package, file, *assignments = words
    assert package == "perception_fm"
    tree = ast.parse((ROOT / "launch" / file).read_text(encoding="utf-8"))
    declared = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument"
        and isinstance(node.args[0], ast.Constant)
    }
    assert {assignment.partition(":=")[0] for assignment in assignments} - {"--show-args"} <= declared
    bags = [assignment for assignment in assignments if assignment.startswith("bag:=perception_fm/")]
    assert all((ROOT / bag.partition(":=")[2]).is_dir() for bag in bags)


def check_run(words: list[str]) -> None:
    package, executable, *arguments = words
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert package == "perception_fm"
    assert re.search(rf"^{executable} = ", config["options.entry_points"]["console_scripts"], re.MULTILINE)
    pairs = list(itertools.pairwise(arguments))
    from_mapping(NodeConfig, {k: yaml.safe_load(v) for k, v in assigned("-p", pairs) if k != "use_sim_time"})
    source = (ROOT / "perception_fm" / "ros" / "inputs.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in source for name, _ in assigned("-r", pairs))


def assigned(flag: str, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for option, word in pairs if option == flag for name, _, value in [word.partition(":=")]]


def check_topic(words: list[str]) -> None:
    outputs = pytest.importorskip("perception_fm.ros.outputs", reason="needs rclpy and the built messages")
    assert words[0] in ("echo", "hz")
    assert words[1] in [f"/perception_node/{output.topic}" for output in outputs.OUTPUTS]


def check_param(words: list[str]) -> None:
    verb, node, name, value = words
    assert (verb, node) == ("set", "/perception_node")
    assert next(item for item in settings(NodeConfig) if item.name == name).metadata["live"]
    from_mapping(NodeConfig, {name: yaml.safe_load(value)})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_picture_of_the_readme_is_small() -> None:
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert (ROOT / picture).stat().st_size < 400_000
