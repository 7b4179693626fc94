"""What stands before a wall: sparse depth against the wall's plane, drawn to the picture's edges."""

import cv2
import numpy as np
import pytest

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.composite.occlusion import FARTHER, NEARER, carried, compare_depth, nearer_share, wall_depth_m
from perception_fm.synth.painted.painted_wall import WallPlacement, place_wall

WIDTH, HEIGHT = 320, 192
INTRINSICS = np.array([[500.0, 0.0, 159.5], [0.0, 500.0, 95.5], [0.0, 0.0, 1.0]])
EYE = RigidTransform.identity()
PATH = [RigidTransform(np.eye(3), np.array([0.0, 0.0, float(z)])) for z in range(31)]
WALL = place_wall(WallPlacement(6.0, 4.0, 20.0), PATH, 1.5)
OUTLINE = WALL.polygon_px(INTRINSICS, EYE)
CAR = np.s_[70:120, 140:190]  # from 1 m over to 1 m below the eye, 20 m away: inside the canvas


def sparse(depth: np.ndarray) -> np.ndarray:
    """Every fourth row, as a LiDAR measures."""
    lines = np.zeros_like(depth)
    lines[::4] = depth[::4]
    return lines


def test_depth_of_the_wall_along_each_ray():
    rays = np.array([[0.0, 0.0, 1.0], [0.3, -0.2, 1.0]])
    np.testing.assert_allclose(wall_depth_m(rays, WALL, EYE), 20.0)
    assert wall_depth_m(np.array([[0.0, 0.0, -1.0]]), WALL, EYE)[0] == np.inf


def test_slanted_wall_is_nearer_on_one_side():
    slanted = place_wall(WallPlacement(6.0, 4.0, 20.0, slant_rad=0.5), PATH, 1.5)
    left, right = wall_depth_m(np.array([[-0.1, 0.0, 1.0], [0.1, 0.0, 1.0]]), slanted, EYE)
    # The plane's trace z = 20 + x tan 0.5 (anticlockwise: the right end is farther) on the rays x = -+0.1 z.
    assert left == pytest.approx(20.0 / (1.0 + 0.1 * np.tan(0.5)))
    assert right == pytest.approx(20.0 / (1.0 - 0.1 * np.tan(0.5)))


@pytest.mark.parametrize(
    ("depth_m", "expected"), [(10.0, NEARER), (19.0, NEARER), (19.4, FARTHER), (20.0, FARTHER), (60.0, FARTHER)]
)
def test_only_clearly_nearer_counts(depth_m, expected):
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[95, 160] = depth_m
    comparison = compare_depth(depth, WALL, INTRINSICS, EYE)
    assert comparison[95, 160] == expected
    assert np.count_nonzero(comparison) == 1


def test_road_before_the_wall_hides_nothing():
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    road = np.broadcast_to(500.0 * 1.5 / np.maximum(rows - 95.5, 1.0), (HEIGHT, WIDTH)).astype(np.float32)
    assert not (compare_depth(road, WALL, INTRINSICS, EYE) == NEARER).any()


def test_object_between_scan_lines_is_filled_and_ends_at_its_edges():
    depth = np.full((HEIGHT, WIDTH), 60.0, np.float32)
    depth[CAR] = 10.0
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    image[CAR] = (30, 60, 90)
    share = nearer_share(compare_depth(sparse(depth), WALL, INTRINSICS, EYE), image, OUTLINE, 500.0)
    truth = np.zeros((HEIGHT, WIDTH))
    truth[CAR] = 1.0
    # The outline may be a pixel off: 200 of the 2500 pixels lie at it.
    assert np.abs(share - truth).sum() < 200
    assert share[80:110, 150:180].min() > 0.95
    away = cv2.dilate(truth, np.ones((9, 9))) == 0
    assert share[away].max() < 0.05


def test_without_depth_the_wall_wins():
    comparison = np.zeros((HEIGHT, WIDTH), np.int8)
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert nearer_share(comparison, image, OUTLINE, 500.0).max() == 0.0
    assert nearer_share(comparison + NEARER, image, np.empty((0, 2)), 500.0).max() == 0.0


def test_comparison_moves_with_the_picture():
    rng = np.random.default_rng(0)
    there = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8), (0, 0), 2.0)
    comparison = np.zeros((HEIGHT, WIDTH), np.int8)
    comparison[80:100, 100:130] = NEARER
    here, expected = np.roll(there, 6, axis=1), np.roll(comparison, 6, axis=1)
    moved = carried(comparison, there, here)
    # Flow of a whole-picture shift is right to a fraction of a pixel; its rounding may move the 100 px outline.
    assert np.count_nonzero(moved != expected) < 100
    assert set(np.unique(moved)) == {0, NEARER}
