"""The thing that stands in the path, drawn with all that is said about it: its face, how far, how soon, and why.

A bar per cue, as long as its log ratio is of what names a wall; the mark is that threshold. To the right a cue claims
that the road goes on there, to the left it agrees with the thing. Motion and range have a bar of their own: how sure
they are that something stands there, against what confirms it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from perception_fm.fakewall.claims import SEES_PAST
from perception_fm.fakewall.finding import Cue, FakeWallFinding
from perception_fm.fakewall.sequential import NAME
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.types import CameraFrame, Obstacle, PathState, PerceptionResult, Provenance
from perception_fm.visual.pen import WHITE, Colour, Pen
from perception_fm.visual.road_frame import project
from perception_fm.visual.thing_colours import RED

FloatArray = NDArray[np.float64]

MAGENTA: Colour = (200, 40, 200)
_AGREES: Colour = (150, 190, 90)
_FAINT: Colour = (150, 150, 150)
_NAMES = {
    Cue.DEPTH_CONTRADICTION: "depth", Cue.SEMANTICS: "classes", Cue.PAINTED_SURFACE: "print", Cue.RANGE: "past range",
}  # fmt: skip
_PANEL_PX = (350, 26)  # width, and height of a row, at the pen's reference height
_NAME_PX, _NUMBER_PX = 80, 96  # beside the bars
_SIZE = 0.55
_LOW, _HIGH = -0.5, 1.5  # of the threshold: where bars end


def standing_wall(result: PerceptionResult) -> Obstacle | None:
    """The obstacle that the finding has a face of; None without one."""
    finding = result.fake_wall
    if finding is None or not len(finding.polygon_m) or result.base_from_camera is None:
        return None
    return next((item for item in result.obstacles if item.obstacle_id == finding.obstacle_id), None)


def draw_wall(pen: Pen, frame: CameraFrame, result: PerceptionResult) -> None:
    """Outline of its face with distance and time to contact, and the evidence below the banner; nothing without one."""
    wall, finding = standing_wall(result), result.fake_wall
    if wall is None or finding is None or result.base_from_camera is None:
        return
    _draw_panel(pen, finding, wall)
    colour = MAGENTA if result.state is PathState.FAKE_WALL else RED
    pixels = project(frame, result.base_from_camera.inverse().apply(finding.polygon_m))
    if np.isfinite(pixels).all():
        pen.tint(pixels, colour, 0.22)
        pen.lines(pixels[None], colour, pen.line_px + 1, is_closed=True)
        left, top = pixels.min(axis=0)
        pen.label(_numbers(finding), int(left), int(top) - pen.line_px, 0.62, colour)


def words_of_depth(finding: FakeWallFinding) -> str:
    """What the learned depth says of the place."""
    claimed = finding.claimed
    looks = [one for one in claimed.evidence if one.cue in (Cue.DEPTH_CONTRADICTION, Cue.RANGE) and one.is_available]
    if not looks or not math.isfinite(claimed.learned_m):
        return "depth: no answer there"
    says = "road goes on" if max(one.value for one in looks) > SEES_PAST else "something stands"
    return f"depth: {says}, {claimed.learned_m:.0f} m"


def words_of_measurement(finding: FakeWallFinding, wall: Obstacle) -> str:
    """What motion or a range sensor says of the place."""
    source = "range" if wall.provenance is Provenance.RANGE else "motion"
    words = f"{source}: wall at {finding.distance_m:.0f} m"
    return f"{words}, {finding.ttc_s:.1f} s" if math.isfinite(finding.ttc_s) else words


def _numbers(finding: FakeWallFinding) -> str:
    words = f"{finding.distance_m:.1f} +-{finding.distance_sigma_m:.1f} m"
    if math.isfinite(finding.ttc_s):
        words += f"   {finding.ttc_s:.1f} +-{finding.ttc_sigma_s:.2f} s"
    return words


def _bars(finding: FakeWallFinding, wall: Obstacle) -> list[tuple[str, float, float, Colour]]:
    """Name, log ratio, threshold and colour of each bar."""
    surely = float(np.clip(logit(wall.existence_probability), -2.0 * CONFIRM, 2.0 * CONFIRM))
    source = "range" if wall.provenance is Provenance.RANGE else "motion"
    bars = [(source, surely, CONFIRM, RED)]
    claimed = finding.claimed
    for one in claimed.evidence:
        if one.is_available:
            # What only a range sensor has met has no other depth cue.
            name = "depth" if one.cue is Cue.RANGE and source == "range" else _NAMES[one.cue]
            bars.append((name, one.log_likelihood_ratio, NAME, MAGENTA))
    if len(bars) > 1:
        bars.append(("together", claimed.log_ratio, NAME, MAGENTA))
    return bars


def _draw_panel(pen: Pen, finding: FakeWallFinding, wall: Obstacle) -> None:
    """Right below the banner, on darkened ground."""
    bars = _bars(finding, wall)
    width, step = (round(value * pen.scale) for value in _PANEL_PX)
    left, top = pen.width - width, round(44 * pen.scale)
    height = (len(bars) + 2) * step + pen.pad_px
    if left < 0 or top + height > pen.height:
        return  # a picture too small to read anything in
    ground = pen.image[top : top + height, left:]
    cv2.convertScaleAbs(ground, dst=ground, alpha=0.25)
    row = top + step
    for words in (words_of_measurement(finding, wall), words_of_depth(finding)):
        pen.text(words, left + pen.pad_px, row - pen.pad_px, 0.62, WHITE)
        row += step
    start, end = left + round(_NAME_PX * pen.scale), pen.width - round(_NUMBER_PX * pen.scale)
    zero = round(start + (end - start) * -_LOW / (_HIGH - _LOW))
    mark = round(start + (end - start) * (1.0 - _LOW) / (_HIGH - _LOW))
    for name, ratio, threshold, colour in bars:
        low, high = row - step + pen.pad_px // 2 + 1, row - pen.pad_px // 2
        place = zero + round((mark - zero) * min(_HIGH, max(_LOW, ratio / threshold)))
        shown = colour if ratio > 0.0 else _AGREES
        cv2.rectangle(pen.image, (min(zero, place), low), (max(zero, place), high), shown, cv2.FILLED)
        pen.text(name, left + pen.pad_px, row - pen.pad_px, _SIZE, WHITE)
        pen.text(f"{ratio:+.1f} / {threshold:.1f}", end + pen.pad_px, row - pen.pad_px, _SIZE, WHITE)
        row += step
    first, last = top + 2 * step, row - step
    cv2.line(pen.image, (zero, first), (zero, last), _FAINT, 1)
    cv2.line(pen.image, (mark, first), (mark, last), WHITE, 1)
