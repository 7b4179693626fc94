"""Which ROS 2 the workspace stands on: the one that is sourced, or the wheels."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import SetupError
from layout import base_python

WHEELS_DISTRO = "kilted"
SEARCH_PATHS = ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "PATH")
# Set by a start-up hook of the wheels, which else starts every Python twice to put their libraries on LD_LIBRARY_PATH.
WHEELS_GUARD = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
ROS_PLAIN = ("ROS_DISTRO", "ROS_VERSION", "ROS_PYTHON_VERSION", WHEELS_GUARD)
# Left by make and by shells; they would change what colcon, CMake and pip do.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")
SYSTEM_PYTHON = Path("/usr/bin/python3")


@dataclass(frozen=True)
class RosSource:
    """`is_wheels`, the distribution's name, and the variables that sourcing it had set (none for the wheels)."""

    is_wheels: bool
    distro: str
    variables: Mapping[str, str]

    def build_environment(self, venv: Path) -> dict[str, str]:
        """The environment in which pip and colcon run."""
        ros = {*SEARCH_PATHS, *ROS_PLAIN} - {"PATH", "LD_LIBRARY_PATH"}
        environment = {key: value for key, value in os.environ.items() if key not in ros and key not in FOREIGN}
        environment.update(self.variables)
        environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
        if self.is_wheels:
            libraries = [str(venv / "lib"), *map(str, sorted(venv.glob("lib/python3.*/site-packages/ros_*.libs")))]
            environment.update(AMENT_PREFIX_PATH=str(venv), CMAKE_PREFIX_PATH=str(venv), ROS_DISTRO=WHEELS_DISTRO)
            environment.update({"LD_LIBRARY_PATH": os.pathsep.join(libraries), WHEELS_GUARD: "1"})
        return environment


def find(root: Path, recorded: Mapping[str, Any]) -> RosSource:
    """The sourced ROS, else the one that this workspace was made with while it still exists, else the wheels."""
    sourced = _without_checkout(os.environ, root)
    if _has_rclpy(sourced):
        return RosSource(False, sourced.get("ROS_DISTRO", "unknown"), sourced)
    kept = recorded.get("variables") or {}
    if _has_rclpy(kept):
        return RosSource(False, kept.get("ROS_DISTRO", "unknown"), kept)
    return wheels()


def wheels() -> RosSource:
    """ROS 2 from the Python registry."""
    return RosSource(True, WHEELS_DISTRO, {})


def check(source: RosSource) -> None:
    """Raise `SetupError` when this machine or this interpreter cannot use the source."""
    if source.is_wheels:
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            raise SetupError(
                f"the ROS 2 wheels are for Linux on x86-64, this is {sys.platform} on {platform.machine()}; "
                "source a ROS 2 installation (Humble or newer) and run make again"
            )
        return
    if imports(base_python(), "rclpy", source.variables):
        return
    if SYSTEM_PYTHON.resolve() != base_python() and imports(SYSTEM_PYTHON, "rclpy", source.variables):
        # A pyenv or conda Python is first on PATH, but the sourced ROS belongs to the system's.
        os.execv(SYSTEM_PYTHON, [str(SYSTEM_PYTHON), *sys.argv])
    raise SetupError(
        f"rclpy of the sourced ROS 2 {source.distro} does not import in {base_python()}; "
        "say: make PYTHON=<the Python that it was built for> setup"
    )


def imports(python: Path, module: str, variables: Mapping[str, str]) -> bool:
    """Whether `module` imports in an interpreter under these variables."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}
    command = [str(python), "-c", f"import {module}"]
    return subprocess.run(command, env={**environment, **variables}, capture_output=True, check=False).returncode == 0


def _without_checkout(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """The ROS variables without what this checkout added to them when its own set-up file was sourced."""
    kept = {}
    for name in SEARCH_PATHS:
        entries = [entry for entry in environment.get(name, "").split(os.pathsep) if entry]
        outside = [entry for entry in entries if root not in (Path(entry), *Path(entry).parents)]
        if outside:
            kept[name] = os.pathsep.join(outside)
    return {**kept, **{name: environment[name] for name in ROS_PLAIN if name in environment}}


def _has_rclpy(variables: Mapping[str, str]) -> bool:
    prefixes = variables.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return any(prefix and (Path(prefix) / "share" / "rclpy" / "package.xml").exists() for prefix in prefixes)
