"""The network beside the other stages: begun with the frame, awaited when they are done."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.rectification import Rectifier
from perception_fm.dense import DensePrediction, DensePredictor
from perception_fm.errors import InferenceError


@dataclass(frozen=True, eq=False)
class NetworkAnswer:
    """`dense` claims nothing where the picture is unusable or the network failed; `failure` then says so, if it did."""

    dense: DensePrediction
    latency_ms: float
    failure: str = ""


class NetworkStage:
    """One frame at a time: `begin`, then `end`. The network has a thread of its own."""

    def __init__(self, predictor: DensePredictor) -> None:
        self._predictor = predictor
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")
        self._answer: Future[NetworkAnswer] | None = None

    def begin(self, image: NDArray[np.uint8], rectifier: Rectifier, is_usable: bool) -> None:
        """Starts on a stored image (H, W[, 3]); an unusable one gets the answer that claims nothing."""
        self._answer = self._thread.submit(self._answer_of, image, rectifier, is_usable)

    def end(self) -> NetworkAnswer:
        """Waits for the answer to the frame that `begin` got."""
        assert self._answer is not None
        return self._answer.result()

    def _answer_of(self, image: NDArray[np.uint8], rectifier: Rectifier, is_usable: bool) -> NetworkAnswer:
        start = time.perf_counter()
        camera, failure = rectifier.rectified, ""
        if is_usable:
            try:
                (dense,) = self._predictor.predict([rectifier.rectify(image)], [camera])
                return NetworkAnswer(dense, (time.perf_counter() - start) * 1e3)
            except InferenceError as error:
                failure = str(error)
        return NetworkAnswer(self._predictor.unknown(camera), (time.perf_counter() - start) * 1e3, failure)
