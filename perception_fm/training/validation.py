"""Figures of a validation: the same definitions as `perception-fm evaluate`, on the grid of the network's fine stage.

They steer the run (which weights are best) and show its course. What a model is worth, `perception-fm evaluate` says,
at the full resolution and with its own limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.evaluation.depth_calibration import CalibrationSums
from perception_fm.evaluation.depth_metrics import DepthSums
from perception_fm.evaluation.segmentation_metrics import Confusion, Reliability
from perception_fm.models.network.decoder import STRIDE_OF_STAGE
from perception_fm.training.batch import Batch
from perception_fm.training.targets import Targets, targets_at

NEAREST_M, FARTHEST_M = 1.0, 80.0
"""Metres between which depth is judged, as `perception-fm evaluate depth` does it."""
_CLASSES = len(CITYSCAPES_CLASSES)
_NORMAL_BINS = 1800  # tenths of a degree: the median is exact to that
_SCORED = {"abs_rel": 1.0, "mean_iou": -1.0}  # sign: whether more is worse


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network says about a batch on its fine grid, and the truth there; tensors on the CPU.

    `depth_m`, `true_m`, `std_log` (N, h, w) metres, and the standard deviation of ln(depth); the truth is NaN where
    unknown or infinite. `logits` (N, 19, h, w). `normals` (N, 3, h, w) of any length. `painted` (N, h, w) probability.
    """

    depth_m: Tensor
    true_m: Tensor
    std_log: Tensor
    logits: Tensor
    normals: Tensor
    painted: Tensor
    targets: Targets


def answers_of(raw: Mapping[str, Tensor], batch: Batch, canonical_focal_px: float) -> Answers:
    """From the fine raw outputs for `batch`."""
    raw = {name: value.detach().float().cpu() for name, value in raw.items()}
    batch = batch.to("cpu")
    targets = targets_at(batch, STRIDE_OF_STAGE["fine"], canonical_focal_px)
    metres = (batch.focal_px / canonical_focal_px)[:, None, None]
    return Answers(
        depth_m=torch.exp(raw["log_depth"]) * metres,
        true_m=torch.exp(targets.log_depth) * metres,
        std_log=torch.exp(0.5 * raw["log_variance"]),
        logits=raw["logits"],
        normals=raw["normals"],
        painted=torch.sigmoid(raw["painted_logit"]),
        targets=targets,
    )


class ValidationSums:
    """Collects the batches of one data set."""

    def __init__(self) -> None:
        self._depth = DepthSums()
        self._calibration = CalibrationSums()
        self._confusion = Confusion.empty(_CLASSES)
        self._reliability = Reliability.empty()
        self._angles = np.zeros(_NORMAL_BINS + 1, np.int64)
        self._painted = np.zeros((2, 2), np.int64)  # true by predicted

    def add(self, answers: Answers) -> None:
        """One batch."""
        for depth_m, true_m, std_log in zip(
            *(one.numpy() for one in (answers.depth_m, answers.true_m, answers.std_log))
        ):
            self._add_depth(depth_m, true_m, std_log)
        self._add_labels(answers.logits, answers.targets.label)
        self._add_normals(answers.normals, answers.targets.normals)
        is_known = ~torch.isnan(answers.targets.painted)
        true, said = answers.targets.painted[is_known] > 0.5, answers.painted[is_known] > 0.5
        self._painted += np.bincount((2 * true + 1 * said).numpy(), minlength=4).reshape(2, 2)

    def figures(self) -> dict[str, float]:
        """By name; only those of targets that the data set has.

        `abs_rel`, `rmse_m`, `delta1`, `silog`, `std_within_1` (share of depth errors within one predicted sigma; 0.683
        of a calibrated Gaussian); `mean_iou`, `road_iou`, `vehicle_iou` (car, truck, bus), `person_iou`, `ece`;
        `normals_deg` (median); `painted_iou`.
        """
        return {**self._depth_figures(), **self._label_figures(), **self._other_figures()}

    def _add_depth(self, depth_m: np.ndarray, true_m: np.ndarray, std_log: np.ndarray) -> None:
        with np.errstate(invalid="ignore"):
            is_judged = (true_m >= NEAREST_M) & (true_m <= FARTHEST_M)
        predicted, true = depth_m[is_judged].astype(np.float64), true_m[is_judged].astype(np.float64)
        self._depth += DepthSums.of(predicted, true)
        if true.size:
            self._calibration.add(predicted, predicted * std_log[is_judged], true)

    def _add_labels(self, logits: Tensor, label: Tensor) -> None:
        is_known = label != UNKNOWN_LABEL
        confidence, predicted = torch.softmax(logits, 1).max(1)
        said, true = predicted[is_known].numpy(), label[is_known].numpy()
        self._confusion += Confusion.of(said, true, _CLASSES)
        self._reliability += Reliability.of(confidence[is_known].numpy(), said == true)

    def _add_normals(self, predicted: Tensor, true: Tensor) -> None:
        is_known = ~torch.isnan(true).any(1)
        cosine = torch.nn.functional.cosine_similarity(predicted, true, 1)[is_known].clamp(-1.0, 1.0)
        tenths = torch.rad2deg(torch.acos(cosine)).mul(_NORMAL_BINS / 180.0).long().numpy()
        self._angles += np.bincount(tenths, minlength=_NORMAL_BINS + 1)

    def _depth_figures(self) -> dict[str, float]:
        if not self._depth.pixels:
            return {}
        depth, calibration = self._depth.figures(), self._calibration.result()
        figures = {"abs_rel": depth.abs_rel, "rmse_m": depth.rmse_m, "delta1": depth.delta1, "silog": depth.silog}
        return figures if calibration is None else {**figures, "std_within_1": calibration.within_1_sigma}

    def _label_figures(self) -> dict[str, float]:
        if not self._confusion.pixels:
            return {}
        iou = self._confusion.iou()
        groups = {"road": ("road",), "vehicle": ("car", "truck", "bus"), "person": ("person",)}
        ious = {f"{name}_iou": _joint_iou(self._confusion, classes) for name, classes in groups.items()}
        figures = {"mean_iou": float(np.nanmean(iou)), **ious, "ece": self._reliability.ece()}
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def _other_figures(self) -> dict[str, float]:
        figures = {}
        count = int(self._angles.sum())
        if count:
            middle = int(np.searchsorted(np.cumsum(self._angles), (count + 1) // 2))
            figures["normals_deg"] = middle * 180.0 / _NORMAL_BINS
        true, hits = int(self._painted[1].sum()), int(self._painted[1, 1])
        if true:
            figures["painted_iou"] = hits / (true + int(self._painted[0, 1]))
        return figures


def score_of(figures: Mapping[str, Mapping[str, float]]) -> float:
    """One number of the figures of all data sets, smaller is better, NaN of none.

    The mean over data sets and over what each has of AbsRel and 1 - mean IoU: both are errors from 0 to about 1.
    """
    terms = [
        (1.0 + sign * one[name]) if sign < 0.0 else one[name]
        for one in figures.values()
        for name, sign in _SCORED.items()
        if name in one
    ]
    return sum(terms) / len(terms) if terms else math.nan


def _joint_iou(confusion: Confusion, classes: tuple[str, ...]) -> float:
    """IoU of classes taken as one; NaN where the truth holds none of them."""
    chosen = [CITYSCAPES_CLASSES.index(name) for name in classes]
    true = int(confusion.true_pixels[chosen].sum())
    hits = int(confusion.counts[np.ix_(chosen, chosen)].sum())
    predicted = int(confusion.counts[:, chosen].sum())
    return hits / (true + predicted - hits) if true else math.nan
