"""The thing in the path, drawn: its outline where it stands, the words of depth and motion, a bar per cue."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.config import PerceptionConfig
from perception_fm.fakewall.finding import Contradiction, Cue, Evidence, FakeWallFinding
from perception_fm.types import PathState, Provenance
from perception_fm.visual.overlay import draw_overlay
from perception_fm.visual.pen import Pen
from perception_fm.visual.wall_evidence import (
    MAGENTA,
    draw_wall,
    standing_wall,
    words_of_depth,
    words_of_measurement,
)

DISTANCE_M = 16.0
FACE = np.array([[DISTANCE_M, y, z] for y, z in ((1.0, 0.0), (-1.0, 0.0), (-1.0, 2.0), (1.0, 2.0))])
BACKGROUND = 90


def finding_of(ratio: float = 8.0, value: float = 1.0, learned_m: float = 61.0, **changes: Any) -> FakeWallFinding:
    evidence = (
        Evidence(Cue.DEPTH_CONTRADICTION, True, ratio, value, 0.1, 0.5),
        Evidence(Cue.SEMANTICS),
        Evidence(Cue.PAINTED_SURFACE, True, -1.0, -2.0, 0.1, 0.0),
    )
    claimed = Contradiction(ratio >= 6.91, ratio, evidence=evidence, learned_m=learned_m)
    known: dict[str, Any] = {
        "state": PathState.FAKE_WALL, "probability": 1.0, "obstacle_id": 1, "distance_m": DISTANCE_M,
        "distance_sigma_m": 0.5, "ttc_s": 1.6, "ttc_sigma_s": 0.1, "polygon_m": FACE, "evidence": evidence,
        "by_track": {1: claimed},
    }  # fmt: skip
    return FakeWallFinding(**(known | changes))


def drawn(make_scene: Callable[..., Any], finding: FakeWallFinding | None, *obstacles: Any, **known: Any) -> np.ndarray:
    """What is drawn over the grey picture: the difference to it, (480, 640)."""
    scene = make_scene(state=PathState.FAKE_WALL, obstacles=obstacles, fake_wall=finding, **known)
    pen = Pen(scene.frame.image.copy())
    draw_wall(pen, scene.frame, scene.result)
    return np.abs(pen.image.astype(int) - BACKGROUND).max(axis=2)


def test_the_outline_is_where_the_wall_stands(make_scene, make_obstacle) -> None:
    scene = make_scene(state=PathState.FAKE_WALL, obstacles=(make_obstacle(DISTANCE_M),), fake_wall=finding_of())
    picture = draw_overlay(scene.frame, scene.result, PerceptionConfig()).astype(int)
    # 16 m ahead, from the road to 2 m, a metre to each side: f = 640, the camera 1.5 m up.
    foot, left = round(240 + 640 * 1.5 / 16), round(320 - 640 / 16)
    for pixel in (picture[foot, 310], picture[foot - 30, left]):
        assert np.abs(pixel - MAGENTA).max() < 60
    inside = picture[foot - 10, 310]
    assert inside[0] > inside[1] + 10  # tinted
    assert np.abs(picture[foot - 10, left - 20] - BACKGROUND).max() == 0


@pytest.mark.parametrize(
    "finding", [None, FakeWallFinding(PathState.UNVERIFIED), finding_of(polygon_m=np.zeros((0, 3))),
                finding_of(obstacle_id=99)],
)  # fmt: skip
def test_without_a_face_nothing_is_drawn(make_scene, make_obstacle, finding) -> None:
    assert not drawn(make_scene, finding, make_obstacle(DISTANCE_M)).any()


def test_without_a_mounting_nothing_is_drawn(make_scene, make_obstacle) -> None:
    assert not drawn(make_scene, finding_of(), make_obstacle(DISTANCE_M), base_from_camera=None).any()


def test_the_flat_face_of_the_same_thing_is_not_drawn_twice(make_scene, make_obstacle) -> None:
    item = make_obstacle(DISTANCE_M)
    scene = make_scene(state=PathState.FAKE_WALL, obstacles=(item,), fake_wall=finding_of())
    assert standing_wall(scene.result) is item
    narrower = dataclasses.replace(item, size_m=np.array([math.nan, 1.0, 1.0]))
    other = make_scene(state=PathState.FAKE_WALL, obstacles=(narrower,), fake_wall=finding_of())
    config = PerceptionConfig()
    np.testing.assert_array_equal(
        draw_overlay(scene.frame, scene.result, config), draw_overlay(other.frame, other.result, config)
    )


def test_a_surer_cue_has_a_longer_bar_and_agreement_points_the_other_way(make_scene, make_obstacle) -> None:
    def magenta(ratio: float) -> int:
        scene = make_scene(
            1280, 720, state=PathState.FAKE_WALL, obstacles=(make_obstacle(DISTANCE_M),), fake_wall=finding_of(ratio)
        )
        pen = Pen(scene.frame.image.copy())
        draw_wall(pen, scene.frame, scene.result)
        return int((pen.image[:300, 900:] == MAGENTA).all(axis=2).sum())

    doubtful, sure, denied = magenta(2.0), magenta(6.0), magenta(-2.0)
    assert sure > 2 * doubtful > 0
    assert denied == 0


@pytest.mark.parametrize(
    ("value", "learned_m", "words"),
    [
        (1.0, 61.0, "depth: road goes on, 61 m"),
        (0.1, 17.0, "depth: something stands, 17 m"),
        (1.0, math.nan, "depth: no answer there"),
    ],
)
def test_words_of_the_depth(value, learned_m, words) -> None:
    assert words_of_depth(finding_of(value=value, learned_m=learned_m)) == words


def test_depth_that_did_not_speak_has_no_words() -> None:
    silent = Contradiction(evidence=(Evidence(Cue.DEPTH_CONTRADICTION),), learned_m=50.0)
    assert words_of_depth(finding_of(by_track={1: silent})) == "depth: no answer there"


def test_words_say_who_measured(make_obstacle) -> None:
    item = make_obstacle(DISTANCE_M)
    assert words_of_measurement(finding_of(), item) == "motion: wall at 16 m, 1.6 s"
    ranged = dataclasses.replace(item, provenance=Provenance.RANGE)
    assert words_of_measurement(finding_of(ttc_s=math.nan), ranged) == "range: wall at 16 m"


@pytest.mark.parametrize("size", [(1280, 720), (160, 120), (33, 17)])
@pytest.mark.parametrize("existence", [0.0, 0.5, 1.0])
def test_any_size_and_certainty(make_scene, make_obstacle, size, existence) -> None:
    item = make_obstacle(DISTANCE_M, existence_probability=existence)
    scene = make_scene(*size, state=PathState.OBSTACLE, obstacles=(item,), fake_wall=finding_of(ratio=math.inf))
    assert draw_overlay(scene.frame, scene.result, PerceptionConfig()).shape == (size[1], size[0], 3)
