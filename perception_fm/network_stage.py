"""The network beside the other stages: begun with the frame, awaited when they are done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from perception_fm.camera.watch import WatchedFrame
from perception_fm.dense import DensePrediction, DensePredictor
from perception_fm.errors import InferenceError


@dataclass(frozen=True, eq=False)
class NetworkAnswer:
    """`dense`: one per camera; it claims nothing where the picture is unusable or the network failed. `failure` then
    says so, if it did."""

    dense: tuple[DensePrediction, ...]
    latency_ms: float
    failure: str = ""


class NetworkStage:
    """One frame of each camera at a time: `begin`, then `end`. The network has a thread of its own."""

    def __init__(self, predictor: DensePredictor) -> None:
        self._predictor = predictor
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")
        self._answer: Future[NetworkAnswer] | None = None

    def begin(self, frames: Sequence[WatchedFrame]) -> None:
        """Starts on all usable pictures in one call; an unusable one gets the answer that claims nothing."""
        self._answer = self._thread.submit(self._answer_of, tuple(frames))

    def end(self) -> NetworkAnswer:
        """Waits for the answer to the frames that `begin` got."""
        assert self._answer is not None
        return self._answer.result()

    def _answer_of(self, frames: Sequence[WatchedFrame]) -> NetworkAnswer:
        start = time.perf_counter()
        usable = [one for one in frames if one.is_usable]
        images = [one.rectifier.rectify(one.frame.image) for one in usable]
        answers: Iterator[DensePrediction] = iter(())
        failure = ""
        if usable:
            try:
                answers = iter(self._predictor.predict(images, [one.rectifier.rectified for one in usable]))
            except InferenceError as error:
                failure = str(error)
        dense = tuple(
            next(answers) if one.is_usable and not failure else self._predictor.unknown(one.rectifier.rectified)
            for one in frames
        )
        return NetworkAnswer(dense, (time.perf_counter() - start) * 1e3, failure)
