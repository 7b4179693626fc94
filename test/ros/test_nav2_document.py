"""The settings in docs/nav2.md can be read, and name what the node publishes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from perception_fm.config import NodeConfig
from perception_fm.ros.costmap import CELL_POINT_HEIGHT_M
from perception_fm.ros.outputs import OUTPUTS

TEXT = (Path(__file__).parents[2] / "docs" / "nav2.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
KINDS = {f"/perception_node/{output.topic}": output.message_type.__name__ for output in OUTPUTS}
LATCHED = "/perception_node/segmentation/label_info"  # where vision_msgs is installed


def nodes(tree):
    """Every mapping in a document."""
    if isinstance(tree, dict):
        yield tree
        for one in tree.values():
            yield from nodes(one)


ALL = [node for block in BLOCKS for node in nodes(yaml.safe_load(block))]


def settings_of(plugin):
    return next(node for node in ALL if str(node.get("plugin", node.get("type", ""))).endswith(plugin))


def test_there_is_a_block_for_each_consumer():
    assert len(BLOCKS) == 4
    assert all("ros__parameters" in block for block in BLOCKS)


def test_only_topics_that_the_node_publishes_are_named():
    named = {value for node in ALL for value in node.values() if isinstance(value, str) and "perception_node" in value}
    assert len(named) >= 6
    assert named - {LATCHED} <= set(KINDS)
    in_words = {f"/perception_node/{topic}" for topic in re.findall(r"`((?:obstacles|free_space)/\w+)`", TEXT)}
    assert in_words
    assert in_words <= set(KINDS)


def test_sources_of_the_obstacle_layer_have_the_types_of_the_topics():
    layer = settings_of("::ObstacleLayer")
    for name in layer["observation_sources"].split():
        source = layer[name]
        assert source["data_type"] == KINDS[source["topic"]]
        assert source["marking"] != source["clearing"]
    assert layer["clearing"]["inf_is_valid"]
    assert layer["marking"]["min_obstacle_height"] < CELL_POINT_HEIGHT_M < layer["marking"]["max_obstacle_height"]
    # A beam lies on the ground of the base frame, and the costmap's frame may be a little off.
    assert layer["clearing"]["min_obstacle_height"] < 0.0


@pytest.mark.parametrize(("source", "key"), [("marking", "obstacle_max_range"), ("clearing", "raytrace_max_range")])
def test_ranges_are_those_of_the_grid(source, key):
    assert settings_of("::ObstacleLayer")[source][key] == NodeConfig().scene.max_range_m


def test_grid_goes_to_a_layer_that_expects_no_latched_map():
    layer = settings_of("::StaticLayer")
    assert KINDS[layer["map_topic"]] == "OccupancyGrid"
    assert not layer["map_subscribe_transient_local"]


def test_collision_monitor_heeds_the_height_of_the_points():
    source = settings_of("pointcloud")
    assert KINDS[source["topic"]] == "PointCloud2"
    assert source["min_height"] < CELL_POINT_HEIGHT_M < source["max_height"]


def test_segmentation_layer_names_classes_that_exist():
    from perception_fm.dense import CITYSCAPES_CLASSES

    camera = settings_of("SemanticSegmentationLayer")["camera"]
    named = [name for kind in camera["class_types"] for name in camera[kind]["classes"]]
    assert len(set(named)) == len(named)
    assert set(named) <= set(CITYSCAPES_CLASSES)
    assert camera["labels_topic"] == LATCHED
