"""The launch files: what holds without `launch` is tested everywhere, the rest where ROS 2 is installed in full."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
START_TIMEOUT_S = 60.0


def loaded(name):
    """The module of a launch file. Skips where launch is missing: the folder launch/ alone passes for a package."""
    pytest.importorskip("launch.actions", reason="launch is not in the Python registry; a ROS installation has it")
    pytest.importorskip("launch_ros.actions", reason="launch_ros is not in the Python registry")
    pytest.importorskip("ament_index_python")
    spec = importlib.util.spec_from_file_location(name, ROOT / "launch" / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_launch_file_parses_and_has_its_entry_point(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert "generate_launch_description" in functions
    assert ast.get_docstring(tree)


def test_every_launch_file_is_here():
    assert [path.name for path in FILES] == ["perception.launch.py", "replay.launch.py", "rviz.launch.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_newer_than_humble_is_used(path):
    text = path.read_text(encoding="utf-8")
    assert "autostart=" not in text  # launch_ros since Jazzy
    assert "PathSubstitution" not in text.replace("PathJoinSubstitution", "")  # launch since Kilted


def test_rviz_shows_topics_that_the_node_publishes():
    outputs = pytest.importorskip("perception_fm.ros.outputs", reason="needs rclpy and the built messages")
    document = yaml.safe_load((ROOT / "config" / "perception.rviz").read_text(encoding="utf-8"))
    displays = document["Visualization Manager"]["Displays"]
    kinds = {item["Topic"]["Value"]: item["Class"].rpartition("/")[2] for item in displays if "Topic" in item}
    shows = {"Map": "OccupancyGrid"}  # every other display is named after its message
    own = {topic: shows.get(kind, kind) for topic, kind in kinds.items() if topic.startswith("/perception_node/")}
    published = {f"/perception_node/{output.topic}": output.message_type.__name__ for output in outputs.OUTPUTS}
    assert own
    assert own.items() <= published.items()


@pytest.mark.parametrize("name", ["perception", "replay", "rviz"])
def test_every_argument_is_described(name):
    module = loaded(name)
    from launch.actions import DeclareLaunchArgument

    entities = module.generate_launch_description().entities
    arguments = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    assert arguments
    assert all(len(argument.description) > 5 for argument in arguments)


def test_mounting_of_the_bag_goes_as_parameters_without_tf(monkeypatch):
    module = loaded("perception")
    bag = str(ROOT / "perception_fm" / "demo_data" / "painted_wall")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert module._recorded_mounting(bag, "front", [])["mounting.height_m"] == pytest.approx(1.4)
    assert module._recorded_mounting(bag, "rear", []) == {}
    assert module._recorded_mounting("", "front", []) == {}
    several = module._recorded_mounting(bag, "front", ["front"])["other_mountings"]
    assert len(several) == 6
    assert several[0] == pytest.approx(1.4)
    assert "other_mountings" not in module._recorded_mounting(bag, "front", ["front", "rear"])
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    assert module._recorded_mounting(bag, "front", []) == {}


def test_mcap_needs_its_plugin_for_ros2_bag(tmp_path, monkeypatch):
    replay = loaded("replay")
    (tmp_path / "bag.mcap").touch()
    installed = {"ros2bag"}
    monkeypatch.setattr(replay, "_is_installed", lambda package: package in installed)
    assert not replay._has_reader(tmp_path)
    assert not replay._has_reader(tmp_path / "bag.mcap")
    installed.add("rosbag2_storage_mcap")
    assert replay._has_reader(tmp_path)
    installed.clear()
    assert not replay._has_reader(tmp_path)


def test_player_command_line():
    replay = loaded("replay")
    values = {"rate": "0.5", "loop": "True", "start_offset": "0", "player": "ros2bag"}
    command = replay._player(Path("drive"), values)
    assert command[:6] == ["ros2", "bag", "play", "drive", "--clock", "100"]
    assert command[7:] == ["--rate", "0.5", "--loop"]
    values.update(player="perception-fm", loop="false", start_offset="2")
    assert replay._player(Path("drive"), values)[1:] == ["replay", "drive", "--rate", "0.5", "--start-offset", "2.0"]


class Launch:
    """A running `ros2 launch`; `output` is what it has said so far."""

    def __init__(self, process):
        self._process = process
        self.output = ""

    def read_until(self, pattern):
        """Returns when a line matches; fails the test where the launch ends without it."""
        for line in self._process.stdout:
            self.output += line
            if re.search(pattern, line):
                return
        pytest.fail(f"{pattern} never came:\n{self.output}")

    def said_by(self, process):
        """The lines of one process: launch_ros itself may trip over a request that is open when the launch ends."""
        return "".join(line for line in self.output.splitlines(keepends=True) if line.startswith(f"[{process}]"))

    def finish(self, number=None):
        """Sends the signal to launch and its children, as a terminal does, and returns the exit status."""
        if number is not None:
            os.killpg(self._process.pid, number)
        rest, _ = self._process.communicate(timeout=START_TIMEOUT_S)
        self.output += rest
        return self._process.returncode


@contextmanager
def launched(*arguments: str, package: str | None = "perception_fm") -> Iterator[Launch]:
    if shutil.which("ros2") is None:
        pytest.skip("ros2 launch is not installed")
    index = pytest.importorskip("ament_index_python")
    try:
        index.get_package_prefix("perception_fm")
    except index.PackageNotFoundError:
        pytest.skip("perception_fm is not in the sourced workspace")
    process = subprocess.Popen(
        ["ros2", "launch", *([package] if package else []), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "ROS_DOMAIN_ID": str(20 + os.getpid() % 80)},
    )
    try:
        yield Launch(process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def bag(tmp_path):
    """A bag of strings, enough for a player to play."""
    pytest.importorskip("rosbags")
    from perception_fm.bags.message_types import message, serialize
    from perception_fm.bags.writer import BagWriter

    with BagWriter(tmp_path / "bag") as writer:
        for index in range(5):
            text = serialize(message("std_msgs/msg/String", data=str(index)))
            writer.write("/text", 1_700_000_000_000_000_000 + index * 10_000_000, text, "std_msgs/msg/String")
    return tmp_path / "bag"


def test_node_becomes_active_plays_the_bag_and_ends_with_ctrl_c(bag):
    with launched("perception.launch.py", f"bag:={bag}", "rviz:=false") as launch:
        launch.read_until("the bag has been played")  # it is started once the node is active
        assert launch.finish(signal.SIGINT) == 0
    assert "Traceback" not in launch.output
    assert "process has died" not in launch.output


def test_refused_parameters_end_the_launch_as_a_failure(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("/**: {ros__parameters: {vehicle: {widht_m: 2.0}}}")
    with launched("perception.launch.py", f"config:={config}") as launch:
        assert launch.finish() == 1
    assert "unknown setting vehicle.widht_m; did you mean vehicle.width_m?" in launch.output
    assert "perception_node ended with status 2" in launch.output
    assert "Traceback" not in launch.said_by("perception_node-1")


FAILING_NODE = """#!{python}
import rclpy
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class FailingNode(LifecycleNode):
    def on_{transition}(self, state):
        self.get_logger().error("no engine here")
        return TransitionCallbackReturn.{outcome}

