"""The clip that ships with the package is a recording of the scenario `demo`."""

import json
from importlib.resources import files

import cv2
import numpy as np
import pytest

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.synth.scenario.library import find_scenario
from perception_fm.synth.scenario.scenario import build_scenario, read_document
from perception_fm.synth.simulation import Simulation

MAX_BYTES = 6_000_000  # the clip lies in the repository and in every installation
CLIP = files("perception_fm") / "demo_data" / "painted_wall"
IMAGE, INFO = "/camera/front/image_raw/compressed", "/camera/front/camera_info"


@pytest.fixture(scope="module")
def scenario():
    return build_scenario(read_document(find_scenario("demo")))


def test_clip_is_small_and_has_what_the_node_needs(scenario):
    assert sum(file.stat().st_size for file in CLIP.iterdir()) <= MAX_BYTES
    with BagReader(CLIP) as bag:
        counts = bag.counts
    frames = len(Simulation(scenario))
    assert counts[IMAGE] == counts[INFO] == frames
    assert counts["/odometry"] >= frames
    assert counts["/tf_static"] >= 1


def test_wall_of_the_clip_is_that_of_the_scenario(scenario):
    with BagReader(CLIP) as bag:
        wall = json.loads(bag.custom_data["wall"])
    assert wall["width_m"] == scenario.walls[0].width_m
    assert wall["height_m"] == scenario.walls[0].height_m


@pytest.mark.usefixtures("opengl")
@pytest.mark.parametrize("number", [0, 60])
def test_pictures_of_the_clip_are_those_of_the_scenario(scenario, number):
    with BagReader(CLIP) as bag:
        _, msgtype, _, cdr = list(bag.messages([IMAGE]))[number]
    picture = cv2.imdecode(np.frombuffer(deserialize(cdr, msgtype).data, np.uint8), cv2.IMREAD_COLOR)
    with Simulation(scenario) as simulation:
        frame = simulation.frame(number, truth=False)
    difference = np.abs(picture.astype(float) - frame.picture)
    assert (
        difference.mean() < 6.0
    )  # JPEG at this quality, and another OpenGL driver; another world differs by 30 and more
