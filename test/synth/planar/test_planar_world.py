"""Rendered planes whose depth, labels, colours and motion are known by geometry."""

import cv2
import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.synth.painted.painted_wall import WallPlacement, place_wall
from perception_fm.synth.planar.planar_world import PlanarWorld
from perception_fm.synth.planar.ripmap import RipMap
from perception_fm.synth.planar.street import StreetConfig, build_street
from perception_fm.synth.planar.surface import Surface

SIZE = (320, 192)
INTRINSICS = np.array([[250.0, 0.0, 159.5], [0.0, 250.0, 95.5], [0.0, 0.0, 1.0]])
HEIGHT_M = 1.4
X, Y, Z = np.eye(3)
SKY = np.full((64, 256, 3), (220, 180, 140), dtype=np.uint8)
BUILDING, ROAD, SKY_LABEL, WALL = 2, 0, 10, 3


def camera_at(x_m: float, pitch_rad: float = 0.0) -> RigidTransform:
    mounting = base_from_camera(HEIGHT_M, pitch_rad)
    return RigidTransform(mounting.rotation, mounting.translation_m + x_m * X)


def facing_plane(x_m: float, picture: np.ndarray, side_m: float = 200.0) -> Surface:
    """A square that faces the camera, its picture over the whole."""
    texture = RipMap.build(picture, side_m / picture.shape[1], side_m / picture.shape[0], is_periodic=False)
    corner = np.array([x_m, 0.5 * side_m, 0.5 * side_m])
    return Surface(corner, -Y, -Z, (side_m, side_m), texture, BUILDING, is_hazy=False)


def ground(texture: RipMap) -> Surface:
    return Surface(np.array([-10.0, -300.0, 0.0]), X, Y, (2000.0, 600.0), texture, ROAD, is_hazy=False)


GREY = np.full((8, 8, 3), 100, dtype=np.uint8)


def test_plane_at_30_m_has_depth_30():
    frame = PlanarWorld([facing_plane(30.0, GREY)], SKY).render(INTRINSICS, SIZE, camera_at(0.0))
    np.testing.assert_allclose(frame.depth_m, 30.0, rtol=1e-5)  # float32
    assert (frame.label == BUILDING).all()
    assert (frame.surface == 0).all()
    assert (frame.image == 100).all()


def test_optical_depth_is_not_ray_length():
    frame = PlanarWorld([facing_plane(30.0, GREY)], SKY).render(INTRINSICS, SIZE, camera_at(0.0, pitch_rad=0.1))
    y = (np.arange(SIZE[1]) - 95.5) / 250.0
    # Pitched down by 0.1 rad, a ray's forward share is cos - y sin.
    expected = 30.0 / (np.cos(0.1) - y * np.sin(0.1))
    np.testing.assert_allclose(frame.depth_m[:, 160], expected, rtol=1e-5)


def test_road_depth_follows_the_row():
    world = PlanarWorld([ground(RipMap.build(GREY, 0.1, 0.1, is_periodic=True))], SKY)
    frame = world.render(INTRINSICS, SIZE, camera_at(0.0))
    rows = np.arange(110, SIZE[1])
    np.testing.assert_allclose(frame.depth_m[rows, 100], HEIGHT_M * 250.0 / (rows - 95.5), rtol=1e-4)


def test_sky_has_no_depth():
    frame = PlanarWorld([], SKY).render(INTRINSICS, SIZE, camera_at(0.0, pitch_rad=-0.5))
    assert np.isnan(frame.depth_m).all()
    assert (frame.label == SKY_LABEL).all()
    assert (frame.surface == -1).all()
    assert (frame.image == SKY[0, 0]).all()


def test_nearer_surface_wins_in_any_order():
    near, far = facing_plane(10.0, GREY, side_m=2.0), facing_plane(30.0, GREY)
    for surfaces in ([near, far], [far, near]):
        frame = PlanarWorld(surfaces, SKY).render(INTRINSICS, SIZE, camera_at(0.0))
        assert frame.depth_m[120, 160] == pytest.approx(10.0, rel=1e-5)
        assert frame.depth_m[5, 5] == pytest.approx(30.0, rel=1e-5)


def test_plane_behind_the_camera_is_not_seen():
    frame = PlanarWorld([facing_plane(-5.0, GREY)], SKY).render(INTRINSICS, SIZE, camera_at(0.0))
    assert np.isnan(frame.depth_m).all()


def test_transparent_texels_are_not_there():
    picture = np.full((64, 64, 4), 100, dtype=np.uint8)
    picture[..., 3] = 255
    picture[:, :32, 3] = 0  # the left half
    frame = PlanarWorld([facing_plane(30.0, picture, 400.0)], SKY).render(INTRINSICS, SIZE, camera_at(0.0))
    assert np.isnan(frame.depth_m[:, :150]).all()
    assert (frame.depth_m[:, 170:] > 29.0).all()


