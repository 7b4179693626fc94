"""Odometry that is wrong, late, slow or missing: at a painted wall, with a network that sees nothing but road and sky,
and on free road, by geometry alone. Nothing wrong is said, and in this street usual errors cost less than 5% of the
range."""

from __future__ import annotations

import math

import pytest
from bad_drive import (
    BRAKING_M,
    Odometry,
    answers,
    first_confirmed_m,
    free_shots,
    usual_answers,
    wall_shots,
    wrong_answers,
)

from perception_fm.types import Mode, PathState, ScaleSource

TWO_DEGREES, ONE_DEGREE = math.radians(2.0), math.radians(1.0)
USUAL = {
    "5_percent_long": Odometry(scale=1.05),
    "5_percent_short": Odometry(scale=0.95),
    "heading_2_degrees_left": Odometry(heading_rad=TWO_DEGREES),
    "heading_2_degrees_right": Odometry(heading_rad=-TWO_DEGREES),
    "turns_1_degree_a_second_left": Odometry(turn_rps=ONE_DEGREE),
    "turns_1_degree_a_second_right": Odometry(turn_rps=-ONE_DEGREE),
    "50_ms_late": Odometry(delay_s=0.05),
    "at_11_hz": Odometry(rate_hz=11.0),  # at 10 Hz, the rate of the images, it would be late by the same time always
    "at_100_hz": Odometry(rate_hz=100.0),
    "all_at_once": Odometry(11.0, 1.05, TWO_DEGREES, ONE_DEGREE, 0.05),
}


@pytest.mark.parametrize("odometry", USUAL.values(), ids=USUAL)
def test_usual_error_at_a_wall(odometry):
    given = answers(wall_shots(19), odometry=odometry)
    assert wrong_answers(given, has_wall=True, scale=odometry.scale) == []
    assert first_confirmed_m(given) >= 0.9 * first_confirmed_m(usual_answers())
    assert given[-1].result.state is PathState.FAKE_WALL


@pytest.mark.parametrize("odometry", USUAL.values(), ids=USUAL)
def test_usual_error_on_free_road(odometry):
    given = answers(free_shots(), odometry=odometry, has_network=False)
    assert wrong_answers(given, has_wall=False) == []
    assert given[-1].result.state is PathState.FREE_VERIFIED


def test_missing_odometry_gives_times_to_contact_and_says_so():
    at_wall = answers(wall_shots(19), odometry=None)
    on_road = answers(free_shots(), odometry=None, has_network=False)
    assert wrong_answers(at_wall, has_wall=True) == []
    assert wrong_answers(on_road, has_wall=False) == []
    assert first_confirmed_m(at_wall) > BRAKING_M
    for one in at_wall[3:] + on_road[3:]:
        assert "no odometry" in one.result.reasons
        assert one.result.mode is Mode.DEGRADED
        assert one.result.scale_source is ScaleSource.CAMERA_HEIGHT
        assert all(math.isfinite(item.ttc_s) for item in one.confirmed)
