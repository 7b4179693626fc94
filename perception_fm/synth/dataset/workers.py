"""Processes that make shards: each takes the next number when it has finished one, and tells of every frame.

Own pipes in place of a pool of the standard library, because a worker that is killed, or whose parent is, must be
noticed on the other side at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2

from perception_fm.errors import DatasetError, PerceptionError

MakeShard = Callable[[int], Iterator[None]]

_FRAME, _DONE, _FAILED = "frame", "done", "failed"
_END_S = 10.0  # for a worker without work to end by itself after its pipe was closed
_STOP_S = 1.0  # for one at work to come to its next frame; a world may take longer to build


def make_shards(make_shard: MakeShard, numbers: Sequence[int], workers: int) -> Iterator[None]:
    """Make all shards of those numbers, by `make_shard` in fresh processes; yields once for each frame.

    `make_shard` yields once for each frame and can be pickled. Raises `DatasetError` with one line for the first worker
    that fails or dies; the others stop, leaving complete shards and partial files only.
    """
    count = min(workers, len(numbers))
    waiting = list(reversed(numbers))
    crew = _Crew(make_shard, count)
    try:
        for pipe in crew.pipes:
            pipe.send(waiting.pop())
        while crew.pipes:
            for pipe in connection.wait(crew.pipes):
                kind, text = crew.receive(pipe)  # type: ignore[arg-type]
                if kind == _FAILED:
                    raise DatasetError(text)
                if kind == _FRAME:
                    yield
                elif waiting:
                    pipe.send(waiting.pop())  # type: ignore[union-attr]
                else:
                    crew.dismiss(pipe)  # type: ignore[arg-type]
    finally:
        crew.close()


class _Crew:
    """The processes and their pipes."""

    def __init__(self, make_shard: MakeShard, count: int) -> None:
        context = get_context("spawn")  # an OpenGL context does not survive a fork
        self._processes: dict[Connection, BaseProcess] = {}
        threads = max(1, (os.cpu_count() or 1) // count)
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(make_shard, theirs, threads, list(sys.path)), daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process

    @property
    def pipes(self) -> list[Connection]:
        return list(self._processes)

    def receive(self, pipe: Connection) -> tuple[str, str]:
        """Next message; a failure when the process has died."""
        try:
            kind, text = pipe.recv()
            return str(kind), str(text)
        except (EOFError, OSError):
            process = self._processes[pipe]
            process.join(_END_S)
            code = process.exitcode or 0
            why = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
            return _FAILED, f"a worker {why}; the same command goes on from the last complete shard"

    def dismiss(self, pipe: Connection) -> None:
        """No more work: the process ends by itself."""
        pipe.close()
        self._processes.pop(pipe).join(_END_S)

    def close(self) -> None:
        """Processes that still work stop at their next frame; one that does not come to it soon is ended."""
        for pipe in self._processes:
            pipe.close()
        until = time.monotonic() + _STOP_S
        for process in self._processes.values():
            process.join(max(0.0, until - time.monotonic()))
            process.terminate()
            process.join()
        self._processes.clear()


def _work(make_shard: MakeShard, pipe: Connection, threads: int, path: list[str]) -> None:
    """Body of a process. The parent's end of the pipe gone, for whatever reason, it stops at the next frame."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C reaches the parent too, which then hangs up
    os.environ["LP_NUM_THREADS"] = str(threads)  # Mesa's software renderer takes all cores otherwise
    cv2.setNumThreads(threads)
    sys.path[:] = path
    try:
        while True:
            number = pipe.recv()
            for _ in make_shard(number):
                pipe.send((_FRAME, ""))
            pipe.send((_DONE, ""))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        text = str(error) if isinstance(error, PerceptionError) else f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # another worker failed first and the parent has hung up
            pipe.send((_FAILED, text))


def clear_partial(folder: Path, ending: str) -> None:
    """Remove what killed workers left behind."""
    for path in folder.glob(f".*{ending}"):
        path.unlink(missing_ok=True)
