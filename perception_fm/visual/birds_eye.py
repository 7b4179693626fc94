"""The scene from above: what is free, what stands there and how it moves, in a square picture with the vehicle below.

Green cells are free, red ones occupied, dark ones unknown. The outline is how far the sectors are free, the bright
strip the verified path. Boxes are obstacles, filled where confirmed, with an arrow as long as the way of one
second.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.scene.free_grid import FREE, OCCUPIED, FreeSpaceGrid
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.path import GroundPath
from perception_fm.types import Obstacle, PerceptionResult, obstacle_corners_m
from perception_fm.visual.pen import WHITE, Colour, Image, Pen
from perception_fm.visual.thing_colours import AMBER, GREEN, is_structure, obstacle_colour, speed_mps

FloatArray = NDArray[np.float64]

SIZE_PX = 480
_BEHIND_SHARE = 0.12  # of the picture, behind the base's origin
_LEAST_M, _MOST_M, _OTHERWISE_M = 20.0, 60.0, 50.0  # ahead; farther off a car is smaller than its outline is wide
_RING_COUNT = 6
_RING_STEPS_M = (5.0, 10.0, 20.0)
_UNKNOWN_COLOUR: Colour = (44, 40, 36)
_FREE_COLOUR: Colour = (58, 104, 44)
_OCCUPIED_COLOUR: Colour = (62, 62, 214)
_RING_COLOUR: Colour = (112, 108, 104)
_OUTLINE_COLOUR: Colour = (140, 220, 150)
_LEAST_SIDE_M = 0.5
_LONGEST_ARROW_M = 30.0
_FAR_OUTSIDE = 20.0  # pictures: OpenCV's numbers end somewhere
_VEHICLE_LENGTH_M = 4.4
_STRIP_SAMPLES = 24
_LEGEND = (
    ("free", _FREE_COLOUR), ("verified path", GREEN), ("occupied", _OCCUPIED_COLOUR), ("suspected", AMBER),
    ("unknown", _UNKNOWN_COLOUR),
)  # fmt: skip
_PALETTE = np.full((256, 1, 3), _UNKNOWN_COLOUR, np.uint8)
_PALETTE[FREE], _PALETTE[OCCUPIED] = _FREE_COLOUR, _OCCUPIED_COLOUR
_UNKNOWN_BYTE = 255


def draw_birds_eye(
    result: PerceptionResult, config: PerceptionConfig, size_px: int = SIZE_PX, width_px: int | None = None
) -> Image:
    """A new (size_px, size_px, 3) BGR picture of the base frame: forward is up, left is left.

    With `width_px`, only so much of its middle.
    """
    view = _View.of(result, size_px)
    pen = Pen(view.ground(result.grid))
    _draw_rings(pen, view)
    if result.sectors is not None:
        _draw_outline(pen, view, result.sectors)
    _draw_strip(pen, view, result, config)
    _draw_obstacles(pen, view, result)
    _draw_vehicle(pen, view, result, config)
    if width_px is not None:
        aside = max(0, (size_px - width_px) // 2)
        pen = Pen(np.ascontiguousarray(pen.image[:, aside : aside + width_px]))
    _draw_legend(pen)
    return pen.image


@dataclass(frozen=True)
class _View:
    """What the picture shows: its size, and how many pixels a metre has."""

    size_px: int
    px_per_m: float

    @classmethod
    def of(cls, result: PerceptionResult, size_px: int) -> _View:
        grid, ahead_m = result.grid, _OTHERWISE_M
        if grid is not None:
            ahead_m = grid.origin_m[0] + grid.resolution_m * grid.cells.shape[1]
        ahead_m = min(max(ahead_m, _LEAST_M), _MOST_M)
        return cls(size_px, size_px * (1.0 - _BEHIND_SHARE) / ahead_m)

    @property
    def ahead_m(self) -> float:
        """How far the picture reaches ahead of the base's origin."""
        return self.size_px * (1.0 - _BEHIND_SHARE) / self.px_per_m

    def pixels(self, points_m: FloatArray) -> FloatArray:
        """Column and row (..., 2) of points (..., 2), base x and y."""
        column = 0.5 * self.size_px - points_m[..., 1] * self.px_per_m
        row = self.size_px * (1.0 - _BEHIND_SHARE) - points_m[..., 0] * self.px_per_m
        return np.stack([column, row], axis=-1)

    def ground(self, grid: FreeSpaceGrid | None) -> Image:
        """The cells of the grid in their colours; all of unknown colour without one."""
        shape = (self.size_px, self.size_px)
        if grid is None:
            return np.full((*shape, 3), _UNKNOWN_COLOUR, np.uint8)
        # The centres of three cells and their pixels fix the map from (column, row) of the cells.
        cells = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
        places = np.array(grid.origin_m) + grid.resolution_m * (cells + 0.5)
        matrix = cv2.getAffineTransform(cells, self.pixels(places).astype(np.float32))
        state = cv2.warpAffine(
            grid.cells.view(np.uint8), matrix, shape, flags=cv2.INTER_NEAREST, borderValue=_UNKNOWN_BYTE
        )
        return np.asarray(cv2.applyColorMap(state, _PALETTE), np.uint8)


