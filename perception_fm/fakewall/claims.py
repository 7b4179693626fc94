"""What the networks and a range sensor claim about an upright plane: one look at one frame.

Each claim is a likelihood ratio of "there is free road here" against "what is claimed agrees with something upright
here", both for a single frame (docs/fakewall.md has the derivations).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from perception_fm.dense import UNKNOWN_LABEL, DensePrediction
from perception_fm.depth_error import DepthErrorModel, DepthPoints
from perception_fm.fakewall.box_cells import BoxCells
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.points import ROAD_LABEL, SKY_LABEL

FloatArray = NDArray[np.float64]

SEES_PAST = 0.5
"""Share of the way, in ln(depth), from the plane to free road, from which on the learned depth speaks for free road."""

LEAST_SIGMA = 0.25
"""Of the mean ln(depth) of a box, whatever was fitted: on another domain depths are off by up to a smooth 30%, and with
this floor one such depth in a thousand, seen as it is for as long as you like, names a wall (docs/fakewall.md)."""

SEEN_SHARE = 0.25
"""Of the cells, weighed: where only a range sensor has met the thing, so few that see it are enough to agree. A beam or
a cone does not tell how much of the box it fills."""

LEAST_CELLS = 4  # of a box: a median of fewer is at the mercy of two cells
LEAST_SHARE_VALID = 0.5  # of the box's cells: depth that is mostly missing says nothing about the box
_MOST_POINTS = 64  # of the covariance, which has the square of it; errors that are smooth need no more
_CORRELATED_CELLS = 4.0  # labels come from features at half the grid's resolution and from upsampling: 2 x 2 agree
_LEAST_CONFIDENCE = 128  # of 255, as for the road that the ground is fitted to
# Share of an upright thing's cells that a network calls road or sky. Road and sky are right in 90.7% and 91.7% on the
# domain furthest from training (docs/model_card.md, camvid): taken as one cell in ten, spread as widely as
# a single failure in ten allows.
_CONFUSED = (0.5, 4.5)
_CLAIMING = (1.0, 1.0)  # a picture of a road may show anything between no road and nothing else
# ln(0.2 / 0.8): a print hangs in the path of one training sample in five (docs/model_card.md, augmentation.walls), and
# the head's log odds hold that.
_PAINTED_PRIOR = -1.39
# 95% of painted pixels are found at 3.34% false ones (docs/model_card.md), but those are of road, houses and sky. Here
# the rival is a flat upright thing: on the four that were tried, two plain walls and the backs of two lorries, the head
# fired as well. Four of four is a rate of 5/6 (Laplace): ln(0.95 / 0.833) and ln(0.05 / 0.167).
_PAINTED_FOR, _PAINTED_AGAINST = 0.13, -1.2
_PROBABILITY_FLOOR = 1e-3  # no head is more sure of a cell than that

CAUTIOUS_DEPTH_ERROR = DepthErrorModel(
    model="unknown",
    weights_sha256="",
    source="assumption: 30% smooth over a quarter of the image, and a scale of 30% (scene/ground.py)",
    frames=0,
    points=0,
    band_edges_m=(),
    variance_road=(0.09,),
    variance_other=(0.09,),
    bias_road=(0.0,),
    bias_other=(0.0,),
    scale_variance=0.09,
    smooth_share=1.0,
    correlation_length=0.25,
)
"""Of a model whose depth error nobody has fitted: the upper end of what learned depths show on normal driving."""


@dataclass(frozen=True)
class Look:
    """One cue in one frame: value with sigma, and for labels the count of independent cells it stands for."""

    value: float
    sigma: float
    count: float = math.nan


def depth_look(
    dense: DensePrediction,
    cells: BoxCells,
    sigma_share: float,
    scale: MetricScale,
    error: DepthErrorModel | None,
    quantile: float = 0.5,
) -> Look | None:
    """How far the learned depth sees past the plane: 0 is the plane, 1 the road going on; and its sigma.

    The slope of ln(learned / plane) over ln(free / plane) by least absolute deviations, which holds while the smaller
    half of the cells (weighed by the latter) shows something else; a lower `quantile` is the slope that only so great a
    share falls short of. `sigma_share`: standard deviation of the plane's depth over it. None where too few cells have
    a depth, or where free road would be no farther than the plane.
    """
    if dense.depth_m is None or len(cells) < LEAST_CELLS or not 0.0 <= sigma_share < math.inf:
        return None
    learned = cells.of(dense.depth_m).astype(np.float64)
    free = np.log(cells.free_m / cells.depth_m)
    is_valid = np.isfinite(learned) & (learned > 0.0)
    is_told = is_valid & (free > 0.0)
    if is_valid.sum() < LEAST_SHARE_VALID * len(cells) or is_told.sum() < LEAST_CELLS:
        return None
    chosen = np.flatnonzero(is_told)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_POINTS)).astype(np.intp)]
    model = CAUTIOUS_DEPTH_ERROR if error is None else error
    shift, explained = _known_scale(scale, model.scale_variance)
    past, free = np.log(learned[chosen] / cells.depth_m[chosen]) - shift, free[chosen]
    moments = _log_moments(dense, cells, chosen, learned, model) + sigma_share**2 - explained
    weight = free / (free @ free)
    sigma = max(math.sqrt(max(float(weight @ moments @ weight), 0.0)), LEAST_SIGMA * float(weight.sum()))
    value = _weighted_quantile(past / free, free, quantile)
    return Look(value, sigma) if math.isfinite(value) and math.isfinite(sigma) else None


def learned_distance_m(dense: DensePrediction, cells: BoxCells) -> float:
    """Median learned depth of the cells, as the network says it; NaN where it says none."""
    if dense.depth_m is None or len(cells) < LEAST_CELLS:
        return math.nan
    learned = cells.of(dense.depth_m)
    learned = learned[np.isfinite(learned)]
    return float(np.median(learned)) if len(learned) >= LEAST_CELLS else math.nan


def _weighted_quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, share * total[-1])]])


def _log_moments(
    dense: DensePrediction, cells: BoxCells, chosen: NDArray[np.intp], learned: FloatArray, model: DepthErrorModel
) -> FloatArray:
    """(N, N) second moments of the errors of ln(depth) of the chosen cells."""
    depth = learned[chosen]
    position = np.column_stack([cells.columns[chosen], cells.rows[chosen]]) / dense.camera.width
    log_variance = None
    if dense.depth_std_m is not None:
        share = cells.of(dense.depth_std_m)[chosen].astype(np.float64) / depth
        if (share > 0.0).all() and np.isfinite(share).all():
            log_variance = 2.0 * np.log(share)
    points = DepthPoints(position, depth, None, log_variance)
    return np.asarray(model.inverse_depth_covariance(points) * np.outer(depth, depth))


def _known_scale(scale: MetricScale, prior_variance: float) -> tuple[float, float]:
    """What the measured scale says about this frame's: its logarithm, and the variance that it takes away (MAP)."""
    if not (0.0 < scale.ratio < math.inf and scale.sigma >= 0.0):
        return 0.0, 0.0
    total = prior_variance + scale.sigma**2
    gain = prior_variance / total if total > 0.0 else 0.0
    return gain * math.log(scale.ratio), gain * prior_variance


