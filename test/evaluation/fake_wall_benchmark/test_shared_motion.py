"""A pipeline that takes another's motion says what it would have said by itself."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.fake_wall_benchmark.believing_network import BelievingNetwork
from perception_fm.evaluation.fake_wall_benchmark.recorded_drive import flat_street
from perception_fm.evaluation.fake_wall_benchmark.shared_motion import FollowingPipeline, LeadingPipeline
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.synth.planar.drive import DriveConfig, SyntheticDrive
from perception_fm.types import CameraFrame

DRIVE = DriveConfig(
    seed=0, width_px=320, height_px=192, focal_px=260.0, travel_m=51.0, stop_before_wall_m=4.0, sweet_spot_m=45.0,
    weave_m=0.0, bounce_rad=0.0,
)  # fmt: skip
CAMERA = CameraModel(320, 192, np.array([[260.0, 0.0, 159.5], [0.0, 260.0, 95.5], [0.0, 0.0, 1.0]]))
MOUNTING = base_from_camera(DRIVE.camera_height_m, DRIVE.camera_pitch_rad)


@pytest.fixture(scope="module")
def frames():
    """At a painted wall, 1.2 m from one to the next."""
    world = SyntheticDrive.build(DRIVE).world
    found = []
    for number in range(22, 40):
        pose = RigidTransform(np.eye(3), np.array([1.2 * number, 0.0, 0.0]))
        image = world.render(CAMERA.intrinsics, (320, 192), pose @ MOUNTING).image
        stamp = 1_000_000_000 + number * 100_000_000
        found.append(CameraFrame(stamp, "front", image, CAMERA, MOUNTING, EgoState(stamp, pose, 12.0, 0.0, True)))
    return found


def network():
    believing = BelievingNetwork(0.0, 1)
    believing.show(flat_street(CAMERA, MOUNTING))
    return believing


def test_follower_and_a_pipeline_of_its_own_agree(frames):
    leader = LeadingPipeline(PerceptionConfig())
    follower = FollowingPipeline(PerceptionConfig(), network(), leader)
    alone = PerceptionPipeline(PerceptionConfig(), network())
    states = set()
    for frame in frames:
        leader.process(frame)
        one, other = follower.process(frame), alone.process(frame)
        states.add(one.state)
        assert (one.state, one.mode, one.reasons) == (other.state, other.mode, other.reasons)
        assert one.verified_free_distance_m == other.verified_free_distance_m
        assert [item.distance_m for item in one.obstacles] == [item.distance_m for item in other.obstacles]
        assert one.fake_wall.obstacle_id in {-1, *(item.obstacle_id for item in one.obstacles)}
    assert len(states) > 1


def test_follower_without_its_leader_is_refused(frames):
    follower = FollowingPipeline(PerceptionConfig(), network(), LeadingPipeline(PerceptionConfig()))
    with pytest.raises(PerceptionError, match="has not processed this frame"):
        follower.process(frames[0])