def _draw_rings(pen: Pen, view: _View) -> None:
    step = next((one for one in _RING_STEPS_M if view.ahead_m / one <= _RING_COUNT), _RING_STEPS_M[-1])
    centre = view.pixels(np.zeros(2))
    for number in range(1, int(view.ahead_m / step) + 1):
        place = (round(float(centre[0])), round(float(centre[1])))
        cv2.circle(pen.image, place, round(number * step * view.px_per_m), _RING_COLOUR, 1, cv2.LINE_AA)
        top = view.pixels(np.array([number * step, 0.0]))
        pen.text(f"{number * step:.0f} m", int(top[0]) + 4, int(top[1]) + 14, 0.55, WHITE)


def _draw_outline(pen: Pen, view: _View, sectors: FreeSpaceSectors) -> None:
    """The free end of each sector as an arc, joined by radial lines, from the origin and back to it."""
    edges = sectors.bearing_rad[:, None] + 0.5 * sectors.width_rad * np.array([-1.0, 1.0])
    away = sectors.free_m[:, None, None] * np.stack([np.cos(edges), np.sin(edges)], axis=-1)
    line = view.pixels(np.array(sectors.origin_m) + np.concatenate([np.zeros((1, 2)), away.reshape(-1, 2)]))
    pen.lines(line[None], _OUTLINE_COLOUR, 1, is_closed=True)


def _draw_strip(pen: Pen, view: _View, result: PerceptionResult, config: PerceptionConfig) -> None:
    free_m = result.verified_free_distance_m
    if free_m <= 0.0 or result.base_from_camera is None:
        return
    start = (float(result.base_from_camera.translation_m[0]), 0.0)
    half = 0.5 * config.vehicle.width_m
    path = GroundPath(start, result.path_heading_rad, result.path_curvature_per_m, half, result.path_memory_m)
    along = np.linspace(0.0, free_m, _STRIP_SAMPLES)
    edges = np.concatenate([path.points_m(along, half), path.points_m(along, -half)[::-1]])
    pixels = view.pixels(edges)
    pen.tint(pixels, GREEN, 0.55)
    pen.lines(pixels[None], GREEN, 1, is_closed=True)


def _draw_obstacles(pen: Pen, view: _View, result: PerceptionResult) -> None:
    """All boxes that are in the picture at once: in a street there are hundreds."""
    items = sorted(result.obstacles, key=lambda one: (one.is_confirmed, not is_structure(one)))
    pixels = view.pixels(obstacle_corners_m(items, _LEAST_SIDE_M))
    with np.errstate(invalid="ignore"):
        away = np.abs(pixels - 0.5 * view.size_px).max(axis=2) / view.size_px
        is_near = (away < 1.0).any(axis=1) & (away < _FAR_OUTSIDE).all(axis=1)
    shown = [(item, pixels[index]) for index, item in enumerate(items) if is_near[index]]
    edges: dict[Colour, list[FloatArray]] = {}
    for item, box in shown:
        colour = obstacle_colour(item)
        if item.is_confirmed:
            pen.tint(box, colour, 0.6)
        edges.setdefault(WHITE if item.is_confirmed and not is_structure(item) else colour, []).append(box)
    for colour, boxes in sorted(edges.items()):
        pen.lines(np.stack(boxes), colour, 1, is_closed=True)
    for item, _ in shown:
        if speed_mps(item) > 0.0:
            _draw_velocity(pen, view, item)


def _draw_velocity(pen: Pen, view: _View, item: Obstacle) -> None:
    way = item.velocity_mps[:2] * min(1.0, _LONGEST_ARROW_M / speed_mps(item))
    start, end = view.pixels(item.centre_base_m[:2] + np.stack([np.zeros(2), way]))
    tip = 6.0 / max(6.0, float(np.hypot(*(end - start))))
    from_px, to_px = ((round(float(x)), round(float(y))) for x, y in (start, end))
    cv2.arrowedLine(pen.image, from_px, to_px, WHITE, pen.line_px, cv2.LINE_AA, tipLength=tip)


def _draw_vehicle(pen: Pen, view: _View, result: PerceptionResult, config: PerceptionConfig) -> None:
    """A wedge whose tip is the front bumper, with the origin of the base frame inside; its length is a car's."""
    camera_x = 0.0 if result.base_from_camera is None else float(result.base_from_camera.translation_m[0])
    front, half = max(camera_x + config.vehicle.front_overhang_m, 1.0), 0.5 * config.vehicle.width_m
    back = front - _VEHICLE_LENGTH_M
    shoulder = front - 0.3 * _VEHICLE_LENGTH_M
    outline = view.pixels(np.array([[front, 0.0], [shoulder, -half], [back, -half], [back, half], [shoulder, half]]))
    pen.tint(outline, (214, 186, 120), 1.0)
    pen.lines(outline[None], WHITE, 1, is_closed=True)


def _draw_legend(pen: Pen) -> None:
    side, bottom = round(11 * pen.scale), pen.height - pen.pad_px
    step = round(24 * pen.scale)
    for index, (name, colour) in enumerate(reversed(_LEGEND)):
        low = bottom - index * step
        corner = (pen.pad_px, low - side)
        cv2.rectangle(pen.image, corner, (pen.pad_px + side, low), colour, cv2.FILLED)
        cv2.rectangle(pen.image, corner, (pen.pad_px + side, low), WHITE, 1)
        pen.text(name, 2 * pen.pad_px + side, low, 0.5, WHITE)
