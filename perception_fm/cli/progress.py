"""Progress bars: lively on a terminal, seldom in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

_QUIET_S = 10.0  # without a terminal, progress is shown only for work longer than this, and as seldom


def progress(items: Iterable[T], total: int | None, unit: str = "frame") -> Iterable[T]:
    """The items, with a bar on stderr."""
    quiet_s = 0.0 if sys.stderr.isatty() else _QUIET_S
    return tqdm(items, total=total, unit=unit, delay=quiet_s, mininterval=max(quiet_s, 0.1), dynamic_ncols=True)


@contextmanager
def phase_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A function of `(phase, step, steps)` that moves one bar on stderr: it shows the phase that moved last."""
    quiet_s = 0.0 if sys.stderr.isatty() else _QUIET_S
    bar = tqdm(unit="step", delay=quiet_s, mininterval=max(quiet_s, 0.1), miniters=0, dynamic_ncols=True, leave=False)

    def show(phase: str, step: int, steps: int) -> None:
        bar.set_description_str(phase, refresh=False)
        bar.total = steps
        bar.update(step - bar.n)

    with bar:
        yield show
