"""One bag in, one folder of results out: output bag, overlay video, `result.json`, `report.html`."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import perception_fm
from perception_fm.bags.writer import BagWriter
from perception_fm.config import NodeConfig
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.key_frames import KeyFrames
from perception_fm.evaluation.output_folder import output_folder
from perception_fm.evaluation.report import write_report
from perception_fm.evaluation.results import RunResult, frame_record, write_json
from perception_fm.models.loaded import LoadedModel, load_model
from perception_fm.ros.lockstep import LockstepRunner
from perception_fm.ros.step import Step
from perception_fm.types import CameraFrame, PerceptionResult
from perception_fm.visual.side_by_side import draw_side_by_side
from perception_fm.visual.video import VideoWriter

VIDEO_NAME = "overlay.mp4"
RESULT_NAME = "result.json"
BAG_NAME = "output_bag"

Progress = Callable[[Iterable[Step], int], Iterable[Step]]


def run_bag(
    bag: Path,
    output: Path,
    config: NodeConfig,
    *,
    camera: str | None = None,
    has_video: bool = True,
    overwrite: bool = False,
    progress: Progress = lambda steps, total: steps,
    on_model: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run one camera of `bag` in lock step and write the folder `output`; returns the document of `result.json`.

    `progress` wraps the steps, given their number; `on_model` hears how the loading of a model goes on. Raises
    `BagError` for an unusable bag and `PerceptionError` where no image of it could be used, a model is refused (nobody
    asked for a result without it), or the output cannot be written; then there is no output.
    """
    with output_folder(output, overwrite=overwrite) as folder, contextlib.ExitStack() as stack:

        def load() -> LoadedModel:
            model = load_model(config.model, config.backend, on_model)
            stack.callback(model.close)
            if model.refusal:
                raise PerceptionError(f"model {config.model}: {model.refusal}")
            return model

        runner = stack.enter_context(LockstepRunner(bag, config, camera, load))
        document, pictures = _run(runner, bag, folder, has_video, progress)
        write_report(folder, document, pictures.chosen(), VIDEO_NAME if has_video else None)
        write_json(folder / RESULT_NAME, document)
    return document


def _run(
    runner: LockstepRunner, bag: Path, folder: Path, has_video: bool, progress: Progress
) -> tuple[dict[str, Any], KeyFrames]:
    records: list[dict[str, Any]] = []
    refusals: Counter[str] = Counter()
    pictures = KeyFrames()
    size: tuple[int, int] | None = None
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(BagWriter(folder / BAG_NAME))
        video = stack.enter_context(VideoWriter(folder / VIDEO_NAME)) if has_video else None
        for step in progress(runner.steps(writer), runner.image_count):
            record = frame_record(step.result)
            records.append(record)
            if step.frame is None:
                refusals[step.refusal] += 1
                continue
            size = size or (step.frame.camera.width, step.frame.camera.height)
            picture = _Picture(step.frame, step.result, runner.config, size)
            pictures.offer(len(records) - 1, record, picture)
            if video is not None:
                video.write(picture(), step.result.stamp_ns)
        if size is None:
            why = records[0]["reasons"][0] if records else "there is none"
            raise PerceptionError(f"no image on {runner.topics.image} could be used: {why}")
    run = RunResult(
        bag=bag.resolve().name,
        camera=runner.topics.camera,
        image_size_px=size,
        config=dataclasses.asdict(runner.config),
        versions=versions(),
        model=runner.model.state,
        frames=records,
        refused=refusals,
    )
    return run.document(), pictures


class _Picture:
    """The picture of one frame, drawn on the first call; of the video's size where the camera's changes on the way."""

    def __init__(self, frame: CameraFrame, result: PerceptionResult, config: NodeConfig, size: tuple[int, int]) -> None:
        self._arguments = (frame, result, config, size)
        self._image: np.ndarray[Any, np.dtype[np.uint8]] | None = None

    def __call__(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if self._image is None:
            self._image = draw_side_by_side(*self._arguments)
        return self._image


def versions() -> dict[str, str]:
    """What a result depends on."""
    return {
        "perception_fm": perception_fm.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "machine": platform.machine(),
    }
