"""`GateReport`: the figures of the acceptance gate, and the refusal that follows from them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perception_fm.errors import EngineError
from perception_fm.evaluation.results import strict
from perception_fm.inference.backend import BackendInfo
from perception_fm.inference.known_bad import known_bad_line
from perception_fm.inference.tolerances import REFERENCE_NOT_FINITE

SCHEMA = 1
"""Raised when measures or tolerances change: verdicts of before count no longer."""

_SHOWN = 4  # figures in a refusal; the report has all


@dataclass(frozen=True)
class Figure:
    """One measure of one head: the worst of the golden frames. `frame`: which, from 0. 0 is perfect agreement."""

    head: str
    measure: str
    value: float
    tolerance: float
    frame: int
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """False for NaN as well."""
        return self.value <= self.tolerance

    @property
    def excess(self) -> float:
        """Value as a multiple of its tolerance; infinite for what must not be and is, and for NaN."""
        if self.is_met:
            return self.value / self.tolerance if self.tolerance > 0.0 else 0.0
        return self.value / self.tolerance if self.tolerance > 0.0 and self.value > 0.0 else math.inf

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.head}: {self.measure} {self.value:.4g}{unit}, at most {self.tolerance:g}{unit} (frame {self.frame})"
        )


@dataclass(frozen=True)
class GateReport:
    """What the acceptance gate found. `kind`: class of precision whose tolerances hold. `golden`: hash of the frames.

    `runs`: how many of the golden frames were compared, of `frames`.
    """

    model: str
    onnx_sha256: str
    info: BackendInfo
    kind: str
    golden: str
    frames: int
    runs: int
    figures: tuple[Figure, ...]
    schema: int = SCHEMA

    @property
    def is_accepted(self) -> bool:
        """Whether every figure is within its tolerance."""
        return all(figure.is_met for figure in self.figures)

    @property
    def is_complete(self) -> bool:
        """Whether all golden frames were compared."""
        return self.runs == self.frames

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN is null."""
        values: dict[str, Any] = strict(dataclasses.asdict(self))
        for written, figure in zip(values["figures"], self.figures):
            written["is_met"] = figure.is_met
        return {**values, "is_accepted": self.is_accepted}

    def to_json(self) -> str:
        """For people too, hence the indentation."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def table(self) -> str:
        """For a terminal: one line per figure that is bounded or not met, the latter marked."""
        head = f"{self.model} on {self.info.runtime} {self.info.version} ({self.info.device}, {self.info.precision})"
        lines = [f"{head}: {'accepted' if self.is_accepted else 'REFUSED'} with the tolerances of {self.kind}"]
        for figure in self.figures:
            if figure.is_met and figure.tolerance == 0.0:
                continue
            mark = " " if figure.is_met else "!"
            value = f"{figure.value:>10.3g} of {figure.tolerance:<8g}{figure.unit}"
            lines.append(f"{mark} {figure.head:<19}{figure.measure:<35}{value}".rstrip())
        return "\n".join(lines)


def require_accepted(report: GateReport) -> None:
    """Raises `EngineError` in one line: figures, tolerances, what is known about the runtime, what to do."""
    if report.is_accepted:
        return
    refused = sorted((f for f in report.figures if not f.is_met), key=lambda figure: figure.excess, reverse=True)
    shown = "; ".join(map(str, refused[:_SHOWN])) + (f"; and {len(refused) - _SHOWN} more" if refused[_SHOWN:] else "")
    info = report.info
    known = known_bad_line(info.runtime, info.version)
    raise EngineError(
        f"the acceptance gate refuses model {report.model} on {info.runtime} {info.version} ({info.device},"
        f" {info.precision}): {shown}. {f'{known}. ' if known else ''}{_advice(report, refused)}"
    )


def is_accepted_verdict(verdict: Mapping[str, Any] | None, report: Mapping[str, Any]) -> bool:
    """Whether a verdict kept as JSON accepts what `report`, of a quick check, is about, with all frames compared."""
    same = ("schema", "model", "onnx_sha256", "info", "kind", "golden", "frames")
    return (
        verdict is not None
        and verdict.get("is_accepted") is True
        and verdict.get("runs") == verdict.get("frames")
        and all(verdict.get(key) == report[key] for key in same)
    )


def _advice(report: GateReport, refused: list[Figure]) -> str:
    if any(figure.measure == REFERENCE_NOT_FINITE for figure in refused):
        return "The model itself gives NaN: its weights are damaged, export or pull it again"
    if report.info.runtime.startswith("tensorrt"):
        return "Use another TensorRT version, another precision of the model, or the runtime onnxruntime"
    return "Use another precision of the model, or another version of ONNX Runtime"
