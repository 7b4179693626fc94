"""Networks that believe the picture."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.errors import InferenceError
from perception_fm.evaluation.fake_wall_benchmark.believing_network import SEES_M, BelievingNetwork, smooth_error
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BelievedScene
from perception_fm.evaluation.fake_wall_benchmark.recorded_drive import flat_street
from perception_fm.geometry.transform import base_from_camera

CAMERA = CameraModel(160, 96, np.array([[125.0, 0.0, 79.5], [0.0, 125.0, 47.5], [0.0, 0.0, 1.0]]))
IMAGE = np.zeros((96, 160, 3), np.uint8)


def scene(depth_m):
    return BelievedScene(CAMERA, np.full((96, 160), depth_m, np.float32), np.zeros((96, 160), np.uint8))


def test_answer_is_the_believed_depth_and_sky_ends_where_training_does():
    network = BelievingNetwork(0.0, 1)
    network.show(scene(40.0))
    assert network.predict([IMAGE], [CAMERA])[0].depth_m == pytest.approx(40.0)
    network.show(scene(np.inf))
    assert network.predict([IMAGE], [CAMERA])[0].depth_m == pytest.approx(SEES_M)


def test_error_has_its_size_over_many_drives_and_is_smooth_and_lasts():
    logs = np.array([np.log(smooth_error((96, 160), 0.3, seed)) for seed in range(40)])
    assert np.std(logs[:, 48, 80]) == pytest.approx(0.3, rel=0.3)  # 40 draws: 11% standard error
    assert np.abs(np.diff(logs, axis=2)).max() < 0.1
    network = BelievingNetwork(0.3, 5)
    network.show(scene(40.0))
    first = network.predict([IMAGE], [CAMERA])[0].depth_m
    assert np.array_equal(first, network.predict([IMAGE], [CAMERA])[0].depth_m)


def test_two_cameras_are_refused():
    network = BelievingNetwork(0.0, 1)
    network.show(scene(40.0))
    with pytest.raises(InferenceError, match="one camera"):
        network.predict([IMAGE, IMAGE], [CAMERA, CAMERA])


def test_flat_street_lies_at_the_height_of_the_wheels():
    mounting = base_from_camera(1.5, 0.02)
    believed = flat_street(CAMERA, mounting)
    rows, columns = np.nonzero(np.isfinite(believed.depth_m))
    rays = np.column_stack([columns, rows, np.ones(len(rows))]) @ np.linalg.inv(believed.camera.intrinsics).T
    points = mounting.apply(rays * believed.depth_m[rows, columns][:, None])
    near = points[:, 0] < 100.0
    assert points[near, 2] == pytest.approx(0.0, abs=1e-3)
    assert set(np.unique(believed.label)) == {0, 10}
