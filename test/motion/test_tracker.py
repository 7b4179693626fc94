"""Feature tracks on a texture that moves by a known amount."""

import numpy as np
import pytest

from perception_fm.motion.tracker import FeatureTracker
from perception_fm.synth.planar.procedural import fractal_noise, to_image

SHAPE = (240, 320)
STEP_NS = 100_000_000
# Lucas-Kanade stops at steps of 0.01 px and the image is rounded to grey levels: a few hundredths of a pixel.
LK_PX = 0.05
FIELD = 120.0 + 25.0 * fractal_noise(SHAPE, 0.9, np.random.default_rng(0))


def moved(x_px: float, y_px: float, field: np.ndarray = FIELD) -> np.ndarray:
    """The periodic texture shifted right and down, exact to the sub-pixel (Fourier shift theorem)."""
    fy, fx = np.fft.fftfreq(SHAPE[0])[:, None], np.fft.rfftfreq(SHAPE[1])[None, :]
    phase = np.exp(-2j * np.pi * (fx * x_px + fy * y_px))
    return to_image(np.fft.irfft2(np.fft.rfft2(field) * phase, s=SHAPE))


@pytest.fixture
def tracker():
    return FeatureTracker(max_tracks=150, history_s=0.5)


def feed(tracker: FeatureTracker, count: int, x_px: float, y_px: float) -> list[int]:
    """Frames at 10 Hz, each (x, y) further; their stamps."""
    stamps = [1_000_000_000 + number * STEP_NS for number in range(count)]
    for number, stamp in enumerate(stamps):
        tracker.update(moved(number * x_px, number * y_px), stamp)
    return stamps


@pytest.mark.parametrize(("x_px", "y_px"), [(3.0, -2.0), (1.3, 0.6), (-0.25, 4.5)])
def test_translated_texture_gives_its_translation(tracker, x_px, y_px):
    stamps = feed(tracker, 2, x_px, y_px)
    window = tracker.window(stamps[0])
    flow = window.pixels_current - window.pixels_reference
    assert len(flow) > 100
    np.testing.assert_allclose(np.median(flow, axis=0), (x_px, y_px), atol=LK_PX)
    # The forward-backward check lets no track stray by more than half a pixel.
    assert np.abs(flow - (x_px, y_px)).max() < 0.5


def test_longer_window_holds_the_summed_motion(tracker):
    stamps = feed(tracker, 6, 2.0, 1.0)
    window = tracker.window(tracker.reference_stamp(0.5))
    assert window.stamp_ns == stamps[0]
    flow = window.pixels_current - window.pixels_reference
    assert len(flow) > 50
    # Five chained steps: each adds its own error.
    np.testing.assert_allclose(np.median(flow, axis=0), (10.0, 5.0), atol=5 * LK_PX)


def test_occluded_tracks_are_dropped(tracker):
    tracker.update(moved(0.0, 0.0), 0)
    covered = moved(1.0, 0.0)
    other = 120.0 + 25.0 * fractal_noise(SHAPE, 0.9, np.random.default_rng(9))
    covered[:, 160:] = to_image(other)[:, 160:]
    started = tracker.pixels
    tracker.update(covered, STEP_NS)
    before = tracker.window(0).pixels_reference
    hidden = started[:, 0] > 160 + 8  # the whole Lucas-Kanade window of 15 px changed
    assert hidden.sum() > 40
    assert (before[:, 0] > 160 + 8).sum() <= 0.15 * hidden.sum()  # a chance resemblance may come home
    assert (before[:, 0] < 160 - 16).sum() >= 0.95 * (started[:, 0] < 160 - 16).sum()


def test_windows_pick_the_nearest_frame(tracker):
    stamps = feed(tracker, 7, 0.5, 0.0)
    assert tracker.reference_stamp(0.1) == stamps[-2]
    assert tracker.reference_stamp(0.2) == stamps[-3]
    assert tracker.reference_stamp(0.5) == stamps[-6]


def test_window_without_a_frame_near_it_has_none(tracker):
    assert tracker.reference_stamp(0.1) is None
    tracker.update(moved(0.0, 0.0), 0)
    assert tracker.reference_stamp(0.1) is None
    tracker.update(moved(0.0, 0.0), STEP_NS)
    assert tracker.reference_stamp(0.1) == 0
    assert tracker.reference_stamp(0.5) is None  # 0.1 s is not within 40% of it


def test_frames_older_than_the_history_are_forgotten(tracker):
    tracker.update(moved(0.0, 0.0), 0)
    tracker.update(moved(0.0, 0.0), 2_000_000_000)
    assert tracker.reference_stamp(0.5) is None
    assert len(tracker.pixels) > 100  # the tracks themselves live on


def test_lost_tracks_are_replaced_apart_from_the_living(tracker):
    feed(tracker, 8, 40.0, 0.0)  # an eighth of the picture leaves with every frame
    pixels = tracker.pixels
    assert len(pixels) > 0.9 * 150
    edges = np.histogram(pixels[:, 0], bins=4, range=(0, SHAPE[1]))[0]
    assert edges.min() > 0.5 * len(pixels) / 4  # fresh ones where the picture came in
    apart = np.linalg.norm(pixels[:, None] - pixels[None], axis=2)
    spacing_px = 0.7 * np.sqrt(SHAPE[0] * SHAPE[1] / 150)
    nearest = np.where(np.eye(len(pixels), dtype=bool), np.inf, apart).min(axis=1)
    assert (nearest > 0.7 * spacing_px).mean() > 0.95  # corners are found on a grid of two pixels


def test_number_of_tracks_is_bounded(tracker):
    feed(tracker, 5, 1.0, 1.0)
    assert len(tracker.pixels) <= 150


def test_no_track_starts_on_the_vehicle():
    mask = np.full(SHAPE, 255, np.uint8)
    mask[170:] = 0
    tracker = FeatureTracker(150, 0.5, mask)
    tracker.update(moved(0.0, 0.0), 0)
    assert len(tracker.pixels) > 50
    assert tracker.pixels[:, 1].max() <= 170
    without = FeatureTracker(150, 0.5)
    without.update(moved(0.0, 0.0), 0)
    assert without.pixels[:, 1].max() > 200


def test_plain_wall_has_no_tracks(tracker):
    for stamp in range(3):
        tracker.update(np.full(SHAPE, 130, np.uint8), stamp * STEP_NS)
    assert tracker.pixels.shape == (0, 2)
    assert len(tracker.window(0).slots) == 0


def test_slow_shading_is_no_texture(tracker):
    """A gradient of one grey level per pixel has no corner that Lucas-Kanade could hold on to."""
    tracker.update(np.tile(np.linspace(0.0, 250.0, SHAPE[1]).astype(np.uint8), (SHAPE[0], 1)), 0)
    tracker.update(np.tile(np.linspace(5.0, 255.0, SHAPE[1]).astype(np.uint8), (SHAPE[0], 1)), STEP_NS)
    assert len(tracker.window(0).slots) == 0


def test_reset_drops_all_tracks(tracker):
    feed(tracker, 3, 1.0, 0.0)
    tracker.reset()
    assert tracker.pixels.shape == (0, 2)
    assert tracker.reference_stamp(0.1) is None
    tracker.update(moved(0.0, 0.0), 5)
    assert len(tracker.pixels) > 100
