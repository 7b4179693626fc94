"""Scenarios through the pipeline, case by case: render, run, judge; what is there from before is not made again."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from perception_fm.config import NodeConfig
from perception_fm.errors import ConfigError, PerceptionError
from perception_fm.evaluation.corridor import Swept
from perception_fm.evaluation.results import strict
from perception_fm.evaluation.scenario_score import ScenarioScore, score_scenario
from perception_fm.evaluation.scenario_truth import TRUTH_NAME, ScenarioTruth, read_truth, write_truth
from perception_fm.evaluation.scenario_truth_in_bag import CHANNELS, bag_scenario, frame_truths
from perception_fm.evaluation.wall import read_frames, read_result
from perception_fm.synth.recording import record
from perception_fm.synth.scenario.cases import Case, cases, find_case
from perception_fm.synth.scenario.scenario import Scenario, scenario_yaml
from perception_fm.synth.simulation import Simulation

T = TypeVar("T")
Run = Callable[[Path, Path], object]
"""Runs the pipeline on a bag, replacing the folder of its results."""
Progress = Callable[[Iterable[T], int], Iterable[T]]

BAG_NAME, RUN_NAME, RESULT_NAME = "bag", "run", "result.json"


@dataclass(frozen=True)
class CaseFolder:
    """Where everything about one case lies: `bag`, `run` with the results of the pipeline, and the truth."""

    path: Path

    @property
    def bag(self) -> Path:
        """The recording; it may have been discarded."""
        return self.path / BAG_NAME

    @property
    def run(self) -> Path:
        """What `perception-fm run` writes."""
        return self.path / RUN_NAME

    @property
    def truth(self) -> Path:
        """Written last: with it, bag and run are of its scenario."""
        return self.path / TRUTH_NAME


def chosen_cases(
    name: str, split: str | None, count: int | None, wanted: Sequence[str], assignments: Sequence[str]
) -> list[Scenario]:
    """Scenarios of a library name or file, which may end in `:CASE,CASE`; else the `wanted` cases, else the first ones.

    Raises `ConfigError` for what is not there or cannot be.
    """
    file, colon, own = name.rpartition(":")
    if colon and not Path(name).is_file():
        name, wanted = file, own.split(",")
    found: Iterable[Case] = [find_case(name, split, one) for one in wanted] if wanted else cases(name, split)[:count]
    return [case.scenario(assignments) for case in found]


def resized(scenario: Scenario, width_px: int, height_px: int) -> Scenario:
    """The scenario with another image size and the same horizontal field of view."""
    camera = scenario.camera
    focal_px = camera.focal_px * width_px / camera.width_px
    sized = dataclasses.replace(camera, width_px=width_px, height_px=height_px, focal_px=focal_px)
    return dataclasses.replace(scenario, camera=sized)


def evaluate_case(
    scenario: Scenario,
    folder: CaseFolder,
    config: NodeConfig,
    run: Run,
    *,
    keeps_bag: bool = True,
    is_run_again: bool = False,
    progress: Progress[Any] = lambda items, total: items,
) -> ScenarioScore:
    """The score of a case; renders and runs it unless the folder holds both for the same scenario and configuration.

    `is_run_again` runs the pipeline in any case, on the bag if it is still there. Raises `PerceptionError` for what
    cannot be rendered, run or written.
    """
    text, swept = scenario_yaml(scenario), Swept.of(config)
    truth = _known_truth(folder, text, swept) if _is_run_with(config, folder.run) else None
    if truth is None or is_run_again:
        if _recorded(folder.bag) != text:
            for _ in progress(record(scenario, folder.bag, truth=CHANNELS, overwrite=True), len(Simulation(scenario))):
                pass
        run(folder.bag, folder.run)
        truths = progress(frame_truths(folder.bag, swept), len(Simulation(scenario)))
        truth = ScenarioTruth(text, swept, tuple(truths))
        write_truth(folder.truth, truth)
    if not keeps_bag:
        shutil.rmtree(folder.bag, ignore_errors=True)
    return score_scenario(scenario.name, read_frames(folder.run / RESULT_NAME), truth)


def _known_truth(folder: CaseFolder, scenario: str, swept: Swept) -> ScenarioTruth | None:
    """The truth of an earlier evaluation of the same scenario whose results are there too."""
    if not folder.truth.is_file():
        return None
    try:
        truth = read_truth(folder.truth)
    except PerceptionError:  # of another version: it is made again
        return None
    return truth if truth.scenario == scenario and truth.swept == swept else None


def _is_run_with(config: NodeConfig, run: Path) -> bool:
    """Whether results are there and are of this configuration, whose camera's name is the bag's own."""
    if not (run / RESULT_NAME).is_file():
        return False
    made_with = read_result(run / RESULT_NAME)["run"]["config"]
    return bool({**made_with, "camera_name": ""} == {**strict(dataclasses.asdict(config)), "camera_name": ""})


def _recorded(bag: Path) -> str | None:
    """The scenario of the bag that is there."""
    return bag_scenario(bag) if bag.exists() else None


class Named(Protocol):
    """What results are kept of under its name."""

    @property
    def name(self) -> str:
        """Of its folder or file."""


N = TypeVar("N", bound=Named)


def unique(entries: Sequence[N]) -> list[N]:
    """The entries, each of its own name. Raises `ConfigError` where two share one."""
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise ConfigError(f"the case {entry.name} is asked for twice")
        seen.add(entry.name)
    return list(entries)
