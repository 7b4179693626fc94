"""Learned obstacles on a road whose parallax is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perception_fm.fakewall.flat_phantom import FlatPhantoms
from perception_fm.types import Obstacle, PathSweep, Provenance

AT_M = 4.0 * 1.06 ** np.arange(50)
HIDDEN = 1.4 / (1.4 - 0.5)


def sweep(road: float = 3.0, upright: float = -3.0, is_free: bool = True) -> PathSweep:
    count = len(AT_M)
    return PathSweep(AT_M, np.full(count, upright), np.full(count, road), np.full(count, is_free))


def claimed(**changes: Any) -> Obstacle:
    known: dict[str, Any] = {
        "obstacle_id": 7, "distance_m": 15.0, "distance_sigma_m": 0.5, "ttc_s": 1.0, "ttc_sigma_s": 0.1,
        "provenance": Provenance.LEARNED, "existence_probability": 0.97, "is_confirmed": True,
        "centre_base_m": np.array([15.0, 0.0, 0.5]), "size_m": np.array([math.nan, 1.5, 1.0]),
    }  # fmt: skip
    return Obstacle(**(known | changes))


def flat_after(
    frames: int, one: Obstacle | None = None, seen: PathSweep | None = None, verified_m: float = 40.0
) -> frozenset[int]:
    phantoms = FlatPhantoms()
    for _ in range(frames):
        ids = phantoms.update([one or claimed()], sweep() if seen is None else seen, verified_m, HIDDEN, 0.1)
    return ids


def test_what_lies_on_verified_road_is_flat():
    assert flat_after(1) == frozenset()  # not at first sight
    assert flat_after(10) == {7}


@pytest.mark.parametrize(
    "change",
    [
        {"is_confirmed": False},
        {"is_in_path": False},
        {"provenance": Provenance.BOTH},
        {"provenance": Provenance.MOTION},
        {"distance_m": math.nan},
        {"distance_sigma_m": math.nan},
        {"distance_sigma_m": 10.0},
        {"distance_m": 0.0},
    ],
)
def test_what_may_stand_is_no_phantom(change):
    assert flat_after(20, claimed(**change)) == frozenset()


def test_road_must_be_verified_beyond_what_it_would_hide():
    far_m = (15.0 + 2.0 * 0.5) * HIDDEN
    assert flat_after(20, verified_m=far_m - 0.1) == frozenset()
    assert flat_after(20, verified_m=far_m + 0.1) == {7}


def test_a_box_that_something_upright_supports_is_no_phantom():
    assert flat_after(20, seen=sweep(upright=4.0)) == frozenset()


def test_strips_that_are_not_free_are_no_phantom():
    assert flat_after(20, seen=sweep(is_free=False)) == frozenset()
    assert flat_after(20, seen=sweep(road=-1.0)) == frozenset()


def test_one_doubt_starts_anew():
    phantoms = FlatPhantoms()
    for _ in range(10):
        assert phantoms.update([claimed()], sweep(), 40.0, HIDDEN, 0.1) is not None
    assert phantoms.update([claimed()], None, 0.0, HIDDEN, 0.1) == frozenset()
    assert phantoms.update([claimed()], sweep(), 40.0, HIDDEN, 0.1) == frozenset()


def test_reset_forgets():
    phantoms = FlatPhantoms()
    for _ in range(10):
        phantoms.update([claimed()], sweep(), 40.0, HIDDEN, 0.1)
    phantoms.reset()
    assert phantoms.update([claimed()], sweep(), 40.0, HIDDEN, 0.1) == frozenset()


def test_an_obstacle_as_high_as_the_camera_hides_all():
    assert flat_after(20) == {7}
    phantoms = FlatPhantoms()
    for _ in range(20):
        ids = phantoms.update([claimed()], sweep(), 1000.0, math.inf, 0.1)
    assert ids == frozenset()
