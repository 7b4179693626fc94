"""What a moving view carries."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.sensor.camera import SensorCamera
from perception_fm.synth.sensor.config import CameraConfig, EffectsConfig
from perception_fm.synth.sensor.rolling_shutter import moving_view

POSE = RigidTransform(np.eye(3), np.array([1.0, 2.0, 3.0]))
ROLLING = EffectsConfig(rolling_shutter_s=0.02)
BARREL = CameraConfig(distortion_model="plumb_bob", distortion=(-0.3, 0.1, 0.0, 0.0), effects=ROLLING)


def test_view_carries_the_motion() -> None:
    view = SensorCamera(CameraConfig(effects=ROLLING), 0).picture_view(POSE, 2.5, np.array([0, 0, 14]), (0.1, 0, 0))
    assert view.world_from_camera is POSE
    assert (view.time_s, view.readout_s) == (2.5, 0.02)
    assert view.velocity_mps == (0.0, 0.0, 14.0)
    assert view.turn_rate_rps == (0.1, 0.0, 0.0)


def test_taller_view_reads_a_row_in_the_same_time_as_the_picture() -> None:
    camera = SensorCamera(BARREL, 0)
    view, truth = camera.picture_view(POSE), camera.truth_view(POSE)
    assert view.height > truth.height
    assert view.readout_s / (view.height - 1) == pytest.approx(0.02 / 383)
    assert truth.readout_s == 0.02


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (0.0, 0.0, float("nan"))])
def test_impossible_motion_is_refused(velocity: tuple[float, ...]) -> None:
    with pytest.raises(PerceptionError, match="velocity of a camera"):
        moving_view(np.eye(3), (4, 3), POSE, 0.0, 0.0, (velocity, (0.0, 0.0, 0.0)))
