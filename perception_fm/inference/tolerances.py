"""How far a runtime may be from its reference, per head and precision, and why.

FP32: the runtimes sum in another order. A rounding is 6e-8; the longest networks here add up some hundred layers, of
which ONNX Runtime and PyTorch were seen to differ by 1e-5 and less. The bound leaves a factor of hundred, and is a
hundredth of what such a network errs by.

FP16 and TF32: a rounding is 5e-4 (10 bits of mantissa). Roundings of a hundred layers add up like a random walk, to
ten times that: half a percent. The bound is twice that: a tenth of the error of a good depth network (AbsRel near 0.1,
Eigen et al., NIPS 2014).

INT8: 256 steps for the range of a tensor, and ranges that were guessed from samples. The bound on the mean is half of
what the network errs by anyway; the bound on the scale is tight, because a scale error moves every distance at once.

The 99th percentile may be larger than the mean by what occlusion edges do: there a cell changes sides.
"""

from __future__ import annotations

FP32, FP16, INT8 = "fp32", "fp16", "int8"
CLASSES = (FP32, FP16, INT8)

NOT_FINITE, REFERENCE_NOT_FINITE = "not finite", "not finite in the reference"
MEAN, P99, SCALE = "mean", "p99", "scale"
DIFFERS, DIFFERS_DECIDED, DIFFERS_CLASS = "differs", "differs where decided", "differs in the worst class"

TOLERANCES: dict[tuple[str, str], tuple[float, float, float]] = {
    # |candidate / reference - 1|; scale: of the median ratio of one frame.
    ("depth", MEAN): (1e-3, 1e-2, 5e-2),
    ("depth", P99): (1e-2, 5e-2, 2.5e-1),
    ("depth", SCALE): (1e-3, 5e-3, 2e-2),
    # Difference of ln(variance): half of it is the relative error of the standard deviation.
    ("depth_log_variance", MEAN): (2e-3, 4e-2, 2e-1),
    ("depth_log_variance", P99): (2e-2, 2e-1, 1.0),
    # Shares of cells. Where the label was a near-tie another one is no fault, so many cells may differ there.
    ("label", DIFFERS): (2e-3, 2e-2, 1e-1),
    ("label", DIFFERS_DECIDED): (5e-4, 2e-3, 2e-2),
    ("label", DIFFERS_CLASS): (1e-2, 5e-2, 2e-1),
    # Probabilities.
    ("confidence", MEAN): (1e-3, 1e-2, 5e-2),
    ("confidence", P99): (1e-2, 5e-2, 2.5e-1),
    ("painted", MEAN): (1e-3, 1e-2, 5e-2),
    ("painted", P99): (1e-2, 5e-2, 2.5e-1),
    # Degrees.
    ("normals", MEAN): (0.1, 1.0, 5.0),
    ("normals", P99): (1.0, 5.0, 25.0),
}
"""Upper bounds for the three classes of precision, by head and measure."""

UNITS = {("normals", MEAN): "deg", ("normals", P99): "deg"}
"""Of measures that are no plain numbers."""


def precision_class(*precisions: str) -> str:
    """The class of the narrowest type that is named, in `ModelCard.precision` or `BackendInfo.precision`.

    Of a quantised file that runs wide, the steps are still there: a value beside a step falls to either side of it.
    What is not known (an engine that does not say) counts as FP32.
    """
    named = "+".join(precisions)
    if any(narrow in named for narrow in ("int8", "int4", "fp8", "fp4")):
        return INT8
    return FP16 if any(half in named for half in ("fp16", "bf16", "tf32")) else FP32


def tolerance(head: str, measure: str, kind: str) -> float:
    """Upper bound of one measure for a class of precision; a value that is not finite is never tolerated."""
    return 0.0 if measure in (NOT_FINITE, REFERENCE_NOT_FINITE) else TOLERANCES[head, measure][CLASSES.index(kind)]
