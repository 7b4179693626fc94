"""Photometric changes alter the picture, within bounds, repeatably, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tiny_scenes import road_scene, texture

from perception_fm.training.augment.augmentation import Augmentation
from perception_fm.training.augment.config import AugmentConfig
from perception_fm.training.augment.photometry import photographed
from perception_fm.training.augment.print_artefacts import as_printed
from perception_fm.training.augment.weather import hazed, rained, soiled

PARTS = (
    "walls", "bare_walls", "boards", "trucks", "mirrored", "turned", "photometry", "haze", "rain", "dirt", "grey",
)  # fmt: skip
NOTHING = AugmentConfig(**dict.fromkeys(PARTS, 0.0), whole=1.0)


def test_pictures_change_and_stay_pictures() -> None:
    image = texture("a")
    seen = [photographed(image, AugmentConfig(), np.random.default_rng(seed)) for seed in range(40)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in seen)
    change = [float(np.abs(one.astype(int) - image).mean()) for one in seen]
    assert min(change) > 0.5
    means = [float(one.mean()) for one in seen]
    assert min(means) > 15.0
    assert max(means) < 245.0
    assert np.std(means) > 10.0


def test_same_generator_gives_the_same_picture() -> None:
    image = texture("a")
    for seed in range(10):
        first, second = (photographed(image, AugmentConfig(), np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_grey_pictures_have_no_colour() -> None:
    config = AugmentConfig(grey=1.0)
    image = np.full((60, 80, 3), (20, 120, 200), np.uint8)
    grey = photographed(image, replace(config, strength=0.0), np.random.default_rng(2))
    assert float(np.abs(grey[..., 0].astype(int) - grey[..., 2]).mean()) < 1.0


def test_haze_swallows_what_is_far() -> None:
    scene = road_scene()
    depth_m = np.full_like(scene.depth_m, 5.0)
    depth_m[:, 80:] = 300.0
    image = np.zeros_like(scene.image)
    image[::2] = 200
    hazy = hazed(replace(scene, depth_m=depth_m, image=image), np.random.default_rng(0)).astype(int)
    contrast = [float(np.abs(hazy[1:, part] - hazy[:-1, part]).mean()) for part in (slice(0, 80), slice(80, 160))]
    assert contrast[1] < 0.5 * contrast[0]


def test_haze_is_left_out_where_depth_is_known_at_points_only() -> None:
    scene = road_scene()
    depth_m = np.where(np.random.default_rng(0).random(scene.depth_m.shape) < 0.3, scene.depth_m, np.nan)
    sparse = replace(scene, depth_m=depth_m.astype(np.float32), points=("depth_m",))
    np.testing.assert_array_equal(hazed(sparse, np.random.default_rng(0)), scene.image)


def test_rain_and_dirt_change_pictures_with_and_without_a_focal_length() -> None:
    scene = road_scene()
    for sample in (scene, replace(scene, camera=None, depth_m=None, normals=None)):
        seen = [rained(sample, np.random.default_rng(seed)).astype(int) for seed in range(4)]
        assert max(float(np.abs(one - scene.image).mean()) for one in seen) > 0.5
    assert np.abs(soiled(scene.image, np.random.default_rng(1)).astype(int) - scene.image).mean() > 0.1


def test_print_is_never_just_the_scene() -> None:
    picture = texture("a").astype(np.float32)
    for seed in range(30):
        printed = as_printed(picture, 60.0, np.random.default_rng(seed))
        assert printed.shape == picture.shape
        assert 0.0 <= printed.min() <= printed.max() <= 255.0
        assert np.abs(printed - picture).mean() > 3.0


def test_without_any_change_the_whole_picture_is_framed() -> None:
    scene = road_scene()
    framed = Augmentation(NOTHING, scene.size).apply(scene, lambda rng: scene.image, np.random.default_rng(0))
    np.testing.assert_array_equal(framed.image, scene.image)
    np.testing.assert_allclose(framed.depth_m, scene.depth_m, rtol=1e-6)
    np.testing.assert_array_equal(framed.label, scene.label)


def test_focal_length_varies_and_depth_does_not_with_it() -> None:
    """A car at 8 m is at 8 m whatever the zoom: what changes is the focal length that goes with the picture."""
    scene = road_scene()
    augmentation = Augmentation(replace(NOTHING, whole=0.0), (128, 96))
    focal = []
    for seed in range(30):
        seen = augmentation.apply(scene, lambda rng: scene.image, np.random.default_rng(seed))
        car = seen.depth_m[seen.label == 13]
        if car.size < 100:  # the crop has gone past it
            continue
        focal.append(seen.camera.fx)
        # At its outline depth may lie between the car's and that of the road right behind it.
        assert np.median(np.abs(car - 8.0)) < 1e-4
        assert (np.abs(car / 8.0 - 1.0) < 0.05).all()
    assert max(focal) / min(focal) > 1.5
