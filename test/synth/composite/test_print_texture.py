"""The print at every magnification: exact where it is shown as it is, sharp where enlarged, smooth where reduced."""

import cv2
import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.composite.print_texture import PrintTexture

OUTLINE = np.array([[20.0, 20.0], [139.0, 20.0], [139.0, 99.0], [20.0, 99.0]])


def textured(seed: int = 0) -> np.ndarray:
    """Asphalt and a few stripes: equal energy in every octave, and edges."""
    rng = np.random.default_rng(seed)
    picture = np.full((120, 160), 120.0, np.float32)
    for octave in range(6):
        noise = rng.standard_normal((120 >> octave, 160 >> octave)).astype(np.float32)
        picture += 8.0 * cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC)
    picture[:, 70:80] += 60.0
    return np.clip(picture, 0.0, 255.0).astype(np.uint8)


def zoom(factor: float) -> np.ndarray:
    """Print from image: the print's (80, 60) lies at the image's (80, 60), enlarged by the factor."""
    return np.array([[1.0 / factor, 0.0, 80.0 - 80.0 / factor], [0.0, 1.0 / factor, 60.0 - 60.0 / factor], [0, 0, 1.0]])


def energy(samples: np.ndarray) -> float:
    """Of what lies above a third of the Nyquist frequency or so."""
    values = samples.astype(np.float32)
    return float(np.mean((values - cv2.GaussianBlur(values, (0, 0), 1.0))[8:-8, 8:-8] ** 2))


def test_shown_as_it_is_the_print_is_exact():
    picture = textured()
    canvas, share = PrintTexture.cut(picture, OUTLINE).view(np.eye(3), (30, 25, 130, 95))
    np.testing.assert_allclose(canvas, picture[25:95, 30:130], atol=0.01)
    assert share.min() > 0.999


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_enlarged_print_keeps_the_sharpness_of_the_picture(factor):
    picture = textured()
    box = (40, 30, 120, 90)

    def ratio(detail: float) -> float:
        canvas, _ = PrintTexture.cut(picture, OUTLINE, detail).view(zoom(factor), box)
        return energy(canvas) / energy(picture[30:90, 40:120])

    assert 0.3 < ratio(1.0) < 1.5
    assert ratio(0.0) < 0.5 * ratio(1.0)


def test_enlarging_keeps_what_the_print_shows():
    picture = textured()
    canvas, share = PrintTexture.cut(picture, OUTLINE).view(zoom(4.0), (40, 30, 120, 90))
    reduced = cv2.resize(canvas, (20, 15), interpolation=cv2.INTER_AREA)
    expected = cv2.warpAffine(picture.astype(np.float32), zoom(4.0)[:2], (160, 120), flags=cv2.INTER_CUBIC + 16)
    expected = cv2.resize(expected[30:90, 40:120], (20, 15), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(reduced.ravel(), expected.ravel())[0, 1] > 0.98
    assert share.mean() == pytest.approx(1.0 / 16.0, rel=0.01)


def test_smooth_print_gains_no_detail():
    ramp = np.tile(np.linspace(40.0, 200.0, 160), (120, 1)).astype(np.uint8)
    canvas, _ = PrintTexture.cut(ramp, OUTLINE, noise=0.5).view(zoom(4.0), (40, 30, 120, 90))
    plain, _ = PrintTexture.cut(ramp, OUTLINE, 0.0).view(zoom(4.0), (40, 30, 120, 90))
    np.testing.assert_allclose(canvas, plain, atol=1.0)


def test_near_part_of_a_slanted_print_stays_sharp():
    """Left the print is shown as it is, right it is reduced eight times: each region takes its own octave."""
    picture = np.zeros((400, 1600), np.uint8)
    picture[:, ::2] = 200  # the finest stripes there are
    outline = np.array([[0.0, 0.0], [1599.0, 0.0], [1599.0, 399.0], [0.0, 399.0]])
    homography = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 200.0], [-0.0016, 0.0, 1.0]])
    canvas, _ = PrintTexture.cut(picture, outline, 0.0).view(homography, (0, 0, 400, 40))
    assert canvas[:, :3].std() > 40.0
    # There ten stripes and more fall on a pixel: any pattern left would be aliasing.
    assert canvas[8:-8, -60:].std() < 6.0


def test_grain_is_fixed_on_the_canvas():
    picture = textured()
    views = [PrintTexture.cut(picture, OUTLINE, seed=3).view(zoom(4.0), (40, 30, 120, 90))[0] for _ in range(2)]
    np.testing.assert_array_equal(views[0], views[1])
    other = PrintTexture.cut(picture, OUTLINE, seed=4).view(zoom(4.0), (40, 30, 120, 90))[0]
    assert np.abs(views[0] - other).max() > 1.0


def test_huge_canvas_is_refused():
    with pytest.raises(ConfigError, match="too near or too large"):
        PrintTexture.cut(textured(), 1000.0 * OUTLINE)
