"""Losses are 0 at the truth, blind to what is unknown, and pull the right way."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra models")

from perception_fm.training.config import LossConfig  # noqa: E402
from perception_fm.training.losses import (  # noqa: E402
    FAR_M,
    far_hinge,
    gradient_matching,
    label_error,
    log_variance_nll,
    normal_error,
    painted_error,
    region_error,
    scale_invariant_log,
    stage_terms,
)
from perception_fm.training.targets import Targets  # noqa: E402

GRID = (8, 12)  # 96 cells, more than enough of them
EVERYWHERE = torch.ones(1, *GRID, dtype=torch.bool)
ROUNDING = 1e-5  # of sums of 96 float32
NAN = float("nan")


def test_right_depth_costs_nothing_and_has_a_finite_slope() -> None:
    error = torch.zeros(1, *GRID, requires_grad=True)
    loss = scale_invariant_log(error, EVERYWHERE, 0.85)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=ROUNDING)
    assert torch.isfinite(error.grad).all()


@pytest.mark.parametrize(("balance", "expected"), [(1.0, 0.0), (0.0, 0.3), (0.85, 0.3 * math.sqrt(0.15))])
def test_constant_factor_costs_by_the_balance(balance: float, expected: float) -> None:
    error = torch.full((1, *GRID), 0.3)
    # The root is of 1e-6 more, which moves values near 0 by up to 1e-3.
    assert scale_invariant_log(error, EVERYWHERE, balance).item() == pytest.approx(expected, abs=2e-3)


def test_unknown_depth_has_no_influence_and_no_slope() -> None:
    is_known = EVERYWHERE.clone()
    is_known[..., 6:] = False
    error = torch.full((1, *GRID), 0.1)
    error[..., 6:] = NAN
    error.requires_grad_()
    loss = scale_invariant_log(error, is_known, 0.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.1, abs=2e-3)
    assert (error.grad[..., 6:] == 0.0).all()
    assert (error.grad[..., :6] > 0.0).all()  # too far: towards nearer


def test_sparse_image_counts_like_a_dense_one() -> None:
    is_known = torch.ones(2, *GRID, dtype=torch.bool)
    is_known[1].view(-1)[60:] = False
    error = torch.stack([torch.full(GRID, 0.1), torch.full(GRID, 0.3)])
    assert scale_invariant_log(error, is_known, 0.0).item() == pytest.approx(0.2, abs=2e-3)


def test_image_with_one_point_hardly_counts_beside_a_full_one() -> None:
    is_known = torch.ones(2, *GRID, dtype=torch.bool)
    is_known[1].view(-1)[1:] = False
    error = torch.stack([torch.full(GRID, 0.1), torch.full(GRID, 5.0)])
    assert scale_invariant_log(error, is_known, 0.0).item() == pytest.approx((0.1 + 5.0 / 50) / (1 + 1 / 50), abs=2e-3)


@pytest.mark.parametrize(
    ("likelihood", "best_log_variance"), [("gaussian", 2.0 * math.log(0.2)), ("laplace", 2.0 * math.log(0.2 * 2**0.5))]
)
def test_variance_is_pulled_to_the_size_of_the_errors(likelihood: str, best_log_variance: float) -> None:
    error = torch.full((1, *GRID), 0.2, requires_grad=True)
    slopes = []
    for offset in (-0.5, 0.0, 0.5):
        log_variance = torch.full((1, *GRID), best_log_variance + offset, requires_grad=True)
        log_variance_nll(error, log_variance, EVERYWHERE, likelihood).backward()
        slopes.append(log_variance.grad.sum().item())
    assert slopes[0] < 0.0 < slopes[2]
    assert slopes[1] == pytest.approx(0.0, abs=ROUNDING)
    assert error.grad is None  # depth itself learns elsewhere


def test_gradient_matching_ignores_scale_and_finds_a_false_step() -> None:
    dense = torch.tensor([True])
    assert gradient_matching(torch.full((1, *GRID), 0.7), EVERYWHERE, dense).item() == 0.0
    step = torch.zeros(1, *GRID)
    step[:, :, 6:] = 0.5
    # One of 11 neighbours right differs at scale 1, one of 5, 2 and 1 at 2, 4 and 8.
    expected = 0.5 * (1 / 11 + 1 / 5 + 1 / 2 + 1)
    assert gradient_matching(step, EVERYWHERE, dense).item() == pytest.approx(expected, abs=ROUNDING)


def test_gradient_matching_leaves_sparse_depth_alone() -> None:
    error = torch.rand(1, *GRID)
    assert gradient_matching(error, EVERYWHERE, torch.tensor([False])).item() == 0.0


def test_sky_is_pushed_away_only_while_it_is_near() -> None:
    log_depth = torch.log(torch.tensor([[[10.0, FAR_M, 2.0 * FAR_M, 5.0]]])).requires_grad_()
    is_far = torch.tensor([[[True, True, True, False]]])
    far_hinge(log_depth, is_far).backward()
    slopes = log_depth.grad[0, 0]
    assert slopes[0] < 0.0
    assert slopes[2] == 0.0 == slopes[3]


def test_normals_cost_one_minus_the_cosine_whatever_their_length() -> None:
    true = torch.zeros(1, 3, *GRID)
    true[:, 1] = -1.0
    true[..., :4] = NAN
    right, across = torch.zeros_like(true), torch.zeros_like(true)
    right[:, 1], across[:, 0] = -3.0, 0.2
    assert normal_error(right, true).item() == pytest.approx(0.0, abs=ROUNDING)
    assert normal_error(across, true).item() == pytest.approx(1.0, abs=ROUNDING)


def test_normal_of_length_zero_has_a_finite_slope() -> None:
    predicted = torch.zeros(1, 3, *GRID, requires_grad=True)
    true = torch.zeros(1, 3, *GRID)
    true[:, 2] = -1.0
    normal_error(predicted, true).backward()
    assert torch.isfinite(predicted.grad).all()
    assert (predicted.grad[:, 2] > 0.0).all()


def test_unknown_label_is_left_out() -> None:
    label = torch.full((1, *GRID), 3)
    label[..., 6:] = 255
    logits = torch.zeros(1, 19, *GRID)
    assert label_error(logits, label, 0.0, None).item() == pytest.approx(math.log(19), rel=ROUNDING)
    logits[:, 3, :, :6] = 50.0
    logits[:, 7, :, 6:] = 50.0
    assert label_error(logits, label, 0.0, None).item() == pytest.approx(0.0, abs=ROUNDING)


def test_class_weight_scales_the_cost_of_its_class() -> None:
    label = torch.full((1, *GRID), 3)
    weights = torch.ones(19)
    weights[3] = 2.0
    logits = torch.zeros(1, 19, *GRID)
    assert label_error(logits, label, 0.0, weights).item() == pytest.approx(2.0 * math.log(19), rel=ROUNDING)


def test_lovasz_of_hard_answers_is_one_minus_iou() -> None:
    label = torch.zeros(1, *GRID, dtype=torch.int64)
    label[..., 6:] = 1
    logits = torch.full((1, 19, *GRID), -50.0)
    logits[:, 0, :, :9], logits[:, 1, :, 9:] = 50.0, 50.0
    # Of 96 cells 48 are each; 24 of the second are called the first.
    expected = 1.0 - (48 / 72 + 24 / 48) / 2
    assert region_error(logits, label).item() == pytest.approx(expected, abs=ROUNDING)
    assert region_error(logits, torch.full_like(label, 255)).item() == 0.0


def test_rare_paint_weighs_as_much_as_the_rest() -> None:
    painted = torch.zeros(1, *GRID)
    painted.view(-1)[:8] = 1.0
    logit = torch.zeros(1, *GRID, requires_grad=True)
    painted_error(logit, painted).backward()
    slopes = logit.grad.view(-1)
    assert slopes[:8].sum().item() == pytest.approx(-slopes[8:].sum().item(), rel=1e-4)


def test_unknown_paint_costs_nothing() -> None:
    logit = torch.full((1, *GRID), 4.0, requires_grad=True)
    loss = painted_error(logit, torch.full((1, *GRID), NAN))
    loss.backward()
    assert loss.item() == 0.0
    assert (logit.grad == 0.0).all()


def test_nothing_known_at_all_costs_nothing_and_breaks_nothing() -> None:
    grid = (2, *GRID)
    channels = {"log_depth": (), "log_variance": (), "painted_logit": (), "logits": (19,), "normals": (3,)}
    raw = {name: torch.rand(2, *extra, *GRID).requires_grad_() for name, extra in channels.items()}
    targets = Targets(
        torch.full(grid, NAN),
        torch.zeros(grid, dtype=torch.bool),
        torch.full(grid, 255),
        torch.full((2, 3, *GRID), NAN),
        torch.full(grid, NAN),
    )
    terms = stage_terms(raw, targets, LossConfig())
    assert {name: value.item() for name, value in terms.items()} == dict.fromkeys(terms, 0.0)
    sum(terms.values()).backward()
    # Every output takes part, or several devices would wait for its gradient for ever.
    assert all((values.grad == 0.0).all() for name, values in raw.items())


def test_term_of_weight_zero_is_left_out() -> None:
    raw = {"log_depth": torch.zeros(1, 2, 2), "log_variance": torch.zeros(1, 2, 2), "logits": torch.zeros(1, 19, 2, 2)}
    raw |= {"normals": torch.zeros(1, 3, 2, 2), "painted_logit": torch.zeros(1, 2, 2)}
    unknown = torch.full((1, 2, 2), NAN)
    far = torch.zeros(1, 2, 2, dtype=torch.bool)
    targets = Targets(unknown, far, torch.full((1, 2, 2), 255), torch.full((1, 3, 2, 2), NAN), unknown)
    assert "painted" not in stage_terms(raw, targets, LossConfig(painted=0.0))
