"""What the pen leaves on the picture."""

from __future__ import annotations

import numpy as np

from perception_fm.visual.pen import Pen


def test_dots_have_their_colours_and_end_at_the_border():
    pen = Pen(np.zeros((40, 60, 3), np.uint8))
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    pen.dots(np.array([[10.2, 5.0], [0.0, 39.0], [1e9, -1e9]]), colours, 4)
    assert pen.image[5, 10].tolist() == [255, 0, 0]
    assert pen.image[5, 12].tolist() == [255, 0, 0]
    assert not pen.image[5, 13].any()
    assert pen.image[38, 1].tolist() == [0, 255, 0]
    assert np.count_nonzero(pen.image[..., 2]) == 0


def test_dot_of_width_one_is_a_pixel():
    pen = Pen(np.zeros((40, 60, 3), np.uint8))
    pen.dots(np.array([[20.4, 30.6]]), np.full((1, 3), 7, np.uint8))
    assert np.argwhere(pen.image.any(axis=2)).tolist() == [[31, 20]]
