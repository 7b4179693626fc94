"""`Letterbox`: known sizes, exact ways back, and a dense grid whose camera sees the same rays as the source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perception_fm.camera.letterbox import Letterbox
from perception_fm.camera.model import CameraModel
from perception_fm.errors import CameraError, ImageError


def pinhole_of(width: int, height: int) -> CameraModel:
    f, cx, cy = 0.7 * width, 0.48 * width, 0.52 * height
    return CameraModel(width, height, np.array([[f, 0, cx], [0, f, cy], [0, 0, 1.0]]))


def test_a_wide_image_gets_bars_above_and_below() -> None:
    box = Letterbox(pinhole_of(1280, 720), 640, 384)
    assert (box.content_width, box.content_height, box.left, box.top) == (640, 360, 0, 12)
    image = np.full((720, 1280, 3), 200, dtype=np.uint8)
    framed = box.apply(image)
    assert framed.shape == (384, 640, 3)
    assert (framed[12:372] == 200).all()
    assert (framed[:12] == 114).all()
    assert (framed[372:] == 114).all()


def test_a_tall_image_gets_bars_left_and_right_with_the_odd_column_on_the_right() -> None:
    box = Letterbox(pinhole_of(301, 480), 640, 480)
    framed = box.apply(np.full((480, 301), 7, dtype=np.uint8))
    assert (box.left, box.top) == (169, 0)
    assert framed.shape == (480, 640)
    assert (framed[:, 169:470] == 7).all()
    assert (framed[:, :169] == 114).all()
    assert (framed[:, 470:] == 114).all()


def test_the_same_size_changes_nothing() -> None:
    box = Letterbox(pinhole_of(320, 200), 320, 200)
    image = np.random.default_rng(3).integers(0, 256, (200, 320), dtype=np.uint8)
    np.testing.assert_array_equal(box.apply(image), image)
    np.testing.assert_allclose(box.grid_camera().intrinsics, box.source.intrinsics, atol=1e-12)


def test_halving_keeps_pixel_edges_in_place() -> None:
    """Model pixel 0 covers source pixels 0 and 1: its centre is source position 0.5."""
    box = Letterbox(pinhole_of(640, 480), 320, 240)
    np.testing.assert_allclose(box.to_source(np.array([[0.0, 0.0]])), [[0.5, 0.5]])
    np.testing.assert_allclose(box.to_model(np.array([[639.5, 479.5]])), [[319.5, 239.5]])


def test_a_blob_moves_where_the_formula_says() -> None:
    box = Letterbox(pinhole_of(1000, 600), 416, 416)
    u, v = np.meshgrid(np.arange(1000), np.arange(600))
    image = np.rint(255 * np.exp(-((u - 700.3) ** 2 + (v - 123.6) ** 2) / (2 * 12.0**2))).astype(np.uint8)
    framed = box.apply(image).astype(np.float64)
    framed[framed == 114] = 0.0
    columns, rows = np.meshgrid(np.arange(416), np.arange(416))
    centre = np.array([(framed * columns).sum(), (framed * rows).sum()]) / framed.sum()
    # Grey levels are whole numbers: the centre of mass of a blob 5 px wide is good to a few hundredths.
    np.testing.assert_allclose(centre, box.to_model(np.array([[700.3, 123.6]]))[0], atol=0.05)


sizes = st.integers(16, 2000)


@settings(max_examples=200, deadline=None)
@given(sizes, sizes, st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 4, 7, 8, 14, 16]))
def test_grid_camera_sees_the_rays_of_its_cell_centres(width: int, height: int, a: int, b: int, stride: int) -> None:
    assume(max(width, height) < 20 * min(width, height))
    box = Letterbox(pinhole_of(width, height), 16 * stride * a, 16 * stride * b)
    assume(min(box.content_width, box.content_height) >= 2 * stride)  # at least one whole cell
    grid = box.grid_camera(stride)
    # Mark each cell of the full output with the model pixel of its centre, crop it, and follow both ways to a ray.
    columns, rows = np.meshgrid(np.arange(box.width // stride), np.arange(box.height // stride))
    centres = np.dstack([columns, rows]) * stride + 0.5 * (stride - 1)
    cropped = box.crop(centres, stride)
    assert cropped.shape[:2] == (grid.height, grid.width)
    source_px = box.to_source(cropped.reshape(-1, 2)[:: max(1, cropped.size // 200)])
    u, v = np.meshgrid(np.arange(grid.width, dtype=float), np.arange(grid.height, dtype=float))
    cells = np.column_stack([u.ravel(), v.ravel()])[:: max(1, cropped.size // 200)]
    np.testing.assert_allclose(grid.unproject(cells), box.source.unproject(source_px), atol=1e-9)
    half_cell = 0.5 * stride
    corners = np.array([cropped[0, 0] - half_cell, cropped[-1, -1] + half_cell])
    inside = box.to_source(corners)
    assert (inside >= -0.5 - 1e-6).all()  # no cell holds a part of the border
    assert (inside <= np.array([width, height]) - 0.5 + 1e-6).all()


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, st.floats(-50.0, 2000.0), st.floats(-50.0, 2000.0))
def test_points_return_exactly(width: int, height: int, u: float, v: float) -> None:
    assume(max(width, height) < 20 * min(width, height))
    box = Letterbox(pinhole_of(width, height), 672, 378)
    there = box.to_model(np.array([[u, v]]))
    np.testing.assert_allclose(box.to_source(there), [[u, v]], atol=1e-8)


def test_crop_of_a_border_that_a_cell_straddles_drops_that_cell() -> None:
    box = Letterbox(pinhole_of(640, 350), 640, 384)  # content rows 17 .. 366; cells of 8 rows: 24 .. 360 lie inside
    dense = np.arange(48)[:, None] * np.ones(80, dtype=int)
    cropped = box.crop(dense, 8)
    assert cropped[0, 0] == 3
    assert cropped[-1, 0] == 44
    assert np.shares_memory(cropped, dense)


def test_a_sliver_between_cells_is_refused() -> None:
    box = Letterbox(pinhole_of(640, 20), 640, 64)  # content rows 22 .. 41 lie across the cells 16 .. 31 and 32 .. 47
    with pytest.raises(CameraError, match="no cell"):
        box.grid_camera(16)


def test_impossible_letterboxes_are_refused(wide_plumb_bob: CameraModel, pinhole: CameraModel) -> None:
    with pytest.raises(CameraError, match="rectify"):
        Letterbox(wide_plumb_bob, 640, 384)
    with pytest.raises(CameraError, match="positive"):
        Letterbox(pinhole, 0, 384)
    with pytest.raises(CameraError, match="vanishes"):
        Letterbox(pinhole_of(5000, 1), 640, 384)
    box = Letterbox(pinhole, 640, 384)
    for stride in (0, 5, -1):
        with pytest.raises(CameraError, match="stride"):
            box.grid_camera(stride)
    with pytest.raises(ImageError, match="1280x720 images"):
        box.apply(np.zeros((384, 640), dtype=np.uint8))
    with pytest.raises(ImageError, match="stride 4 is 160x96"):
        box.crop(np.zeros((90, 160)), 4)
