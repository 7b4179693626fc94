"""`report.html` of `evaluate depth` and `evaluate segmentation`: one page without anything from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_fm.evaluation.report import environment
from perception_fm.evaluation.results import strict
from perception_fm.evaluation.worst_frames import WorstFrame
from perception_fm.visual.dense_plots import depth_calibration_svg, depth_svg, reliability_svg, segmentation_svg


def write_depth_report(folder: Path, document: Mapping[str, Any], worst: Sequence[WorstFrame]) -> Path:
    """From the document of depth.json; returns the path."""
    document = strict(document)
    calibration = document["summary"]["calibration"]
    return _write(
        folder,
        "depth.html",
        document,
        worst,
        plot=depth_svg(document["summary"], document["frames"]),
        calibration_plot="" if calibration is None else depth_calibration_svg(calibration),
    )


def write_segmentation_report(folder: Path, document: Mapping[str, Any], worst: Sequence[WorstFrame]) -> Path:
    """From the document of segmentation.json; returns the path."""
    document = strict(document)
    calibration = document["summary"]["calibration"]
    return _write(
        folder,
        "segmentation.html",
        document,
        worst,
        plot=segmentation_svg(document["frames"]),
        calibration_plot="" if calibration is None else reliability_svg(calibration),
    )


def _write(folder: Path, template: str, document: Mapping[str, Any], worst: Sequence[WorstFrame], **plots: str) -> Path:
    html = (
        environment()
        .get_template(template)
        .render(
            run=document["run"],
            summary=document["summary"],
            pictures=[
                {
                    "source": "data:image/jpeg;base64," + base64.b64encode(one.jpeg).decode("ascii"),
                    "caption": one.caption,
                }
                for one in worst
            ],
            **plots,
        )
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path
