"""Figures of a validation are those of the definitions, and only those that there is a truth for."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra models")

from perception_fm.camera.model import CameraModel  # noqa: E402
from perception_fm.training.batch import collate  # noqa: E402
from perception_fm.training.sample import TrainingSample  # noqa: E402
from perception_fm.training.temperature import fitted_temperature, thinned  # noqa: E402
from perception_fm.training.validation import ValidationSums, answers_of, score_of  # noqa: E402

WIDTH, HEIGHT, FOCAL_PX, CANONICAL_PX = 64, 32, 250.0, 500.0
GRID = (HEIGHT // 4, WIDTH // 4)


def sample(**targets: np.ndarray) -> TrainingSample:
    matrix = np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, (HEIGHT - 1) / 2], [0, 0, 1]])
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return TrainingSample(image, CameraModel(WIDTH, HEIGHT, matrix), "one", "test", **targets)


def raw_of(log_depth: float) -> dict[str, torch.Tensor]:
    logits = torch.zeros(1, 19, *GRID)
    logits[:, 0] = 5.0
    normals = torch.zeros(1, 3, *GRID)
    normals[:, 1] = -2.0
    return {
        "log_depth": torch.full((1, *GRID), log_depth),
        "log_variance": torch.full((1, *GRID), 2.0 * math.log(0.2)),
        "logits": logits,
        "normals": normals,
        "painted_logit": torch.full((1, *GRID), 3.0),
    }


def test_depth_is_judged_in_metres_of_the_camera_itself() -> None:
    sums = ValidationSums()
    depth_m = np.full((HEIGHT, WIDTH), 10.0, np.float32)
    depth_m[:8], depth_m[8:16] = np.inf, 200.0  # neither sky nor what is too far is judged
    # 22 m of the canonical camera are 11 m of one with half its focal length.
    sums.add(answers_of(raw_of(math.log(22.0)), collate([sample(depth_m=depth_m)]), CANONICAL_PX))
    figures = sums.figures()
    assert figures["abs_rel"] == pytest.approx(0.1, rel=1e-4)
    assert figures["rmse_m"] == pytest.approx(1.0, rel=1e-4)
    assert figures["std_within_1"] == 1.0
    assert not {"mean_iou", "normals_deg", "painted_iou"} & figures.keys()


def test_labels_normals_and_paint_are_judged_where_they_are_known() -> None:
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    label[:, 32:48], label[:, 48:] = 13, 255
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[..., 2] = -1.0
    painted = np.zeros((HEIGHT, WIDTH), np.uint8)
    painted[:, :16] = 1
    sums = ValidationSums()
    depth_m = np.full((HEIGHT, WIDTH), 10.0, np.float32)
    one = sample(label=label, normals=normals, painted=painted, depth_m=depth_m)
    sums.add(answers_of(raw_of(3.0), collate([one]), CANONICAL_PX))
    figures = sums.figures()
    assert figures["road_iou"] == pytest.approx(2 / 3)
    assert figures["vehicle_iou"] == 0.0
    assert figures["mean_iou"] == pytest.approx(1 / 3)
    assert figures["normals_deg"] == pytest.approx(90.0, abs=0.1)
    assert figures["painted_iou"] == pytest.approx(1 / 4)
    assert "person_iou" not in figures


def test_nothing_judged_gives_no_figures() -> None:
    assert ValidationSums().figures() == {}


def test_score_is_the_mean_of_the_errors_that_there_are() -> None:
    both, depth = {"abs_rel": 0.1, "mean_iou": 0.7, "ece": 9.0}, {"abs_rel": 0.2}
    assert score_of({"a": both, "b": depth}) == pytest.approx((0.1 + 0.3 + 0.2) / 3)
    assert math.isnan(score_of({"a": {"ece": 0.1}}))


def test_temperature_undoes_logits_that_are_three_times_too_sure() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 19, generator=generator)
    label = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)[:, 0]
    # 4000 draws leave some per cent of error.
    assert fitted_temperature([3.0 * logits], [label]) == pytest.approx(3.0, rel=0.1)
    assert fitted_temperature([], []) == 1.0


def test_thinned_cells_leave_unknown_ones_out() -> None:
    label = torch.full((1, 100, 100), 4)
    label[:, :50] = 255
    rows, true = thinned(torch.zeros(1, 19, 100, 100), label)
    assert rows.shape == (2500, 19)
    assert (true == 4).all()
