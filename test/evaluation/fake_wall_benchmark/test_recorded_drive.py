"""What LiDAR measured in the corridor of a recording, and what is made of frames in which it did not."""

from __future__ import annotations

import pytest

from perception_fm.evaluation.fake_wall_benchmark.recorded_drive import corridor_m

NOT_MEASURED = "not measured"


def frames(*measured) -> list[dict]:
    """At 10 Hz."""
    return [
        {"stamp_ns": number * 100_000_000, **({} if one is NOT_MEASURED else {"corridor_nearest_m": one})}
        for number, one in enumerate(measured)
    ]


def test_what_stood_there_before_and_after_stands_there_in_between():
    found = corridor_m(frames(18.0, NOT_MEASURED, NOT_MEASURED, 18.6, NOT_MEASURED, 19.0))
    assert found == pytest.approx([18.0, 18.2, 18.4, 18.6, 18.8, 19.0])


def test_where_lidar_saw_nothing_nothing_stands():
    assert corridor_m(frames(18.0, None, 18.6)) == [18.0, None, 18.6]


@pytest.mark.parametrize(
    "measured",
    [
        [NOT_MEASURED, 18.0, NOT_MEASURED],
        [18.0, NOT_MEASURED, None],
        [18.0, *[NOT_MEASURED] * 5, 18.6],
        [NOT_MEASURED, NOT_MEASURED],
    ],
    ids=["at the ends", "until nothing is there", "for longer than half a second", "never"],
)
def test_what_nobody_knows_is_not_made_up(measured):
    assert corridor_m(frames(*measured)) == [one if isinstance(one, float) else None for one in measured]
