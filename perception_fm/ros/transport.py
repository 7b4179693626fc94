"""Fast DDS settings that carry whole images between processes; with its defaults most best-effort images get lost."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ament_index_python.packages import get_package_share_directory

# Whoever sets one of these has chosen transports already.
_CHOICES = ("FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
_FAST_DDS_2 = ("humble", "iron", "jazzy")


def transport_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to add before the first node is made; none where the user has chosen transports.

    They name a profile that enlarges the shared memory of the process and changes nothing else. Not
    FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA, which speaks TCP: a process with it and one without do not find each other,
    and where discovery is limited to this machine it is ignored. Other middlewares read none of these variables.
    """
    if any(environment.get(name) for name in _CHOICES):
        return {}
    variable = _CHOICES[2] if environment.get("ROS_DISTRO") in _FAST_DDS_2 else _CHOICES[1]
    return {variable: os.path.join(get_package_share_directory("perception_fm"), "config", "fastdds.xml")}


def use_image_transport() -> None:
    """Sets `transport_variables` for this process and those that it starts."""
    os.environ.update(transport_variables(os.environ))
