"""Terms of the loss. Each takes tensors of one stage, leaves unknown targets out, and is 0 where nothing is known.

Terms of depth, normals, label and paint are means over the known cells of each image, then over the images that have
any: a LiDAR image with 500 points counts like a rendered one with 5,000. An image with fewer than `ENOUGH_CELLS` counts
in proportion. Gradients of masked cells are exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.models.network.decoder import FARTHEST_M, STRIDE_OF_STAGE
from perception_fm.training.batch import Batch
from perception_fm.training.config import LossConfig
from perception_fm.training.lovasz import lovasz_softmax
from perception_fm.training.targets import Targets, targets_at

ENOUGH_CELLS = 50
# Sky has no depth to regress, but an obstacle must not appear in it: canonical metres from which on it is far enough.
# Half of the greatest that the network can say: the sigmoid would have to saturate for more.
FAR_M = FARTHEST_M / 2.0
_GRADIENT_SCALES = 4  # 1, 2, 4 and 8 cells, as in MiDaS
_DENSE_SHARE = 0.5  # of known cells; a LiDAR is far below, rendered and stereo depth far above
_MOST_POSITIVE_WEIGHT = 20.0
_LEAST_SQUARE = 1e-6  # keeps the slope of a root finite at 0


def scale_invariant_log(error: Tensor, is_known: Tensor, balance: float) -> Tensor:
    """sqrt(mean d^2 - `balance` (mean d)^2), d = ln predicted - ln true (N, h, w).

    Eigen, Puhrsch, Fergus (NIPS 2014, equation 4) with the root and the 0.85 of AdaBins (Bhat et al., CVPR 2021,
    equation 4); its factor 10 is a matter of the weight. 1 ignores the scale of an image altogether.
    """
    error = torch.where(is_known, error, 0.0)
    count = is_known.sum((1, 2)).clamp(min=1)
    mean, square = error.sum((1, 2)) / count, (error * error).sum((1, 2)) / count
    values = torch.sqrt((square - balance * mean * mean).clamp(min=0.0) + _LEAST_SQUARE) - math.sqrt(_LEAST_SQUARE)
    return _of_images(values, is_known)


def log_variance_nll(error: Tensor, log_variance: Tensor, is_known: Tensor, likelihood: str) -> Tensor:
    """Negative log-likelihood (nats, without its constant) of d under the predicted ln(variance), both (N, h, w).

    Kendall, Gal (NIPS 2017, equation 8): gaussian d^2 / (2 v) + ln(v) / 2; laplace sqrt(2) |d| / sqrt(v) + ln(v) / 2,
    whose variance is v and which outliers move less. Only the variance learns from it: through d, what is hard would
    weigh less and stay bad (Seitzer et al., ICLR 2022), and `scale_invariant_log` is there for it.
    """
    size = torch.where(is_known, error, 0.0).detach().abs()
    if likelihood == "gaussian":
        values = 0.5 * (size * size * torch.exp(-log_variance) + log_variance)
    else:
        values = math.sqrt(2.0) * size * torch.exp(-0.5 * log_variance) + 0.5 * log_variance
    return _mean(values, is_known)


def gradient_matching(error: Tensor, is_known: Tensor, is_dense: Tensor) -> Tensor:
    """Mean |difference of d between neighbours|, right and below, at four scales, added up; d (N, h, w) as above.

    Li, Snavely (MegaDepth, CVPR 2018, equation 5), as MiDaS has it (Ranftl et al., TPAMI 2022, equation 11). Of images
    that are dense (N,) only: neighbours of sparse points are often on other things. A wrong scale costs nothing.
    """
    is_known = is_known & is_dense[:, None, None]
    error = torch.where(is_known, error, 0.0)
    total = error.sum() * 0.0
    for scale in range(_GRADIENT_SCALES):
        step = 2**scale
        values, known = error[:, ::step, ::step], is_known[:, ::step, ::step]
        right = _mean((values[:, :, 1:] - values[:, :, :-1]).abs(), known[:, :, 1:] & known[:, :, :-1])
        below = _mean((values[:, 1:] - values[:, :-1]).abs(), known[:, 1:] & known[:, :-1])
        total = total + right + below
    return total


def far_hinge(log_depth: Tensor, is_far: Tensor) -> Tensor:
    """Mean of max(0, ln(`FAR_M`) - predicted ln(depth)) where the truth is infinite, (N, h, w)."""
    return _mean(functional.relu(math.log(FAR_M) - log_depth), is_far)


def normal_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean of 1 - cosine between predicted normals of any length and unit ones (N, 3, h, w), NaN unknown.

    The angular loss of Eigen, Fergus (ICCV 2015, equation 2).
    """
    is_known = ~torch.isnan(true).any(1)
    true = torch.where(is_known[:, None], true, 0.0)
    length = torch.sqrt((predicted * predicted).sum(1) + _LEAST_SQUARE)
    return _mean(1.0 - (predicted * true).sum(1) / length, is_known)


