"""The wall in the path as RViz sees it, and all that the node says of a named one."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from test_outputs import CONFIG, obstacle, result
from visualization_msgs.msg import Marker

from perception_fm.fakewall.finding import Anomaly, Contradiction, Cue, Evidence, FakeWallFinding
from perception_fm.ros.markers import marker_array
from perception_fm.types import PathState, PerceptionResult

FACE = np.array([[21.0, y, z] for y, z in ((1.0, 0.0), (-1.0, 0.0), (-1.0, 2.5), (1.0, 2.5))])


def named(state: PathState = PathState.FAKE_WALL, **changes) -> PerceptionResult:
    evidence = (Evidence(Cue.DEPTH_CONTRADICTION, True, 8.0, 1.0, 0.1, 0.5, "1", "learned depth 61 m there"),)
    claimed = Contradiction(state is PathState.FAKE_WALL, 8.0, Anomaly.DEPTH_CONTRADICTION, 1.0, evidence, 61.0)
    known = {
        "state": state, "probability": 0.99, "obstacle_id": 1, "distance_m": 20.0, "distance_sigma_m": 0.5,
        "ttc_s": 2.0, "ttc_sigma_s": 0.1, "polygon_m": FACE, "evidence": evidence, "by_track": {1: claimed},
    }  # fmt: skip
    finding = FakeWallFinding(**(known | changes))
    return result(10.0, [obstacle()], state, fake_wall=finding)


def markers_of(given: PerceptionResult) -> SimpleNamespace:
    found = {one.ns: one for one in marker_array(given, CONFIG).markers}
    return SimpleNamespace(**found)


def test_the_face_is_two_triangles_with_a_closed_outline():
    found = markers_of(named())
    assert found.wall.type == Marker.TRIANGLE_LIST
    assert [(p.x, p.y, p.z) for p in found.wall.points] == [tuple(FACE[i]) for i in (0, 1, 2, 0, 2, 3)]
    assert found.wall_outline.type == Marker.LINE_STRIP
    assert found.wall_outline.scale.x > 0.0
    assert [(p.x, p.y, p.z) for p in found.wall_outline.points] == [tuple(FACE[i]) for i in (0, 1, 2, 3, 0)]


def test_its_words_are_those_of_motion_and_depth():
    found = markers_of(named())
    assert found.wall_words.text == "motion: wall at 20 m, 2.0 s\ndepth: road goes on, 61 m"
    assert found.wall_words.pose.position.z > FACE[:, 2].max()
    assert not hasattr(found, "obstacle_labels")  # said once


def test_a_named_wall_has_another_colour_than_what_only_stands():
    fake, plain = (markers_of(named(state)).wall.color for state in (PathState.FAKE_WALL, PathState.OBSTACLE))
    assert (fake.r, fake.g, fake.b) != (plain.r, plain.g, plain.b)
    assert fake.a > 0.0


@pytest.mark.parametrize("changes", [{"polygon_m": np.zeros((0, 3))}, {"obstacle_id": 7}])
def test_without_a_face_or_its_obstacle_there_is_no_wall(changes):
    found = markers_of(named(**changes))
    assert not hasattr(found, "wall")
    assert hasattr(found, "obstacle_labels")


def test_a_wall_without_time_to_contact_says_its_distance():
    assert markers_of(named(ttc_s=math.nan)).wall_words.text.startswith("motion: wall at 20 m\n")
