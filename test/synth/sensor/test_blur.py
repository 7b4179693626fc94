"""Motion blur and defocus on edges whose blurred shape is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.render.frame import View
from perception_fm.synth.sensor.blur import defocus, motion_blur, motion_during

FOCAL, WIDTH, HEIGHT = 200.0, 161, 81
K = np.array([[FOCAL, 0.0, 80.0], [0.0, FOCAL, 40.0], [0.0, 0.0, 1.0]])
STILL = View(K, WIDTH, HEIGHT, RigidTransform.identity())
TEN_METRES = np.full((HEIGHT, WIDTH), 10.0, np.float32)


def edge(column: int = 80) -> np.ndarray:
    radiance = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    radiance[:, column:] = 1.0
    return radiance


def test_motion_is_the_difference_of_two_projections() -> None:
    rng = np.random.default_rng(2)
    depth = rng.uniform(3.0, 40.0, (HEIGHT, WIDTH)).astype(np.float32)
    view = dataclasses.replace(STILL, velocity_mps=(1.0, -0.5, 12.0), turn_rate_rps=(0.1, -0.3, 0.2))
    step_s = 1e-4
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    points = np.dstack([(x - 80.0) / FOCAL * depth, (y - 40.0) / FOCAL * depth, depth]).astype(np.float64)
    moved = points - step_s * (np.array(view.velocity_mps) + np.cross(view.turn_rate_rps, points))
    expected = FOCAL * (moved[..., :2] / moved[..., 2:] - points[..., :2] / points[..., 2:])
    columns, rows = motion_during(depth, view, step_s)
    # Second order in the step: (12 m/s * 0.1 ms / 3 m)^2 * 113 px.
    assert np.abs(np.dstack([columns, rows]) - expected).max() < 2e-4


def test_blurred_edge_is_as_wide_as_the_motion() -> None:
    view = dataclasses.replace(STILL, velocity_mps=(20.0, 0.0, 0.0))  # 200 px * 20 m/s / 10 m * 20 ms = 8 px
    blurred = motion_blur(edge(), TEN_METRES, view, 0.02)[40, :, 1]
    ramp = np.clip((np.arange(WIDTH) - 79.5) / 8.0 + 0.5, 0.0, 1.0)
    assert np.abs(blurred - ramp).max() < 1.0 / 16 + 1e-3  # half of one of its eight samples


def test_middle_of_the_exposure_is_the_time_of_the_view() -> None:
    view = dataclasses.replace(STILL, turn_rate_rps=(0.0, 2.0, 0.0))
    blurred = motion_blur(edge(), TEN_METRES, view, 0.02)[40, :, 1]
    assert blurred.sum() == pytest.approx(edge()[40, :, 1].sum(), abs=0.02)


def test_far_scene_moves_by_turning_only() -> None:
    far = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    driving = dataclasses.replace(STILL, velocity_mps=(0.0, 0.0, 30.0))
    turning = dataclasses.replace(STILL, turn_rate_rps=(0.0, 0.5, 0.0))
    assert np.array_equal(motion_blur(edge(), far, driving, 0.03), edge())
    columns, rows = motion_during(far, turning, 0.03)
    assert columns[40, 80] == pytest.approx(-FOCAL * 0.5 * 0.03)  # turning right moves the picture left
    assert rows[40, 80] == 0.0


def test_looking_up_moves_the_picture_down() -> None:
    _, rows = motion_during(TEN_METRES, dataclasses.replace(STILL, turn_rate_rps=(0.3, 0.0, 0.0)), 0.01)
    assert rows[40, 80] == pytest.approx(FOCAL * 0.3 * 0.01)


def test_near_post_is_smeared_over_the_standing_background() -> None:
    depth = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    depth[:, 70:90] = 2.0
    radiance = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    radiance[:, 70:90] = 1.0
    view = dataclasses.replace(STILL, velocity_mps=(5.0, 0.0, 0.0))  # the post moves 10 px
    blurred = motion_blur(radiance, depth, view, 0.02)[40, :, 1]
    assert 0.2 < blurred[67] < 0.4  # 2.5 px outside of an outline that is 10 px wide
    assert blurred[60] == 0.0


def test_defocused_edge_is_a_normal_distribution() -> None:
    blurred = defocus(edge(), 2.5)[40, :, 0]
    spread = np.diff(blurred)
    at = np.arange(WIDTH - 1) + 0.5
    middle = (spread * at).sum()
    assert middle == pytest.approx(79.5, abs=1e-3)
    assert np.sqrt((spread * (at - middle) ** 2).sum()) == pytest.approx(2.5, rel=0.02)  # sampled and cut kernel
