"""Where the pixels of a picture lie in the network's grid."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.visual.grid_pixels import nearest_in_grid, part_that_sees

GRID = CameraModel(16, 12, np.array([[12.5, 0.0, 7.5], [0.0, 12.5, 5.5], [0.0, 0.0, 1.0]]))
LENS = np.array([-0.2, 0.0, 0.0, 0.0])
CAMERA = CameraModel(64, 48, np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]), "plumb_bob", LENS)


@pytest.mark.parametrize("place", [(0, 0), (5, 7), (11, 15), (8, 2)])
def test_no_pixel_outside_the_part_sees_the_cells(place: tuple[int, int]):
    cells = np.zeros((12, 16), np.uint8)
    cells[place] = 255
    part = part_that_sees(cells, GRID, CAMERA)
    column, row = np.moveaxis(nearest_in_grid(GRID, CAMERA), -1, 0)
    sees = (row == place[0]) & (column == place[1])
    assert sees.any()
    assert np.count_nonzero(sees[part]) == np.count_nonzero(sees)
    assert sees[part].size < 0.2 * sees.size


def test_no_cells_are_seen_by_no_part():
    part = part_that_sees(np.zeros((12, 16), np.uint8), GRID, CAMERA)
    assert np.zeros((48, 64))[part].size == 0
