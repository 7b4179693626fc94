"""Splits by stretches and by worlds, and ids of other data sets as Cityscapes classes."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import DatasetError
from perception_fm.training.sources.photograph import depth_with_sky, painted_of_photograph
from perception_fm.training.sources.split import split_drive, split_groups
from perception_fm.training.sources.train_ids import TrainIds


@pytest.mark.parametrize("count", [1, 2, 7, 38, 367])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_drive_is_cut_into_stretches_with_guards(count: int, share: float) -> None:
    train, validation = (split_drive(count, split, share, 5) for split in ("train", "validation"))
    assert len(validation) == round(count * share)
    assert all(abs(one - other) > 2 for one in train for other in validation)
    steps = np.diff(validation)
    assert (steps > 1).sum() <= 2  # three stretches at most
    assert len(train) >= count - len(validation) - 3 * 4


def test_places_of_validation_follow_the_seed() -> None:
    assert split_drive(400, "validation", 0.1, 1) == split_drive(400, "validation", 0.1, 1)
    assert split_drive(400, "validation", 0.1, 1) != split_drive(400, "validation", 0.1, 2)


def test_groups_stay_together() -> None:
    groups = ["a", "b", "a", "c", "b", "d"]
    train, validation = (split_groups(groups, split, 0.5, 0) for split in ("train", "validation"))
    assert sorted(train + validation) == list(range(6))
    assert not {groups[index] for index in train} & {groups[index] for index in validation}


def test_impossible_splits_are_refused() -> None:
    with pytest.raises(DatasetError, match="split is one of"):
        split_drive(10, "test", 0.1, 0)
    with pytest.raises(DatasetError, match="share that validates"):
        split_drive(10, "train", 1.0, 0)
    with pytest.raises(DatasetError, match="two worlds"):
        split_groups([1, 1], "train", 0.1, 0)


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("pandaset", 13, "car"), ("pandaset", 23, "bus"), ("pandaset", 16, "truck"), ("pandaset", 25, "motorcycle"),
        ("pandaset", 26, "bicycle"), ("pandaset", 9, "road"), ("camvid", 10, "rider"), ("camvid", 1, "building"),
        ("cityscapes_merged", 3, "wall"), ("cityscapes", 18, "bicycle"),
    ],
)  # fmt: skip
def test_id_takes_the_class_of_its_own_name(name: str, number: int, expected: str) -> None:
    found = TrainIds(name, {}, "here").convert(np.array([[number]], np.uint8), "here")
    assert CITYSCAPES_CLASSES[found[0, 0]] == expected


def test_ignored_id_is_unknown() -> None:
    assert TrainIds("camvid", {}, "here").convert(np.array([[11]], np.uint8), "here")[0, 0] == 255


def test_sky_of_a_label_has_no_end_but_a_measured_depth_stays() -> None:
    depth_m = np.array([[np.nan, 50.0, np.nan]], np.float32)
    label = np.array([[10, 10, 2]], np.uint8)
    np.testing.assert_array_equal(depth_with_sky(depth_m, label), np.array([[np.inf, 50.0, np.nan]], np.float32))


def test_doubt_about_a_sparse_lorry_reaches_the_pixels_around_it() -> None:
    label = np.full((50, 100), 255, np.uint8)
    label[20, 40], label[5, 5] = 14, 13
    painted = painted_of_photograph(label, (100, 50))
    assert (painted[18:23, 38:43] == 255).all()
    assert (painted[:10, :10] == 0).all()
    assert painted_of_photograph(None, (100, 50)) is None
