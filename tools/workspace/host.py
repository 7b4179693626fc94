"""What the machine must have before anything can be built, named as Debian packages."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from console import SetupError, step


def missing_packages() -> list[str]:
    """Debian packages that the running interpreter and the build lack, in the order of the apt line."""
    missing = []
    if shutil.which("g++") is None and shutil.which("c++") is None:
        missing.append("g++")
    if shutil.which("make") is None:
        missing.append("make")
    # Debian ships venv without ensurepip; python3-venv brings it.
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        missing.append(f"{_debian_python()}-venv")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        missing.append(f"{_debian_python()}-dev")
    for library, package in (("libGL.so.1", "libgl1"), ("libgthread-2.0.so.0", "libglib2.0-0")):
        if not _loads(library):
            missing.append(package)
    return missing


def missing_rendering_packages() -> list[str]:
    """Debian packages that the synthetic world lacks to render; nothing else needs them."""
    missing = [
        package for library, package in (("libEGL.so.1", "libegl1"), ("libGL.so.1", "libgl1")) if not _loads(library)
    ]
    if not _loads("libEGL_mesa.so.0") and not _loads("libEGL_nvidia.so.0"):
        missing += ["libegl-mesa0", "libgl1-mesa-dri"]
    return missing


def rendering_note() -> str:
    """One line that says what rendering lacks; empty where nothing is missing."""
    missing = missing_rendering_packages()
    return f"the synthetic world cannot be rendered here; say: {_apt_line(missing)}" if missing else ""


def require_packages() -> None:
    """Raise `SetupError` with one apt line that names everything missing."""
    missing = missing_packages()
    if missing:
        hint = " (or: make deps)" if os.geteuid() == 0 else ""
        raise SetupError(f"system packages are missing; say: {_apt_line(missing)}{hint}")


def install_packages() -> None:
    """Install what is missing when the user is root; otherwise raise `SetupError` with the apt line."""
    missing = list(dict.fromkeys(missing_packages() + missing_rendering_packages()))
    if not missing:
        print("all system packages are there")
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(f"system packages are missing; say: {_apt_line(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    with step(f"installing {' '.join(missing)}"):
        for command in (["apt-get", "update", "-qq"], install):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                raise SetupError(f"{' '.join(command)} failed: {''.join(last)}")
    left = missing_packages() + missing_rendering_packages()
    if left:
        raise SetupError(f"still missing after the installation: {' '.join(left)}")


def _apt_line(packages: list[str]) -> str:
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {' '.join(packages)}"


def _debian_python() -> str:
    """`python3` for the distribution's own default interpreter, else `python3.X`."""
    default = Path("/usr/bin/python3")
    mine = Path(getattr(sys, "_base_executable", sys.executable))
    if default.exists() and default.resolve() == mine.resolve():
        return "python3"
    return f"python3.{sys.version_info.minor}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
