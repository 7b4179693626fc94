"""Panels of dense truth and prediction show the right colour at the right place."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.visual.dense_panels import CITYSCAPES_COLOURS, depth_mosaic, label_mosaic

HEIGHT, WIDTH = 200, 560  # as wide as a panel, so that pixels are not scaled
IMAGE = np.full((HEIGHT, WIDTH), 77, np.uint8)


def panel(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    return picture[row * HEIGHT : (row + 1) * HEIGHT, column * WIDTH : (column + 1) * WIDTH]


def test_error_is_white_where_right_red_too_far_blue_too_near_dark_without_truth() -> None:
    true = np.full((HEIGHT, WIDTH), 10.0, np.float32)
    true[:, 400:] = np.nan
    predicted = true.copy()
    predicted[:, 100:200] = 30.0
    predicted[:, 200:300] = 3.0
    picture = depth_mosaic(IMAGE, true, predicted, (1.0, 80.0))
    assert picture.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    error = panel(picture, 1, 1)
    assert error[150, 50].tolist() == [255, 255, 255]
    assert error[150, 150].tolist() == [0, 0, 255]
    assert error[150, 250].tolist() == [255, 0, 0]
    assert error[150, 450].max() < 40
    assert panel(picture, 0, 0)[150, 50].tolist() == [77, 77, 77]


def test_near_is_red_and_far_is_blue() -> None:
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth[:, 300:] = 60.0
    truth = panel(depth_mosaic(IMAGE, depth, depth, (1.0, 80.0)), 0, 1)
    assert truth[150, 100, 2] > truth[150, 100, 0]
    assert truth[150, 400, 0] > truth[150, 400, 2]


def test_sparse_points_are_large_enough_to_be_seen() -> None:
    true = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    true[100, 300] = 10.0
    picture = depth_mosaic(IMAGE, true, np.full((HEIGHT, WIDTH), 10.0, np.float32), (1.0, 80.0))
    assert (panel(picture, 1, 1)[99:102, 299:302] == 255).all()


@pytest.mark.parametrize("train_ids", [(0, 13)])
def test_labels_have_the_colours_of_their_classes_and_agreement_its_own(train_ids: tuple[int, int]) -> None:
    true = np.zeros((HEIGHT, WIDTH), np.int16)
    true[:, 300:] = -1
    predicted = np.zeros((HEIGHT, WIDTH), np.int16)
    predicted[:, 100:200] = 1
    predicted[:, 200:300] = 2  # no class
    picture = label_mosaic(IMAGE, true, predicted, true >= 0, train_ids)
    road, car = (CITYSCAPES_COLOURS[index][::-1] for index in train_ids)
    assert tuple(panel(picture, 0, 1)[150, 50]) == road
    assert panel(picture, 0, 1)[150, 400].max() < 40
    assert tuple(panel(picture, 1, 0)[150, 150]) == car
    agreement = panel(picture, 1, 1)
    assert agreement[150, 50].argmax() == 1
    assert agreement[150, 150].argmax() == agreement[150, 250].argmax() == 2
    assert agreement[150, 400].max() < 40
