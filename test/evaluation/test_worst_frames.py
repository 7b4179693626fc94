"""The worst frames are kept, and no others are drawn."""

from __future__ import annotations

import math

import numpy as np

from perception_fm.evaluation.worst_frames import WORST_FRAMES, WorstFrames


def offer_all(badness: list[float]) -> tuple[WorstFrames, list[int]]:
    frames, drawn = WorstFrames(len(badness)), []

    def draw(index: int) -> np.ndarray:
        drawn.append(index)
        return np.zeros((8, 8, 3), np.uint8)

    for index, value in enumerate(badness):
        frames.offer(value, f"frame {index}", lambda index=index: draw(index))
    return frames, drawn


def test_the_worst_come_first_and_what_is_better_is_never_drawn() -> None:
    frames, drawn = offer_all([float(value) for value in range(9, -1, -1)])
    assert [one.badness for one in frames.kept()] == [9.0, 8.0, 7.0, 6.0, 5.0, 4.0]
    assert drawn == list(range(WORST_FRAMES))


def test_later_and_worse_takes_the_place_of_the_best() -> None:
    frames, _ = offer_all([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0])
    assert [one.caption for one in frames.kept()] == ["frame 6", *(f"frame {index}" for index in range(5))]


def test_frame_that_could_not_be_judged_is_the_worst() -> None:
    frames, _ = offer_all([*[3.0] * WORST_FRAMES, math.nan])
    assert frames.kept()[0].caption == f"frame {WORST_FRAMES}"
    assert frames.kept()[0].jpeg.startswith(b"\xff\xd8")


def test_frames_close_to_each_other_show_their_worst_only() -> None:
    badness = [1.0] * 120
    badness[50:54] = [7.0, 9.0, 8.0, 9.5]
    frames, drawn = offer_all(badness)
    assert frames.kept()[0].caption == "frame 53"
    numbers = sorted(one.number for one in frames.kept())
    assert min(np.diff(numbers)) >= 10  # a twelfth of the drive
    assert 52 not in drawn
