"""One look of each cue, with answers known in advance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL, DensePrediction
from perception_fm.depth_error import DepthErrorModel
from perception_fm.fakewall.box_cells import BoxCells
from perception_fm.fakewall.claims import (
    LEAST_CELLS,
    LEAST_SIGMA,
    Look,
    depth_log_ratio,
    depth_look,
    label_log_ratio,
    label_look,
    painted_log_ratio,
    painted_look,
    range_look,
)
from perception_fm.fakewall.sequential import NAME
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.points import ROAD_LABEL, SKY_LABEL

SIDE = 10
CAMERA = CameraModel(SIDE, SIDE, np.array([[10.0, 0.0, 4.5], [0.0, 10.0, 4.5], [0.0, 0.0, 1.0]]))
ROWS, COLUMNS = (grid.ravel() for grid in np.mgrid[:SIDE, :SIDE])
CELLS = BoxCells(ROWS, COLUMNS, np.full(SIDE * SIDE, 10.0), np.full(SIDE * SIDE, 40.0))
UNKNOWN = MetricScale()
WALL_LABEL, CAR_LABEL = 3, 13


def model(sigma: float, scale: float = 0.0) -> DepthErrorModel:
    """All of one group's error is common to the whole box, but for what the frame's scale holds."""
    variance = (sigma**2,)
    return DepthErrorModel("m", "", "s", 1, 1, (), variance, variance, (0.0,), (0.0,), scale**2, 1.0, 1e9)


def with_depth(depth: Any) -> DensePrediction:
    return DensePrediction(CAMERA, depth_m=np.broadcast_to(np.float32(depth), (SIDE, SIDE)).astype(np.float32))


def with_labels(values: Any, confidence: int = 255) -> DensePrediction:
    label = np.broadcast_to(np.uint8(values), (SIDE, SIDE)).astype(np.uint8)
    return DensePrediction(CAMERA, label=label, confidence=np.full((SIDE, SIDE), confidence, np.uint8))


class TestDepth:
    @pytest.mark.parametrize(("depth", "value"), [(10.0, 0.0), (40.0, 1.0), (20.0, 0.5), (5.0, -0.5)])
    def test_share_of_the_way_to_free_road(self, depth, value):
        look = depth_look(with_depth(depth), CELLS, 0.0, UNKNOWN, model(0.3))
        assert look.value == pytest.approx(value, abs=1e-6)
        # One common error of 0.3 in ln(depth), of a way of ln 4.
        assert look.sigma == pytest.approx(0.3 / math.log(4.0), rel=1e-6)

    def test_half_the_way_ties(self):
        """At four times the distance: twice as far, where the depth implies half the measured expansion."""
        assert depth_log_ratio(Look(0.5, 0.2)) == 0.0
        assert depth_log_ratio(Look(1.0, 0.2)) == pytest.approx(0.5 / 0.04)
        assert depth_log_ratio(Look(0.0, 0.2)) == pytest.approx(-0.5 / 0.04)

    def test_an_effect_that_is_not_surely_over_one_half_says_nothing(self):
        assert depth_log_ratio(Look(0.69, 0.2)) == 0.0
        assert depth_log_ratio(Look(0.71, 0.2)) > 0.0

    @pytest.mark.parametrize("sigma", [0.15, 0.3])
    def test_three_sigmas_of_error_never_name(self, sigma):
        """The persistent error of a whole box, at any distance: the budget of one in a thousand is 3.1 sigmas."""
        for way in np.linspace(0.2, 2.1, 20):
            free = BoxCells(ROWS, COLUMNS, CELLS.depth_m, CELLS.depth_m * math.exp(way))
            look = depth_look(with_depth(10.0 * math.exp(3.1 * sigma)), free, 0.02, UNKNOWN, model(sigma))
            assert depth_log_ratio(look) < NAME + 0.25  # what a cue costs for being one of several: -ln 0.8

    def test_a_third_of_the_cells_may_show_something_else(self):
        depth = np.full((SIDE, SIDE), 40.0, np.float32)
        depth[: SIDE // 3] = 10.0
        assert depth_look(with_depth(depth), CELLS, 0.0, UNKNOWN, model(0.3)).value == pytest.approx(1.0, abs=1e-6)

    def test_the_sigma_of_the_plane_counts(self):
        look = depth_look(with_depth(40.0), CELLS, 0.4, UNKNOWN, model(0.3))
        assert look.sigma == pytest.approx(0.5 / math.log(4.0))

    def test_no_model_is_trusted_below_the_floor(self):
        look = depth_look(with_depth(40.0), CELLS, 0.0, UNKNOWN, model(0.01))
        assert look.sigma == pytest.approx(LEAST_SIGMA / math.log(4.0))

    def test_without_a_model_the_cautious_one_holds(self):
        look = depth_look(with_depth(40.0), CELLS, 0.0, UNKNOWN, None)
        assert 0.3 / math.log(4.0) < look.sigma < math.hypot(0.3, 0.3) / math.log(4.0) + 1e-9

    def test_a_measured_scale_corrects_and_takes_its_share_of_the_error_away(self):
        plain = depth_look(with_depth(20.0), CELLS, 0.0, UNKNOWN, model(0.3, 0.3))
        corrected = depth_look(with_depth(20.0), CELLS, 0.0, MetricScale(2.0, 1e-6), model(0.3, 0.3))
        assert corrected.value == pytest.approx(0.0, abs=1e-5)
        assert corrected.sigma == pytest.approx(0.3 / math.log(4.0), rel=1e-4)
        assert plain.sigma == pytest.approx(math.hypot(0.3, 0.3) / math.log(4.0))

    def test_a_vague_scale_corrects_by_half(self):
        look = depth_look(with_depth(20.0), CELLS, 0.0, MetricScale(2.0, 0.3), model(0.3, 0.3))
        assert look.value == pytest.approx(0.25, abs=1e-5)

    @pytest.mark.parametrize("depth", [math.nan, math.inf, 0.0, -1.0])
    def test_no_valid_depth_no_look(self, depth):
        assert depth_look(with_depth(depth), CELLS, 0.0, UNKNOWN, None) is None

    @pytest.mark.parametrize("sigma", [math.nan, math.inf, -1.0])
    def test_a_plane_without_sigma_gives_no_look(self, sigma):
        assert depth_look(with_depth(40.0), CELLS, sigma, UNKNOWN, None) is None

    def test_too_few_cells_give_no_look(self):
        few = BoxCells(*(values[: LEAST_CELLS - 1] for values in vars(CELLS).values()))
        assert depth_look(with_depth(40.0), few, 0.0, UNKNOWN, None) is None
        assert label_look(with_labels(0), few) is None

    def test_free_road_no_farther_than_the_plane_gives_no_look(self):
        """A plane beyond all that a network can see."""
        far = BoxCells(ROWS, COLUMNS, np.full(100, 90.0), np.full(100, 80.0))
        assert depth_look(with_depth(80.0), far, 0.0, UNKNOWN, None) is None


class TestRange:
    def test_the_range_takes_the_place_of_the_plane(self):
        look = range_look(with_depth(40.0), CELLS, (10.0, 0.5), (10.5, 0.1), UNKNOWN, model(0.3))
        assert look.value == pytest.approx(1.0)
        assert look.sigma == pytest.approx(math.hypot(0.3, 0.1 / 10.5) / math.log(40.0 / 10.5))

    def test_a_range_far_from_the_plane_is_of_something_else(self):
        assert range_look(with_depth(40.0), CELLS, (10.0, 0.5), (20.0, 0.1), UNKNOWN, None) is None


class TestLabels:
    def test_share_of_road_and_sky(self):
        label = np.full((SIDE, SIDE), WALL_LABEL, np.uint8)
        label[:2], label[2:5] = ROAD_LABEL, SKY_LABEL
        look = label_look(with_labels(label), CELLS)
        assert look.value == pytest.approx(0.5)
        assert look.count == 25  # 2 x 2 cells agree with each other

    def test_road_on_the_wall_is_a_claim_and_a_lorry_is_none(self):
        assert label_log_ratio(label_look(with_labels(ROAD_LABEL), CELLS)) > NAME
        for upright in (WALL_LABEL, CAR_LABEL):
            assert label_log_ratio(label_look(with_labels(upright), CELLS)) < 0.0

    def test_what_a_network_confuses_is_no_claim(self):
        label = np.full(SIDE * SIDE, WALL_LABEL, np.uint8)
        label[:20] = ROAD_LABEL
        assert label_log_ratio(label_look(with_labels(label.reshape(SIDE, SIDE)), CELLS)) < 0.0

    def test_unsure_and_unknown_labels_say_nothing(self):
        assert label_look(with_labels(ROAD_LABEL, confidence=100), CELLS) is None
        assert label_look(with_labels(UNKNOWN_LABEL), CELLS) is None


class TestPainted:
    @pytest.mark.parametrize("probability", [0.9, 0.999, 1.0])
    def test_however_sure_it_never_names(self, probability):
        dense = DensePrediction(CAMERA, painted=np.full((SIDE, SIDE), probability, np.float32))
        assert 0.0 < painted_log_ratio(painted_look(dense, CELLS)) < 0.1 * NAME

    def test_silence_speaks_against_a_print(self):
        dense = DensePrediction(CAMERA, painted=np.zeros((SIDE, SIDE), np.float32))
        assert painted_log_ratio(painted_look(dense, CELLS)) == -1.2

    def test_nan_says_nothing(self):
        assert painted_look(DensePrediction(CAMERA, painted=np.full((SIDE, SIDE), np.nan, np.float32)), CELLS) is None


def test_absent_heads_give_no_look():
    nothing = DensePrediction(CAMERA)
    assert depth_look(nothing, CELLS, 0.0, UNKNOWN, None) is None
    assert label_look(nothing, CELLS) is None
    assert painted_look(nothing, CELLS) is None