def depth_log_ratio(look: Look) -> float:
    """Of the road going on against the plane; for it only where the effect size is surely over one half."""
    ratio = (look.value - SEES_PAST) / look.sigma**2
    return ratio if ratio <= 0.0 or look.value - look.sigma > SEES_PAST else 0.0


def range_look(
    dense: DensePrediction,
    cells: BoxCells,
    plane: tuple[float, float],
    measured: tuple[float, float],
    scale: MetricScale,
    error: DepthErrorModel | None,
) -> Look | None:
    """As `depth_look`, with the range sensor's distance in place of the plane's.

    `plane`, `measured`: distance and sigma, metres. None where the sensor measures anything but this plane.
    """
    (plane_m, plane_sigma_m), (range_m, range_sigma_m) = plane, measured
    apart = abs(range_m - plane_m)
    if not (range_m > 0.0 and range_sigma_m >= 0.0 and apart <= 3.0 * math.hypot(plane_sigma_m, range_sigma_m)):
        return None
    moved = dataclasses.replace(cells, depth_m=cells.depth_m * (range_m / plane_m))
    return depth_look(dense, moved, range_sigma_m / range_m, scale, error)


def label_look(dense: DensePrediction, cells: BoxCells) -> Look | None:
    """Share of the cells that are labelled road or sky, of those with a sure label; None where too few have one.

    Vehicles count as upright: a lorry's back is one. A painted car is left to the depth.
    """
    if dense.label is None or len(cells) < LEAST_CELLS:
        return None
    label = cells.of(dense.label)
    is_known = label != UNKNOWN_LABEL
    if dense.confidence is not None:
        is_known &= np.asarray(cells.of(dense.confidence), np.uint8) >= _LEAST_CONFIDENCE
    known = int(is_known.sum())
    if known < max(LEAST_CELLS, LEAST_SHARE_VALID * len(cells)):
        return None
    share = float(np.isin(label[is_known], (ROAD_LABEL, SKY_LABEL)).mean())
    count = max(known / _CORRELATED_CELLS, 1.0)
    return Look(share, math.sqrt(max(share * (1.0 - share), 0.25 / count) / count), count)


def label_log_ratio(look: Look) -> float:
    """Beta-binomial: any share of road and sky, against what a network mistakes on upright things."""
    hits, misses = look.value * look.count, (1.0 - look.value) * look.count

    def evidence(prior: tuple[float, float]) -> float:
        return float(betaln(hits + prior[0], misses + prior[1]) - betaln(*prior))

    return evidence(_CLAIMING) - evidence(_CONFUSED)


def painted_look(dense: DensePrediction, cells: BoxCells) -> Look | None:
    """Mean log odds of a printed surface; sigma is that of the mean over independent cells."""
    if dense.painted is None or len(cells) < LEAST_CELLS:
        return None
    probability = cells.of(dense.painted).astype(np.float64)
    probability = probability[np.isfinite(probability)]
    if len(probability) < max(LEAST_CELLS, LEAST_SHARE_VALID * len(cells)):
        return None
    probability = np.clip(probability, _PROBABILITY_FLOOR, 1.0 - _PROBABILITY_FLOOR)
    odds = np.log(probability / (1.0 - probability))
    return Look(float(odds.mean()), float(odds.std() / math.sqrt(max(len(odds) / _CORRELATED_CELLS, 1.0))))


def painted_log_ratio(look: Look) -> float:
    """Its log odds less those of the training, no further than it was found right: alone it never names a wall."""
    return float(np.clip(look.value - _PAINTED_PRIOR, _PAINTED_AGAINST, _PAINTED_FOR))
