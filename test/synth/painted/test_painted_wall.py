"""Walls on a straight path along optical z: every corner, distance and pixel is known by hand."""

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError, PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import PaintedWall, WallPlacement, place_wall

INTRINSICS = np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 191.5], [0.0, 0.0, 1.0]])
HEIGHT_M = 1.5
EXACT = 1e-9  # closed form in float64


def camera_at(z_m: float) -> RigidTransform:
    return RigidTransform(np.eye(3), np.array([0.0, 0.0, z_m]))


STRAIGHT = [camera_at(float(z)) for z in range(21)]


def wall_at(distance_m: float = 30.0, **changes: float) -> PaintedWall:
    return place_wall(WallPlacement(6.0, 4.0, distance_m, **changes), STRAIGHT, HEIGHT_M)


def test_wall_stands_on_the_road_across_the_path():
    corners = wall_at().corners_world_m
    expected = [[-3.0, 1.5, 30.0], [3.0, 1.5, 30.0], [3.0, -2.5, 30.0], [-3.0, -2.5, 30.0]]
    np.testing.assert_allclose(corners, expected, atol=EXACT)


def test_lateral_is_positive_to_the_left():
    np.testing.assert_allclose(wall_at(lateral_m=1.0).corners_world_m[:, 0].mean(), -1.0, atol=EXACT)


def test_slant_turns_anticlockwise_seen_from_above():
    left_foot, right_foot = wall_at(slant_rad=math.radians(30.0)).corners_world_m[:2]
    assert right_foot[2] - left_foot[2] == pytest.approx(6.0 * math.sin(math.radians(30.0)))
    assert left_foot[1] == pytest.approx(right_foot[1])


def test_lean_moves_the_top_away():
    corners = wall_at(lean_rad=math.radians(30.0)).corners_world_m
    assert corners[3, 2] - corners[0, 2] == pytest.approx(2.0)
    assert corners[0, 1] - corners[3, 1] == pytest.approx(4.0 * math.cos(math.radians(30.0)))


def test_distance_decreases_by_the_travelled_distance():
    wall = wall_at(slant_rad=0.5)
    distances = [wall.distance_to_wall_m(pose) for pose in STRAIGHT]
    np.testing.assert_allclose(distances, 30.0 - np.arange(21.0), atol=EXACT)


def test_polygon_is_the_pinhole_projection():
    polygon = wall_at().polygon_px(INTRINSICS, camera_at(0.0))
    np.testing.assert_allclose(polygon[0], [319.5 - 50.0, 191.5 + 25.0], atol=1e-6)
    np.testing.assert_allclose(polygon[2], [319.5 + 50.0, 191.5 - 2.5 / 30.0 * 500.0], atol=1e-6)


def test_wall_behind_the_camera_has_no_polygon():
    assert len(wall_at(10.0).polygon_px(INTRINSICS, camera_at(10.5))) == 0


def test_wall_partly_behind_the_lens_is_clipped_not_mirrored():
    wall = wall_at(10.0, slant_rad=math.radians(60.0))
    polygon = wall.polygon_px(INTRINSICS, camera_at(9.0))
    corners_z = wall.corners_world_m[:, 2] - 9.0
    assert corners_z.min() < 0.0 < corners_z.max()
    assert np.isfinite(polygon).all()
    assert polygon[:, 0].min() < 0.0  # the near end, on the left, runs out of the picture
    right_end_px = 319.5 + 500.0 * 1.5 / (1.0 + 3.0 * math.sin(math.radians(60.0)))
    assert polygon[:, 0].max() == pytest.approx(right_end_px)


