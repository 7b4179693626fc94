"""The whole learned half: what it says of an approach, and that without its inputs it says nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import BUILDING, CAR, ROAD, SKY, cast, rows

from perception_fm.config import SceneConfig
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.scene.free_grid import FREE, OCCUPIED
from perception_fm.scene.stage import SCALE_OFF, SceneStage, SceneView

MOUNTING = base_from_camera(1.5, 0.06, forward_m=1.2)
STEP_NS = 100_000_000


def ego(step: int, speed_mps: float = 5.0) -> RigidTransform:
    return RigidTransform(np.eye(3), np.array([0.1 * speed_mps * step, 0.0, 0.0]))


def car(step: int, speed_mps: float = 5.0):
    x = 30.0 - 0.1 * speed_mps * step
    return cast(MOUNTING, [(x, x + 4.0, -1.0, 0.8, 1.5, CAR)], sigma_share=0.03)


def look(stage: SceneStage, step: int, dense, mounting=MOUNTING):
    return stage.update(step * STEP_NS, [SceneView("front", dense, mounting)], ego(step))


def drive(stage: SceneStage, steps: int, **changes):
    for step in range(steps):
        dense = dataclasses.replace(car(step), **{name: make(car(step)) for name, make in changes.items()})
        report = look(stage, step, dense)
    return report


def test_approach_of_a_car_gives_one_confirmed_track_and_free_road_before_it():
    report = drive(SceneStage(SceneConfig()), 12)
    assert report.reasons == []
    confirmed = report.tracks.at(report.tracks.is_confirmed)
    (track,) = rows(confirmed)
    assert confirmed.classes()[0].tolist() == [CAR]
    assert track.nearest_m == pytest.approx(24.5 - 1.2, abs=0.4)
    assert np.hypot(*track.state[2:]) < 2.0
    assert report.views["front"].scale.ratio == pytest.approx(1.0, abs=0.03)
    row = int((0.0 - report.grid.origin_m[1]) / report.grid.resolution_m)
    column = int((15.0 - report.grid.origin_m[0]) / report.grid.resolution_m)
    assert report.grid.cells[row, column] == FREE
    assert (report.grid.cells == OCCUPIED).any()
    assert {"scene_points", "scene_free_space", "scene_obstacles"} == set(report.latency_ms)


@pytest.mark.parametrize("gone", ["dense", "depth", "label", "mounting"])
def test_without_an_input_nothing_is_free_for_long_and_nothing_is_new(gone):
    stage = SceneStage(SceneConfig())
    drive(stage, 8)
    before = len(look(stage, 8, car(8)).tracks)
    for step in range(9, 40):
        dense = car(step)
        if gone == "depth":
            dense = dataclasses.replace(dense, depth_m=None, depth_std_m=None)
        if gone == "label":
            dense = dataclasses.replace(dense, label=None, confidence=None)
        report = look(stage, step, None if gone == "dense" else dense, None if gone == "mounting" else MOUNTING)
        assert not report.views
        assert len(report.tracks) <= before
    assert not (report.grid.cells == FREE).any()


@pytest.mark.parametrize("value", [np.nan, 1e-3, 1e6, np.inf, -1.0, 0.0])
def test_depth_that_means_nothing_frees_nothing_and_raises_nothing(value):
    report = drive(
        SceneStage(SceneConfig()), 3, depth_m=lambda d: np.full(d.depth_m.shape, value, np.float32),
        depth_std_m=lambda d: None,
    )  # fmt: skip
    assert not (report.grid.cells == FREE).any()


@pytest.mark.parametrize("label", [ROAD, BUILDING, CAR, SKY, 255])
def test_labels_of_one_class_raise_nothing_and_free_only_road(label):
    report = drive(SceneStage(SceneConfig()), 3, label=lambda d: np.full(d.label.shape, label, np.uint8))
    assert (report.grid.cells == FREE).any() == (label == ROAD)


@pytest.mark.parametrize("mounting", [
    base_from_camera(0.1, 0.0), base_from_camera(10.0, 0.8), base_from_camera(1.5, -0.8),
    base_from_camera(1.5, 0.0, roll_rad=3.1), base_from_camera(1.5, 1.5),
])  # fmt: skip
def test_absurd_mounting_raises_nothing(mounting):
    stage = SceneStage(SceneConfig())
    for step in range(3):
        report = look(stage, step, car(step), mounting)
    assert report.grid is not None


def test_reversing_and_leaving_the_map_raise_nothing():
    stage = SceneStage(SceneConfig())
    for step in range(5):
        stage.update(step * STEP_NS, [SceneView("front", car(0), MOUNTING)], ego(step, -200.0))
    far = RigidTransform(np.eye(3), np.array([1e7, -1e7, 0.0]))
    report = stage.update(9 * STEP_NS, [SceneView("front", car(0), MOUNTING)], far)
    assert (report.grid.cells == FREE).any()


def test_scale_that_is_surely_off_is_named_and_free_space_stretched_only_on_request():
    def longer(factor):
        scale = np.float32(factor)
        return {"depth_m": lambda d: d.depth_m * scale, "depth_std_m": lambda d: d.depth_std_m * scale}

    report = drive(SceneStage(SceneConfig()), 12, **longer(1.7))
    assert any(SCALE_OFF in reason for reason in report.reasons)
    plain = drive(SceneStage(SceneConfig()), 12, **longer(0.87))
    assert plain.reasons == []
    corrected = drive(SceneStage(SceneConfig(corrects_scale=True)), 12, **longer(0.87))
    for one in (plain, corrected):
        assert one.tracks.nearest_m.min() == pytest.approx(23.3, abs=0.9)
    ends = [one.views["front"].polar.obstacle_m.min() for one in (plain, corrected)]
    assert ends[0] == pytest.approx(0.87 * ends[1], rel=0.02)


def test_depth_that_is_too_long_is_shortened_unasked():
    scale = np.float32(1.15)
    report = drive(
        SceneStage(SceneConfig()), 12, depth_m=lambda d: d.depth_m * scale, depth_std_m=lambda d: d.depth_std_m * scale
    )
    assert report.tracks.nearest_m.min() == pytest.approx(23.3, abs=0.9)


def test_reset_forgets_all_but_the_ids():
    stage = SceneStage(SceneConfig())
    first = set(drive(stage, 5).tracks.track_id.tolist())
    stage.reset()
    second = set(drive(stage, 5).tracks.track_id.tolist())
    assert first.isdisjoint(second)
