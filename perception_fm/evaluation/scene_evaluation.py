"""The scene stage on frames with truth; figures and report into one folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import SceneConfig
from perception_fm.evaluation.dense_evaluation import versions
from perception_fm.evaluation.ordinary_frames import OrdinaryFrames
from perception_fm.evaluation.output_folder import output_folder
from perception_fm.evaluation.results import write_json
from perception_fm.evaluation.scene_frames import SceneFrame, SceneSource
from perception_fm.evaluation.scene_report import write_scene_report
from perception_fm.evaluation.scene_run import SceneAnswer, SceneRun
from perception_fm.evaluation.scene_score import DEFINITIONS, SceneScore
from perception_fm.evaluation.seen_things import FoundThing, found_thing
from perception_fm.evaluation.true_cells import TrueCells, true_cells
from perception_fm.evaluation.worst_frames import WorstFrames
from perception_fm.visual.grid_picture import grid_picture

SCHEMA_VERSION = 1
SCENE_NAME = "scene.json"


class SceneTruth(Protocol):
    """A dataset or a drive; `count` frames."""

    count: int

    def frames(self) -> Iterator[SceneFrame]:
        """In order."""

    def document(self) -> dict[str, Any]:
        """What was judged, for the result file."""


class Progress(Protocol):
    """How long work is shown; `cli.progress.progress` is one."""

    def __call__(self, items: Iterable[SceneFrame], total: int | None) -> Iterable[SceneFrame]:
        """The items."""


def evaluate_scene(
    truth: SceneTruth,
    source: SceneSource,
    output: Path,
    config: SceneConfig,
    *,
    command: str,
    overwrite: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """The document of scene.json, written into `output` with report.html.

    `command`: as it was typed. Raises `PerceptionError` at the first frame that cannot be judged; nothing is left then.
    """
    run, score = SceneRun(config), SceneScore(config.max_range_m)
    worst, mistaken, ordinary = WorstFrames(truth.count), WorstFrames(truth.count), OrdinaryFrames(truth.count)
    with output_folder(output, overwrite=overwrite, mark=SCENE_NAME) as folder:
        for frame in progress(truth.frames(), truth.count):
            if not frame.follows:
                run.restart()
            dense = source.predict(frame)
            view = run.step(frame.stamp_ns, dense, frame.base_from_camera, frame.ego)
            found = [found_thing(one, frame.base_from_camera.translation_m[:2]) for one in view.obstacles]
            cells = _cells(frame, view)
            record = score.add(frame, dense, view, cells, found)
            if cells is None:
                continue

            def draw(frame: SceneFrame = frame, view: SceneAnswer = view, cells: TrueCells = cells,
                     found: list[FoundThing] = found) -> NDArray[np.uint8]:  # fmt: skip
                return _picture(frame, view, cells, found)

            caption = _caption(record)
            worst.offer(record["dangerous_cells"], caption, draw)
            mistaken.offer(record.get("missed", 0) + record.get("false", 0), caption, draw)
            ordinary.offer(record["dangerous_cells"], caption, draw)
        document = {
            "schema_version": SCHEMA_VERSION,
            "run": {
                "command": command,
                "truth": truth.document(),
                "predictions": source.document(),
                "config": dataclasses.asdict(config),
                "versions": versions(),
            },
            "definitions": DEFINITIONS,
            "summary": score.document(),
            "frames": score.frames,
        }
        write_scene_report(folder, document, worst.kept(), mistaken.kept(), ordinary.kept())
        write_json(folder / SCENE_NAME, document)
    return document


def _cells(frame: SceneFrame, view: SceneAnswer) -> TrueCells | None:
    if frame.points is None:
        return None
    truth = frame.dense_truth
    dense = None if truth is None else (truth.depth_m, truth.label == 0)
    return true_cells(frame.points, view.grid, frame.truth_camera, frame.base_from_camera, dense)


def _caption(record: dict[str, Any]) -> str:
    parts = [
        f"{record['id']} ({record['group']})",
        f"{record['dangerous_cells']} of {record['occupied_cells']} occupied cells called free",
    ]
    if "things" in record:
        parts.append(f"{record['missed']} of {record['things']} things missed, {record['false']} false")
    return ", ".join(parts)


def _picture(frame: SceneFrame, view: SceneAnswer, cells: TrueCells, found: list[FoundThing]) -> NDArray[np.uint8]:
    foot = frame.base_from_camera.translation_m[:2]
    near = [foot + one.extent.near_point_m for one in frame.things or () if one.is_wanted]
    return grid_picture(frame.image, view.grid, cells.state, cells.is_judged, [one.corners_m for one in found], near)
