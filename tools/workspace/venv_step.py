"""The virtual environment: ROS wheels or the sourced ROS, what the package needs at run time, linters and tests."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from console import SetupError, run_quietly, step
from host import require_packages
from layout import Layout, base_python, digest, read_stamp, write_stamp
from ros_source import RosSource, check, imports

# colcon links Python packages with `setup.py develop`, which setuptools 80 took away.
BUILD_REQUIREMENTS = ("setuptools<80", "wheel")
# cv_bridge of the distributions that have NumPy 1 breaks with NumPy 2, and OpenCV from 4.12 on wants NumPy 2.
NUMPY_1_CONSTRAINTS = ("numpy<2", "opencv-python<4.12")


def ensure_venv(layout: Layout, source: RosSource, extras: Sequence[str] = ()) -> bool:
    """Make or complete the virtual environment; True when something was done. An extra once asked for stays."""
    python = str(base_python())
    stamp = read_stamp(layout.venv_stamp)
    extras = sorted({*extras, *stamp.get("extras", ())})
    requirements = runtime_requirements(layout.root, extras)
    inputs = [*requirements, *_requirement_texts(layout, source)]
    key = digest([python, str(sys.version_info[:2]), str(layout.venv), source.distro, *inputs])
    if stamp.get("key") == key and layout.python.exists():
        return False
    check(source)
    require_packages()
    base = {"python": python, "venv": str(layout.venv), "distro": source.distro, "is_wheels": source.is_wheels}
    layout.venv_stamp.unlink(missing_ok=True)
    # Without a stamp an earlier set-up was interrupted, and nobody knows where.
    if not layout.python.exists() or {name: stamp.get(name) for name in base} != base:
        _create(layout, source)
    _install(layout, source, requirements)
    if source.is_wheels:
        mend_cmake_files(layout)
    write_stamp(layout.venv_stamp, {**base, "key": key, "extras": extras, "variables": dict(source.variables)})
    return True


def runtime_requirements(root: Path, extras: Sequence[str] = ()) -> list[str]:
    """`install_requires`, the extra `synth` and those asked for, of `setup.cfg`, the only home of these lists."""
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg", encoding="utf-8")
    known = parser["options.extras_require"]
    unknown = sorted(set(extras) - set(known))
    if unknown:
        raise SetupError(f"there is no extra {unknown[0]!r}; setup.cfg has {', '.join(known)}")
    lists = (parser["options"]["install_requires"], *(known[name] for name in dict.fromkeys(("synth", *extras))))
    return [line for text in lists for line in text.split("\n")[1:]]


def mend_cmake_files(layout: Layout) -> int:
    """Point include folders of the machine that built the wheels to this one's; the number of files changed."""
    query = "import json, numpy, sysconfig; print(json.dumps([sysconfig.get_paths()['include'], numpy.get_include()]))"
    answer = subprocess.run([str(layout.python), "-c", query], capture_output=True, text=True, check=True).stdout
    include, numpy_include = json.loads(answer)
    changed = 0
    for path in (layout.venv / "share").rglob("*.cmake"):
        before = path.read_text(encoding="utf-8")
        after = re.sub(r'/[^";]*/site-packages/numpy/(_core|core)/include', lambda _: numpy_include, before)
        after = re.sub(r'/opt/python/[^";]*/include/python3\.\d+', lambda _: include, after)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed += 1
    return changed


def _requirement_texts(layout: Layout, source: RosSource) -> list[str]:
    files = [layout.root / "tools" / name for name in ("requirements-dev.txt", *_files(layout, source))]
    return [*BUILD_REQUIREMENTS, *(path.read_text(encoding="utf-8") for path in files)]


def _files(layout: Layout, source: RosSource) -> tuple[str, ...]:
    if not source.is_wheels:
        return ()
    return ("ros-kilted-wheels.txt", "constraints-compat.txt" if layout.is_compat else "constraints.txt")


def _create(layout: Layout, source: RosSource) -> None:
    with step(f"making {layout.venv.name} for Python {sys.version_info.major}.{sys.version_info.minor}"):
        if layout.venv.is_symlink() or layout.venv.exists():
            shutil.rmtree(layout.venv)
        arguments = [] if source.is_wheels else ["--system-site-packages"]
        command = [str(base_python()), "-m", "venv", *arguments, str(layout.venv)]
        # The log lies outside the folder that this command makes.
        run_quietly(command, _log_folder(layout) / "venv.log", source.build_environment(layout.venv), layout.root)


def _install(layout: Layout, source: RosSource, requirements: list[str]) -> None:
    tools = layout.root / "tools"
    requirements = [*requirements, *BUILD_REQUIREMENTS]
    arguments = ["-r", str(tools / "requirements-dev.txt")]
    title = "installing requirements"
    if source.is_wheels:
        wheels_file, constraints = (tools / name for name in _files(layout, source))
        arguments += ["-r", str(wheels_file), "-c", str(constraints)]
        title = "installing ROS 2 wheels and requirements (about a minute, 1.1 GB on disk)"
    else:
        requirements, constraint_lines = _beside_a_distribution(layout, source, requirements)
        constraints = layout.venv / "constraints.txt"
        constraints.write_text("\n".join(constraint_lines), encoding="utf-8")
        arguments += ["-c", str(constraints)]
    command = [str(layout.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    with step(title):
        environment = source.build_environment(layout.venv)
        run_quietly([*command, *arguments, *requirements], _log_folder(layout) / "pip.log", environment, layout.root)


def _beside_a_distribution(
    layout: Layout, source: RosSource, requirements: list[str]
) -> tuple[list[str], tuple[str, ...]]:
    """What pip has to add to a distribution's Python packages, and the constraints that keep those working."""
    if imports(layout.python, "cv2", source.variables):
        requirements = [line for line in requirements if not line.startswith("opencv-python")]
    if not imports(layout.python, "colcon_ros", source.variables):
        requirements = [*requirements, "colcon-common-extensions"]
    numpy_2 = "numpy; assert numpy.__version__ >= '2'"
    return requirements, () if imports(layout.python, numpy_2, source.variables) else NUMPY_1_CONSTRAINTS


def _log_folder(layout: Layout) -> Path:
    return layout.root / "log" / f"setup{layout.venv.name}"