def test_far_chequer_becomes_its_mean():
    """Minification filters: the far road must not shimmer."""
    chequer = np.kron([[0, 200], [200, 0]], np.ones((4, 4))).astype(np.uint8)
    world = PlanarWorld([ground(RipMap.build(np.dstack([chequer] * 3), 0.02, 0.02, is_periodic=True))], SKY)
    far = world.render(INTRINSICS, SIZE, camera_at(0.0)).image[98:104].astype(float)  # 41 m and beyond
    assert far.mean() == pytest.approx(100.0, abs=1.0)
    assert far.std() < 2.0


def test_stripes_along_the_road_stay_sharp_at_a_grazing_angle():
    """A line of 15 cm at 20 m is under 2 px wide but 250 rows of road long: isotropic filters would wash it out."""
    stripe = np.full((512, 64, 3), 60, dtype=np.uint8)
    stripe[250:265] = 220  # v runs to the left, one texel is 1 cm
    texture = RipMap.build(stripe, 0.01, 0.01, is_periodic=True)
    frame = PlanarWorld([ground(texture)], SKY).render(INTRINSICS, SIZE, camera_at(0.0))
    row = frame.image[round(95.5 + HEIGHT_M * 250.0 / 20.0), :, 0].astype(float)
    assert row.max() > 190.0
    assert row.min() < 75.0


def test_optical_flow_of_a_facing_plane_is_its_expansion():
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.standard_normal((512, 512)).astype(np.float32), (0, 0), 1.5)
    picture = np.clip(128.0 + 50.0 * noise / noise.std(), 0.0, 255.0).astype(np.uint8)
    world = PlanarWorld([facing_plane(30.0, np.dstack([picture] * 3), side_m=60.0)], SKY)
    before, after = (world.render(INTRINSICS, SIZE, camera_at(x)).image[..., 0] for x in (0.0, 1.0))
    points = cv2.goodFeaturesToTrack(before, 200, 0.05, 6)
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=(15, 15), maxLevel=2)
    ok = found.reshape(-1) > 0
    start, end = points.reshape(-1, 2)[ok], tracked.reshape(-1, 2)[ok]
    centre = np.array([159.5, 95.5])
    error = end - (centre + (start - centre) * 30.0 / 29.0)
    assert ok.sum() > 100
    assert np.abs(np.median(error, axis=0)).max() < 0.03
    assert np.median(np.linalg.norm(error, axis=1)) < 0.1  # what Lucas-Kanade reaches on clean pictures


@pytest.fixture(scope="module")
def street() -> PlanarWorld:
    return build_street(StreetConfig(seed=1, clear_from_m=40.0, clear_to_m=60.0))


@pytest.mark.parametrize(("slant_rad", "lean_rad"), [(0.0, 0.0), (0.8, 0.4)])
def test_print_at_the_sweet_spot_cannot_be_seen(street, slant_rad, lean_rad):
    poses = [camera_at(float(x)) for x in range(10, 31)]
    wall = place_wall(WallPlacement(6.0, 4.0, 40.0, slant_rad=slant_rad, lean_rad=lean_rad), poses, HEIGHT_M)
    with_wall = street.with_wall(wall, poses[0].translation_m).render(INTRINSICS, SIZE, poses[0])
    without = street.render(INTRINSICS, SIZE, poses[0])
    on_wall = with_wall.label == WALL
    assert on_wall.sum() > 400
    assert np.abs(with_wall.image.astype(float) - without.image)[on_wall].mean() < 4.0
    assert np.nanmax(np.abs(with_wall.depth_m - without.depth_m)[on_wall]) > 50.0
    assert (with_wall.image[~on_wall] == without.image[~on_wall]).mean() > 0.97  # mixed pixels at the edge may differ


def test_wall_has_its_own_depth(street):
    poses = [camera_at(float(x)) for x in range(10, 31)]
    wall = place_wall(WallPlacement(6.0, 4.0, 40.0), poses, HEIGHT_M)
    frame = street.with_wall(wall, poses[0].translation_m).render(INTRINSICS, SIZE, poses[20])
    np.testing.assert_allclose(frame.depth_m[frame.label == WALL], 20.0, rtol=1e-4)


def test_street_has_what_a_street_has(street):
    labels = set(np.unique(street.render(INTRINSICS, SIZE, camera_at(5.0)).label).tolist())
    assert {0, 1, 2, 5, 8, 9, 10, 13} <= labels


def test_street_keeps_room_for_the_wall(street):
    cars = np.concatenate([s.corners_world_m() for s in street.surfaces if s.label == 13])
    assert len(cars) > 0
    assert not ((cars[:, 0] > 40.0) & (cars[:, 0] < 60.0)).any()


def test_eye_behind_the_wall_is_refused(street):
    wall = place_wall(WallPlacement(6.0, 4.0, 40.0), [camera_at(float(x)) for x in range(21)], HEIGHT_M)
    with pytest.raises(PerceptionError, match="before the painted face"):
        street.with_wall(wall, np.array([45.0, 0.0, 1.4]))


@pytest.mark.parametrize("texel_m", [0.0, -0.1])
def test_texture_without_size_is_refused(texel_m):
    with pytest.raises(PerceptionError, match="positive size"):
        RipMap.build(GREY, texel_m, 0.1, is_periodic=True)
