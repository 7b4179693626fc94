"""Configuration: parameter files become dataclasses, and everything else is refused with a name."""

from __future__ import annotations

import dataclasses
import math
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_fm.config import (
    NodeConfig,
    PerceptionConfig,
    Setting,
    checked,
    from_mapping,
    load_config,
    read_parameter_file,
    settings,
)
from perception_fm.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "parameters.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_means_the_defaults() -> None:
    config = from_mapping(PerceptionConfig, {})
    assert config.vehicle.width_m == 1.9
    assert config.tracking.windows_s == (0.1, 0.2, 0.5, 1.0)
    assert math.isnan(config.mounting.height_m)


def test_nested_and_dotted_names_mean_the_same() -> None:
    nested = from_mapping(PerceptionConfig, {"vehicle": {"width_m": 2.5, "front_overhang_m": 1.0}})
    dotted = from_mapping(PerceptionConfig, {"vehicle.width_m": 2.5, "vehicle.front_overhang_m": 1.0})
    mixed = from_mapping(PerceptionConfig, {"vehicle.width_m": 2.5, "vehicle": {"front_overhang_m": 1.0}})
    assert nested.vehicle == dotted.vehicle == mixed.vehicle
    assert nested.vehicle.width_m == 2.5


def test_the_callers_mapping_is_left_as_it_is() -> None:
    values = {"vehicle": {"width_m": 2.5}, "vehicle.front_overhang_m": 1.0}
    from_mapping(PerceptionConfig, values)
    assert values == {"vehicle": {"width_m": 2.5}, "vehicle.front_overhang_m": 1.0}


@pytest.mark.parametrize(
    "values",
    [
        {"vehicle": {"width_m": 2.5}, "vehicle.width_m": 2.0},
        {"vehicle.width_m": 2.0, "vehicle": {"width_m": 2.5}},
        {"vehicle": 3.0, "vehicle.width_m": 2.0},
        {"vehicle.width_m": 2.0, "vehicle": 3.0},
    ],
)
def test_a_setting_given_twice_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="given twice"):
        from_mapping(PerceptionConfig, values)


@pytest.mark.parametrize("width_m", [0.2, 5.0, 2])
def test_limits_are_inside_and_whole_numbers_are_numbers(width_m: float) -> None:
    width = from_mapping(PerceptionConfig, {"vehicle.width_m": width_m}).vehicle.width_m
    assert width == width_m
    assert isinstance(width, float)


