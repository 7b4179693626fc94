"""Free space from above, true and found, beside the picture that it was made from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.scene.free_grid import FREE, OCCUPIED, FreeSpaceGrid
from perception_fm.visual.pen import Colour, Image, Pen

_COLOURS: dict[int, Colour] = {FREE: (96, 176, 72), OCCUPIED: (52, 52, 214)}
_UNKNOWN: Colour = (112, 112, 112)
DANGEROUS: Colour = (230, 40, 230)
BLOCKED: Colour = (40, 150, 240)
_FOUND: Colour = (60, 230, 250)
_TRUE: Colour = (255, 255, 255)
_DIM = 0.45  # of what is not judged
_AHEAD_M, _ASIDE_M = 32.0, 16.0
_HEIGHT_PX = 480
_CAPTION_BACK: Colour = (40, 36, 32)


def grid_picture(
    image: NDArray[np.uint8],
    grid: FreeSpaceGrid,
    true_state: NDArray[np.int8] | None,
    is_judged: NDArray[np.bool_] | None,
    found_m: Sequence[NDArray[np.float64]],
    true_m: Sequence[NDArray[np.float64]],
) -> Image:
    """The image (H, W, 3) or (H, W), the true cells and those of `grid`, forward up, 32 m ahead and 16 m to each side.

    Free is green, occupied red, unknown grey, dim where `is_judged` is False; of the found cells magenta are those
    called free where something stands, orange those called occupied where there is road. `found_m`: corners (4, 2) of
    boxes, yellow; `true_m`: nearest points (2,) of true things, white. All base frame, metres. Without truth the panel
    of the true cells is left out.
    """
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    width = round(colour.shape[1] * _HEIGHT_PX / colour.shape[0])
    panels = [("image", cv2.resize(colour, (width, _HEIGHT_PX), interpolation=cv2.INTER_AREA))]
    painted = _painted(grid.cells)
    if true_state is not None and is_judged is not None:
        truth = _painted(true_state)
        truth[~is_judged] = (truth[~is_judged] * _DIM).astype(np.uint8)
        panels.append(("truth", _from_above(truth, grid, (), true_m)))
        painted[is_judged & (true_state == OCCUPIED) & (grid.cells == FREE)] = DANGEROUS
        painted[is_judged & (true_state == FREE) & (grid.cells == OCCUPIED)] = BLOCKED
        painted[~is_judged] = (painted[~is_judged] * _DIM).astype(np.uint8)
    panels.append(("found", _from_above(painted, grid, found_m, true_m)))
    for name, panel in panels:
        Pen(panel).label(name, 0, 0, 0.6, _CAPTION_BACK)
    return np.hstack([panel for _, panel in panels])


def _painted(state: NDArray[np.int8]) -> Image:
    painted = np.full((*state.shape, 3), _UNKNOWN, np.uint8)
    for value, colour in _COLOURS.items():
        painted[state == value] = colour
    return painted


def _from_above(
    painted: Image,
    grid: FreeSpaceGrid,
    boxes_m: Sequence[NDArray[np.float64]],
    places_m: Sequence[NDArray[np.float64]],
) -> Image:
    """Cells (rows to the left, columns ahead) turned so that ahead is up and left is left, with outlines."""
    scale = _HEIGHT_PX / _AHEAD_M
    size = (round(2.0 * _ASIDE_M * scale), _HEIGHT_PX)
    # Output pixel (u, v) -> column and row of the grid: both count centres.
    step = 1.0 / (scale * grid.resolution_m)
    top = (_AHEAD_M - grid.origin_m[0]) / grid.resolution_m - 0.5 - 0.5 * step
    left = (_ASIDE_M - grid.origin_m[1]) / grid.resolution_m - 0.5 - 0.5 * step
    matrix = np.array([[0.0, -step, top], [-step, 0.0, left]])
    panel = cv2.warpAffine(painted, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderValue=_UNKNOWN)
    pen = Pen(np.ascontiguousarray(panel))
    if len(boxes_m):
        corners = np.array([[_pixel(corner, scale) for corner in box] for box in boxes_m])
        pen.lines(corners, _FOUND, 1, is_closed=True)
    for place in places_m:
        u, v = _pixel(place, scale)
        cv2.circle(pen.image, (round(u), round(v)), 4, _TRUE, 1, cv2.LINE_AA)
    return pen.image


def _pixel(place_m: NDArray[np.float64], scale: float) -> tuple[float, float]:
    return (_ASIDE_M - float(place_m[1])) * scale, (_AHEAD_M - float(place_m[0])) * scale
