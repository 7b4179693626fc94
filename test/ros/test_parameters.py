from __future__ import annotations

import math
import re

import pytest
import rclpy
import yaml
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from perception_fm.config import NodeConfig, load_config, settings
from perception_fm.errors import ConfigError
from perception_fm.ros.parameters import current_config, declare_parameters


@pytest.fixture
def make_node():
    context = Context()
    rclpy.init(context=context)
    nodes = []

    def make(overrides=None, arguments=None):
        parameters = [Parameter(name, value=value) for name, value in (overrides or {}).items()]
        nodes.append(Node("settings", context=context, parameter_overrides=parameters, cli_args=arguments))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def test_without_overrides_the_configuration_is_the_default(make_node):
    node = make_node()
    config = declare_parameters(node)
    assert [getattr(config, name) for name in ("vehicle", "tracking", "sweep", "camera_name")] == [
        getattr(NodeConfig(), name) for name in ("vehicle", "tracking", "sweep", "camera_name")
    ]
    assert math.isnan(node.get_parameter("mounting.height_m").value)


def test_every_setting_is_declared_with_description_and_only_live_ones_are_writable(make_node):
    node = make_node()
    declare_parameters(node)
    for item in settings(NodeConfig):
        descriptor = node.describe_parameter(item.name)
        assert descriptor.description == item.metadata["help"]
        assert descriptor.read_only is not item.metadata["live"]


def test_override_is_taken(make_node):
    overrides = {"vehicle.width_m": 2.5, "mounting.height_m": 1.65, "tracking.windows_s": [0.1, 0.4]}
    config = declare_parameters(make_node(overrides))
    assert (config.vehicle.width_m, config.mounting.height_m, config.tracking.windows_s) == (2.5, 1.65, (0.1, 0.4))


def test_whole_number_is_taken_for_a_setting_of_metres(make_node):
    config = declare_parameters(make_node({"vehicle.width_m": 2}))
    assert config.vehicle.width_m == 2.0
    assert isinstance(config.vehicle.width_m, float)


def test_unknown_parameter_is_refused_with_what_was_meant(make_node):
    with pytest.raises(ConfigError, match=re.escape("vehicle.widht_m; did you mean vehicle.width_m")):
        declare_parameters(make_node({"vehicle.widht_m": 2.0}))


def test_parameters_that_ros_itself_reads_are_no_unknown_parameters(make_node):
    arguments = ["--ros-args", "-p", "use_sim_time:=true", "-p", "qos_overrides./x.publisher.depth:=3"]
    declare_parameters(make_node(arguments=arguments))


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("vehicle.width_m", 99.0, "between 0.2 and 5.0, got 99.0"),
        ("vehicle.width_m", math.nan, "must be a number, got NaN"),
        ("vehicle.width_m", "wide", "of type float, got 'wide'"),
        ("tracking.max_tracks", 100.5, "of type int"),
        ("tracking.windows_s", 0.1, "a list of numbers"),
        ("image_transport", "smoke_signals", "one of auto, raw, compressed"),
        ("autostart", 1, "of type bool"),
        ("vehicle", 2.0, "a group of settings"),
    ],
)
def test_wrong_value_is_refused_with_what_was_expected(make_node, name, value, expected):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        declare_parameters(make_node({name: value}))


def set_one(node, name, value):
    return node.set_parameters([Parameter(name, value=value)])[0]


def test_live_parameter_changes_the_configuration(make_node):
    node = make_node()
    config = declare_parameters(node)
    assert current_config(node, config) is config
    assert set_one(node, "vehicle.width_m", 2.5).successful
    changed = current_config(node, config)
    assert changed.vehicle.width_m == 2.5
    assert changed.tracking == config.tracking
    assert current_config(node, changed) is changed


@pytest.mark.parametrize("value", [99.0, math.nan, "wide"])
def test_live_parameter_out_of_range_is_refused_and_changes_nothing(make_node, value):
    node = make_node()
    config = declare_parameters(node)
    verdict = set_one(node, "vehicle.width_m", value)
    assert not verdict.successful
    assert "vehicle.width_m" in verdict.reason
    assert current_config(node, config) is config


@pytest.mark.parametrize("name, value", [("mounting.height_m", 1.2), ("image_transport", "compressed")])
def test_parameter_that_is_not_live_is_read_only(make_node, name, value):
    node = make_node()
    declare_parameters(node)
    assert not set_one(node, name, value).successful


def test_node_and_command_line_read_the_same_file(make_node, tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    use_sim_time: true\n    vehicle: {width_m: 2}\n"
        "    mounting: {height_m: 1.5}\n    tracking: {ego_mask: []}\n"
    )
    node_config = declare_parameters(make_node(arguments=["--ros-args", "--params-file", str(path)]))
    assert node_config == load_config(path, NodeConfig)


def test_shipped_parameter_file_holds_every_setting_with_its_default(repository, make_node):
    path = repository / "config" / "perception.yaml"
    # repr, because the unknown height is NaN and NaN is not equal to itself.
    assert repr(load_config(path, NodeConfig)) == repr(NodeConfig())
    node = make_node(arguments=["--ros-args", "--params-file", str(path)])
    assert repr(declare_parameters(node)) == repr(NodeConfig())
    # A list that is empty by default is shown as a comment.
    uncommented = re.sub(r"^(\s+)# (\w+: \[.*\])$", r"\1\2", path.read_text(), flags=re.MULTILINE)
    written = yaml.safe_load(uncommented)["/**"]["ros__parameters"]
    names = {f"{k}.{leaf}" if leaf else k for k, v in written.items() for leaf in (v if isinstance(v, dict) else [""])}
    assert names == {item.name for item in settings(NodeConfig)}


def test_shipped_parameter_file_names_limits_and_what_is_live(repository):
    text = (repository / "config" / "perception.yaml").read_text()
    for item in settings(NodeConfig):
        leaf = item.name.split(".")[-1]
        comment = re.search(rf"((?:^ +# .*\n)+) +(?:# )?{leaf}: ", text, re.MULTILINE).group(1)
        assert (", live" in comment) is item.metadata["live"], item.name
        if item.metadata["low"] is not None:
            assert f"{item.metadata['low']:g} to {item.metadata['high']:g}" in comment, item.name
