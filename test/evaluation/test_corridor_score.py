"""The nearest obstacle ahead, with boxes at known places."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_builders import POSE, empty_grid, found

from perception_fm.evaluation.corridor_score import CorridorScore, claimed_distances
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.free_grid import OCCUPIED, UNKNOWN, FreeSpaceGrid


def grid(*occupied_m: tuple[float, float]) -> FreeSpaceGrid:
    """Cells of 0.5 m, 40 m ahead and 10 m to each side."""
    cells = np.full((40, 80), UNKNOWN, np.int8)
    for x, y in occupied_m:
        cells[int((y + 10.0) / 0.5), int(x / 0.5)] = OCCUPIED
    return empty_grid(cells, cell_m=0.5)


def test_nearest_side_in_the_corridor_counts() -> None:
    claims = [found(20.0), found(10.0, 2.0), found(15.0, 0.0, is_confirmed=False)]
    claimed = claimed_distances(claims, grid((12.1, 0.1), (5.1, 3.1)), POSE, 1.0)
    assert claimed["confirmed"] == pytest.approx(18.0)
    assert claimed["obstacles"] == pytest.approx(13.0)
    assert claimed["grid"] == pytest.approx(12.0)


def test_wider_corridor_meets_what_stands_at_its_side() -> None:
    claims = [found(20.0), found(10.0, 1.8)]  # a side at 0.8 m
    assert claimed_distances(claims, grid(), POSE, 1.0)["confirmed"] == pytest.approx(18.0)
    assert claimed_distances(claims, grid(), POSE, 1.9)["confirmed"] == pytest.approx(8.0, abs=0.2)
    assert claimed_distances(claims, grid(), POSE, 1.0)["grid"] == math.inf


def test_corridor_lies_along_the_camera_not_the_vehicle() -> None:
    turned = base_from_camera(1.5, 0.0, yaw_rad=math.radians(30.0))
    ahead = found(20.0 * math.cos(math.radians(30.0)), 20.0 * math.sin(math.radians(30.0)), (0.2, 0.2, 1.0))
    assert claimed_distances([ahead], grid(), turned, 1.0)["confirmed"] == pytest.approx(20.0, abs=0.2)
    assert claimed_distances([ahead], grid(), POSE, 1.0)["confirmed"] == math.inf


@pytest.mark.parametrize(("true_m", "claimed_m", "outcome"), [
    (20.0, 21.9, "right"), (20.0, 22.1, "too_far"), (20.0, 17.9, "too_near"), (5.0, 5.9, "right"),
    (5.0, 6.1, "too_far"), (20.0, math.inf, "missed"), (math.inf, 30.0, "invented"), (math.inf, math.inf, "right"),
    (70.0, math.inf, "right"),
])  # fmt: skip
def test_outcome_of_one_frame(true_m: float, claimed_m: float, outcome: str) -> None:
    score = CorridorScore(50.0)
    score.add(true_m, {width: dict.fromkeys(("confirmed", "obstacles", "grid"), claimed_m) for width in (1.0, 1.9)})
    row = score.document()[0]
    assert (row["frames"], row[outcome]) == (1, 1.0)
    assert sum(row[name] for name in ("right", "too_far", "too_near", "missed", "invented")) == 1.0
