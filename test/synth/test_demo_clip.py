"""The shipped clip, and the command that makes it."""

import dataclasses
import json
from importlib.resources import files

import pytest
import yaml
from rosbags.rosbag2 import Reader

from perception_fm.errors import BagError
from perception_fm.synth import demo_clip
from perception_fm.synth.planar.drive import DriveConfig, plan_drive

TINY = DriveConfig(width_px=160, height_px=96, focal_px=125.0, rate_hz=3.0, travel_m=12.0, sweet_spot_m=12.0)
IMAGE, INFO = "/camera/front/image_raw/compressed", "/camera/front/camera_info"


def counts(bag) -> dict[str, int]:
    with Reader(bag) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def wall_of(bag) -> dict[str, object]:
    information = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    return json.loads(information["custom_data"]["wall"])


def test_clip_has_what_the_node_needs(tmp_path):
    frames = len(plan_drive(TINY).stamps_ns)
    assert list(demo_clip.write_demo_clip(tmp_path / "clip", config=TINY)) == list(range(frames))
    found = counts(tmp_path / "clip")
    assert found[IMAGE] == found[INFO] == found["/odometry"] == found["/tf"] == frames
    assert found["/tf_static"] == 1
    assert wall_of(tmp_path / "clip")["width_m"] == TINY.wall_width_m


def test_too_large_clip_is_refused_and_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_clip, "MAX_BYTES", 10_000)
    with pytest.raises(BagError, match="lower jpeg_quality"):
        list(demo_clip.write_demo_clip(tmp_path / "clip", config=TINY))
    assert not (tmp_path / "clip").exists()


def test_existing_bag_is_refused_unless_asked(tmp_path):
    config = dataclasses.replace(TINY, travel_m=2.0, sweet_spot_m=5.0)
    list(demo_clip.write_demo_clip(tmp_path / "clip", config=config))
    with pytest.raises(BagError, match="exists already"):
        list(demo_clip.write_demo_clip(tmp_path / "clip", config=config))
    list(demo_clip.write_demo_clip(tmp_path / "clip", config=config, overwrite=True))


def test_shipped_clip_is_the_configured_one():
    bag = files("perception_fm") / "demo_data" / "painted_wall"
    assert counts(bag)[IMAGE] == len(plan_drive(demo_clip.DEMO_CLIP).stamps_ns)
    assert wall_of(bag)["width_m"] == demo_clip.DEMO_CLIP.wall_width_m
    assert sum(file.stat().st_size for file in bag.iterdir()) <= demo_clip.MAX_BYTES
