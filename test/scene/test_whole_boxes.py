"""Unseen sides: added away from the camera, with their scatter, and only to what is known to have them."""

from __future__ import annotations

import numpy as np
import pytest
from cast_scene import CAR, rows

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.scene.clusters import Clusters
from perception_fm.scene.whole_boxes import whole_boxes


def cluster(centre, size, yaw, label) -> Clusters:
    return Clusters(
        cell_count=np.array([9]), centre_m=np.array([centre]), size_m=np.array([size]), yaw_rad=np.array([yaw]),
        position_sigma_m=np.array([[0.3, 0.1]]), bearing_rad=np.arctan2([centre[1]], [centre[0]]),
        nearest_m=np.hypot([centre[0]], [centre[1]]), class_id=np.array([label]), class_probability=np.array([0.9]),
    )  # fmt: skip


def whole_box(one: Clusters):
    (box,) = rows(whole_boxes(one))
    return box


def test_rear_of_a_car_becomes_a_car_behind_it():
    box = whole_box(cluster([15.0, 0.5, 0.7], [1.7, 0.1, 1.5], 0.5 * np.pi, CAR))
    assert box.yaw_rad == pytest.approx(0.0, abs=1e-9)
    assert box.size_m == pytest.approx([4.0, 1.7, 1.5])
    assert box.centre_m == pytest.approx([15.0 + 0.5 * 3.9, 0.5, 0.75])
    assert box.size_sigma_m[0] == pytest.approx(0.45)


def test_side_of_a_car_keeps_its_length_and_gets_a_width_away_from_the_camera():
    box = whole_box(cluster([12.0, 4.0, 0.7], [4.2, 0.1, 1.5], 0.0, CAR))
    assert box.size_m == pytest.approx([4.2, 1.65, 1.5])
    assert box.centre_m[1] == pytest.approx(4.0 + 0.5 * 1.55)
    assert box.yaw_rad == 0.0


def test_person_is_as_wide_as_a_person():
    person = CITYSCAPES_CLASSES.index("person")
    box = whole_box(cluster([8.0, 0.0, 0.8], [0.4, 0.1, 1.6], 0.0, person))
    assert box.size_m == pytest.approx([0.7, 0.65, 1.6])
    assert box.yaw_sigma_rad > 0.5


def test_what_is_not_known_keeps_what_is_seen():
    one = cluster([10.0, -1.0, 0.2], [0.8, 0.3, 0.4], 0.3, UNKNOWN_LABEL)
    box = whole_box(one)
    assert box.size_m == pytest.approx(one.size_m[0])
    assert box.centre_m == pytest.approx(one.centre_m[0])
