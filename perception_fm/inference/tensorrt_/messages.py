"""TensorRT's own messages: kept for the record of an engine, and turned into one line for a person."""

from __future__ import annotations

import re
from collections import deque
from types import ModuleType
from typing import Any

_KEPT_LINES = 40
_NOISE = re.compile(r"^(?:\[?\w+\.(?:cpp|h):+[\w:]*\]?:?\s*|I\w+::\w+:\s*|Error Code \d+:\s*)+")


class MessageLog:
    """Warnings and errors of one library, newest last; `logger` is what the library takes."""

    def __init__(self, module: ModuleType) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self.logger = _logger(module, self)

    def failure(self, otherwise: str) -> str:
        """The first error, in one line without file names; `otherwise` where there was none."""
        return one_line(self.errors[0]) if self.errors else otherwise


def one_line(message: str) -> str:
    """A message of TensorRT without line breaks and without the places in its source."""
    return _NOISE.sub("", " ".join(message.split()))


def _logger(module: ModuleType, log: MessageLog) -> Any:
    """A logger of the library's class, which exists only once the library is loaded."""

    class Logger(module.ILogger):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.WARNING:
                log.lines.append(one_line(message))
            if severity <= module.ILogger.ERROR:
                log.errors.append(message)

    return Logger()
