"""Samples of the real simulation: truth in small files, facts that agree with it."""

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from tiny_scenarios import EMPTY_WORLD, TINY_CAMERA, WALL, tiny_scenario

pytest.importorskip("moderngl")
pytest.importorskip("trimesh")

from perception_fm.cli.synth import command
from perception_fm.errors import PerceptionError
from perception_fm.synth.dataset.dataset import read_index
from perception_fm.synth.dataset.sample_codec import CHANNELS, decode, encode
from perception_fm.synth.dataset.shard import read_samples
from perception_fm.synth.dataset.source import sample_of, simulated
from perception_fm.synth.simulation import Simulation

pytestmark = pytest.mark.usefixtures("opengl")


def test_facts_agree_with_the_truth():
    samples = [
        decode(encode(sample, CHANNELS))
        for sample in simulated(tiny_scenario(walls=[WALL]), 3, np.random.default_rng(0))
    ]
    numbers = [sample["facts"]["frame"] for sample in samples]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)
    for sample in samples:
        facts, painted = sample["facts"], sample["painted"]
        assert facts["painted_share"] == pytest.approx(painted.mean(), abs=1e-6)
        assert facts["camera"]["K"][0] == 125.0
        (wall,) = facts["walls"]
        # The wall is upright across the road: its depth is its distance, but for a degree of pitch and wander.
        assert np.median(sample["depth"][painted]) == pytest.approx(wall["distance_m"], rel=0.02)
        assert wall["distance_m"] == pytest.approx(30.0 - 10.0 * facts["time_s"], abs=0.1)
        assert (sample["pictured"][painted] > sample["depth"][painted]).mean() > 0.9
        np.testing.assert_array_equal(sample["pictured"][~painted], sample["depth"][~painted])
        eye = np.array(facts["T_world_camera"])[:3, 3]
        gap = (eye - np.array(wall["corners_world_m"][0])) @ np.array(wall["normal_world"])
        assert gap == pytest.approx(wall["distance_m"], rel=0.02)


def test_no_more_samples_than_frames():
    assert len(list(simulated(tiny_scenario(), 50, np.random.default_rng(0)))) == 6


def test_posters_are_told_with_the_walls():
    poster = {"kind": "poster_truck", "station_m": 70.0, "poster": {"print": "advert"}}
    (sample,) = simulated(tiny_scenario(actors=[poster]), 1, np.random.default_rng(0))
    (wall,) = sample.facts["walls"]
    assert (wall["canvas"], wall["print"]) == ("truck_rear", "advert")


def test_frame_without_truth_is_refused():
    with Simulation(tiny_scenario()) as simulation, pytest.raises(PerceptionError, match="ground truth"):
        sample_of(simulation, simulation.frame(0, truth=False))


def test_command_makes_a_dataset(tmp_path):
    scenario = {"world": EMPTY_WORLD, "camera": TINY_CAMERA, "walls": [WALL]}
    scenario["drive"] = {"start_m": 30.0, "speed_mps": 10.0, "duration_s": 1.0}
    (tmp_path / "wall.yaml").write_text(yaml.safe_dump(scenario))
    spec = {"frames": 3, "frames_per_world": 2, "frames_per_shard": 2, "width_px": 96, "height_px": 64}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump({**spec, "scenarios": [{"scenario": "wall.yaml"}]}))
    arguments = ["dataset", str(tmp_path / "spec.yaml"), "-o", str(tmp_path / "data"), "--workers", "2"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "3 frames of 2 worlds in 2 shards, 3 with painted surfaces" in result.output
    assert read_index(tmp_path / "data")["is_complete"]
    (first, second) = read_samples(tmp_path / "data" / "train-000000.tar")
    assert first["facts"]["seed"] == second["facts"]["seed"]
    assert set(CHANNELS) < set(first)
    assert first["picture"].shape == (64, 96, 3)
    assert json.loads((tmp_path / "data" / "dataset.json").read_text())["spec"]["frames"] == 3
