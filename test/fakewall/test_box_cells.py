"""Cells of a box by geometry: a level camera 1.4 m above the road, a cross-section of 1.9 x 2.5 m straight ahead."""

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.fakewall.box_cells import FAR_M, cells_in_box
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import ROWS, BoxGeometry, box_geometry

HEIGHT_M, FOCAL = 1.4, 100.0
CAMERA = CameraModel(121, 73, np.array([[FOCAL, 0.0, 60.0], [0.0, FOCAL, 36.0], [0.0, 0.0, 1.0]]))
ROAD = plane_from_mounting(base_from_camera(HEIGHT_M, 0.0))
ALL = np.ones((ROWS, COLUMNS), bool)


def box_at(distance_m: float) -> BoxGeometry:
    return box_geometry(distance_m, PredictedPath(0.0, 0.0, 0.95), ROAD, 0.0, 2.5, 1.9)


def test_cells_fill_the_cross_section_and_no_more():
    cells = cells_in_box(CAMERA, box_at(10.0), ROAD, ALL)
    # 9.5 cells to either side of the middle; 14 below the horizon and 11 above; half a cell of margin all round.
    assert set(cells.columns) == set(range(60 - 9, 60 + 9 + 1))
    assert set(cells.rows) == set(range(36 - 10, 36 + 13 + 1))
    assert len(cells) == 19 * 24
    np.testing.assert_allclose(cells.depth_m, 10.0)


def test_free_road_behind_each_cell():
    cells = cells_in_box(CAMERA, box_at(10.0), ROAD, ALL)
    below = cells.rows - 36
    expected = np.where(below > 0, np.minimum(HEIGHT_M * FOCAL / np.maximum(below, 1), FAR_M), FAR_M)
    np.testing.assert_allclose(cells.free_m, expected)
    assert (cells.free_m >= cells.depth_m).all()


def test_only_blocks_that_are_upright_are_shown():
    upper = ALL.copy()
    upper[2:] = False
    cells = cells_in_box(CAMERA, box_at(10.0), ROAD, upper)
    assert cells.rows.max() <= 36 - 11 + 10  # two of five rows of blocks: 1 m of 2.5 m
    left = ALL.copy()
    left[:, 2:] = False
    assert cells_in_box(CAMERA, box_at(10.0), ROAD, left).columns.max() <= 60


@pytest.mark.parametrize("distance_m", [-10.0, -0.1, 1e7, np.nan, np.inf])
def test_a_box_that_is_not_before_the_camera_has_no_cells(distance_m):
    with np.errstate(all="ignore"):
        assert len(cells_in_box(CAMERA, box_at(distance_m), ROAD, ALL)) == 0


def test_a_box_beside_the_image_has_no_cells():
    aside = box_geometry(10.0, PredictedPath(2.0, 0.0, 0.95), ROAD, 0.0, 2.5, 1.9)
    assert len(cells_in_box(CAMERA, aside, ROAD, ALL)) == 0


def test_a_box_that_is_seen_edge_on_has_no_cells():
    flat = np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.1, 0.0, 10.0]])
    assert len(cells_in_box(CAMERA, BoxGeometry(10.0, flat, box_at(10.0).upright), ROAD, ALL)) == 0


def test_no_upright_block_no_cell():
    assert len(cells_in_box(CAMERA, box_at(10.0), ROAD, ~ALL)) == 0
