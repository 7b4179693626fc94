"""The ground under a depth of any scale, and the scale itself by two measurements."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cast_scene import CAR, cast

from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.ground import LearnedGround, MetricScale, MotionDepths

MOUNTING = base_from_camera(1.5, 0.06)
TRUE = plane_from_mounting(MOUNTING)


def scaled(factor: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    dense = cast(MOUNTING, [(12.0, 14.0, -2.0, 0.0, 1.0, CAR)], sigma_share=0.05)
    noise = np.exp(rng.normal(0.0, 0.03, dense.depth_m.shape)).astype(np.float32)
    depth = dense.depth_m * np.float32(factor) * noise
    return dataclasses.replace(dense, depth_m=depth, depth_std_m=np.float32(0.05) * depth)


def tracks(sigma_share: float = 0.05, count: int = 40) -> MotionDepths:
    rng = np.random.default_rng(3)
    rays = np.column_stack([rng.uniform(-0.4, 0.4, count), rng.uniform(0.05, 0.3, count)])
    depth = 1.0 / TRUE.inverse_depth(rays)
    return MotionDepths(rays, depth * np.exp(rng.normal(0.0, sigma_share, count)), np.full(count, sigma_share))


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_scale_is_measured_by_the_camera_height_and_the_plane_keeps_it(factor):
    ground = LearnedGround()
    for seed in range(5):
        plane, scale = ground.update(scaled(factor, seed), MOUNTING, 0.1)
    assert plane.height_m == pytest.approx(1.5 * factor, rel=0.03)
    assert plane.pitch_rad == pytest.approx(0.06, abs=0.01)
    assert scale.ratio == pytest.approx(factor, rel=0.03)
    assert scale.height_ratio == pytest.approx(factor, rel=0.03)
    assert np.isnan(scale.motion_ratio)
    assert 0.01 < scale.sigma < 0.1


def test_motion_measures_the_scale_where_no_road_is_seen():
    dense = scaled(1.25)
    blind = dataclasses.replace(dense, label=np.full(dense.label.shape, 255, np.uint8))
    _, scale = LearnedGround().update(blind, MOUNTING, 0.1, tracks())
    assert np.isnan(scale.height_ratio)
    assert scale.motion_ratio == pytest.approx(1.25, rel=0.04)
    assert scale.ratio == pytest.approx(1.25, rel=0.04)


def test_two_measurements_are_surer_than_one():
    ground, both = LearnedGround(), LearnedGround()
    _, one = ground.update(scaled(1.0), MOUNTING, 0.1)
    _, two = both.update(scaled(1.0), MOUNTING, 0.1, tracks())
    assert two.sigma < one.sigma


def test_depth_that_means_nothing_leaves_the_mounting_and_no_scale():
    dense = scaled(1.0)
    nothing = dataclasses.replace(dense, depth_m=np.full(dense.depth_m.shape, np.nan, np.float32), depth_std_m=None)
    plane, scale = LearnedGround().update(nothing, MOUNTING, 0.1, tracks())
    assert plane.m == pytest.approx(TRUE.m)
    assert not plane.is_measured
    assert np.isnan(scale.ratio)
    assert not scale.is_off(0.2)


def test_only_a_scale_that_is_surely_wrong_is_off():
    assert MetricScale(1.5, 0.03).is_off(0.25)
    assert MetricScale(0.6, 0.03).is_off(0.25)
    assert not MetricScale(1.5, 0.2).is_off(0.25)
    assert not MetricScale(1.1, 0.01).is_off(0.25)
