"""Things from cells: one box per thing, where it is, and none where nothing stands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import BUILDING, CAR, ROAD, cast, rows

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.clusters import clusters_of
from perception_fm.scene.points import labeled_points

MOUNTING = base_from_camera(1.5, 0.06, forward_m=1.2, left_m=0.2)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)


def things(*boxes):
    return rows(clusters_of(labeled_points(cast(MOUNTING, boxes, 0.01), GROUND, 0.25, 2.5, 0.5), MOUNTING))


def test_empty_road_has_no_things():
    assert things() == []


def test_each_box_is_one_thing_at_its_place():
    found = things((12.0, 16.0, 3.2, 5.0, 1.5, CAR), (22.0, 26.0, -4.0, -2.2, 1.5, CAR))
    assert [one.class_id for one in found] == [CAR, CAR]
    near, far = found
    assert near.nearest_m == pytest.approx(np.hypot(10.8, 3.0), abs=0.3)
    assert far.nearest_m == pytest.approx(20.95, abs=0.3)
    # Its rear and its right side are seen.
    assert near.centre_m[:2] == pytest.approx([14.0, 4.1], abs=0.7)
    assert near.size_m == pytest.approx([4.0, 1.8, 1.5], abs=1.2)
    assert near.yaw_rad == pytest.approx(0.0, abs=0.1)
    assert near.class_probability == 1.0


def test_cars_in_a_queue_stay_two_things():
    found = things((10.0, 14.0, -1.0, 0.8, 1.2, CAR), (17.0, 21.0, -1.0, 0.8, 2.4, CAR))
    assert len(found) == 2
    assert found[1].nearest_m > 15.0


def test_small_thing_of_no_class_is_found():
    (found,) = things((16.0, 16.4, -0.2, 0.6, 0.5, ROAD))
    assert found.class_id == UNKNOWN_LABEL
    assert np.isnan(found.class_probability)
    assert found.nearest_m == pytest.approx(14.8, abs=0.2)


def test_long_wall_becomes_pieces_that_leave_the_road_free():
    sides = [(5.0, 40.0, 5.0, 6.0, 4.0, BUILDING), (5.0, 40.0, -6.0, -5.0, 4.0, BUILDING)]
    walls = [*sides, (40.0, 41.0, -9.0, 9.0, 4.0, BUILDING)]
    found = things(*walls)
    assert len(found) > 6
    for one in found:
        assert one.size_m[:2].max() < 5.0
        is_end = one.centre_m[0] > 36.0
        assert is_end or abs(one.centre_m[1]) - 0.5 * min(one.size_m[:2]) > 3.5
