"""A training configuration is strict, complete and comes back from what is written of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perception_fm.errors import ConfigError
from perception_fm.training.config import build_train_config, overridden, read_train_config, to_document

ONE = {"datasets": [{"kind": "drive", "path": "roads/morning"}]}


def test_configuration_comes_back_from_its_document() -> None:
    config = build_train_config({**ONE, "schedule": {"steps": 7}, "losses.class_weights": [1.0] * 19})
    assert build_train_config(to_document(config)) == config
    assert config.schedule.steps == 7
    assert config.datasets[0].name == "morning"


def test_unlimited_time_comes_back() -> None:
    document = to_document(build_train_config(ONE))
    assert document["schedule"]["max_minutes"] is None
    assert to_document(build_train_config(document)) == document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": {"step": 7}}, "unknown setting schedule.step; did you mean schedule.steps"),
        ({"datasets": []}, "datasets is a list with at least one data set"),
        ({"datasets": [{"kind": "drive"}]}, "datasets.0 is a group with kind, path"),
        ({"datasets": [{"kind": "zip", "path": "x"}]}, "datasets.0.kind is one of shards, drive"),
        ({"datasets": [{"kind": "drive", "path": "x", "split": "validation"}]}, "none of the datasets trains"),
        ({"datasets": [{"kind": "drive", "path": f"{one}/x"} for one in "ab"]}, "two datasets are called x"),
        ({"width_px": 100}, "multiples of 32, got 100x384"),
        ({"losses": {"class_weights": [1.0, 2.0]}}, "19 numbers or none, got 2"),
        ({"machine": {"precision": "8"}}, "machine.precision is one of 32-true, bf16-mixed, 16-mixed"),
        ({"schedule": {"learning_rate": -1}}, "schedule.learning_rate lies between"),
    ],
)  # fmt: skip
def test_wrong_setting_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_train_config({**ONE, **change})


def test_overrides_reach_groups_and_lists_and_leave_the_document_alone() -> None:
    document = {**ONE, "schedule": {"steps": 7}}
    changed = overridden(document, ["schedule.steps=9", "datasets.0.weight=2.5", "machine.workers=0"])
    config = build_train_config(changed)
    assert (config.schedule.steps, config.datasets[0].weight, config.machine.workers) == (9, 2.5, 0)
    assert document["schedule"] == {"steps": 7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedule.steps", "takes key=value"),
        ("datasets.3.weight=1", "there are 1 entries, counted from 0; '3' is none"),
        ("seed.x=1", "'x' lies in no group"),
        ("seed=[1", "--set seed is not YAML"),
    ],
)
def test_override_that_fits_nowhere_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        overridden({**ONE, "seed": 1}, [text])


def test_recipe_of_the_bundled_weights_is_valid(repository: Path) -> None:
    config = read_train_config(repository / "config" / "training" / "bundled.yaml", ["schedule.steps=1"])
    assert config.schedule.steps == 1
    assert [one.name for one in config.training_sets] == ["driving", "pandaset_002", "pandaset_002_surround"]


def test_recipe_of_the_comparison_judges_by_data_that_it_does_not_learn(repository: Path) -> None:
    config = read_train_config(repository / "config" / "training" / "ablation.yaml")
    judged = {one.name for one in config.validation_sets if one.split == "validation"}
    assert judged == {"driving_validation", "pandaset_002", "camvid_train"}
    assert judged.isdisjoint(one.name for one in config.training_sets)


def test_recipe_for_own_drives_needs_only_data(repository: Path) -> None:
    entry = "datasets=[{kind: drive, path: mine}]"
    config = read_train_config(repository / "config" / "training" / "finetune.yaml", [entry])
    assert [one.name for one in config.validation_sets] == ["mine"]
