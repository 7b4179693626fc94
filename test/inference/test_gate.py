"""The acceptance gate refuses what differs from the reference or from itself, with figures, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping

import numpy as np
import pytest

from perception_fm.errors import EngineError, InferenceError
from perception_fm.inference.backend import Array, BackendInfo, InferenceBackend, TensorSpec
from perception_fm.inference.gate import check_backend
from perception_fm.inference.gate_report import GateReport, is_accepted_verdict, require_accepted
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS

K, H, W, STRIDE = 6, 96, 160, 2
CARD = ModelCard(
    name="scene", source="", revision=None, licence="Apache-2.0", is_commercial=True, is_trained=True, encoder="none",
    input_height=H, input_width=W, output_stride=STRIDE, heads=tuple(HEADS),
)  # fmt: skip
FRAMES = np.stack([np.full((H, W, 3), number, np.uint8) for number in range(K)])


def outputs() -> dict[str, Array]:
    """Of six frames of a plausible scene: a slope of depths, regions of labels with unsure borders."""
    rng = np.random.default_rng(1)
    shape = (K, H // STRIDE, W // STRIDE)
    rows = np.broadcast_to(np.linspace(60.0, 3.0, shape[1])[None, :, None], shape)
    label = (np.arange(shape[2]) // 16)[None, None] + 0 * rows
    border = np.abs((np.arange(shape[2]) % 16) - 8)[None, None] / 8.0
    normals = rng.normal(size=(K, 3, *shape[1:]))
    return {
        "depth": (rows * rng.uniform(0.9, 1.1, shape)).astype(np.float32),
        "depth_log_variance": rng.uniform(-6.0, -2.0, shape).astype(np.float32),
        "label": label.astype(np.int32),
        "confidence": (0.95 - 0.6 * np.broadcast_to(border, shape)).astype(np.float32),
        "normals": (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
        "painted": rng.uniform(0.0, 1.0, shape).astype(np.float32),
    }


class Recorded(InferenceBackend):
    """Answers frame number `n`, told by its grey level, from arrays; `change` alters them by head and call."""

    def __init__(
        self, precision: str = "fp32", runtime: str = "tensorrt", version: str = "10.9.0.34", **change
    ) -> None:
        self.card = CARD
        self.info = BackendInfo(runtime, version, "GPU", precision, "00")
        self.inputs = (TensorSpec("image", "uint8", (None, H, W, 3)),)
        self.outputs = ()
        self.calls = 0
        self.change = change
        self.arrays = outputs()

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        numbers = feeds["image"][:, 0, 0, 0]
        raw = {head: values[numbers].copy() for head, values in self.arrays.items()}
        for head, alter in self.change.items():
            raw[head] = alter(raw[head], self.calls).astype(raw[head].dtype)
        self.calls += 1
        return raw

    def close(self) -> None:
        pass


def report_of(backend: InferenceBackend, **options) -> GateReport:
    return check_backend(backend, FRAMES, outputs(), onnx_sha256="ab", **options)


def unmet(report: GateReport) -> set[tuple[str, str]]:
    return {(figure.head, figure.measure) for figure in report.figures if not figure.is_met}


def value_of(report: GateReport, head: str, measure: str) -> float:
    return next(f.value for f in report.figures if (f.head, f.measure) == (head, measure))


@pytest.mark.parametrize("precision", ["fp32", "fp16+fp32", "int8", "unknown"])
def test_equal_answers_are_accepted(precision: str) -> None:
    report = report_of(Recorded(precision))
    assert report.is_accepted
    assert report.is_complete
    assert max(figure.value for figure in report.figures) == 0.0
    require_accepted(report)


def test_rounding_of_each_precision_is_accepted_by_its_own_tolerances_only() -> None:
    rng = np.random.default_rng(2)
    noise = {size: rng.normal(0.0, size, (1, H // STRIDE, W // STRIDE)) for size in (2e-5, 4e-3, 3e-2)}

    def met(size: float, precision: str) -> bool:
        return report_of(Recorded(precision, depth=lambda depth, call: depth * (1.0 + noise[size]))).is_accepted

    assert [met(2e-5, kind) for kind in ("fp32", "fp16", "int8")] == [True, True, True]
    assert [met(4e-3, kind) for kind in ("fp32", "tf32", "int8")] == [False, True, True]
    assert [met(3e-2, kind) for kind in ("fp32", "fp16", "int8")] == [False, False, True]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_depth_scaled_by_five_percent_is_refused_with_figures(precision: str) -> None:
    report = report_of(Recorded(precision, depth=lambda depth, call: depth * 1.05))
    assert ("depth", "scale") in unmet(report)
    assert value_of(report, "depth", "scale") == pytest.approx(0.05, rel=1e-3)
    with pytest.raises(EngineError) as caught:
        require_accepted(report)
    message = str(caught.value)
    assert "scene" in message
    assert "depth: scale 0.05, at most" in message
    assert "onnxruntime" in message
    assert "\n" not in message


def test_known_bad_version_is_named_in_the_refusal() -> None:
    with pytest.raises(EngineError, match=r"TensorRT 10\.3\.0\.30 is known for wrong answers"):
        require_accepted(report_of(Recorded(version="10.3.0.30", depth=lambda depth, call: depth * 1.2)))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_permuted_labels_are_refused(precision: str) -> None:
    report = report_of(Recorded(precision, label=lambda label, call: (label + 1) % 19))
    assert {("label", "differs where undecided"), ("label", "differs where decided")} <= unmet(report)


def test_swap_of_one_small_class_does_not_drown_in_the_share_of_all_cells() -> None:
    report = report_of(Recorded("int8", label=lambda label, call: np.where(label == 4, 15, label)))
    assert ("label", "differs in the worst class") in unmet(report)


def test_near_ties_of_an_unsure_reference_are_no_fault() -> None:
    confidence = outputs()["confidence"]

    def at_random(label: Array, call: int) -> Array:
        rng = np.random.default_rng(3)  # the same each time: no flicker
        flips = (rng.random(label.shape) < 0.03) & (confidence[:1] < 0.6)
        return np.where(flips, (label + 1) % 19, label)

    report = report_of(Recorded("fp16", label=at_random))
    assert 0.0 < value_of(report, "label", "differs where undecided") <= 0.02
    assert value_of(report, "label", "differs where decided") == 0.0
    assert report.is_accepted


@pytest.mark.parametrize("head", ["depth", "depth_log_variance", "confidence", "normals", "painted"])
def test_one_nan_where_the_reference_has_none_is_refused(head: str) -> None:
    def spoil(values: Array, call: int) -> Array:
        values[..., 5, 7] = np.nan
        return values

    report = report_of(Recorded("int8", **{head: spoil}))
    assert (head, "not finite") in unmet(report)


def test_model_whose_depth_is_nan_everywhere_is_refused_though_its_reference_is_too() -> None:
    broken = outputs()
    broken["depth"] = np.full_like(broken["depth"], np.nan)
    backend = Recorded(depth=lambda depth, call: depth * np.nan)
    report = check_backend(backend, FRAMES, broken, onnx_sha256="ab")
    assert ("depth", "not finite in the reference") in unmet(report)
    with pytest.raises(EngineError, match="weights are damaged"):
        require_accepted(report)


@pytest.mark.parametrize("head, wrong", [
    ("depth_log_variance", lambda values, call: values + 1.5),
    ("confidence", lambda values, call: values * 0.8),
    ("painted", lambda values, call: 1.0 - values),
    ("normals", lambda values, call: -values),
    ("normals", lambda values, call: values[:, [1, 0, 2]]),
])  # fmt: skip
def test_wrong_head_is_refused_even_by_the_widest_tolerances(head: str, wrong) -> None:
    assert {found for found, _ in unmet(report_of(Recorded("int8", **{head: wrong})))} == {head}


def test_angle_between_normals_is_measured_in_degrees() -> None:
    turn = np.radians(2.0)
    matrix = np.array([[math.cos(turn), -math.sin(turn), 0.0], [math.sin(turn), math.cos(turn), 0.0], [0.0, 0.0, 1.0]])

    def turned(values: Array, call: int) -> Array:
        return np.einsum("ij,njhw->nihw", matrix, values)

    backend = Recorded(normals=turned)
    backend.arrays["normals"][:] = np.array([1.0, 0.0, 0.0], np.float32)[None, :, None, None]
    report = check_backend(backend, FRAMES, backend.arrays, onnx_sha256="ab")
    assert value_of(report, "normals", "mean") == pytest.approx(2.0, rel=1e-4)


def test_scale_that_jumps_on_one_call_in_many_is_flicker() -> None:
    report = report_of(Recorded("fp16", depth=lambda depth, call: depth * (1.004 if call == 9 else 1.0)))
    assert unmet(report) == {("depth", "flicker, unlike")}


def test_place_in_the_batch_that_answers_differently_is_refused() -> None:
    def last_place(depth: Array, call: int) -> Array:
        if len(depth) > 1:
            depth[-1] *= 1.3
        return depth

    assert report_of(Recorded(depth=last_place)).is_accepted
    assert not report_of(Recorded(depth=last_place), batch=3).is_accepted


def test_untrained_scale_is_judged_like_any_other() -> None:
    for factor in (1e-4, 1e4):
        for error, is_fine in ((1e-4, True), (1e-2, False)):
            backend = Recorded(depth=lambda depth, call, e=error: depth * (1.0 + e))
            backend.arrays["depth"] *= factor
            reference = {**outputs(), "depth": outputs()["depth"] * np.float32(factor)}
            assert check_backend(backend, FRAMES, reference, onnx_sha256="ab").is_accepted is is_fine


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_constant_answer_is_not_taken_for_an_untrained_head(precision: str) -> None:
    """An untrained depth that varies by a permille: every relative error is tiny, and yet nothing of it is right."""
    reference = outputs()
    rng = np.random.default_rng(4)
    reference["depth"] = (10.0 * rng.uniform(0.999, 1.001, reference["depth"].shape)).astype(np.float32)
    backend = Recorded(precision, depth=lambda depth, call: np.full_like(depth, 10.0))
    report = check_backend(backend, FRAMES, reference, onnx_sha256="ab")
    assert ("depth", "unlike") in unmet(report)
    assert value_of(report, "depth", "unlike") == pytest.approx(1.0, abs=0.1)
    backend = Recorded(precision)
    backend.arrays = reference
    assert check_backend(backend, FRAMES, reference, onnx_sha256="ab").is_accepted


def test_labels_without_confidence_are_all_held_to_one_bound() -> None:
    heads = ("label",)
    reference = {"label": outputs()["label"]}
    for share, is_fine in ((0.05, True), (0.2, False)):
        flips = np.random.default_rng(5).random((1, H // STRIDE, W // STRIDE)) < share
        backend = Recorded("int8", label=lambda label, call, f=flips: np.where(f, 18, label))
        backend.card = dataclasses.replace(CARD, heads=heads)
        backend.arrays = reference
        report = check_backend(backend, FRAMES, reference, onnx_sha256="ab")
        assert report.is_accepted is is_fine
        assert value_of(report, "label", "differs") == pytest.approx(share, abs=0.02)


def test_quick_check_compares_some_frames_and_is_no_full_verdict() -> None:
    full, quick = report_of(Recorded()), report_of(Recorded(), is_quick=True)
    assert quick.is_accepted
    assert not quick.is_complete
    assert is_accepted_verdict(full.to_dict(), quick.to_dict())
    assert not is_accepted_verdict(quick.to_dict(), quick.to_dict())
    assert not is_accepted_verdict(None, quick.to_dict())
    refused = report_of(Recorded(depth=lambda depth, call: depth * 2.0))
    assert not is_accepted_verdict(refused.to_dict(), quick.to_dict())
    assert not is_accepted_verdict(report_of(Recorded("fp16")).to_dict(), quick.to_dict())


def test_report_is_strict_json_and_a_table_for_people() -> None:
    report = report_of(Recorded(painted=lambda values, call: values * np.nan))
    values = json.loads(report.to_json())
    assert values["is_accepted"] is False
    assert values["info"]["version"] == "10.9.0.34"
    table = report.table()
    assert "REFUSED" in table
    assert "! painted" in table
    assert "! depth" not in table


def test_runtime_that_fails_is_no_verdict() -> None:
    backend = Recorded()
    backend.inputs = (TensorSpec("image", "uint8", (None, H, W + 1, 3)),)
    with pytest.raises(InferenceError):
        report_of(backend)
