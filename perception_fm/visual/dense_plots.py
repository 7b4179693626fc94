"""Plots about dense predictions, from the documents of depth.json and segmentation.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perception_fm.visual.plots import column, side_by_side_svg

Record = Mapping[str, Any]

_BLUE, _GREEN, _ORANGE, _GREY = "#2a6fdb", "#1f9d4d", "#e8951c", "#9aa1ab"
_LINE: dict[str, Any] = {"linewidth": 1.2, "marker": ".", "markersize": 4}


def depth_svg(summary: Record, frames: Sequence[Record]) -> str:
    """AbsRel and bias per band of distance, and AbsRel per frame, raw and median-scaled."""

    def draw_frames(axes: Any) -> None:
        index = column(frames, "index")
        for kind, colour in (("raw", _BLUE), ("median_scaled", _GREEN)):
            values = 100 * column([frame[kind] for frame in frames], "abs_rel")
            axes.plot(index, values, color=colour, label=kind.replace("_", "-"), **_LINE)
        axes.set(xlabel="frame", ylabel="AbsRel (%)")
        axes.set_ylim(bottom=0.0)
        axes.legend()

    return side_by_side_svg([lambda axes: _draw_bands(axes, summary), draw_frames], 2.9)


def depth_bands_svg(summary: Record) -> str:
    """AbsRel and bias per band of distance."""
    return side_by_side_svg([lambda axes: _draw_bands(axes, summary)], 2.9)


def depth_calibration_svg(calibration: Record) -> str:
    """Nominal against observed share inside central intervals, and sparsification beside its oracle."""

    def draw_intervals(axes: Any) -> None:
        _diagonal(axes)
        axes.plot(calibration["nominal_share"], calibration["inside_share"], color=_BLUE, marker=".", linewidth=1.3)
        axes.set(xlabel="nominal share inside the interval", ylabel="observed share", ylim=(0, 1), xlim=(0, 1))

    def draw_sparsification(axes: Any) -> None:
        for key, colour, label in (
            ("remaining_by_std", _BLUE, "largest predicted std left out"),
            ("remaining_by_error", _GREY, "largest true error left out"),
        ):
            left_out = 100 * column([{"x": one} for one in calibration["left_out_share"]], "x")
            axes.plot(left_out, column([{"y": one} for one in calibration[key]], "y"), color=colour, label=label)
        axes.set(xlabel="pixels left out (%)", ylabel="mean |error| that remains / of all")
        axes.set_ylim(bottom=0.0)
        axes.legend()

    return side_by_side_svg([draw_intervals, draw_sparsification], 3.2)


def segmentation_svg(frames: Sequence[Record]) -> str:
    """Pixel accuracy and mean IoU per frame."""

    def draw(axes: Any) -> None:
        index = column(frames, "index")
        for key, colour, label in (("accuracy", _BLUE, "pixel accuracy"), ("mean_iou", _GREEN, "mean IoU")):
            axes.plot(index, 100 * column(frames, key), color=colour, label=label, **_LINE)
        axes.set(xlabel="frame", ylabel="%", ylim=(0, 105))
        axes.legend()

    return side_by_side_svg([draw], 2.5)


def reliability_svg(calibration: Record) -> str:
    """Share that is right per bin of confidence, and how the confidences are spread."""
    bins = calibration["bins"]
    centres = [0.5 * (one["from"] + one["to"]) for one in bins]
    width = 0.9 * (bins[0]["to"] - bins[0]["from"])

    def draw_accuracy(axes: Any) -> None:
        axes.bar(centres, column(bins, "accuracy"), width, color=_BLUE, alpha=0.75)
        axes.plot(column(bins, "confidence"), column(bins, "accuracy"), ".", color="#20262e")
        _diagonal(axes)
        axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))

    def draw_spread(axes: Any) -> None:
        axes.bar(centres, 100 * column(bins, "pixels") / max(1, calibration["pixels"]), width, color=_GREY)
        axes.set(xlabel="confidence", ylabel="pixels (%)", xlim=(0, 1))

    return side_by_side_svg([draw_accuracy, draw_spread], 2.9)


def _diagonal(axes: Any) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1.0, linestyle="--")


def _draw_bands(axes: Any, summary: Record) -> None:
    bands = summary["bands"]
    places = range(len(bands))
    figures = [band["raw"] for band in bands]
    for key, colour, label, shift in (("abs_rel", _BLUE, "AbsRel", -0.2), ("bias_share", _ORANGE, "bias", 0.2)):
        axes.bar([place + shift for place in places], 100 * column(figures, key), 0.4, color=colour, label=label)
    axes.axhline(0.0, color=_GREY, linewidth=0.8)
    axes.set_xticks(list(places), [f"{band['from_m']:g}–{band['to_m']:g}" for band in bands])
    axes.set(xlabel="true distance (m)", ylabel="raw error (%)")
    axes.legend()
