"""Errors of a model's depth on normal driving, frame by frame, from datasets and drive folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import Intrinsics
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ModelError
from perception_fm.evaluation.dense_drive import DenseDrive
from perception_fm.evaluation.dense_source import ModelSource
from perception_fm.evaluation.depth_error_fit import MOST_OF_FRAME, FrameErrors
from perception_fm.evaluation.depth_score import DepthLimits
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.shard_frames import ShardSet
from perception_fm.evaluation.shard_source import ShardSource
from perception_fm.inference.backend import InferenceBackend
from perception_fm.synth.dataset.dataset import INDEX

_ROAD = CITYSCAPES_CLASSES.index("road")
_SEED = 0  # of the points that stand for a frame


class ErrorFrames:
    """The frames of one folder without any painted surface, because prints are what the errors are held against.

    `folder`: a dataset (docs/dataset_format.md) or a drive folder with depth (docs/data_format.md). Raises
    `PerceptionError` for another, and `ModelError` for a model without depth.
    """

    def __init__(self, folder: Path, backend: InferenceBackend, limits: DepthLimits, step: int = 1) -> None:
        if "depth" not in backend.card.heads:
            raise ModelError(f"model {backend.card.name} has no head depth, so its depth has no error")
        self._backend, self._limits, self._step = backend, limits, step
        self._truth: ShardSet | DenseDrive
        if (folder / INDEX).is_file():
            self._truth = ShardSet(folder)
            frames = self._truth.frame_count
        else:
            self._truth = DenseDrive(folder, "depth", Intrinsics(), needs_camera=True)
            frames = len(self._truth.indices)
        self.name = self._truth.name
        self.count = -(-frames // step)
        """Frames that are looked at; those with prints are then left out."""

    def errors(self) -> Iterator[FrameErrors | None]:
        """Those of each frame, None for one that is left out."""
        rng = np.random.default_rng(_SEED)
        has_variance = "depth_log_variance" in self._backend.card.heads
        for true_m, prediction in self._pairs():
            found = None
            if true_m is not None and prediction is not None:
                found = frame_errors(true_m, prediction, self._limits, has_variance=has_variance)
            yield None if found is None else found.thinned(MOST_OF_FRAME, rng)

    def _pairs(self) -> Iterator[tuple[NDArray[np.float32] | None, PixelPrediction | None]]:
        """True depth and prediction of each frame; no prediction where a print is seen."""
        if isinstance(self._truth, ShardSet):
            source = ShardSource(self._backend)
            for frame in self._truth.frames(self._step):
                has_print = bool(frame.print_kind) if frame.is_painted is None else bool(frame.is_painted.any())
                yield frame.truth.depth_m, None if has_print else source.predict(frame)
        else:
            model = ModelSource(self._backend, self._truth.camera, "depth")
            for truth in self._truth.frames(self._step):
                yield truth.depth_m, model.predict(truth)


def frame_errors(
    true_m: NDArray[np.float32], prediction: PixelPrediction, limits: DepthLimits, *, has_variance: bool
) -> FrameErrors | None:
    """Errors at the pixels (H, W) whose truth lies within the limits and that have a prediction; None without any.

    `has_variance`: the std is the model's own prediction.
    """
    depth = prediction.depth_m
    if depth is None:
        return None
    with np.errstate(invalid="ignore"):
        judged = (true_m >= limits.min_m) & (true_m <= limits.max_m) & np.isfinite(depth) & (depth > 0.0)
    judged &= prediction.is_on_grid
    variance = None
    if has_variance and prediction.depth_std_m is not None:
        judged &= np.isfinite(prediction.depth_std_m) & (prediction.depth_std_m > 0.0)
        variance = 2.0 * np.log((prediction.depth_std_m[judged] / depth[judged]).astype(np.float64))
    rows, columns = np.nonzero(judged)
    if not rows.size:
        return None
    return FrameErrors(
        (np.column_stack([columns, rows]) + 0.5) / true_m.shape[1],
        depth[judged].astype(np.float64),
        true_m[judged].astype(np.float64),
        None if prediction.label is None else prediction.label[judged] == _ROAD,
        variance,
    )
