"""The acceptance gate: a runtime is trusted after its answers on the golden frames agree with the reference.

The reference is the same ONNX file in ONNX Runtime on the CPU, operator by operator as the file has them. Every figure
is of one frame and the worst frame counts, so that an answer that is wrong now and then does not drown in a mean. All
measures are relative or bounded, so they mean the same for an untrained network, whose depth may have any scale.
`tolerances` says how much is tolerated and why.

Each frame runs twice, the others in between: the second answer must repeat the first within the tolerances of FP32,
whatever the precision, for rounding repeats itself. TensorRT 10.3 was seen to give another depth scale from frame to
frame; and an engine that replays a CUDA graph takes another way on the second call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.inference.agreement import Outputs, measures_of
from perception_fm.inference.backend import Array, InferenceBackend
from perception_fm.inference.gate_report import Figure, GateReport
from perception_fm.inference.golden_frames import hash_of
from perception_fm.inference.tolerances import FP32, UNITS, precision_class, tolerance
from perception_fm.models.heads import INPUT

QUICK_FRAMES = (0, 3)
"""Of the check at each start once a full one was passed: the town, and the painted wall."""

_FLICKER = "flicker, "
_Pair = tuple[int, Outputs, Outputs]  # number of the frame, what answered, what it is held against


def check_backend(
    backend: InferenceBackend,
    frames: NDArray[np.uint8],
    reference: Outputs,
    *,
    onnx_sha256: str,
    batch: int = 1,
    is_quick: bool = False,
) -> GateReport:
    """The report of a backend on golden frames (K, H, W, 3); `reference`: outputs by head, K of each.

    `batch`: images per call that the backend will be used with; the second time a frame lies in each place.
    `is_quick`: on `QUICK_FRAMES` alone. Raises `InferenceError` where the backend fails.
    """
    numbers = [n for n in QUICK_FRAMES if n < len(frames)] if is_quick else list(range(len(frames)))
    heads = backend.card.heads
    expected = {number: {head: values[number] for head, values in reference.items()} for number in numbers}
    first = {number: answers(backend, frames[number]) for number in numbers}
    again = {number: answers(backend, frames[number], batch) for number in numbers}
    kind = precision_class(backend.info.precision, backend.card.precision)
    to_reference = [(n, answer, expected[n]) for n in numbers for answer in (*first[n], *again[n])]
    to_first = [(n, answer, first[n][0]) for n in numbers for answer in (*first[n], *again[n])]
    return GateReport(
        model=backend.card.name,
        onnx_sha256=onnx_sha256,
        info=backend.info,
        kind=kind,
        golden=hash_of(frames),
        frames=len(frames),
        runs=len(numbers),
        figures=(*_figures(heads, to_reference, kind), *_flicker(heads, to_first)),
    )


def answers(backend: InferenceBackend, frame: NDArray[np.uint8], batch: int = 1) -> list[dict[str, Array]]:
    """Copies of the raw outputs of one frame (H, W, 3), one per place of a batch that is filled with it.

    Where the file's batch is fixed, that is the number of places.
    """
    places = backend.inputs[0].shape[0] or batch
    raw = backend.run({INPUT: np.ascontiguousarray(np.broadcast_to(frame, (places, *frame.shape)))})
    return [{head: np.array(values[place]) for head, values in raw.items()} for place in range(places)]


def _figures(heads: Sequence[str], pairs: Sequence[_Pair], kind: str) -> Iterator[Figure]:
    """One figure per head and measure: that of the frame where it is largest, NaN above all."""
    for head in heads:
        found: dict[str, Figure] = {}
        for number, mine, theirs in pairs:
            for measure, value in measures_of(head, mine, theirs).items():
                unit = UNITS.get((head, measure), "")
                figure = Figure(head, measure, value, tolerance(head, measure, kind), number, unit)
                if measure not in found or figure.excess > found[measure].excess:
                    found[measure] = figure
        yield from found.values()


def _flicker(heads: Sequence[str], pairs: Sequence[_Pair]) -> Iterator[Figure]:
    """Of each head, the measure between its answers to one frame that is the largest part of its tolerance."""
    for head in heads:
        worst = max(_figures((head,), pairs, FP32), key=lambda figure: (figure.excess, figure.tolerance))
        yield dataclasses.replace(worst, measure=_FLICKER + worst.measure)