@pytest.mark.parametrize("values", [(0.1, 0.3), [0.1, 0.3], array("d", [0.1, 0.3]), np.array([0.1, 0.3])])
def test_lists_of_every_kind_become_tuples(values: Any) -> None:
    assert from_mapping(PerceptionConfig, {"tracking.windows_s": values}).tracking.windows_s == (0.1, 0.3)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"vehicle.widht_m": 2.0}, r"unknown setting vehicle\.widht_m; did you mean vehicle\.width_m"),
        ({"zzz": 1}, "known here: .*vehicle"),
        ({3: 1}, "not a setting's name"),
        ({"vehicle": 2.0}, "vehicle is a group"),
        ({"vehicle": None}, "vehicle is a group"),
        ({"model": {"name": "none"}}, "model is of type str"),
        ({"vehicle.width_m": 0.19}, r"vehicle\.width_m lies between 0\.2 and 5\.0, got 0\.19"),
        ({"vehicle.width_m": 5.01}, "lies between"),
        ({"vehicle.width_m": math.inf}, "lies between"),
        ({"vehicle.width_m": math.nan}, "must be a number, got NaN"),
        ({"vehicle.width_m": None}, "must be a number, got NaN"),
        ({"vehicle.width_m": "wide"}, "is of type float, got 'wide'"),
        ({"vehicle.width_m": True}, "is of type float, got True"),
        ({"vehicle.width_m": [2.0]}, "is of type float"),
        ({"tracking.max_tracks": 400.0}, "is of type int"),
        ({"tracking.max_tracks": True}, "is of type int"),
        ({"tracking.max_tracks": 49}, "lies between"),
        ({"tracking.windows_s": 0.1}, "is a list of numbers"),
        ({"tracking.windows_s": "0.1"}, "is a list of numbers"),
        ({"tracking.windows_s": [0.1, "0.2"]}, "is of type float"),
        ({"tracking.windows_s": [0.1, math.nan]}, "must be a number"),
        ({"tracking.windows_s": [0.01]}, "lies between"),
        ({"tracking.windows_s": []}, "at least one window"),
        ({"tracking.windows_s": [0.2, 0.1]}, "shortest first"),
        ({"tracking.windows_s": [0.2, 0.2]}, "shortest first"),
        ({"tracking.ego_mask": [0.0, 1.0, 1.0, 1.0]}, "at least three corners"),
        ({"tracking.ego_mask": [0.0, 1.0, 1.0, 1.0, 0.5, 0.8, 0.3]}, "at least three corners"),
        ({"tracking.ego_mask": [0.0, 1.0, 1.0, 1.0, 0.5, 1.1]}, "lies between"),
        ({"sweep.min_obstacle_height_m": 1.5, "sweep.swept_height_m": 1.0}, "must not exceed"),
        ({"backend": "resnet"}, "backend is one of auto, onnxruntime, tensorrt, tensorrt_rtx; got 'resnet'"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name_in_one_line(values: dict[Any, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refusal:
        from_mapping(PerceptionConfig, values)
    assert "\n" not in str(refusal.value)


def test_only_what_is_unknown_by_default_may_be_unknown() -> None:
    for unknown in (math.nan, None):
        assert math.isnan(from_mapping(PerceptionConfig, {"mounting.height_m": unknown}).mounting.height_m)


def test_a_list_of_a_fixed_size() -> None:
    item = Setting("corner", (), tuple[float, ...], {"size": 2})
    assert checked(item, [1, 2]) == (1.0, 2.0)
    with pytest.raises(ConfigError, match="corner needs 2 numbers, got 3"):
        checked(item, [1, 2, 3])


def test_every_setting_is_listed_once_documented_and_has_a_legal_default() -> None:
    leaves = list(settings(NodeConfig))
    names = [item.name for item in leaves]
    assert len(names) == len(set(names))
    assert "vehicle.width_m" in names
    assert "vehicle" not in names
    for item in leaves:
        assert item.metadata["help"], item.name
        accepted = checked(item, item.default)
        assert accepted == item.default or (math.isnan(accepted) and math.isnan(item.default)), item.name


def test_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PerceptionConfig().vehicle.width_m = 3.0  # type: ignore[misc]


def test_a_parameter_file_of_ros(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "/**:\n  ros__parameters:\n    use_sim_time: true\n    qos_overrides./tf.subscription.depth: 5\n"
        "    vehicle:\n      width_m: 2.2\n    vehicle.front_overhang_m: 0.5\n",
    )
    config = load_config(path, NodeConfig)
    assert (config.vehicle.width_m, config.vehicle.front_overhang_m) == (2.2, 0.5)


def test_a_later_section_overrides_setting_by_setting(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "/**:\n  ros__parameters:\n    vehicle: {width_m: 2.2, front_overhang_m: 0.5}\n"
        "/perception_node:\n  ros__parameters:\n    vehicle: {width_m: 2.4}\n",
    )
    config = load_config(path, NodeConfig)
    assert (config.vehicle.width_m, config.vehicle.front_overhang_m) == (2.4, 0.5)


def test_a_section_without_parameters_means_the_defaults(tmp_path: Path) -> None:
    assert read_parameter_file(written(tmp_path, "/**:\n  ros__parameters:\n")) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a ROS parameter file"),
        ("- 1\n", "not a ROS parameter file"),
        ("vehicle:\n  width_m: 2.0\n", "must hold exactly ros__parameters"),
        ("/**:\n  parameters: {}\n", "must hold exactly ros__parameters"),
        ("/**:\n  ros__parameters: [1, 2]\n", "must hold names and values"),
        ("/**: {ros__parameters: {vehicle: [}\n", "is not YAML"),
        ("/**:\n  ros__parameters:\n    speed_limit: 3\n", "unknown setting speed_limit"),
        ("/**:\n  ros__parameters:\n    vehicle: 3\n", "vehicle is a group"),
    ],
)
def test_a_wrong_parameter_file_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refusal:
        load_config(written(tmp_path, text), NodeConfig)
    assert "\n" not in str(refusal.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml", NodeConfig)
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path, NodeConfig)
    binary = tmp_path / "image.yaml"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(binary, NodeConfig)


def test_the_shipped_parameter_file_is_accepted(repository: Path) -> None:
    load_config(repository / "config" / "perception.yaml", NodeConfig)
