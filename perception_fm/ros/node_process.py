"""The live node as a process of its own, as a vehicle runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from perception_fm.errors import PerceptionError

NODE_NAME = "perception_node"
_STOP_TIMEOUT_S = 10.0


class NodeProcess:
    """Starts on `__enter__` and ends, by the same signal as Ctrl-C sends, on `__exit__`."""

    def __init__(self, parameters: Mapping[str, Any], remappings: Mapping[str, str]) -> None:
        arguments = [f"-p {name}:={_ros_value(value)}" for name, value in parameters.items()]
        arguments += [f"-r {name}:={topic}" for name, topic in remappings.items()]
        self._command = [sys.executable, "-m", "perception_fm.ros.node", "--ros-args"]
        self._command += [part for argument in arguments for part in argument.split(" ", 1)]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> NodeProcess:
        # A session of its own: Ctrl-C on the terminal must reach this process alone, which then ends the node.
        self._process = subprocess.Popen(
            self._command, stdout=self._log, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    def check(self) -> None:
        """Raises `PerceptionError` with the node's last words where it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            self._log.seek(0)
            lines = self._log.read().strip().splitlines() or ["it said nothing"]
            raise PerceptionError(f"the node ended with status {self._process.returncode}: {lines[-1]}")


def _ros_value(value: Any) -> str:
    """YAML as `--ros-args -p` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return ".nan" if value != value else repr(value)
    return str(value)
