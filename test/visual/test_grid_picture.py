"""Cells from above in their colours, where they belong."""

from __future__ import annotations

import numpy as np

from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid
from perception_fm.visual.grid_picture import BLOCKED, DANGEROUS, grid_picture

IMAGE = np.zeros((240, 320, 3), np.uint8)
PANEL_PX, SCALE = 480, 15.0  # 32 m ahead, 16 m to each side


def grid(cells: np.ndarray) -> FreeSpaceGrid:
    """Of 1 m, 40 m ahead and 20 m to each side."""
    return FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), np.zeros(cells.shape, bool), 1.0, (0.0, -20.0))


def colour_at(picture: np.ndarray, panel: int, ahead_m: float, left_m: float) -> tuple[int, ...]:
    row = round((32.0 - ahead_m) * SCALE)
    column = 640 + panel * PANEL_PX + round((16.0 - left_m) * SCALE)
    return tuple(int(one) for one in picture[row, column])


def test_dangerous_cell_is_magenta_where_it_is_and_nowhere_else() -> None:
    true, found = np.full((40, 40), UNKNOWN, np.int8), np.full((40, 40), UNKNOWN, np.int8)
    true[25, 10], found[25, 10] = OCCUPIED, FREE  # 10 to 11 m ahead, 5 to 6 m to the left
    true[15, 12], found[15, 12] = FREE, OCCUPIED
    picture = grid_picture(IMAGE, grid(found), true, np.ones(true.shape, bool), [], [])
    assert picture.shape == (480, 640 + 2 * PANEL_PX, 3)
    assert colour_at(picture, 1, 10.5, 5.5) == DANGEROUS
    assert colour_at(picture, 1, 12.5, -4.5) == BLOCKED
    assert colour_at(picture, 1, 10.5, -5.5) == colour_at(picture, 1, 20.5, 0.5) != DANGEROUS
    assert colour_at(picture, 0, 10.5, 5.5) not in (DANGEROUS, colour_at(picture, 0, 20.5, 0.5))


def test_cells_that_are_not_judged_are_dim_and_not_dangerous() -> None:
    true, found = np.full((40, 40), OCCUPIED, np.int8), np.full((40, 40), FREE, np.int8)
    judged = np.ones(true.shape, bool)
    judged[25, 10] = False
    picture = grid_picture(IMAGE, grid(found), true, judged, [], [])
    assert colour_at(picture, 1, 10.5, 6.5) == DANGEROUS
    assert max(colour_at(picture, 1, 10.5, 5.5)) < 100


def test_without_truth_there_is_no_panel_of_it_and_boxes_are_drawn() -> None:
    found = np.full((40, 40), UNKNOWN, np.int8)
    plain = grid_picture(IMAGE[..., 0], grid(found), None, None, [], [])
    box = np.array([[10.0, 1.0], [10.0, -1.0], [14.0, -1.0], [14.0, 1.0]])
    drawn = grid_picture(IMAGE[..., 0], grid(found), None, None, [box], [])
    assert plain.shape == (480, 640 + PANEL_PX, 3)
    assert colour_at(drawn, 0, 12.0, 1.0) != colour_at(plain, 0, 12.0, 1.0)
    assert colour_at(drawn, 0, 12.0, 0.0) == colour_at(plain, 0, 12.0, 0.0)
