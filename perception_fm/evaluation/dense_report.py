"""`report.html` of `evaluate depth`, `segmentation` and `shards`: one page without anything from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_fm.evaluation.report import environment
from perception_fm.evaluation.results import strict
from perception_fm.evaluation.worst_frames import WorstFrame
from perception_fm.visual.dense_plots import (
    depth_bands_svg,
    depth_calibration_svg,
    depth_svg,
    reliability_svg,
    segmentation_svg,
)


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


def write_shards_report(
    folder: Path, document: Mapping[str, Any], worst: Sequence[WorstFrame], believed: Sequence[WorstFrame]
) -> Path:
    """From the document of shards.json; `believed`: frames whose prints are believed most. Returns the path."""
    document = strict(document)
    depth = document["summary"]["depth"]
    calibration = None if depth is None else depth["calibration"]
    return _write(
        folder,
        "shards.html",
        document,
        worst,
        believed=pictures_of(believed),
        plot="" if depth is None else depth_bands_svg(depth),
        calibration_plot="" if calibration is None else depth_calibration_svg(calibration),
        reliability_plots={
            name: reliability_svg(part["calibration"])
            for name in ("segmentation", "painted_head")
            for part in [document["summary"][name]]
            if part is not None and part["calibration"] is not None
        },
    )


def _write(folder: Path, template: str, document: Mapping[str, Any], worst: Sequence[WorstFrame], **parts: Any) -> Path:
    html = (
        environment()
        .get_template(template)
        .render(
            run=document["run"],
            summary=document["summary"],
            pictures=pictures_of(worst),
            **parts,
        )
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def pictures_of(frames: Sequence[WorstFrame]) -> list[dict[str, str]]:
    """Source and caption of each, for a template."""
    return [
        {"source": "data:image/jpeg;base64," + base64.b64encode(one.jpeg).decode("ascii"), "caption": one.caption}
        for one in frames
    ]
