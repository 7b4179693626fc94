"""Which drives are chosen."""

from __future__ import annotations

import pytest

from perception_fm.errors import ConfigError
from perception_fm.evaluation.fake_wall_benchmark.drive_plan import (
    Kind,
    interleaved,
    part_of,
    scenario_drives,
)
from perception_fm.evaluation.scenario_suite import unique


def test_share_is_spread_evenly_and_its_cases_keep_their_names():
    whole = list(scenario_drives("plain_wall", "dev", 1.0, None))
    few = list(scenario_drives("plain_wall", "dev", 0.25, (640, 384)))
    assert len(whole) == 12
    assert [drive.name for drive in few] == [whole[number].name for number in (0, 4, 8)]
    assert {drive.kind for drive in few} == {Kind.WALL}
    assert few[0].scenario.camera.width_px == 640
    assert few[0].scenario.camera.focal_px == pytest.approx(0.5 * whole[0].scenario.camera.focal_px)


def test_labels_say_the_value_of_every_axis():
    drive = next(scenario_drives("painted_wall", "dev", 0.01, None))
    assert {"speed", "canvas", "print", "condition"} <= set(drive.labels)
    assert all(label in drive.name for label in drive.labels.values())


def test_parts_add_up_to_the_whole():
    drives = list(scenario_drives("plain_wall", "dev", 1.0, None))
    parts = [part_of(drives, part, 5) for part in range(1, 6)]
    assert sorted(one.name for part in parts for one in part) == sorted(one.name for one in drives)
    with pytest.raises(ConfigError, match="a part is 1 to 5"):
        part_of(drives, 6, 5)


def test_every_suite_advances_alike():
    walls = list(scenario_drives("plain_wall", "dev", 1.0, None))
    streets = list(scenario_drives("phantoms", "dev", 1.0, None))
    mixed = interleaved([walls, streets])
    assert sorted(one.name for one in mixed) == sorted(one.name for one in [*walls, *streets])
    half = mixed[: len(mixed) // 2]
    assert sum(one.suite == "plain_wall" for one in half) == len(walls) // 2


def test_drive_that_is_asked_for_twice_is_refused():
    drives = list(scenario_drives("plain_wall", "dev", 0.1, None))
    with pytest.raises(ConfigError, match="twice"):
        unique([*drives, *drives])


def test_splits_share_no_world():
    dev, test = (
        {drive.seed for drive in scenario_drives("painted_wall", split, 1.0, None)} for split in ("dev", "test")
    )
    assert not dev & test