def label_error(logits: Tensor, label: Tensor, smoothing: float, class_weights: Tensor | None) -> Tensor:
    """Cross-entropy, nats; logits (N, C, h, w), label (N, h, w) int64, 255 unknown; weights (C,) or none.

    `smoothing`: Szegedy et al. (CVPR 2016, section 7).
    """
    is_known = label != UNKNOWN_LABEL
    values = functional.cross_entropy(
        logits, label, class_weights, ignore_index=UNKNOWN_LABEL, reduction="none", label_smoothing=smoothing
    )
    return _mean(values, is_known)


def region_error(logits: Tensor, label: Tensor) -> Tensor:
    """`lovasz_softmax` of all known cells of the batch; shapes as in `label_error`."""
    is_known = label != UNKNOWN_LABEL
    probabilities = torch.softmax(logits, 1).movedim(1, -1)[is_known]
    return lovasz_softmax(probabilities, label[is_known])


def painted_error(logit: Tensor, painted: Tensor) -> Tensor:
    """Binary cross-entropy, nats; logit and truth (N, h, w), 0 or 1, NaN unknown.

    Painted cells weigh as much as the others together, up to 20 times one of these: prints are few and far.
    """
    is_known = ~torch.isnan(painted)
    true = torch.where(is_known, painted, 0.0)
    positive = true.sum()
    weight = ((is_known.sum() - positive) / positive.clamp(min=1.0)).clamp(1.0, _MOST_POSITIVE_WEIGHT)
    return _mean(
        functional.binary_cross_entropy_with_logits(logit, true, pos_weight=weight, reduction="none"), is_known
    )


def stage_terms(raw: Mapping[str, Tensor], targets: Targets, config: LossConfig) -> dict[str, Tensor]:
    """Weighted terms of one stage by name; those of weight 0 are left out. Computed in float32."""
    raw = {name: value.float() for name, value in raw.items()}
    is_known = ~torch.isnan(targets.log_depth)
    is_dense = (is_known | targets.is_far).float().mean((1, 2)) >= _DENSE_SHARE
    error = raw["log_depth"] - torch.where(is_known, targets.log_depth, 0.0)
    weights = torch.tensor(config.class_weights, device=error.device) if config.class_weights else None
    terms = {
        "depth": lambda: scale_invariant_log(error, is_known, config.depth_lambda),
        "variance": lambda: log_variance_nll(error, raw["log_variance"], is_known, config.likelihood),
        "gradient": lambda: gradient_matching(error, is_known, is_dense),
        "far": lambda: far_hinge(raw["log_depth"], targets.is_far),
        "normals": lambda: normal_error(raw["normals"], targets.normals),
        "label": lambda: label_error(raw["logits"], targets.label, config.label_smoothing, weights),
        "lovasz": lambda: region_error(raw["logits"], targets.label),
        "painted": lambda: painted_error(raw["painted_logit"], targets.painted),
    }
    return {name: getattr(config, name) * term() for name, term in terms.items() if getattr(config, name) > 0.0}


def loss_terms(
    stages: Mapping[str, Mapping[str, Tensor]], batch: Batch, canonical_focal_px: float, config: LossConfig
) -> dict[str, Tensor]:
    """Weighted terms of both stages, `fine/depth` and so on; the loss is their sum.

    The coarse stage learns the same (deep supervision: Lee et al., AISTATS 2015), with `config.coarse` on top.
    """
    terms = {}
    for stage, weight in (("fine", 1.0), ("coarse", config.coarse)):
        if weight > 0.0:
            targets = targets_at(batch, STRIDE_OF_STAGE[stage], canonical_focal_px)
            for name, value in stage_terms(stages[stage], targets, config).items():
                terms[f"{stage}/{name}"] = weight * value
    return terms


def _mean(values: Tensor, is_known: Tensor) -> Tensor:
    """Over the known cells of each image, then over images; (N, h, w) both."""
    sums = torch.where(is_known, values, 0.0).sum((1, 2))
    return _of_images(sums / is_known.sum((1, 2)).clamp(min=1), is_known)


def _of_images(values: Tensor, is_known: Tensor) -> Tensor:
    """Mean of a value per image (N,), weighted by what there is to know in it."""
    share = (is_known.sum((1, 2)) / ENOUGH_CELLS).clamp(max=1.0)
    return (values * share).sum() / share.sum().clamp(min=1.0 / ENOUGH_CELLS)
