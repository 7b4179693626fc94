"""Cases are rendered, run and judged once; what an earlier call left is used when it is of the same scenario."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moderngl")
pytest.importorskip("trimesh")

from tiny_scenarios import WALL, tiny_scenario

from perception_fm.config import NodeConfig, VehicleConfig
from perception_fm.errors import ConfigError
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.scenario_suite import CaseFolder, chosen_cases, evaluate_case, resized, unique
from perception_fm.evaluation.scenario_truth import read_truth
from perception_fm.evaluation.wall_in_bag import bag_wall_distances

CONFIG = NodeConfig(model="none")


class Pipeline:
    """Confirms the wall at its true distance in every frame, and counts how often it is asked."""

    def __init__(self, config: NodeConfig = CONFIG) -> None:
        self.config = config
        self.runs = 0

    def __call__(self, bag: Path, results: Path) -> None:
        self.runs += 1
        results.mkdir(exist_ok=True)
        frames = [
            {
                "stamp_ns": stamp,
                "state": "OBSTACLE",
                "verified_free_distance_m": 0.0,
                "obstacles": [{"id": 1, "distance_m": distance, "is_confirmed": True, "is_in_path": True}],
            }
            for stamp, distance in bag_wall_distances(bag).items()
        ]
        run: dict[str, Any] = {"config": dataclasses.asdict(self.config) | {"camera_name": "front"}}
        write_json(results / "result.json", {"schema_version": 2, "run": run, "frames": frames})


@pytest.fixture
def folder(tmp_path: Path, opengl: None) -> CaseFolder:
    return CaseFolder(tmp_path / "case")


def test_case_is_made_once_and_again_for_another_scenario(folder: CaseFolder) -> None:
    pipeline, scenario = Pipeline(), tiny_scenario(walls=[WALL])
    score = evaluate_case(scenario, folder, CONFIG, pipeline)
    assert score.alarm is not None
    assert score.alarm.wall_m == pytest.approx(30.0, abs=0.05)
    assert score.drive.length_m == pytest.approx(10.0, abs=0.1)
    for frame in read_truth(folder.truth).frames:  # depth and labels tell the same as the wall's plane
        assert frame.nearest_m == pytest.approx(frame.wall_m, abs=0.05)
        assert frame.driven[0][0] == pytest.approx(frame.wall_m, abs=0.05)
    recorded = (folder.bag / "metadata.yaml").stat().st_mtime_ns
    assert evaluate_case(scenario, folder, CONFIG, pipeline).alarm == score.alarm
    assert pipeline.runs == 1
    evaluate_case(scenario, folder, CONFIG, pipeline, is_run_again=True)
    assert pipeline.runs == 2
    assert (folder.bag / "metadata.yaml").stat().st_mtime_ns == recorded
    evaluate_case(tiny_scenario(walls=[{**WALL, "station_m": 65.0}]), folder, CONFIG, pipeline)
    assert pipeline.runs == 3
    assert (folder.bag / "metadata.yaml").stat().st_mtime_ns > recorded


def test_discarded_bag_is_not_made_again_and_broken_off_run_is(folder: CaseFolder) -> None:
    pipeline, scenario = Pipeline(), tiny_scenario(walls=[WALL])
    evaluate_case(scenario, folder, CONFIG, pipeline, keeps_bag=False)
    assert not folder.bag.exists()
    evaluate_case(scenario, folder, CONFIG, pipeline, keeps_bag=False)
    assert (pipeline.runs, folder.bag.exists()) == (1, False)
    folder.truth.unlink()  # what a kill before the end leaves
    evaluate_case(scenario, folder, CONFIG, pipeline)
    assert (pipeline.runs, folder.bag.exists()) == (2, True)


def test_other_configuration_is_another_run(folder: CaseFolder) -> None:
    scenario, wide = tiny_scenario(walls=[WALL]), NodeConfig(vehicle=VehicleConfig(width_m=2.4))
    evaluate_case(scenario, folder, CONFIG, Pipeline())
    pipeline = Pipeline(wide)
    evaluate_case(scenario, folder, wide, pipeline)
    evaluate_case(scenario, folder, wide, pipeline)
    assert pipeline.runs == 1


def test_choice_of_cases() -> None:
    def names(*arguments: Any) -> list[str]:
        return [scenario.name for scenario in chosen_cases(*arguments)]

    assert names("plain_wall", None, 2, (), ()) == ["plain_wall-dev-00", "plain_wall-dev-01"]
    assert names("plain_wall:3,1", None, None, ("5",), ()) == ["plain_wall-dev-03", "plain_wall-dev-01"]
    assert names("plain_wall", "test", None, ("2",), ()) == ["plain_wall-test-02"]
    (slow,) = chosen_cases("plain_wall:0", None, None, (), ("drive.speed_mps=3",))
    assert slow.drive.speed_mps == 3.0
    with pytest.raises(ConfigError, match="there is no case 99"):
        chosen_cases("plain_wall:99", None, None, (), ())


def test_other_size_keeps_the_field_of_view() -> None:
    (scenario,) = chosen_cases("plain_wall:0", None, None, (), ())
    camera = resized(scenario, 640, 384).camera
    assert (camera.width_px, camera.height_px, camera.focal_px) == (640, 384, 500.0)


def test_case_asked_for_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="asked for twice"):
        unique([tiny_scenario(), tiny_scenario()])
