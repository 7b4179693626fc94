"""How well the stage knows whether the depth is metric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import DensePrediction
from perception_fm.evaluation.true_points import TruePoints
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.ground import MetricScale

_NEAR_M, _FAR_M = 3.0, 30.0
_LEAST_POINTS = 50
SCALE_DEFINITION = (
    "true_scale: median of predicted over true depth at true road points from 3 to 30 m. ratio_error, height_error: "
    "what the stage says the scale is, filtered and from the camera's height in this frame, over the true, less one."
)


class ScaleScore:
    """Collects frames."""

    def __init__(self) -> None:
        self._true: list[float] = []
        self._errors: dict[str, list[float]] = {"ratio_error": [], "height_error": []}
        self._is_within: list[bool] = []

    def add(
        self, points: TruePoints, dense: DensePrediction, base_from_camera: RigidTransform, scale: MetricScale
    ) -> dict[str, float]:
        """The figures of one frame; NaN where too little road is seen or the stage is silent."""
        true = true_scale(points, dense, base_from_camera)
        self._true.append(true)
        errors = {"ratio_error": scale.ratio / true - 1.0, "height_error": scale.height_ratio / true - 1.0}
        for name, error in errors.items():
            self._errors[name].append(error)
        if math.isfinite(errors["ratio_error"]):
            self._is_within.append(abs(math.log(scale.ratio / true)) <= 2.0 * scale.sigma)
        return {"true_scale": true, **errors}

    def document(self) -> dict[str, Any]:
        """The figures of all frames."""
        true = _known(self._true)
        return {
            "frames": len(true),
            "true_scale_median": float(np.median(true)) if len(true) else math.nan,
            "true_scale_p10": float(np.quantile(true, 0.1)) if len(true) else math.nan,
            "true_scale_p90": float(np.quantile(true, 0.9)) if len(true) else math.nan,
            **{name: _spread(_known(errors)) for name, errors in self._errors.items()},
            "within_2_sigma": float(np.mean(self._is_within)) if self._is_within else math.nan,
        }


def true_scale(points: TruePoints, dense: DensePrediction, base_from_camera: RigidTransform) -> float:
    """Median of predicted over true depth on true road; NaN where fewer than 50 road points are seen."""
    assert dense.depth_m is not None
    optical = base_from_camera.inverse().apply(points.points_base_m[points.is_road])
    optical = optical[(optical[:, 2] > _NEAR_M) & (optical[:, 2] < _FAR_M)]
    camera = dense.camera
    column = np.rint(camera.fx * optical[:, 0] / optical[:, 2] + camera.cx).astype(np.intp)
    row = np.rint(camera.fy * optical[:, 1] / optical[:, 2] + camera.cy).astype(np.intp)
    is_inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    # A cell is asked at its own centre, so the depth of the plane there is compared with that of a point beside it:
    # over all points of a cell that evens out.
    ratios = _known(dense.depth_m[row[is_inside], column[is_inside]] / optical[is_inside, 2])
    return float(np.median(ratios)) if len(ratios) >= _LEAST_POINTS else math.nan


def _known(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    return array[np.isfinite(array)]


def _spread(errors: NDArray[np.float64]) -> dict[str, float]:
    if not len(errors):
        return {"median": math.nan, "median_abs": math.nan, "p90_abs": math.nan}
    size = np.abs(errors)
    return {
        "median": float(np.median(errors)),
        "median_abs": float(np.median(size)),
        "p90_abs": float(np.quantile(size, 0.9)),
    }
