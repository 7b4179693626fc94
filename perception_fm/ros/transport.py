"""The Fast DDS transports that carry whole images between processes; the default ones lose most best-effort images."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ament_index_python.packages import get_package_share_directory

# Whoever sets one of these has chosen transports already.
_CHOICES = ("FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def transport_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to add before the first node is made; none where the user has chosen transports.

    `FASTDDS_BUILTIN_TRANSPORTS` arrived after Humble; there a profile enlarges the shared memory. Other middlewares
    read neither. All processes of one graph should run with the same transports.
    """
    if any(environment.get(name) for name in _CHOICES):
        return {}
    if environment.get("ROS_DISTRO") == "humble":
        profile = os.path.join(get_package_share_directory("perception_fm"), "config", "fastdds_humble.xml")
        return {"FASTRTPS_DEFAULT_PROFILES_FILE": profile}
    return {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}


def use_image_transport() -> None:
    """Sets `transport_variables` for this process and those that it starts."""
    os.environ.update(transport_variables(os.environ))
