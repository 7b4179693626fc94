"""Each baseline on tracks and strips whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.evaluation.fake_wall_benchmark.baselines import ContactTimeOnly, LearnedOnly, RoadParallaxOnly
from perception_fm.evaluation.fake_wall_benchmark.claims import confirmed
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.ros.step import unknown_result
from perception_fm.types import CameraFrame, MotionField, PathSweep

MOUNTING = base_from_camera(1.4, 0.0)
CAMERA = CameraModel(640, 384, np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 191.5], [0.0, 0.0, 1.0]]))
SPEED_MPS, WINDOW_S = 10.0, 0.5


def frame(number):
    stamp = 1_000_000_000 + number * 100_000_000
    pose = RigidTransform(np.eye(3), np.array([number * 1.0, 0.0, 0.0]))
    ego = EgoState(stamp, pose, SPEED_MPS, 0.0, True)
    return CameraFrame(stamp, "front", np.zeros((384, 640), np.uint8), CAMERA, MOUNTING, ego)


def tracks_on_plane(number, distance_m):
    """Tracks on an upright plane that is `distance_m` away now; infinite: they stand still."""
    rng = np.random.default_rng(number)
    span = 0.9 / min(distance_m, 40.0)
    now = np.column_stack([rng.uniform(-span, span, 60), rng.uniform(-1.0 * span, 0.8 / min(distance_m, 40.0), 60)])
    before = now / (1.0 + SPEED_MPS * WINDOW_S / distance_m)
    before += rng.normal(0.0, 0.1 / 500.0, before.shape) + np.array((0.002, -0.004))
    expansion = np.full(60, SPEED_MPS * WINDOW_S / distance_m)
    return MotionField(1, before, now, now * 500.0, np.full(60, WINDOW_S), np.zeros(60, np.intp), expansion, 0.1, 500.0)


def result(number, **values):
    return dataclasses.replace(unknown_result(frame(number).stamp_ns, "front", ""), **values)


def test_contact_time_confirms_what_expands_and_not_what_stands_still():
    for distance, expected in ((40.0, True), (1e9, False)):
        baseline = ContactTimeOnly(PerceptionConfig())
        for number in range(15):
            record = baseline.step(frame(number), result(number, motion=tracks_on_plane(number, distance - number)))
        found = [one["distance_m"] for one in confirmed(record)]
        assert bool(found) is expected
        if expected:
            assert min(abs(one - 26.0) for one in found) < 4.0


def test_road_parallax_confirms_where_the_strips_contradict_the_road():
    baseline = RoadParallaxOnly(PerceptionConfig())
    distance = np.linspace(4.0, 30.0, 27)
    for number in range(12):
        road = np.where(np.abs(distance - (25.0 - number)) < 0.5, -8.0, 5.0)
        sweep = PathSweep(distance, np.zeros(27), road, np.zeros(27, bool))
        record = baseline.step(frame(number), result(number, sweep=sweep))
    assert [one["distance_m"] for one in confirmed(record)] == pytest.approx([14.0], abs=0.51)


def test_baselines_without_their_input_say_nothing():
    for baseline in (LearnedOnly, ContactTimeOnly, RoadParallaxOnly):
        for given in (None, result(0)):
            assert baseline(PerceptionConfig()).step(frame(0), given)["obstacles"] == []
