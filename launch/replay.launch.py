"""Play a bag with /clock, and look at it in RViz: a recorded drive, or the output bag of `perception-fm run`.

Arguments with their meaning: `ros2 launch perception_fm replay.launch.py --show-args`.
"""

import os
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import ExecutableInPackage, FindPackageShare

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from perception_fm.ros.transport import transport_variables

CLOCK_HZ = "100"
BOOLEANS = ["true", "false", "True", "False"]

ARGUMENTS = (
    DeclareLaunchArgument("bag", description="Folder of the rosbag2 recording to play."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Bag seconds per second."),
    DeclareLaunchArgument("loop", default_value="false", choices=BOOLEANS, description="Begin again at the end."),
    DeclareLaunchArgument("start_offset", default_value="0.0", description="Seconds of the bag to leave out."),
    DeclareLaunchArgument("delay", default_value="1.0", description="Seconds in which subscribers connect."),
    DeclareLaunchArgument("rviz", default_value="true", choices=BOOLEANS, description="Open RViz."),
    DeclareLaunchArgument(
        "player",
        default_value="auto",
        choices=["auto", "ros2bag", "perception-fm"],
        description="ros2bag: ros2 bag play; perception-fm: perception-fm replay; auto: ros2bag where it is installed "
        "and has a reader for this bag.",
    ),
)


def generate_launch_description() -> LaunchDescription:
    """The arguments and what follows from their values."""
    variables = [SetEnvironmentVariable(*item) for item in transport_variables(os.environ).items()]
    return LaunchDescription([*ARGUMENTS, *variables, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    values = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    bag = Path(values["bag"]).expanduser()
    if not bag.exists():
        raise RuntimeError(f"bag:={values['bag']} does not exist")
    player = ExecuteProcess(cmd=_player(bag, values), name="player", output="screen")
    delayed = TimerAction(period=_number(values, "delay"), actions=[player])
    ending = RegisterEventHandler(OnProcessExit(target_action=player, on_exit=_on_exit))
    return [*([_rviz()] if values["rviz"].lower() == "true" else []), ending, delayed]


def _player(bag: Path, values: dict[str, str]) -> list[object]:
    options = ["--rate", str(_number(values, "rate"))]
    if values["loop"].lower() == "true":
        options.append("--loop")
    if _number(values, "start_offset") > 0.0:  # Humble's ros2 bag refuses a zero
        options += ["--start-offset", str(_number(values, "start_offset"))]
    if values["player"] == "ros2bag" or (values["player"] == "auto" and _has_reader(bag)):
        return ["ros2", "bag", "play", str(bag), "--clock", CLOCK_HZ, "--disable-keyboard-controls", *options]
    return [ExecutableInPackage("perception-fm", "perception_fm"), "replay", str(bag), *options]


def _has_reader(bag: Path) -> bool:
    """True where ros2 bag is installed and, for MCAP, its plugin, which Humble does not bring by itself."""
    is_mcap = bag.suffix == ".mcap" or any(bag.glob("*.mcap"))
    return _is_installed("ros2bag") and (not is_mcap or _is_installed("rosbag2_storage_mcap"))


def _is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def _on_exit(event: object, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if context.is_shutdown:
        return []
    if event.returncode != 0:
        # An exception in a handler is launch's way to end with one error line and a non-zero status.
        raise RuntimeError(f"the player ended with status {event.returncode}; its own lines above say why")
    return [LogInfo(msg="the bag has been played")]


def _rviz() -> IncludeLaunchDescription:
    path = PathJoinSubstitution([FindPackageShare("perception_fm"), "launch", "rviz.launch.py"])
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments={"use_sim_time": "true"}.items()
    )


def _number(values: dict[str, str], name: str) -> float:
    try:
        return float(values[name])
    except ValueError:
        raise RuntimeError(f"{name} is a number, got {values[name]!r}") from None