rclpy.init()
try:
    rclpy.spin(FailingNode("perception_node"))
except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
    pass
"""
FAILING_LAUNCH = """
import importlib.util
from launch import LaunchDescription
from launch_ros.actions import LifecycleNode
spec = importlib.util.spec_from_file_location("perception", {path!r})
perception = importlib.util.module_from_spec(spec)
spec.loader.exec_module(perception)

def generate_launch_description():
    node = LifecycleNode(executable={executable!r}, name=perception.NAME, namespace="", output="screen")
    return LaunchDescription([*perception._bring_up(node, []), node])
"""


@pytest.mark.parametrize(("transition", "state"), [("configure", "configuring"), ("activate", "activating")])
@pytest.mark.parametrize("outcome", ["FAILURE", "ERROR"])
def test_failed_transition_ends_the_launch_as_a_failure(tmp_path, transition, state, outcome):
    executable, file = tmp_path / "node", tmp_path / "failing.launch.py"
    executable.write_text(FAILING_NODE.format(python=sys.executable, transition=transition, outcome=outcome))
    executable.chmod(0o755)
    path = str(ROOT / "launch" / "perception.launch.py")
    file.write_text(FAILING_LAUNCH.format(path=path, executable=str(executable)))
    with launched(str(file), package=None) as launch:
        assert launch.finish() == 1
    assert "no engine here" in launch.output
    assert f"perception_node failed while {state}" in launch.output
    assert "Traceback" not in launch.said_by("node-1")


def test_ctrl_c_before_the_node_can_be_asked_ends_the_launch_with_status_0(tmp_path):
    executable, file = tmp_path / "node", tmp_path / "starting.launch.py"
    executable.write_text("#!/bin/sh\ntrap 'exit 0' INT\necho it starts\nwhile :; do sleep 0.1; done\n")
    executable.chmod(0o755)
    path = str(ROOT / "launch" / "perception.launch.py")
    file.write_text(FAILING_LAUNCH.format(path=path, executable=str(executable)))
    with launched(str(file), package=None) as launch:
        launch.read_until("it starts")
        time.sleep(1.0)  # by now launch would wait for the services of the node
        assert launch.finish(signal.SIGINT) == 0
    assert "Traceback" not in launch.output
    assert "change_state" not in launch.output  # launch_ros that waits for it mostly ends with status 1


SILENT_NODE = """#!{python}
import rclpy
from lifecycle_msgs.srv import ChangeState, GetState

