"""`perception-fm doctor`: what this machine has, what it lacks, what that costs and how to mend it."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import click

from perception_fm.cli import EXIT_CHECK_FAILED

_LEAST_PYTHON = (3, 10)
_LEAST_OPENCV = (4, 5)


class Verdict(Enum):
    """How a check came out; only MISSING makes the command fail."""

    OK = "green"
    WARN = "yellow"
    MISSING = "red"


@dataclass(frozen=True)
class Finding:
    """One line of the answer; `mend` says what to do, empty when all is well."""

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""


@dataclass(frozen=True)
class Module:
    """A Python module to look for, what follows where it is missing, and how to get it."""

    name: str
    consequence: str
    mend: str
    is_essential: bool = False


_ROS_APT = "apt install ros-$ROS_DISTRO-"
_ROS_MEND = "source a ROS 2 workspace, or run `make` in the checkout"
_MODULES = (
    Module("numpy", "nothing works", "pip install numpy", True),
    Module("cv2", "nothing works", "pip install opencv-python-headless", True),
    Module("scipy", "nothing works", "pip install scipy", True),
    Module("yaml", "no configuration can be read", "pip install PyYAML", True),
    Module("rclpy", "neither the node nor `run` works", _ROS_MEND, True),
    Module("perception_fm_msgs.msg", "neither the node nor `run` works", "run `make`, or `colcon build`", True),
    Module("rosbags", "no bag can be read or written", "pip install rosbags", True),
    Module("av", "no video can be written", "pip install av", True),
    Module("matplotlib", "no report can be written", "pip install matplotlib", True),
    Module("jinja2", "no report can be written", "pip install jinja2", True),
    Module("tf2_ros", "the mounting comes from the parameters mounting.* instead of TF", _ROS_APT + "tf2-ros"),
    Module("cv_bridge", "rosbags-image converts instead, nothing is lost", _ROS_APT + "cv-bridge"),
    Module("launch_ros", "no launch files; start `python -m perception_fm.ros.node`", _ROS_APT + "launch-ros"),
    Module("vision_msgs", "no vision_msgs outputs", _ROS_APT + "vision-msgs"),
    Module("onnxruntime", "no models on the CPU; geometry only needs none", "pip install onnxruntime"),
    Module("torch", "no export and no training; the node needs neither", "pip install 'perception_fm[models]'"),
    Module("lightning", "no training; nothing else needs it", "pip install 'perception_fm[models,train]'"),
    Module("transformers", "no foundation models to export", "pip install 'perception_fm[models]'"),
)
_ENGINES = ("tensorrt", "tensorrt_rtx_bindings")


@click.command(name="doctor")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Check this machine; exit status 1 when something essential is missing."""
    findings = diagnose()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        verdict = click.style(f"{finding.verdict.name:<8}", fg=finding.verdict.value)
        click.echo(f"{verdict} {finding.name:<{width}}  {finding.detail}")
        if finding.mend:
            click.echo(f"{'':<8} {'':<{width}}  mend: {finding.mend}")
    missing = [finding.name for finding in findings if finding.verdict is Verdict.MISSING]
    click.echo(f"missing: {', '.join(missing)}" if missing else "all that is essential is there")
    if missing:
        ctx.exit(EXIT_CHECK_FAILED)


def diagnose(find: Callable[[str], object] = importlib.import_module) -> list[Finding]:
    """All findings; `find` imports a module or raises ImportError."""
    return [
        _python(),
        *(_module(module, find) for module in _MODULES),
        _opencv_version(find),
        _middleware(find),
        _transport(),
        _engine(find),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < _LEAST_PYTHON:
        return Finding("python", Verdict.MISSING, version, "use Python 3.10 or newer")
    return Finding("python", Verdict.OK, f"{version}, {platform.machine()}, {os.cpu_count()} cores")


def _module(module: Module, find: Callable[[str], object]) -> Finding:
    try:
        found = find(module.name)
    except Exception as error:  # a broken binary extension raises whatever it likes
        verdict = Verdict.MISSING if module.is_essential else Verdict.WARN
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({str(error).splitlines()[0]})"
        return Finding(module.name, verdict, f"not found{why}: {module.consequence}", module.mend)
    return Finding(module.name, Verdict.OK, str(getattr(found, "__version__", "present")))


def _opencv_version(find: Callable[[str], object]) -> Finding:
    name = "opencv version"
    try:
        version = str(getattr(find("cv2"), "__version__", "0"))
    except Exception:  # said already by the line about cv2 itself
        return Finding(name, Verdict.MISSING, "unknown", "install cv2 first")
    if tuple(int(part) for part in version.split(".")[:2]) < _LEAST_OPENCV:
        return Finding(name, Verdict.MISSING, version, "use OpenCV 4.5 or newer")
    return Finding(name, Verdict.OK, version)


def _middleware(find: Callable[[str], object]) -> Finding:
    name = "ROS middleware"
    wanted = os.environ.get("RMW_IMPLEMENTATION", "")
    try:
        rclpy = find("rclpy")
        identifier = rclpy.utilities.get_rmw_implementation_identifier()  # type: ignore[attr-defined]
    except Exception as error:  # rclpy's C extension raises its own types where no middleware loads
        why = str(error).splitlines()[0] if str(error) else "rclpy is missing"
        return Finding(name, Verdict.MISSING, f"cannot be loaded: {why}", "unset RMW_IMPLEMENTATION or install it")
    if wanted and wanted != identifier:
        detail = f"{identifier}, but RMW_IMPLEMENTATION={wanted}"
        return Finding(name, Verdict.WARN, detail, "install what is asked for")
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    return Finding(name, Verdict.OK, f"{identifier}, ROS_DOMAIN_ID={domain}")


def _transport() -> Finding:
    """Whole images get lost between processes with Fast DDS's default transports."""
    name = "Fast DDS transport"
    setting = os.environ.get("FASTDDS_BUILTIN_TRANSPORTS", "")
    profiles = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") or os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE")
    if setting == "LARGE_DATA" or profiles:
        return Finding(name, Verdict.OK, setting or f"profiles from {profiles}")
    return Finding(
        name, Verdict.WARN, f"{setting or 'default'}: best-effort images of a megabyte and more get lost",
        "export FASTDDS_DEFAULT_PROFILES_FILE=<checkout>/config/fastdds.xml (launch files, demo and replay do so)",
    )


def _engine(find: Callable[[str], object]) -> Finding:
    name = "TensorRT"
    for module in _ENGINES:
        try:
            return Finding(name, Verdict.OK, f"{module} {getattr(find(module), '__version__', '')}".strip())
        except Exception:  # the next one may be there
            continue
    cuda = ctypes.util.find_library("cuda")
    driver = "an NVIDIA driver is here" if cuda else "no NVIDIA driver either"
    detail = f"not found, {driver}: no engines; geometry only needs none"
    return Finding(name, Verdict.WARN, detail, "install JetPack's or NVIDIA's")
