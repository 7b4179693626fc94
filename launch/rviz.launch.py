"""Open RViz on the outputs of the node; where it is not installed, say so in one line and go on without it."""

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import DeclareLaunchArgument, LogInfo
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    DeclareLaunchArgument("use_sim_time", default_value="false", description="Take the time from /clock."),
    DeclareLaunchArgument(
        "rviz_config",
        default_value=PathJoinSubstitution([FindPackageShare("perception_fm"), "config", "perception.rviz"]),
        description="What RViz shows.",
    ),
)


def generate_launch_description() -> LaunchDescription:
    """The arguments and RViz."""
    return LaunchDescription([*ARGUMENTS, _rviz()])


def _rviz() -> LaunchDescriptionEntity:
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        return LogInfo(msg="rviz2 is not installed, so no RViz opens (apt install ros-$ROS_DISTRO-rviz2)")
    is_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        arguments=["-d", LaunchConfiguration("rviz_config")],
        parameters=[{"use_sim_time": is_sim_time}],
        output="log",
    )
