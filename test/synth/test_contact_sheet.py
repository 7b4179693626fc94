"""Sheets of scenes: what cannot be drawn is refused before anything is rendered."""

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.synth.contact_sheet import draw_tiles, read_sheet, sheet_of


def shots(tmp_path, text: str):
    file = tmp_path / "sheet.yaml"
    file.write_text(text)
    return read_sheet(file)


def test_settings_of_a_shot_replace_the_common_ones(tmp_path):
    text = "common: {seed: 3, drive.speed_mps: 8}\nshots: [{scenario: demo}, {scenario: demo, set: {seed: 4}}]"
    first, second = (shot.scenario() for shot in shots(tmp_path, text))
    assert (first.seed, first.drive.speed_mps) == (3, 8.0)
    assert (second.seed, second.drive.speed_mps) == (4, 8.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shots: []", "a list of shots"),
        ("shots: [3]", r"shots\.0 is a group of settings, got 3"),
        ("shots: [{captoin: x}]", r"shots\.0\.captoin; did you mean shots\.0\.caption"),
        ("common: 3\nshots: [{}]", "common is a group of settings by dotted key, got 3"),
        ("shots: [{set: null}]", r"shots\.0\.set is a group of settings by dotted key, got None"),
        ("shots: [{set: {3: 4}}]", r"shots\.0\.set is a group of settings by dotted key"),
        ("shots: [{time_s: 1, before_wall_m: 20}]", r"shots\.0 has time_s and before_wall_m"),
    ],
)
def test_sheet_that_cannot_be_read_is_refused_with_the_key(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        shots(tmp_path, text)


@pytest.mark.parametrize(
    ("shot", "message"),
    [
        ("{caption: late, scenario: demo, time_s: 300}", "'late': the drive lasts [0-9.]+ s, got time_s 300"),
        ("{caption: far, scenario: demo, before_wall_m: 200}", "'far': the drive never is 200 m before the wall"),
        (
            "{caption: free, scenario: free_road, before_wall_m: 20}",
            "'free': before_wall_m needs a scenario with a wall",
        ),
        ("{scenario: demo, set: {drive.sped: 3}}", r"did you mean drive\.speed_mps"),
    ],
)
def test_shot_that_cannot_be_is_refused_before_the_first_is_drawn(tmp_path, shot, message):
    wanted = shots(tmp_path, f"shots: [{{scenario: demo}}, {shot}]")
    with pytest.raises(ConfigError, match=message):
        next(draw_tiles(wanted))


def test_last_row_is_filled_with_black():
    tile = np.full((4, 6, 3), 9, dtype=np.uint8)
    sheet = sheet_of([tile] * 3, columns=2)
    assert sheet.shape == (8, 12, 3)
    assert (sheet[4:, 6:] == 0).all()
    assert (sheet[:4] == 9).all()
