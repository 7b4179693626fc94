"""ROS parameters of the node, one per leaf of `NodeConfig`; that dataclass is the only place that checks values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from perception_fm.config import ROS_OWN_PARAMETERS, NodeConfig, Setting, checked, from_mapping, settings
from perception_fm.errors import ConfigError

_SETTINGS = tuple(settings(NodeConfig))
_LIVE = tuple(item for item in _SETTINGS if item.metadata["live"])


def declare_parameters(node: Node) -> NodeConfig:
    """Declares every setting with its override and returns the configuration.

    Raises `ConfigError` for an override that is no setting (rclpy ignores those in silence) or that is out of range.
    """
    config = from_mapping(NodeConfig, _overrides(node))
    for item in _SETTINGS:
        node.declare_parameter(item.name, _parameter_value(_lookup(config, item.name)), _descriptor(item), True)
    node.add_on_set_parameters_callback(lambda parameters: _validated(node, parameters))
    return config


def current_config(node: Node, config: NodeConfig) -> NodeConfig:
    """The configuration with the live parameters' present values; the same object where none has changed."""
    live = {item.name: checked(item, node.get_parameter(item.name).value) for item in _LIVE}
    if all(_lookup(config, name) == value for name, value in live.items()):
        return config
    return from_mapping(NodeConfig, {**_flat(config), **live})


def _validated(node: Node, parameters: Sequence[Parameter]) -> SetParametersResult:
    """The verdict on a change; who uses the values picks them up with `current_config`."""
    values = {item.name: node.get_parameter(item.name).value for item in _SETTINGS if node.has_parameter(item.name)}
    values.update({item.name: item.value for item in parameters if _is_own(item.name)})
    try:
        from_mapping(NodeConfig, values)
    except ConfigError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)


def _overrides(node: Node) -> dict[str, Any]:
    # rclpy has no public access to overrides that are not declared.
    overrides: Mapping[str, Parameter] = node._parameter_overrides
    lists = {item.name for item in _SETTINGS if get_origin(item.annotation) is tuple}
    # ROS reads an empty list in a parameter file as a parameter without a value.
    return {
        name: [] if parameter.value is None and name in lists else parameter.value
        for name, parameter in overrides.items()
        if _is_own(name)
    }


def _is_own(name: str) -> bool:
    return name.split(".")[0] not in ROS_OWN_PARAMETERS


def _flat(config: NodeConfig) -> dict[str, Any]:
    return {item.name: _lookup(config, item.name) for item in _SETTINGS}


def _lookup(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def _parameter_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _descriptor(item: Setting) -> ParameterDescriptor:
    low, high, choices = item.metadata["low"], item.metadata["high"], item.metadata["choices"]
    # Typed by our own check: it takes the 2 in `width_m: 2` as a number, which a statically typed double refuses.
    descriptor = ParameterDescriptor(
        name=item.name, description=item.metadata["help"], read_only=not item.metadata["live"], dynamic_typing=True
    )
    if choices:
        descriptor.additional_constraints = f"one of {', '.join(choices)}"
    if low is None or high is None:
        return descriptor
    is_unset = isinstance(item.default, float) and math.isnan(item.default)
    if item.annotation is float and not is_unset:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif item.annotation is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    else:
        # rclpy applies ranges to scalars alone and counts NaN, our unknown, as outside.
        descriptor.additional_constraints = f"between {low} and {high}" + (", or NaN" if is_unset else "")
    return descriptor
