"""`IntegrityMonitor`: every fault made on purpose, and silence on real drives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_fm.camera import integrity
from perception_fm.camera.integrity import IntegrityMonitor
from perception_fm.errors import ImageError

REAL_DRIVES = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL_CAMERAS = [
    "kitti_odo_06",
    "pandaset_002",
    "camvid_train",
    *(f"pandaset_002_surround/{name}" for name in ("back", "front_left", "front_right", "left", "right")),
]


def street(seed: int = 0, height: int = 720, width: int = 1280) -> np.ndarray:
    """Sky above, textured road below, hard-edged houses and cars: structure at every scale, and sensor noise."""
    random = np.random.default_rng(seed)
    image = np.full((height, width), 170.0)
    image[height // 2 :] = 90.0
    for scale in (4, 16, 64):
        coarse = random.normal(0.0, 12.0, (height // 2 // scale + 1, width // scale + 1))
        texture = np.kron(coarse, np.ones((scale, scale)))[: height - height // 2, :width]
        image[height // 2 :] += texture
    for _ in range(60):
        x, y = random.integers(0, width), random.integers(height // 4, int(0.8 * height))
        w, h = random.integers(width // 100, width // 10), random.integers(height // 40, height // 6)
        image[y : y + h, x : x + w] = random.uniform(20.0, 230.0)
    return np.clip(image + random.normal(0.0, 2.0, image.shape), 0, 255).astype(np.uint8)


def reasons(image: np.ndarray) -> tuple[str, ...]:
    return IntegrityMonitor().check(image)


def test_a_sound_image_has_no_reason() -> None:
    monitor = IntegrityMonitor()
    for seed in range(4):
        assert monitor.check(street(seed)) == ()


def test_a_repeated_image_is_frozen_and_a_new_one_ends_it() -> None:
    monitor = IntegrityMonitor()
    assert monitor.check(street(1)) == ()
    assert monitor.check(street(1)) == (integrity.FROZEN,)
    assert monitor.check(street(1)) == (integrity.FROZEN,)
    assert monitor.check(street(2)) == ()


def test_a_ring_buffer_that_goes_round_is_frozen() -> None:
    monitor = IntegrityMonitor()
    ring = [street(seed) for seed in range(8)]
    assert [monitor.check(image) for image in ring] == [()] * 8
    assert [monitor.check(image) for image in ring] == [(integrity.FROZEN,)] * 8


def test_the_noise_of_a_standing_camera_is_not_frozen() -> None:
    monitor = IntegrityMonitor()
    still = street(5).astype(int)
    random = np.random.default_rng(6)
    for _ in range(5):
        noisy = still + random.integers(-1, 2, still.shape)
        assert monitor.check(np.clip(noisy, 0, 255).astype(np.uint8)) == ()


def test_reset_forgets_the_last_images() -> None:
    monitor = IntegrityMonitor()
    monitor.check(street(1))
    monitor.reset()
    assert monitor.check(street(1)) == ()


def test_video_black_with_noise_is_black() -> None:
    noise = np.random.default_rng(0).normal(16.0, 2.0, (720, 1280))
    assert reasons(np.clip(noise, 0, 255).astype(np.uint8)) == (integrity.BLACK,)


def test_a_night_street_with_lamps_is_not_black() -> None:
    night = (street(3) * 0.08).astype(np.uint8)
    assert integrity.BLACK in reasons(night)
    for x in range(40, 1280, 80):  # sixteen lamps of 30x30 px: 1.6% of the image
        night[300:330, x : x + 30] = 220
    assert integrity.BLACK not in reasons(night)


@pytest.mark.parametrize("level", [250, 255])
def test_a_burnt_out_image_is_over_exposed_and_only_that(level: int) -> None:
    assert reasons(np.full((720, 1280), level, dtype=np.uint8)) == (integrity.OVER_EXPOSED,)


def test_a_burnt_out_sky_is_no_reason() -> None:
    image = street(4)
    image[:300] = 255
    assert reasons(image) == ()


def test_low_sun_on_the_road_is_glare() -> None:
    image = street(4)
    cv2.circle(image, (640, 540), 240, 255, -1)
    assert reasons(image) == (integrity.GLARE,)


def test_a_bright_car_on_the_road_is_no_glare() -> None:
    image = street(4)
    cv2.rectangle(image, (500, 400), (800, 600), 255, -1)
    assert reasons(image) == ()


@pytest.mark.parametrize("sigma_px", [5.0, 10.0])
def test_a_defocused_image_is_blurred(sigma_px: float) -> None:
    assert reasons(cv2.GaussianBlur(street(7), (0, 0), sigma_px)) == (integrity.BLURRED,)


@pytest.mark.parametrize("shape", [(1, 41), (41, 1)], ids=["vertical", "horizontal"])
def test_motion_blur_along_one_axis_is_blurred(shape: tuple[int, int]) -> None:
    assert integrity.BLURRED in reasons(cv2.blur(street(7), shape))


def test_a_soft_lens_is_not_blurred() -> None:
    assert reasons(cv2.GaussianBlur(street(7), (0, 0), 1.0)) == ()


def test_a_covered_lens_is_blocked() -> None:
    cover = np.random.default_rng(1).normal(70.0, 3.0, (720, 1280)) + np.linspace(0.0, 60.0, 1280)
    assert reasons(cover.astype(np.uint8)) == (integrity.BLOCKED,)


def test_a_cover_over_the_road_alone_is_blocked() -> None:
    image = street(8)
    image[360:] = np.random.default_rng(1).normal(70.0, 3.0, (360, 1280)).astype(np.uint8)
    assert reasons(image) == (integrity.BLOCKED,)


def test_a_plain_sky_over_half_the_image_is_not_blocked() -> None:
    image = street(8)
    image[:360] = 200
    assert reasons(image) == ()


@pytest.mark.parametrize("size", [(1, 1), (33, 20), (100, 160), (1080, 1920)])
def test_any_size_is_judged(size: tuple[int, int]) -> None:
    assert reasons(np.zeros(size, dtype=np.uint8)) == (integrity.BLACK,)


def test_a_view_into_a_colour_image_is_judged_like_its_copy() -> None:
    colour = np.dstack([street(9)] * 3)
    assert reasons(colour[..., 1]) == reasons(colour[..., 1].copy()) == ()


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 4), dtype=np.uint16), np.zeros((0, 4), dtype=np.uint8)],
    ids=["colour", "uint16", "empty"],
)
def test_what_is_no_grey_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ImageError, match="grey uint8"):
        reasons(image)


def real_frames(camera: str) -> list[np.ndarray]:
    folder = REAL_DRIVES / camera
    if not folder.is_dir():
        pytest.skip(f"real drive {camera} is not beside the repository")
    frames = json.loads((folder / "meta.json").read_text())["frames"]
    return [cv2.imread(str(folder / frame["image"]), cv2.IMREAD_GRAYSCALE) for frame in frames[:80]]


@pytest.mark.parametrize("camera", REAL_CAMERAS)
def test_real_drives_give_no_reason(camera: str) -> None:
    monitor = IntegrityMonitor()
    assert [monitor.check(frame) for frame in real_frames(camera)].count(()) == len(real_frames(camera))


def milk_glass(image: np.ndarray) -> np.ndarray:
    """Only where light comes from is left: six grey levels, blended."""
    return cv2.resize(cv2.resize(image, (3, 2), interpolation=cv2.INTER_AREA), image.shape[::-1])


@pytest.mark.parametrize("camera", REAL_CAMERAS)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 6.0), integrity.BLURRED),
        (lambda image: (image // 16).astype(np.uint8), integrity.BLACK),
        (lambda image: cv2.add(image, 245.0), integrity.OVER_EXPOSED),
        (
            lambda image: cv2.resize(cv2.resize(image, (3, 2), interpolation=cv2.INTER_AREA), (960, 540)),
            integrity.BLOCKED,
        ),
    ],
    ids=["blurred", "black", "over-exposed", "blocked"],
)
def test_faults_laid_over_real_frames_are_named(
    camera: str, fault: Callable[[np.ndarray], np.ndarray], reason: str
) -> None:
    for frame in real_frames(camera)[::20]:
        assert reason in reasons(fault(frame))
