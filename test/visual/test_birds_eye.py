"""The picture from above has each thing where the base frame has it: forward is up, left is left."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.config import PerceptionConfig, VehicleConfig
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.scene.sectors import sectors_of
from perception_fm.types import PathState
from perception_fm.visual.birds_eye import SIZE_PX, draw_birds_eye

CONFIG = PerceptionConfig(vehicle=VehicleConfig(width_m=2.0))
CELL_M, REACH_M = 0.25, 40.0
ORIGIN_ROW = SIZE_PX * 0.88
PX_PER_M = ORIGIN_ROW / REACH_M
UNKNOWN_COLOUR = (44, 40, 36)


def grid(state_at: Callable[[Any, Any], Any]) -> FreeSpaceGrid:
    """A grid of 80 x 80 m whose states follow from x and y of the cells."""
    place = np.arange(-REACH_M, REACH_M, CELL_M) + 0.5 * CELL_M
    cells = np.asarray(state_at(place[None, :], place[:, None]), np.int8)
    odds = np.select([cells == FREE, cells == OCCUPIED], [-3.0, 3.0], 0.0).astype(np.float32)
    return FreeSpaceGrid(cells, odds, np.zeros(cells.shape, bool), CELL_M, (-REACH_M, -REACH_M))


def pixel(picture: np.ndarray, x_m: float, y_m: float) -> np.ndarray:
    return picture[round(ORIGIN_ROW - x_m * PX_PER_M), round(SIZE_PX / 2 - y_m * PX_PER_M)].astype(int)


def is_green(colour: np.ndarray) -> bool:
    return bool(colour[1] > colour[0] + 20 and colour[1] > colour[2] + 20)


def is_red(colour: np.ndarray) -> bool:
    return bool(colour[2] > colour[0] + 80 and colour[2] > colour[1] + 80)


def test_cells_are_green_red_and_dark_where_they_are(make_scene: Callable[..., Any]) -> None:
    def state_at(x: Any, y: Any) -> Any:
        ahead = np.where((x > 0.0) & (x < 30.0) & (y > 5.0), FREE, UNKNOWN)
        return np.where((x > 20.0) & (x < 30.0) & (y < -5.0) & (y > -15.0), OCCUPIED, ahead)

    picture = draw_birds_eye(make_scene(grid=grid(state_at)).result, CONFIG)
    assert is_green(pixel(picture, 13.0, 12.0))
    assert is_red(pixel(picture, 23.0, -9.0))
    assert tuple(pixel(picture, 13.0, -12.0)) == UNKNOWN_COLOUR
    assert tuple(pixel(picture, 34.0, 12.0)) == UNKNOWN_COLOUR


def test_nothing_known_is_all_dark_but_rings_vehicle_and_legend(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(base_from_camera=None, speed_mps=math.nan)
    picture = draw_birds_eye(scene.result, CONFIG)
    assert picture.shape == (SIZE_PX, SIZE_PX, 3)
    assert (picture == UNKNOWN_COLOUR).all(axis=2).mean() > 0.9
    assert not (picture[:350, :, 1].astype(int) > picture[:350, :, 2].astype(int) + 20).any()


def test_verified_path_is_a_bright_strip_that_ends_where_it_ends(make_scene: Callable[..., Any]) -> None:
    unknown = grid(lambda x, y: np.full(np.broadcast_shapes(x.shape, y.shape), UNKNOWN))
    scene = make_scene(grid=unknown, state=PathState.FREE_VERIFIED, verified_free_distance_m=15.0)
    picture = draw_birds_eye(scene.result, CONFIG)
    assert is_green(pixel(picture, 12.0, 0.5))
    assert not is_green(pixel(picture, 12.0, 2.0))
    assert not is_green(pixel(picture, 17.0, 0.5))


def test_confirmed_box_is_filled_and_turned_and_a_suspicion_is_an_outline(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    size = np.array([8.0, 2.0, 2.0])
    wall = make_obstacle(20.0, size_m=size, yaw_rad=math.radians(90.0), centre_base_m=np.array([24.0, 5.0, 1.0]))
    picture = draw_birds_eye(make_scene(obstacles=(wall,)).result, CONFIG, SIZE_PX)
    scale = ORIGIN_ROW / 50.0  # without a grid the picture shows 50 m
    along = [picture[round(ORIGIN_ROW - 24.0 * scale), round(SIZE_PX / 2 - y * scale)].astype(int) for y in (3.0, 7.0)]
    assert all(is_red(one) for one in along)
    assert not is_red(picture[round(ORIGIN_ROW - 27.0 * scale), round(SIZE_PX / 2 - 5.0 * scale)].astype(int))
    suspected = dataclasses.replace(wall, is_confirmed=False)
    middle = draw_birds_eye(make_scene(obstacles=(suspected,)).result, CONFIG)[
        round(ORIGIN_ROW - 24.0 * scale), round(SIZE_PX / 2 - 6.0 * scale)
    ]
    assert tuple(int(one) for one in middle) == UNKNOWN_COLOUR


def test_velocity_is_an_arrow_to_where_it_is_in_a_second(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any]
) -> None:
    moving = make_obstacle(20.0, velocity_mps=np.array([0.0, 8.0, math.nan]))
    still = make_obstacle(20.0)
    with_arrow, without = (
        draw_birds_eye(make_scene(obstacles=(one,)).result, CONFIG).astype(int) for one in (moving, still)
    )
    scale = ORIGIN_ROW / 50.0
    row, columns = (
        round(ORIGIN_ROW - 20.0 * scale),
        slice(round(SIZE_PX / 2 - 7.0 * scale), round(SIZE_PX / 2 - 4.0 * scale)),
    )
    assert (np.abs(with_arrow - without)[row, columns] > 100).any()


def test_outline_of_the_sectors_is_drawn(make_scene: Callable[..., Any]) -> None:
    cells = grid(lambda x, y: np.where((x < 20.0) & (y > -40.0), FREE, UNKNOWN))
    sectors = sectors_of(cells, (0.0, 0.0), (-0.5, 0.5), 35.0)
    with_them, without = (
        draw_birds_eye(make_scene(grid=cells, sectors=one).result, CONFIG).astype(int) for one in (sectors, None)
    )
    changed = np.abs(with_them - without).max(axis=2) > 40
    rows = np.flatnonzero(changed[:, SIZE_PX // 2 + 30])
    assert ORIGIN_ROW - rows.min() == pytest.approx(20.0 * PX_PER_M, abs=0.5 * PX_PER_M)


@pytest.mark.parametrize("size_px", [64, 200, 960])
def test_any_size_and_values_that_nobody_knows(
    make_scene: Callable[..., Any], make_obstacle: Callable[..., Any], size_px: int
) -> None:
    unknown = np.full(3, math.nan)
    items = (
        make_obstacle(math.nan, centre_base_m=unknown),
        make_obstacle(5.0, yaw_rad=math.nan),
        make_obstacle(5.0, size_m=unknown, velocity_mps=np.array([1e6, 0.0, 0.0])),
    )
    scene = make_scene(obstacles=items, verified_free_distance_m=20.0, path_curvature_per_m=math.nan)
    assert draw_birds_eye(scene.result, CONFIG, size_px).shape == (size_px, size_px, 3)
