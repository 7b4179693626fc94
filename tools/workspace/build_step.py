"""colcon builds both packages; small wrappers then run anything in their environment without sourcing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from console import SetupError, run_quietly, step
from layout import MESSAGES_PACKAGE, Layout, build_inputs, digest, read_stamp, write_stamp
from ros_source import ROS_PLAIN, SEARCH_PATHS, RosSource

# Search paths of the caller stay in effect behind ours: CUDA and TensorRT are found through them.
INHERITED = ("PATH", "LD_LIBRARY_PATH")


def ensure_build(layout: Layout, source: RosSource) -> bool:
    """Build both packages and write the wrappers where an input has changed; True when something was done."""
    venv_key = read_stamp(layout.venv_stamp)["key"]
    key = digest([venv_key, str(layout.root), *build_inputs(layout.root)])
    stamp = read_stamp(layout.build_stamp)
    if stamp.get("key") == key and (layout.venv / "bin" / "ros-env").exists():
        return False
    layout.build_stamp.unlink(missing_ok=True)
    # CMake remembers interpreters and absolute paths, so a build for another environment is not continued.
    base = [str(layout.root), venv_key]
    remembered = layout.build / "workspace.json"
    if read_stamp(remembered).get("base") != base:
        shutil.rmtree(layout.build, ignore_errors=True)
        shutil.rmtree(layout.install, ignore_errors=True)
    layout.build.mkdir(parents=True, exist_ok=True)
    write_stamp(remembered, {"base": base})
    for folder in (layout.build, layout.install):
        remove_dangling_links(folder)
    _colcon(layout, source)
    _write_wrappers(layout, source)
    write_stamp(layout.build_stamp, {"key": key})
    return True


def remove_dangling_links(folder: Path) -> None:
    """colcon links the files of launch/ and config/ one by one; the link of a removed one would stop the next build."""
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.exists():
            path.unlink()


def _colcon(layout: Layout, source: RosSource) -> None:
    command = [str(layout.python), "-m", "colcon", "--log-base", str(layout.log), "build", "--symlink-install"]
    command += ["--build-base", str(layout.build), "--install-base", str(layout.install)]
    # colcon stops crawling at a package, so the nested one is named.
    command += ["--base-paths", ".", MESSAGES_PACKAGE]
    command += ["--cmake-args", f"-DPython3_EXECUTABLE={layout.python}", "-DBUILD_TESTING=OFF"]
    environment = {**source.build_environment(layout.venv), "PYTHONDONTWRITEBYTECODE": "1"}
    with step("building perception_fm_msgs and perception_fm"):
        run_quietly(command, layout.root / "log" / f"setup{layout.venv.name}" / "colcon.log", environment, layout.root)


def _write_wrappers(layout: Layout, source: RosSource) -> None:
    programs = layout.venv / "bin"
    lines = [f"export {name}={value}" for name, value in _sourced_values(layout, source).items()]
    runner = programs / "ros-env"
    _write_script(runner, [*lines, 'exec "$@"'])
    quoted = shlex.quote(str(runner))
    python = shlex.quote(str(layout.python))
    _write_script(programs / "perception-fm", [f'exec {quoted} {python} -m perception_fm.cli "$@"'])
    node = layout.install / "perception_fm" / "lib" / "perception_fm" / "perception_node"
    _write_script(programs / "perception_node", [f'exec {quoted} {shlex.quote(str(node))} "$@"'])


def _sourced_values(layout: Layout, source: RosSource) -> dict[str, str]:
    """Shell expressions for every variable that sourcing the install folder sets."""
    setup_file = layout.install / "setup.bash"
    command = ["bash", "-c", f". {shlex.quote(str(setup_file))} >&2 && env -0"]
    done = subprocess.run(command, env=source.build_environment(layout.venv), capture_output=True, check=False)
    if done.returncode:
        raise SetupError(f"{setup_file} cannot be sourced: {done.stderr.decode(errors='replace').strip()}")
    sourced = dict(item.split("=", 1) for item in done.stdout.decode().split("\0") if "=" in item)
    prefixes = [layout.venv, *(Path(entry) for entry in sourced["AMENT_PREFIX_PATH"].split(os.pathsep))]
    values = {}
    for name in SEARCH_PATHS:
        entries = [entry for entry in sourced.get(name, "").split(os.pathsep) if entry]
        if name in INHERITED:
            entries = [entry for entry in entries if any(p in (Path(entry), *Path(entry).parents) for p in prefixes)]
        elif name == "PYTHONPATH":
            # The checkout itself first: it is where the sources are edited.
            entries = [str(layout.root), *entries]
        if entries:
            rest = f'"${{{name}:+:${name}}}"' if name in INHERITED else ""
            values[name] = shlex.quote(os.pathsep.join(dict.fromkeys(entries))) + rest
    for name in ROS_PLAIN:
        if name in sourced:
            values[name] = shlex.quote(sourced[name])
    return values


def _write_script(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(["#!/bin/sh", "# Written by `make setup`.", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
