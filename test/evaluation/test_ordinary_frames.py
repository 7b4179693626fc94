"""Frames near the median, as pictures."""

from __future__ import annotations

import math

import numpy as np

from perception_fm.evaluation.ordinary_frames import ORDINARY_FRAMES, OrdinaryFrames

PICTURE = np.zeros((4, 4, 3), np.uint8)


def test_frames_next_to_the_median_are_kept_in_order() -> None:
    frames = OrdinaryFrames(9)
    for badness in (9.0, 5.0, 0.0, 6.0, 1.0, 4.0, 8.0, 2.0, 5.5):
        frames.offer(badness, f"{badness:g}", lambda: PICTURE)
    kept = [one.badness for one in frames.kept()]
    assert kept == [5.0, 6.0, 4.0, 5.5]
    assert len(kept) == ORDINARY_FRAMES


def test_only_candidates_are_drawn_and_frames_without_judgement_are_none() -> None:
    drawn = []
    frames = OrdinaryFrames(600)
    for number in range(600):
        frames.offer(math.nan if number < 300 else 1.0, "", lambda: drawn.append(1) or PICTURE)
    assert len(drawn) == 30
    assert {one.number % 10 for one in frames.kept()} == {0}
    assert OrdinaryFrames(5).kept() == ()
