"""Two ways to make a frame are timed on the same frames, each in turn first."""

from __future__ import annotations

import time

import pytest

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.render_benchmark import time_alternately, time_steps


def test_every_frame_goes_through_every_step_and_each_is_first_in_turn() -> None:
    calls: list[tuple[str, int]] = []
    steps = {name: lambda number, name=name: calls.append((name, number)) for name in "abc"}
    spent_ms = time_alternately(steps, 4)
    measured = calls[9:]  # three frames of warm-up
    assert {name: len(values) for name, values in spent_ms.items()} == {"a": 4, "b": 4, "c": 4}
    assert [measured[3 * number] for number in range(4)] == [("a", 0), ("b", 1), ("c", 2), ("a", 3)]
    assert sorted(measured) == sorted((name, number) for name in "abc" for number in range(4))


def test_ratio_of_known_times() -> None:
    timing = time_steps(lambda _: time.sleep(0.002), lambda _: time.sleep(0.02), 5)
    # A sleep is never shorter than asked for; a busy machine may add to both.
    assert timing.chain.p50_ms >= 20.0
    assert timing.bare.p50_ms >= 2.0
    assert timing.chain_over_bare > 1.0
    assert timing.frames_per_s <= 50.0
    assert timing.chain.count == 5


def test_no_frames_are_refused() -> None:
    with pytest.raises(PerceptionError, match="at least one frame"):
        time_steps(lambda _: None, lambda _: None, 0)
