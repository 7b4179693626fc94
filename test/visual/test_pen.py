"""What the pen leaves on the picture."""

from __future__ import annotations

import numpy as np

from perception_fm.visual.pen import Pen


def test_pin_has_a_round_head_a_thin_tail_and_ends_at_the_border():
    pen = Pen(np.zeros((40, 60, 3), np.uint8))  # so small that lines are one pixel wide
    pen.pins(np.array([[10.2, 5.0], [0.0, 39.0]]), np.array([[20.4, 5.0], [-1e9, 1e9]]), (1, 2, 3))
    assert (pen.image[5, 9:21] == (1, 2, 3)).all()
    assert pen.image[4, 10].any()
    assert not pen.image[4, 13:].any()
    assert not pen.image[5, 21:].any()
    assert pen.image[39, 0].any()


def test_no_pins_are_none():
    pen = Pen(np.zeros((40, 60, 3), np.uint8))
    pen.pins(np.zeros((0, 2)), np.zeros((0, 2)), (1, 2, 3))
    assert not pen.image.any()


def test_tints_lie_one_over_the_other():
    pen = Pen(np.zeros((40, 60, 3), np.uint8))
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    pen.tints([(20.0 * corners, (100, 0, 0)), (10.0 * corners, (0, 200, 0))], 0.5)
    assert pen.image[5, 5].tolist() == [0, 100, 0]
    assert pen.image[15, 15].tolist() == [50, 0, 0]
    assert not pen.image[30, 30].any()
    before = pen.image.copy()
    pen.tints([], 0.5)
    assert (pen.image == before).all()
