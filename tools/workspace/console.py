"""Progress lines, quiet sub-processes and the one error of the set-up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

LINES_SHOWN_OF_A_FAILURE = 25
CHARACTERS_SHOWN_OF_A_LINE = 300


class SetupError(Exception):
    """The set-up cannot go on; the text says what to do."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what begins and how long it took."""
    print(f"[setup] {title} ...", flush=True)
    begin = time.monotonic()
    yield
    print(f"[setup]   done in {time.monotonic() - begin:.0f} s", flush=True)


def run_quietly(command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> None:
    """Run a command with its output in `log`; raises `SetupError` with the log's end when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        # Inherited descriptors carry the lock on the checkout: it lasts as long as this command, even if we are killed.
        outputs = {"stdout": stream, "stderr": subprocess.STDOUT, "close_fds": False}
        status = subprocess.run(command, cwd=cwd, env=dict(environment), check=False, **outputs).returncode
    if status:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN_OF_A_FAILURE:]
        print("\n".join(line[:CHARACTERS_SHOWN_OF_A_LINE] for line in tail), flush=True)
        title = " ".join([Path(command[0]).name, *command[1:4]])
        raise SetupError(f"{title} failed with status {status}; all of it is in {log}")
