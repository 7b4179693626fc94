"""Which transports a process gets, and that a user's own choice stands."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from perception_fm.ros import transport
from perception_fm.ros.transport import transport_variables, use_image_transport

PROFILE = Path(__file__).parents[2] / "config" / "fastdds_humble.xml"


def test_large_data_where_nothing_is_chosen():
    assert transport_variables({"ROS_DISTRO": "kilted"}) == {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}


@pytest.mark.parametrize(
    "chosen", ["FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"]
)
def test_a_choice_of_the_user_stands(chosen):
    assert transport_variables({chosen: "mine"}) == {}
    assert transport_variables({chosen: ""}) == {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}


def test_humble_gets_the_profile_with_large_shared_memory(monkeypatch):
    monkeypatch.setattr(transport, "get_package_share_directory", lambda package: str(PROFILE.parents[1]))
    assert transport_variables({"ROS_DISTRO": "humble"}) == {"FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILE)}
    tags = {element.tag.rpartition("}")[2]: element.text for element in ElementTree.parse(PROFILE).iter()}
    four_images_bytes = 4 * 1920 * 1080 * 3
    assert int(tags["segment_size"]) > four_images_bytes


def test_use_sets_the_environment(monkeypatch):
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "")
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    use_image_transport()
    assert os.environ["FASTDDS_BUILTIN_TRANSPORTS"] == "LARGE_DATA"
