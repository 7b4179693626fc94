"""How far a runtime may be from its reference, per head and precision, and why.

FP32: the runtimes sum in another order. A rounding is 6e-8; ONNX Runtime and PyTorch were seen to differ by 1e-5 and
less on all networks here. The bound leaves a factor of hundred, and is a hundredth of what such a network errs by.

FP16 and TF32: a rounding is 5e-4 (10 bits of mantissa). Roundings of a hundred layers add up like a random walk, to
ten times that: half a percent. The bound is twice that: a tenth of the error of a good depth network (AbsRel near 0.1,
Eigen et al., NIPS 2014).

INT8: 256 steps for the range of a tensor, and ranges that were guessed from samples. The bound on the mean is below
what the networks err by anyway (AbsRel near 0.1; normals by 16 degrees on NYUv2: Bae and Davison, DSINE, CVPR 2024);
the bound on the scale is tight, because a scale error moves every distance at once.

The 99th percentile may be larger than the mean by what occlusion edges do: there a cell changes sides.

`UNLIKE` asks how much of the picture in the answer survives, whatever its scale: an untrained head varies by parts of a
percent over the image, so that even a constant would agree with it to that. It is the root mean square difference over
the standard deviation of the reference within the frame; a constant or unrelated answer gives 1 and more. Seen on the
golden frames, untrained heads on EfficientNet-Lite0 and 2 (640x384, 320x192) and DINOv2 and v3 small (320x192), worst
of depth, log-variance and normals: FP32 4e-5, FP16 0.011, INT8 0.38. For probabilities it is not bounded: a trained
head that is sure everywhere has no variation but noise.
"""

from __future__ import annotations

FP32, FP16, INT8 = "fp32", "fp16", "int8"
CLASSES = (FP32, FP16, INT8)

NOT_FINITE, REFERENCE_NOT_FINITE = "not finite", "not finite in the reference"
MEAN, P99, SCALE, UNLIKE = "mean", "p99", "scale", "unlike"
DIFFERS, DIFFERS_UNDECIDED = "differs", "differs where undecided"
DIFFERS_DECIDED, DIFFERS_CLASS = "differs where decided", "differs in the worst class"

TOLERANCES: dict[tuple[str, str], tuple[float, float, float]] = {
    # |candidate / reference - 1|; scale: of the median ratio of one frame.
    ("depth", MEAN): (1e-3, 1e-2, 5e-2),
    ("depth", P99): (1e-2, 5e-2, 2.5e-1),
    ("depth", SCALE): (1e-3, 5e-3, 2e-2),
    ("depth", UNLIKE): (1e-3, 5e-2, 6e-1),
    # Difference of ln(variance): half of it is the relative error of the standard deviation.
    ("depth_log_variance", MEAN): (2e-3, 4e-2, 2e-1),
    ("depth_log_variance", P99): (2e-2, 2e-1, 1.0),
    ("depth_log_variance", UNLIKE): (1e-3, 5e-2, 6e-1),
    # Shares of all cells; where decided and in the worst class: of those. Where the label was a near-tie another one is
    # no fault, so many may differ there (seen on untrained heads, undecided everywhere: FP16 0.004, INT8 0.15). Without
    # a confidence nobody knows which cells those are.
    ("label", DIFFERS): (2e-3, 2e-2, 1e-1),
    ("label", DIFFERS_UNDECIDED): (2e-3, 2e-2, 3e-1),
    ("label", DIFFERS_DECIDED): (5e-4, 2e-3, 2e-2),
    ("label", DIFFERS_CLASS): (1e-2, 5e-2, 2e-1),
    # Probabilities.
    ("confidence", MEAN): (1e-3, 1e-2, 5e-2),
    ("confidence", P99): (1e-2, 5e-2, 2.5e-1),
    ("painted", MEAN): (1e-3, 1e-2, 5e-2),
    ("painted", P99): (1e-2, 5e-2, 2.5e-1),
    # Degrees.
    ("normals", MEAN): (0.1, 1.0, 12.0),
    ("normals", P99): (1.0, 5.0, 45.0),
    ("normals", UNLIKE): (1e-3, 5e-2, 6e-1),
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