rclpy.init()
node = rclpy.create_node("perception_node")
states = ["unconfigured", "inactive", "active"]
asked = []

def change(request, response):
    asked.append(request.transition.id)
    if len(asked) > 1:
        states.pop(0)
    response.success = True
    return response

def get(request, response):
    response.current_state.label = states[0]
    return response

node.create_service(ChangeState, "~/change_state", change)
node.create_service(GetState, "~/get_state", get)
try:
    rclpy.spin(node)
except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
    pass
print("asked for", asked, flush=True)
"""


def test_lost_request_and_lost_word_of_transitions_do_not_leave_the_launch_waiting(tmp_path):
    executable, file = tmp_path / "node", tmp_path / "silent.launch.py"
    executable.write_text(SILENT_NODE.format(python=sys.executable))
    executable.chmod(0o755)
    path = str(ROOT / "launch" / "perception.launch.py")
    text = FAILING_LAUNCH.format(path=path, executable=str(executable))
    said = "[__import__('launch').actions.LogInfo(msg='it is active')]"
    text = text.replace("_bring_up(node, [])", f"_bring_up(node, {said})")
    file.write_text(text.replace("\ndef ", "perception.STATE_PERIOD_S = 1.0\n\ndef "))
    with launched(str(file), package=None) as launch:
        launch.read_until("it is active")
        assert launch.finish(signal.SIGINT) == 0
    assert re.search(r"asked for \[1(, 1)+, 3\]", launch.output)


@pytest.mark.parametrize("name", ["bag", "config"])
def test_missing_files_are_named(name):
    with launched("perception.launch.py", f"{name}:=/no/such/file") as launch:
        assert launch.finish() == 1
    assert f"{name}:=/no/such/file does not exist" in launch.output


def test_broken_bag_ends_the_replay_as_a_failure(tmp_path):
    arguments = [f"bag:={tmp_path}", "delay:=0.0", "rviz:=false", "player:=perception-fm"]
    with launched("replay.launch.py", *arguments) as launch:
        assert launch.finish() == 1
    assert "is no rosbag2 recording" in launch.output
    assert "the player ended with status 2" in launch.output


def test_missing_rviz_is_one_line(bag):
    index = pytest.importorskip("ament_index_python")
    if "rviz2" in index.get_packages_with_prefixes():
        pytest.skip("rviz2 is installed here")
    with launched("replay.launch.py", f"bag:={bag}", "delay:=0.0") as launch:
        assert launch.finish() == 0
    assert "rviz2 is not installed, so no RViz opens" in launch.output
    assert "Traceback" not in launch.output
