"""Label maps: those that come with the package, and refusals of those that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ConfigError, DatasetError
from perception_fm.evaluation.label_map import IGNORED, NAMES, NO_LABEL, choose_label_map

CITYSCAPES_NAMES = {str(index): name for index, name in enumerate(CITYSCAPES_CLASSES)}
CAMVID_NAMES = {"3": "road", "4": "pavement", "8": "car", "11": "void"}


def write(folder: Path, text: str) -> str:
    file = folder / "map.yaml"
    file.write_text(text)
    return str(file)


def test_pandaset_merges_lane_markings_into_road_and_trucks_into_vehicle() -> None:
    chosen = choose_label_map(None, {"7": "Road", "8": "Lane Line Marking", "14": "Pickup Truck"}, "drive")
    assert chosen.name == "pandaset"
    ids = np.array([7, 8, 9, 10, 13, 16, 6, NO_LABEL], np.int16)
    road, vehicle = chosen.classes.index("road"), chosen.classes.index("vehicle")
    assert chosen.classes_of(ids, "x").tolist() == [road] * 4 + [vehicle] * 2 + [IGNORED] * 2
    table = chosen.prediction_table()
    assert [table[CITYSCAPES_CLASSES.index(name)] for name in ("road", "car", "bus", "train")] == [road] + [vehicle] * 3
    assert table[CITYSCAPES_CLASSES.index("sky")] == table[255] == chosen.none


def test_camvid_and_cityscapes_are_known_by_their_names() -> None:
    assert choose_label_map(None, CAMVID_NAMES, "drive").name == "camvid"
    chosen = choose_label_map(None, CITYSCAPES_NAMES, "drive")
    assert chosen.name == "cityscapes"
    ids = np.arange(19, dtype=np.int16)
    assert np.array_equal(chosen.classes_of(ids, "x"), chosen.prediction_table()[:19])
    assert chosen.classes_of(np.array([255], np.int16), "x").tolist() == [IGNORED]


@pytest.mark.parametrize("name", NAMES)
def test_every_map_of_the_package_can_be_asked_for_and_says_its_merges(name: str) -> None:
    chosen = choose_label_map(name, {}, "drive")
    document = chosen.document()
    assert chosen.name == name
    assert all(one["truth_ids"] and one["prediction"] for one in document["classes"].values())
    assert len(chosen.colour_ids()) == len(chosen.classes)


def test_merged_cityscapes_leaves_no_class_out() -> None:
    chosen = choose_label_map("cityscapes_merged", CITYSCAPES_NAMES, "drive")
    ids = np.arange(19, dtype=np.int16)
    assert np.array_equal(chosen.classes_of(ids, "x"), chosen.prediction_table()[:19])
    assert (chosen.classes_of(ids, "x") >= 0).all()


def test_own_map_with_plain_ids(tmp_path: Path) -> None:
    file = write(tmp_path, "classes: {ground: {truth: [1, 2], prediction: [road, sidewalk]}}\nignored: [0]\n")
    chosen = choose_label_map(file, {"1": "anything"}, "drive")
    assert chosen.classes_of(np.array([0, 1, 2], np.int16), "x").tolist() == [IGNORED, 0, 0]


def test_id_that_the_map_does_not_know_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"frame 3: the truth holds the id 57"):
        choose_label_map("pandaset", {}, "drive").classes_of(np.array([7, 57], np.int16), "frame 3")


@pytest.mark.parametrize(
    ("wanted", "names", "message"),
    [
        (None, {}, "give --label-map"),
        (None, {"1": "Strasse"}, "give --label-map"),
        ("camvid", {"3": "sidewalk"}, "its id 3 is road, that of the drive sidewalk"),
        ("camvid", {"12": "tram"}, "does not know the id 12"),
        ("camvid", {"x": "tram"}, "does not know the id x"),
        ("nowhere.yaml", {}, "cannot read"),
    ],
)
def test_map_that_does_not_fit_the_drive_is_refused(wanted: str | None, names: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_label_map(wanted, names, "drive")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "a label map has classes"),
        ("classes: {}", "a label map has classes"),
        ("classes: {a: [1]}", "needs truth and prediction"),
        ("classes: {a: {truth: [1], prediction: [street]}}", "'street' is no Cityscapes class"),
        ("classes: {a: {truth: [1], prediction: []}}", "prediction is a list"),
        ("classes: {a: {truth: 1, prediction: [road]}}", "truth ids are a list"),
        ("classes: {a: {truth: [256], prediction: [road]}}", "from 0 to 255"),
        ("classes: {a: {truth: [1], prediction: [road]}}\nignored: [1]", "id 1 is given twice"),
        (
            "classes: {a: {truth: [1], prediction: [road]}, b: {truth: [2], prediction: [road]}}",
            "road is given twice",
        ),
        ("classes: {a: {truth: [1], prediction: [road]}}\nignore: [2]", "unknown keys ignore"),
        ("classes: {a: {truth: [1], prediction: [road]}", "is not YAML"),
    ],
)
def test_map_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_label_map(write(tmp_path, text), {}, "drive")
