"""Progress of a build, and the way to stop one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

OnProgress = Callable[[str, int, int], None]
"""`(phase, step, steps)`, from threads of TensorRT; phases nest. An exception of any kind stops the build."""


class BuildWatch:
    """Passes progress on; `monitor` is what the library takes and must outlive the build.

    An exception may not cross TensorRT's C++: the first is kept, the build is stopped, and `raise_kept` raises it.
    """

    def __init__(self, module: ModuleType, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._steps: dict[str, int] = {}
        self._lock = threading.Lock()
        self._kept: BaseException | None = None
        self.monitor = _monitor(module, self)

    def raise_kept(self) -> None:
        """Raises what the callback raised, if it did."""
        if self._kept is not None:
            raise self._kept

    def started(self, phase: str, steps: int) -> None:
        """A phase of so many steps begins."""
        with self._lock:
            self._steps[phase] = steps
            self._tell(phase, 0)

    def is_wanted(self, phase: str, step: int) -> bool:
        """Step number `step`, from 0, is done; whether to go on."""
        with self._lock:
            self._tell(phase, step + 1)
            return self._kept is None

    def finished(self, phase: str) -> None:
        """A phase ends, early or not."""
        with self._lock:
            self._tell(phase, self._steps.get(phase, 0))

    def _tell(self, phase: str, step: int) -> None:
        if self._kept is not None:
            return
        try:
            self._on_progress(phase, step, self._steps.get(phase, 0))
        except BaseException as error:
            self._kept = error


def _monitor(module: ModuleType, watch: BuildWatch) -> Any:
    """A progress monitor of the library's class, which exists only once the library is loaded."""

    class Monitor(module.IProgressMonitor):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            watch.started(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return watch.is_wanted(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            watch.finished(phase_name)

    return Monitor()
