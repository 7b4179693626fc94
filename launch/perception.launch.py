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
    TimerAction,
)
from launch.event_handler import EventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import matches_action
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.events.lifecycle import ChangeState, StateTransition
from launch_ros.ros_adapters import get_ros_node
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.task import Future

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from perception_fm.bags.reader import BagReader
from perception_fm.ros.bag_transforms import mounting_parameters
from perception_fm.ros.transport import transport_variables

NAME = "perception_node"
CAMERA = LaunchConfiguration("camera")
BOOLEANS = ["true", "false", "True", "False"]
SERVICE_PERIOD_S = 0.2
STATE_PERIOD_S = 2.0
# What is awaited: the state it begins in, the one it shall end in, and what asks for it.
STEPS = {
    "configuring": ("unconfigured", "inactive", Transition.TRANSITION_CONFIGURE),
    "activating": ("inactive", "active", Transition.TRANSITION_ACTIVATE),
}

ARGUMENTS = (
    DeclareLaunchArgument("camera", default_value="front", description="Name of the camera; prefix of its topics."),
    DeclareLaunchArgument(
        "other_cameras",
        default_value="",
        description="Names of further cameras, with spaces between; their topics are /camera/NAME/image_raw and "
        "/camera/NAME/camera_info. Empty: what config says.",
    ),
    DeclareLaunchArgument(
        "config",
        default_value=PathJoinSubstitution([FindPackageShare("perception_fm"), "config", "perception.yaml"]),
        description="ROS parameter file of the node. The arguments here win over it where they are given.",
    ),
    DeclareLaunchArgument(
        "model", default_value="", description="Model, or none: geometry only. Empty: what config says (bundled)."
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
    DeclareLaunchArgument(
        "range_topic", default_value="/range", description="Of the type that the parameter range_source says."
    ),
)
INPUTS = ("camera_info", "odometry", "twist", "imu", "range")


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
    others = values["other_cameras"].split()
    parameters.update({"other_cameras": others} if others else {})
    parameters.update(_recorded_mounting(bag, values["camera"], others))
    mounting = {"mounting.height_m": values["camera_height"], "mounting.pitch_rad": values["camera_pitch"]}
    parameters.update({name: float(value) for name, value in mounting.items() if value})
    node = LifecycleNode(
        package="perception_fm",
        executable="perception_node",
        name=NAME,
        namespace="",
        output="screen",
        parameters=[_existing(values["config"], "config"), parameters],
        remappings=[
            ("~/image", values["image_topic"]),
            *((f"~/{name}", values[f"{name}_topic"]) for name in INPUTS),
            *((f"~/{name}/image", f"/camera/{name}/image_raw") for name in others),
            *((f"~/{name}/camera_info", f"/camera/{name}/camera_info") for name in others),
        ],
    )
    player = [_include("replay", bag=bag, rviz="false")] if bag else []
    rviz = [_include("rviz", use_sim_time=str(has_sim_time))] if values["rviz"].lower() == "true" else []
    return [*_bring_up(node, player), node, *rviz]


def _bring_up(node: LifecycleNode, when_active: list[LaunchDescriptionEntity]) -> list[LaunchDescriptionEntity]:
    """Handlers that configure and activate the node, to be registered before it starts."""
    bring_up = _BringUp(node, when_active)
    return [
        RegisterEventHandler(
            EventHandler(matcher=bring_up.is_awaited, entities=[OpaqueFunction(function=bring_up.on_transition)])
        ),
        RegisterEventHandler(OnProcessExit(target_action=node, on_exit=_on_exit)),
        RegisterEventHandler(OnProcessStart(target_action=node, on_start=bring_up.begin())),
    ]


def _on_exit(event: object, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if context.is_shutdown:
        return []
    if event.returncode != 0:
        raise RuntimeError(f"{NAME} ended with status {event.returncode}; its own lines above say why")
    return [Shutdown(reason=f"{NAME} ended")]


class _BringUp:
    """The steps to an active node, each taken once: later transitions are the user's.

    An exception in a handler is launch's way to end with one error line and a non-zero status. While DDS discovery is
    under way a request, its answer and the word of a transition can be lost, so the node is asked for its state too.
    """

    def __init__(self, node: LifecycleNode, when_active: list[LaunchDescriptionEntity]) -> None:
        self._node = node
        self._when_active = when_active
        self._awaited = list(STEPS)
        self._states = _States()

    def begin(self) -> list[LaunchDescriptionEntity]:
        """Asks for the first step once somebody can hear it: launch_ros itself, waiting for that, trips over Ctrl-C."""
        return [TimerAction(period=SERVICE_PERIOD_S, actions=[OpaqueFunction(function=self._first_request)])]

    def is_awaited(self, event: object) -> bool:
        """True for the end of the step under way."""
        is_own = isinstance(event, StateTransition) and event.action is self._node
        return is_own and event.start_state in self._awaited[:1]

    def on_transition(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """The step has ended; the next one, or a failure."""
        return [] if context.is_shutdown else self._arrive(context.locals.event.goal_state)

    def _first_request(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        return [self._request(), self._check_later()] if self._states.is_there(context) else self.begin()

    def _request(self) -> EmitEvent:
        self._states.forget()
        _, _, transition = STEPS[self._awaited[0]]
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(self._node), transition_id=transition))

    def _arrive(self, state: str) -> list[LaunchDescriptionEntity]:
        step = self._awaited.pop(0)
        if state != STEPS[step][1]:
            raise RuntimeError(f"{NAME} failed while {step}; its own lines above say why")
        return [self._request()] if self._awaited else self._when_active

    def _check_later(self) -> TimerAction:
        return TimerAction(period=STATE_PERIOD_S, actions=[OpaqueFunction(function=self._check)])

    def _check(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if not self._awaited or context.is_shutdown:
            return []
        before, state = self._states.next(context)
        start, goal, _ = STEPS[self._awaited[0]]
        if state == goal:
            return [*self._arrive(state), self._check_later()]
        # During a transition no answer comes: seen twice in a row, the state is one in which nothing happens.
        return [*([self._request()] if before == state == start else []), self._check_later()]


class _States:
    """The node's states, each asked for when the one before is read; "" where no answer came meanwhile."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._answer: Future | None = None
        self._last = ""

    def is_there(self, context: LaunchContext) -> bool:
        """True once the node can be asked."""
        if self._client is None:
            self._client = get_ros_node(context).create_client(GetState, f"/{NAME}/get_state")
        return bool(self._client.service_is_ready())

    def next(self, context: LaunchContext) -> tuple[str, str]:
        """The state that was read the time before, and the present one."""
        before, answer = self._last, self._answer
        is_there = answer is not None and answer.done() and answer.exception() is None
        self._last = answer.result().current_state.label if is_there else ""
        self._answer = self._client.call_async(GetState.Request()) if self.is_there(context) else None
        return before, self._last

    def forget(self) -> None:
        """What was asked so far is from before something changed."""
        self._answer, self._last = None, ""


def _include(name: str, **arguments: str) -> IncludeLaunchDescription:
    path = PathJoinSubstitution([FindPackageShare("perception_fm"), "launch", f"{name}.launch.py"])
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(path), launch_arguments=arguments.items())


def _existing(path: str, name: str) -> str:
    """The path, ~ resolved, after it was found to exist; an empty one stays empty."""
    found = Path(path).expanduser()
    if path and not found.exists():
        raise RuntimeError(f"{name}:={path} does not exist")
    return str(found) if path else ""


def _recorded_mounting(bag: str, camera: str, others: list[str]) -> dict[str, float | list[float]]:
    """The mountings that the bag holds as /tf_static, as parameters, where there is no tf2_ros to receive them."""
    if not bag or find_spec("tf2_ros"):
        return {}
    with BagReader(Path(bag)) as reader:
        parameters = mounting_parameters(reader, "base_link", f"{camera}_optical")
        mountings = [mounting_parameters(reader, "base_link", f"{name}_optical") for name in others]
    if others and all(mountings):
        parameters["other_mountings"] = [value for one in mountings for value in one.values()]
    return parameters