def test_homography_is_the_analytic_plane_flow():
    wall = wall_at(30.0, slant_rad=0.4, lean_rad=0.2)
    before, after = camera_at(0.0), RigidTransform(_turn_y(0.02), np.array([0.3, -0.1, 8.0]))
    rng = np.random.default_rng(0)
    share = rng.uniform(0.0, 1.0, (50, 2))
    c = wall.corners_world_m
    points = c[0] + share[:, :1] * (c[1] - c[0]) + share[:, 1:] * (c[3] - c[0])

    def project(pose):
        pixels = pose.inverse().apply(points) @ INTRINSICS.T
        return pixels / pixels[:, 2:]

    mapped = project(after) @ wall.image_from_image(INTRINSICS, after, INTRINSICS, before).T
    np.testing.assert_allclose(mapped / mapped[:, 2:], project(before), atol=1e-6)


def test_path_bends_with_the_trajectory():
    # A circle of 100 m radius to the right (x positive): after a quarter radian the path points 0.25 rad right.
    angles = np.linspace(0.0, 0.25, 60)
    poses = [
        RigidTransform(_turn_y(a), np.array([100.0 * (1.0 - math.cos(a)), 0.0, 100.0 * math.sin(a)])) for a in angles
    ]
    wall = place_wall(WallPlacement(6.0, 4.0, 25.0), poses, HEIGHT_M)
    centre = wall.corners_world_m[:2].mean(axis=0)
    assert centre[0] == pytest.approx(poses[-1].translation_m[0], abs=0.02)
    # The direction is the chord of the last ten metres, which points 0.05 rad short of the tangent.
    assert math.atan2(wall.approach_world[0], wall.approach_world[2]) == pytest.approx(0.2, abs=2e-3)


def test_single_pose_takes_the_mounting_pitch():
    pitch = 0.05
    looking_down = RigidTransform(_turn_x(-pitch), np.zeros(3))
    wall = place_wall(WallPlacement(6.0, 4.0, 40.0), [looking_down], HEIGHT_M, camera_pitch_rad=pitch)
    np.testing.assert_allclose(wall.corners_world_m[0], [-3.0, 1.5, 40.0], atol=EXACT)


def test_uphill_road_raises_the_foot():
    wall = place_wall(WallPlacement(6.0, 4.0, 30.0), STRAIGHT, HEIGHT_M, road_pitch_rad=math.atan(0.1))
    foot = wall.corners_world_m[0]
    assert (HEIGHT_M - foot[1]) / foot[2] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"width_m": -6.0},
        {"height_m": 0.0},
        {"distance_m": -5.0},
        {"width_m": math.nan},
        {"slant_rad": 1.6},
        {"lateral_m": math.inf},
    ],
)
def test_impossible_placement_is_refused(change):
    with pytest.raises(ConfigError):
        WallPlacement(**({"width_m": 6.0, "height_m": 4.0, "distance_m": 30.0} | change))


def test_unknown_placement_key_is_refused():
    with pytest.raises(TypeError, match="thickness_m"):
        WallPlacement(6.0, 4.0, 30.0, thickness_m=1.0)


@pytest.mark.parametrize("height_m", [0.0, -1.0, math.nan])
def test_camera_height_that_is_no_height_is_refused(height_m):
    with pytest.raises(ConfigError, match="camera height"):
        place_wall(WallPlacement(6.0, 4.0, 30.0), STRAIGHT, height_m)


def test_face_along_the_path_is_refused():
    corners = np.array([[0.0, 1.0, 10.0], [0.0, 1.0, 12.0], [0.0, -1.0, 12.0], [0.0, -1.0, 10.0]])
    with pytest.raises(PerceptionError, match="no painted face"):
        PaintedWall(corners, np.array([0.0, 0.0, 1.0]))


def test_corners_that_are_no_parallelogram_are_refused():
    corners = np.array([[-1.0, 1.0, 9.0], [1.0, 1.0, 9.0], [2.0, -1.0, 9.0], [-1.0, -1.0, 9.0]])
    with pytest.raises(PerceptionError, match="parallelogram"):
        PaintedWall(corners, np.array([0.0, 0.0, 1.0]))


def _turn_y(angle_rad: float) -> np.ndarray:
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _turn_x(angle_rad: float) -> np.ndarray:
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
