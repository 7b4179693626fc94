"""Start perception: the lifecycle node, configured and activated, and on request RViz and a bag beside it.

Arguments with their meaning: `ros2 launch perception_fm perception.launch.py --show-args`. A node that cannot be
configured or activated, or that dies, ends the launch with one error line and a failure status.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.event_handler import EventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import matches_action
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.events.lifecycle import ChangeState, StateTransition
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from perception_fm.bags.reader import BagReader
from perception_fm.ros.bag_transforms import mounting_parameters
from perception_fm.ros.transport import transport_variables

NAME = "perception_node"
CAMERA = LaunchConfiguration("camera")
BOOLEANS = ["true", "false", "True", "False"]

ARGUMENTS = (
    DeclareLaunchArgument("camera", default_value="front", description="Name of the camera; prefix of its topics."),
    DeclareLaunchArgument(
        "config",
        default_value=PathJoinSubstitution([FindPackageShare("perception_fm"), "config", "perception.yaml"]),
        description="ROS parameter file of the node. The arguments here win over it where they are given.",
    ),
    DeclareLaunchArgument(
        "model", default_value="", description="Model, or none: geometry only. Empty: what config says (none)."
    ),
    DeclareLaunchArgument(
        "backend", default_value="", description="What runs the model. Empty: what config says. Needs a model."
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="auto",
        choices=["auto", *BOOLEANS],
        description="Take the time from /clock; auto: where a bag is played.",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEANS, description="Open RViz beside the node."),
    DeclareLaunchArgument(
        "bag",
        default_value="",
        description="Bag to play once the node is active. replay.launch.py plays one at a chosen rate or in a loop.",
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "auto", "raw", "compressed"],
        description="compressed takes image_topic/compressed, auto what is published. Empty: what config says (auto).",
    ),
    DeclareLaunchArgument(
        "camera_height",
        default_value="",
        description="Metres above the road, where no TF gives the mounting. Empty: what config says.",
    ),
    DeclareLaunchArgument(
        "camera_pitch", default_value="", description="Radians, positive looks down; goes with camera_height."
    ),
    DeclareLaunchArgument(
        "image_topic", default_value=["/camera/", CAMERA, "/image_raw"], description="Images of the camera."
    ),
    DeclareLaunchArgument(
        "camera_info_topic", default_value=["/camera/", CAMERA, "/camera_info"], description="Its calibration."
    ),
    DeclareLaunchArgument("odometry_topic", default_value="/odometry", description="nav_msgs/Odometry of the vehicle."),
    DeclareLaunchArgument(
        "twist_topic", default_value="/twist", description="geometry_msgs/TwistStamped, used without odometry."
    ),
    DeclareLaunchArgument("imu_topic", default_value="/imu", description="sensor_msgs/Imu: turn rates."),
)
INPUTS = ("camera_info", "odometry", "twist", "imu")


def generate_launch_description() -> LaunchDescription:
    """The arguments and what follows from their values."""
    variables = [SetEnvironmentVariable(*item) for item in transport_variables(os.environ).items()]
    return LaunchDescription([*ARGUMENTS, *variables, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    values = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    bag = _existing(values["bag"], "bag")
    has_sim_time = bool(bag) if values["use_sim_time"] == "auto" else values["use_sim_time"].lower() == "true"
    # The transitions are this file's business, whatever the configuration says.
    parameters = {"use_sim_time": has_sim_time, "camera_name": values["camera"], "autostart": False}
    chosen = {"model": values["model"], "backend": values["backend"], "image_transport": values["image_transport"]}
    parameters.update({name: value for name, value in chosen.items() if value})
    parameters.update(_recorded_mounting(bag, values["camera"]))
    mounting = {"mounting.height_m": values["camera_height"], "mounting.pitch_rad": values["camera_pitch"]}
    parameters.update({name: float(value) for name, value in mounting.items() if value})
    node = LifecycleNode(
        package="perception_fm",
        executable="perception_node",
        name=NAME,
        namespace="",
        output="screen",
        parameters=[_existing(values["config"], "config"), parameters],
        remappings=[("~/image", values["image_topic"]), *((f"~/{name}", values[f"{name}_topic"]) for name in INPUTS)],
    )
    player = [_include("replay", bag=bag, rviz="false")] if bag else []
    rviz = [_include("rviz", use_sim_time=str(has_sim_time))] if values["rviz"].lower() == "true" else []
    return [*_bring_up(node, player), node, *rviz]


def _bring_up(node: LifecycleNode, when_active: list[LaunchDescriptionEntity]) -> list[LaunchDescriptionEntity]:
    """Handlers that configure and activate the node, to be registered before it starts.

    Each step is taken once: later transitions are the user's. An exception in a handler is launch's way to end with one
    error line and a non-zero status.
    """
    awaited = {"configuring": "inactive", "activating": "active"}

    def request(transition: int) -> EmitEvent:
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition))

    def is_awaited(event: object) -> bool:
        return isinstance(event, StateTransition) and event.action is node and event.start_state in awaited

    def on_transition(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        event = context.locals.event
        if event.goal_state != awaited.pop(event.start_state):
            raise RuntimeError(f"{NAME} failed while {event.start_state}; its own lines above say why")
        return when_active if event.goal_state == "active" else [request(Transition.TRANSITION_ACTIVATE)]

    def on_exit(event: object, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.returncode != 0:
            raise RuntimeError(f"{NAME} ended with status {event.returncode}; its own lines above say why")
        return [Shutdown(reason=f"{NAME} ended")]

    return [
        RegisterEventHandler(EventHandler(matcher=is_awaited, entities=[OpaqueFunction(function=on_transition)])),
        RegisterEventHandler(OnProcessExit(target_action=node, on_exit=on_exit)),
        RegisterEventHandler(
            OnProcessStart(target_action=node, on_start=[request(Transition.TRANSITION_CONFIGURE)])
        ),
    ]


def _include(name: str, **arguments: str) -> IncludeLaunchDescription:
    path = PathJoinSubstitution([FindPackageShare("perception_fm"), "launch", f"{name}.launch.py"])
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(path), launch_arguments=arguments.items())


def _existing(path: str, name: str) -> str:
    """The path, ~ resolved, after it was found to exist; an empty one stays empty."""
    found = Path(path).expanduser()
    if path and not found.exists():
        raise RuntimeError(f"{name}:={path} does not exist")
    return str(found) if path else ""


def _recorded_mounting(bag: str, camera: str) -> dict[str, float]:
    """The mounting that the bag holds as /tf_static, as parameters, where there is no tf2_ros to receive it."""
    if not bag or find_spec("tf2_ros"):
        return {}
    with BagReader(Path(bag)) as reader:
        return mounting_parameters(reader, "base_link", f"{camera}_optical")
