"""`report.html` of `evaluate scene`: one page without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_fm.evaluation.dense_report import pictures_of
from perception_fm.evaluation.report import environment
from perception_fm.evaluation.results import strict
from perception_fm.evaluation.worst_frames import WorstFrame


def write_scene_report(
    folder: Path,
    document: Mapping[str, Any],
    worst: Sequence[WorstFrame],
    mistaken: Sequence[WorstFrame],
    ordinary: Sequence[WorstFrame],
) -> Path:
    """From the document of scene.json; returns the path.

    `worst`: most dangerous cells; `mistaken`: most missed and false obstacles; `ordinary`: as most frames are.
    """
    document = strict(document)
    html = environment().get_template("scene.html").render(
        run=document["run"],
        summary=document["summary"],
        definitions=document["definitions"],
        worst=pictures_of(worst),
        mistaken=pictures_of(mistaken),
        ordinary=pictures_of(ordinary),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path
