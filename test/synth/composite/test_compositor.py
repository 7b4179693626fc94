"""The pasted wall: invisible at the sweet spot, in the right place later, with the frame's own noise."""

import math

import cv2
import numpy as np
import pytest

from perception_fm.errors import ConfigError, ImageError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.composite.compositor import PrintOptions, WallCompositor, noise_sigma
from perception_fm.synth.painted.painted_wall import WallPlacement, place_wall

WIDTH, HEIGHT = 640, 384
INTRINSICS = np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 191.5], [0.0, 0.0, 1.0]])


def camera_at(z_m: float, x_m: float = 0.0) -> RigidTransform:
    return RigidTransform(np.eye(3), np.array([x_m, 0.0, z_m]))


STRAIGHT = [camera_at(float(z)) for z in range(31)]
WALL = place_wall(WallPlacement(6.0, 4.0, 40.0), STRAIGHT, 1.5)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A textured picture without noise."""
    rng = np.random.default_rng(0)
    field = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH)).astype(np.float32), (0, 0), 2.0)
    return np.clip(128.0 + 40.0 * field / field.std(), 0.0, 255.0).astype(np.uint8)


def canvas_mask(pose: RigidTransform, shrink_px: int = 3) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.rint(WALL.polygon_px(INTRINSICS, pose)).astype(np.int32), 1)
    return cv2.erode(mask, np.ones((2 * shrink_px + 1,) * 2)).astype(bool)


def test_seamless_at_the_sweet_spot(scene):
    compositor = WallCompositor.seamless(WALL, scene, INTRINSICS, STRAIGHT[0])
    pasted = compositor.composite(scene, INTRINSICS, STRAIGHT[0])
    # The warp there is the identity; what remains is the rounding of the blend.
    assert np.abs(pasted.astype(int) - scene).max() <= 1


def test_print_grows_as_one_plane(scene):
    compositor = WallCompositor.seamless(WALL, scene, INTRINSICS, STRAIGHT[0])
    blank = np.full_like(scene, 128)
    pose = camera_at(20.0, x_m=0.5)
    pasted = compositor.composite(blank, INTRINSICS, pose)
    sweet_from_now = WALL.image_from_image(INTRINSICS, pose, INTRINSICS, STRAIGHT[0])
    rows, columns = np.nonzero(canvas_mask(pose))
    source = np.stack([columns, rows, np.ones_like(rows)], axis=1) @ sweet_from_now.T
    x, y = (source[:, :2] / source[:, 2:]).T.astype(np.float32)
    expected = cv2.remap(scene.astype(np.float32), x.reshape(1, -1), y.reshape(1, -1), cv2.INTER_CUBIC).ravel()
    difference = pasted[rows, columns] - expected
    # 40 grey levels of texture with 2 px blobs: a shift of 0.1 px of the print alone would give 1.4 grey levels.
    assert np.sqrt(np.mean(difference**2)) < 1.0


def test_outside_the_canvas_nothing_changes(scene):
    compositor = WallCompositor.seamless(WALL, 255 - scene, INTRINSICS, STRAIGHT[0])
    pasted = compositor.composite(scene, INTRINSICS, STRAIGHT[20])
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.rint(WALL.polygon_px(INTRINSICS, STRAIGHT[20])).astype(np.int32), 1)
    away = cv2.dilate(mask, np.ones((5, 5))) == 0
    assert (pasted[away] == scene[away]).all()
    assert (pasted[~away] != scene[~away]).mean() > 0.9


def test_camera_past_the_wall_pastes_nothing(scene):
    compositor = WallCompositor.seamless(WALL, 255 - scene, INTRINSICS, STRAIGHT[0])
    pasted = compositor.composite(scene, INTRINSICS, camera_at(41.0))
    assert (pasted == scene).all()
    assert pasted is not scene


def test_edge_is_antialiased():
    white, black = np.full((HEIGHT, WIDTH), 255, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    pasted = WallCompositor.seamless(WALL, white, INTRINSICS, STRAIGHT[0]).composite(black, INTRINSICS, STRAIGHT[10])
    polygon = WALL.polygon_px(INTRINSICS, STRAIGHT[10])
    area = abs(cv2.contourArea(polygon.astype(np.float32)))
    # Grey edge pixels carry the subpixel area: without them the count would be off by up to half the 560 px outline.
    assert pasted.astype(float).sum() / 255.0 == pytest.approx(area, rel=2e-3)


def test_wrong_eye_height_shifts_the_print(scene):
    options = PrintOptions(eye_up_m=0.4)
    pasted = WallCompositor.seamless(WALL, scene, INTRINSICS, STRAIGHT[0], options).composite(
        scene, INTRINSICS, STRAIGHT[0]
    )
    shift_px = round(0.4 * 500.0 / 40.0)  # painted for a higher eye: its horizon lies higher on the canvas
    mask = canvas_mask(STRAIGHT[0], 8)
    expected = np.roll(scene, -shift_px, axis=0)
    assert np.abs(pasted[mask].astype(int) - expected[mask]).max() <= 2


def test_gain_and_blur_change_the_print(scene):
    mask = canvas_mask(STRAIGHT[0], 8)

    def pasted(options):
        return WallCompositor.seamless(WALL, scene, INTRINSICS, STRAIGHT[0], options).composite(
            scene, INTRINSICS, STRAIGHT[0]
        )[mask]

    assert pasted(PrintOptions(gain=0.8)).mean() == pytest.approx(0.8 * scene[mask].mean(), rel=0.01)
    assert pasted(PrintOptions(blur_m=0.3)).std() < 0.7 * scene[mask].std()


def test_picture_fills_the_canvas():
    picture = np.zeros((400, 600), dtype=np.uint8)
    picture[:, 300:] = 200
    pasted = WallCompositor.picture(WALL, picture).composite(
        np.full((HEIGHT, WIDTH), 90, np.uint8), INTRINSICS, STRAIGHT[20]
    )
    mask = canvas_mask(STRAIGHT[20], 3)
    columns = np.arange(WIDTH)[None, :]
    assert np.abs(pasted[mask & (columns < 315)].astype(int)).max() <= 1
    assert np.abs(pasted[mask & (columns > 324)].astype(int) - 200).max() <= 1


def test_reduced_picture_does_not_alias():
    """Fine stripes far away must become their mean, not a moire pattern."""
    stripes = np.zeros((1200, 1800), dtype=np.uint8)
    stripes[:, ::2] = 200
    pasted = WallCompositor.picture(WALL, stripes).composite(
        np.full((HEIGHT, WIDTH), 90, np.uint8), INTRINSICS, STRAIGHT[0]
    )
    inside = pasted[canvas_mask(STRAIGHT[0])]
    assert inside.mean() == pytest.approx(100.0, abs=1.0)
    assert inside.std() < 2.0


def test_enlarged_print_gets_the_frames_noise():
    sigma = 4.0
    rng = np.random.default_rng(3)
    flat = np.full((HEIGHT, WIDTH), 120, np.uint8)
    frame = np.clip(np.rint(120.0 + sigma * rng.standard_normal((HEIGHT, WIDTH))), 0.0, 255.0).astype(np.uint8)
    compositor = WallCompositor.seamless(WALL, flat, INTRINSICS, STRAIGHT[0])
    pose = STRAIGHT[30]
    inside = compositor.composite(frame, INTRINSICS, pose)[canvas_mask(pose)]
    # Enlarged four times, the print holds 1/16 of the spectrum: the added part is sigma sqrt(15/16).
    assert inside.std() == pytest.approx(sigma * math.sqrt(15.0 / 16.0), rel=0.05)


def test_noise_is_fresh_in_every_frame_and_repeatable():
    rng = np.random.default_rng(3)
    frame = np.clip(120.0 + 4.0 * rng.standard_normal((HEIGHT, WIDTH)), 0.0, 255.0).astype(np.uint8)
    flat = np.full_like(frame, 120)

    def two_frames(seed):
        compositor = WallCompositor.seamless(WALL, flat, INTRINSICS, STRAIGHT[0], seed=seed)
        return [compositor.composite(frame, INTRINSICS, STRAIGHT[25]) for _ in range(2)]

    first, second = two_frames(1)
    assert (first != second).any()
    assert all((a == b).all() for a, b in zip(two_frames(1), (first, second)))


@pytest.mark.parametrize("sigma", [1.5, 5.0])
def test_noise_estimate_of_a_noisy_ramp(sigma):
    rng = np.random.default_rng(5)
    ramp = np.tile(np.linspace(40.0, 210.0, WIDTH), (HEIGHT, 1))
    noisy = np.clip(np.rint(ramp + sigma * rng.standard_normal(ramp.shape)), 0.0, 255.0).astype(np.uint8)
    assert noise_sigma(noisy) == pytest.approx(sigma, rel=0.1)


def test_noise_of_a_clipped_image_is_zero():
    assert noise_sigma(np.full((40, 40), 255, np.uint8)) == 0.0


def test_colour_frames_keep_their_channels(scene):
    colour = np.dstack([scene, 255 - scene, scene // 2])
    pasted = WallCompositor.seamless(WALL, colour, INTRINSICS, STRAIGHT[0]).composite(colour, INTRINSICS, STRAIGHT[0])
    assert np.abs(pasted.astype(int) - colour).max() <= 1


def test_grey_frame_for_a_colour_print_is_refused(scene):
    compositor = WallCompositor.seamless(WALL, np.dstack([scene] * 3), INTRINSICS, STRAIGHT[0])
    with pytest.raises(ImageError, match="both grey or both colour"):
        compositor.composite(scene, INTRINSICS, STRAIGHT[0])


def test_sweet_spot_behind_the_wall_is_refused(scene):
    with pytest.raises(ConfigError, match="ahead of the eye"):
        WallCompositor.seamless(WALL, scene, INTRINSICS, camera_at(45.0))


@pytest.mark.parametrize("options", [{"gain": 0.0}, {"blur_m": -1.0}, {"eye_up_m": math.nan}])
def test_impossible_print_is_refused(options):
    with pytest.raises(ConfigError):
        PrintOptions(**options)
