"""The overlay: what the pipeline knows, drawn on the image so that a person gets it at a glance.

The path is green where it is verified free and grey where it is unknown; other road that the grid has as free is tinted
green, and what nobody knows is left alone. Red boxes are confirmed obstacles, those of road users have the colour of
their class, amber ones in the path are not confirmed yet. The banner names the state. Tracks are coloured by the time
until they pass the camera.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.types import CameraFrame, Mode, Obstacle, PathState, PerceptionResult
from perception_fm.visual.free_ground import tint_free_ground
from perception_fm.visual.pen import WHITE, Colour, Image, Pen
from perception_fm.visual.road_frame import (
    CORRIDOR_SAMPLES,
    RoadFrame,
    corridor_m,
    crossing_pixels,
    crossings_pixels,
    edges_in_view,
    project,
    stored_axes,
)
from perception_fm.visual.thing_colours import (
    AMBER,
    GREEN,
    RED,
    is_structure,
    obstacle_colour,
    obstacle_name,
    speed_mps,
)
from perception_fm.visual.wall_evidence import MAGENTA, draw_wall, standing_wall
from perception_fm.visual.wireframe import box_lines

BRIGHT_GREEN: Colour = (130, 230, 120)
GREY: Colour = (150, 150, 150)
STATE_COLOURS = {
    PathState.UNVERIFIED: (110, 110, 110),
    PathState.FREE_VERIFIED: (70, 150, 30),
    PathState.OBSTACLE: RED,
    PathState.FAKE_WALL: MAGENTA,
    PathState.FLAT_PHANTOM: AMBER,
}
_TICKS_M = (10, 20, 40, 60, 80)
_TICK_SPACING_PX = 14.0
_TTC_RANGE_S = (1.5, 20.0)  # from hot to cold
_TTC_BINS = 10
_TAIL_PX = 14.0  # longer tails of near tracks would cover the picture
_TTC_SHADES = np.linspace(225, 30, _TTC_BINS).astype(np.uint8)[:, None]
_HOT_TO_COLD: list[Colour] = cv2.applyColorMap(_TTC_SHADES, cv2.COLORMAP_TURBO)[:, 0].tolist()


def draw_overlay(frame: CameraFrame, result: PerceptionResult, config: PerceptionConfig) -> Image:
    """A new (H, W, 3) BGR picture of `result` on the frame that it came from; any image size, grey or colour."""
    image = cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR) if frame.image.ndim == 2 else frame.image.copy()
    pen = Pen(image)
    tint_free_ground(image, frame, result, GREEN)
    road = RoadFrame.of(frame, result)
    if road is not None:
        _draw_corridor(pen, frame, result, road, config)
    _draw_tracks(pen, frame, result)
    _draw_focus(pen, frame, result)
    _draw_obstacles(pen, frame, result, road, config)
    draw_wall(pen, frame, result)
    _draw_banner(pen, result)
    return image


def _draw_corridor(
    pen: Pen, frame: CameraFrame, result: PerceptionResult, road: RoadFrame, config: PerceptionConfig
) -> None:
    half_width_m = 0.5 * config.vehicle.width_m
    free_m = result.verified_free_distance_m
    confirmed_m = [
        item.distance_m
        for item in result.obstacles
        if item.is_confirmed and item.is_in_path and np.isfinite(item.distance_m)
    ]
    end_m = min([config.sweep.max_distance_m, *(max(distance_m, free_m) for distance_m in confirmed_m)])
    # All at once: most of what this costs is each call.
    distances_m = [corridor_m(end_m), corridor_m(min(free_m, end_m)), np.array([*_TICKS_M, free_m])]
    crossings = crossings_pixels(frame, road, half_width_m, np.concatenate(distances_m))
    whole, verified, (*ticks, end) = np.split(crossings, (CORRIDOR_SAMPLES, 2 * CORRIDOR_SAMPLES))
    unknown = edges_in_view(frame, whole)
    free = edges_in_view(frame, verified) if free_m > 0.0 else None
    parts = [(edges, colour) for edges, colour in ((unknown, GREY), (free, GREEN)) if edges is not None]
    pen.tints([(np.concatenate([edges[0], edges[1][::-1]]), colour) for edges, colour in parts], 0.38)
    for edges, colour in parts:
        pen.lines(edges, colour, pen.line_px)
    row = float(pen.height)
    for distance_m, edge in zip(_TICKS_M, ticks):
        is_shown = distance_m < end_m and np.isfinite(edge).all()
        # Far off they crowd; an unreadable one is left out.
        if is_shown and edge[1, 1] < row - _TICK_SPACING_PX * pen.scale:
            row = float(edge[1, 1])
            _draw_tick(pen, edge[1], f"{distance_m:.0f}")
    if free is not None and np.isfinite(end).all():
        pen.lines(end[None], GREEN, 2 * pen.line_px)


def _draw_tick(pen: Pen, edge_px: NDArray[np.float64], text: str) -> None:
    """A short mark beside the right edge (2,) of the corridor with its distance."""
    x, y = edge_px
    length = 10.0 * pen.scale
    pen.lines(np.array([[[x, y], [x + length, y]]]), WHITE, 1)
    pen.text(text, int(x + 1.4 * length), int(y + 0.4 * length), 0.45, WHITE)


def _draw_tracks(pen: Pen, frame: CameraFrame, result: PerceptionResult) -> None:
    """Each track as a dot with a tail towards where it was, from hot (passes the camera soon) to cold."""
    if result.motion is None or not len(result.motion):
        return
    motion = result.motion
    low, high = np.log(_TTC_RANGE_S)
    place = (np.log(motion.ttc_s) - low) / (high - low)
    bins = np.clip(place * _TTC_BINS, 0, _TTC_BINS - 1).astype(int)
    start = project(frame, stored_axes(frame, np.column_stack([motion.rays_reference, np.ones(len(motion))])))
    way = start - motion.pixels_current
    length = np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)
    tail = motion.pixels_current + way * np.minimum(1.0, _TAIL_PX * pen.scale / length)[:, None]
    is_drawable = np.isfinite(tail).all(axis=1) & np.isfinite(motion.pixels_current).all(axis=1)
    # The hottest last: over all others.
    for bin_number in range(_TTC_BINS - 1, -1, -1):
        chosen = np.flatnonzero(is_drawable & (bins == bin_number))
        pen.pins(motion.pixels_current[chosen], tail[chosen], _HOT_TO_COLD[bin_number])


def _draw_focus(pen: Pen, frame: CameraFrame, result: PerceptionResult) -> None:
    """A cross at the focus of expansion and the road's horizon as ticks at both borders."""
    arm = 9.0 * pen.scale
    cross, tick = [[-arm, 0.0], [arm, 0.0]], [[-2.0 * arm, 0.0], [2.0 * arm, 0.0]]
    rays, marks = [], []
    if result.focus_of_expansion is not None:
        rays += [(*result.focus_of_expansion, 1.0)] * 2
        marks += [cross, [[0.0, -arm], [0.0, arm]]]
    if result.road is not None and abs(result.road.normal_over_height[1]) > 0.0:
        a, b, c = result.road.normal_over_height
        # The horizon is where the plane's inverse depth vanishes; half way out, where any lens still sees it.
        aside = 0.5 * frame.camera.width / (2.0 * frame.camera.fx)
        rays += [(x, -(a * x + c) / b, 1.0) for x in (-aside, aside)]
        marks += [tick, tick]
    if rays:
        places = project(frame, stored_axes(frame, np.array(rays)))
        is_seen = np.isfinite(places).all(axis=1)
        pen.lines((places[:, None] + np.array(marks))[is_seen], WHITE, 1)


def _draw_obstacles(
    pen: Pen, frame: CameraFrame, result: PerceptionResult, road: RoadFrame | None, config: PerceptionConfig
) -> None:
    """Far ones first; what lines the street is drawn with thin lines, suspicions only where they are in the path."""
    wall = standing_wall(result)
    is_flat = wall is not None and math.isnan(wall.size_m[0])  # its face is all that is known, and drawn for itself
    items = sorted(
        (one for one in result.obstacles if (one.is_confirmed or one.is_in_path) and not (is_flat and one is wall)),
        key=lambda item: (item.is_confirmed, 0.0 if math.isnan(item.distance_m) else -item.distance_m),
    )
    boxes = box_lines(frame, result, items)
    is_whole = np.isfinite(boxes).all(axis=(1, 2, 3))
    is_plain = np.array([is_structure(item) for item in items], bool)
    confirmed = np.array([item.is_confirmed for item in items], bool)
    for colour, chosen in ((AMBER, is_plain & ~confirmed), (RED, is_plain & confirmed)):
        edges = boxes[is_whole & chosen].reshape(-1, 2, 2)
        if len(edges):
            pen.lines(edges, colour, 1)
    for index in np.flatnonzero(~is_plain):
        if is_whole[index]:
            _draw_whole(pen, boxes[index], items[index])
        elif not np.isfinite(items[index].size_m).all():
            _draw_obstacle(pen, frame, result, items[index], road, config)


def _draw_obstacle(
    pen: Pen,
    frame: CameraFrame,
    result: PerceptionResult,
    obstacle: Obstacle,
    road: RoadFrame | None,
    config: PerceptionConfig,
) -> None:
    """One of which a side is not known: its face, or a bar across the path where not even its place is."""
    colour = obstacle_colour(obstacle)
    box = _face_pixels(frame, result, obstacle)
    if box is not None:
        left, top, right, bottom = (float(value) for value in (*box.min(axis=0), *box.max(axis=0)))
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        if obstacle.is_confirmed:
            pen.tint(corners, colour, 0.22)
        pen.lines(corners[None], colour, pen.line_px + obstacle.is_confirmed, is_closed=True)
        if obstacle.is_confirmed:
            pen.label(_obstacle_text(obstacle), int(left), int(top) - pen.line_px, 0.62, colour)
        else:
            pen.label(f"? {obstacle.distance_m:.0f} m", int(left), int(bottom) + 4 * pen.pad_px, 0.5, colour)
    elif road is not None and not np.isfinite(obstacle.centre_base_m).all():
        line = crossing_pixels(frame, road, 0.5 * config.vehicle.width_m, obstacle.distance_m)
        if line is not None:
            pen.lines(line[None], colour, 2 * pen.line_px)
            pen.label(_obstacle_text(obstacle), int(line[0, 0]), int(line[0, 1]) - pen.line_px, 0.62, colour)


def _draw_whole(pen: Pen, edges: NDArray[np.float64], obstacle: Obstacle) -> None:
    """A box of known sides as its twelve edges, with what it is, how far it is and how fast where it moves."""
    colour = obstacle_colour(obstacle)
    if obstacle.is_confirmed:
        pen.tint(edges[:4, 0], colour, 0.3)
    pen.lines(edges, colour, pen.line_px if obstacle.is_confirmed else 1)
    left, top = edges.reshape(-1, 2).min(axis=0)
    if obstacle.is_confirmed:
        size = 0.62 if obstacle.is_in_path else 0.5
        pen.label(_thing_text(obstacle), int(left), int(top) - pen.line_px, size, colour)
    else:
        pen.text("?", int(left), int(top) - pen.line_px, 0.5, colour)


def _thing_text(obstacle: Obstacle) -> str:
    """Its name with all numbers where it is in the path, else with the distance."""
    parts = [obstacle_name(obstacle) or "thing"]
    if obstacle.is_in_path:
        parts.append(_obstacle_text(obstacle))
    elif np.isfinite(obstacle.distance_m):
        parts.append(f"{obstacle.distance_m:.0f} m")
    if speed_mps(obstacle) > 0.0:
        parts.append(f"{speed_mps(obstacle):.0f} m/s")
    return "  ".join(parts)


def _face_pixels(frame: CameraFrame, result: PerceptionResult, obstacle: Obstacle) -> NDArray[np.float64] | None:
    """The four corners (4, 2) of the side that faces the camera; None when its place or size is unknown."""
    if result.base_from_camera is None:
        return None
    length, width, height = obstacle.size_m
    x, y, z = obstacle.centre_base_m
    near_m = x - 0.5 * np.nan_to_num(length)  # one look does not tell how deep a thing is: its centre is its face then
    corners = np.array([[near_m, y + side * 0.5 * width, z + up * 0.5 * height] for side in (-1, 1) for up in (-1, 1)])
    if not np.isfinite(corners).all():
        return None
    pixels = project(frame, result.base_from_camera.inverse().apply(corners))
    return pixels if np.isfinite(pixels).all() else None


def _obstacle_text(obstacle: Obstacle) -> str:
    parts = []
    if np.isfinite(obstacle.distance_m):
        parts.append(f"{obstacle.distance_m:.1f} +-{obstacle.distance_sigma_m:.1f} m")
    if np.isfinite(obstacle.ttc_s):
        parts.append(f"{obstacle.ttc_s:.1f} +-{obstacle.ttc_sigma_s:.2f} s")
    return "   ".join(parts) if obstacle.is_confirmed else f"? {'   '.join(parts)}"


def _draw_banner(pen: Pen, result: PerceptionResult) -> None:
    """State, headline number, speed; one line below with the degradations where there are any."""
    height = round(44 * pen.scale)
    bar = pen.image[:height]
    cv2.convertScaleAbs(bar, dst=bar, alpha=0.25)
    baseline = round(0.5 * height + 0.5 * pen.text_size("X", 0.8)[1])
    state = result.state.name.replace("_", " ")
    width, _ = pen.text_size(state, 0.8)
    cv2.rectangle(pen.image, (0, 0), (width + 4 * pen.pad_px, height - 1), STATE_COLOURS[result.state], cv2.FILLED)
    pen.text(state, 2 * pen.pad_px, baseline, 0.8, WHITE)
    left = width + 7 * pen.pad_px
    for text, colour in _headline(result):
        pen.text(text, left, baseline, 0.8, colour)
        left += pen.text_size(text, 0.8)[0] + 4 * pen.pad_px
    speed = f"{result.speed_mps:.1f} m/s" if np.isfinite(result.speed_mps) else "speed unknown"
    pen.text(speed, pen.width - pen.text_size(speed, 0.8)[0] - 2 * pen.pad_px, baseline, 0.8, WHITE)
    if result.mode is not Mode.NOMINAL:
        text = f"{result.mode.name}: {', '.join(result.reasons)}"
        pen.label(text, 0, pen.height, 0.5, RED if result.mode is Mode.UNTRUSTED else (20, 110, 170))


def _headline(result: PerceptionResult) -> list[tuple[str, Colour]]:
    """The numbers that matter, each with its colour: distance and time to the obstacle, then the free road."""
    parts = []
    confirmed = [
        item for item in result.obstacles if item.is_confirmed and item.is_in_path and np.isfinite(item.distance_m)
    ]
    if confirmed:
        nearest = min(confirmed, key=lambda item: item.distance_m)
        parts.append((f"{nearest.distance_m:.1f} m", WHITE))
        if np.isfinite(nearest.ttc_s):
            parts.append((f"{nearest.ttc_s:.1f} s", WHITE))
    if result.verified_free_distance_m > 0.0:
        parts.append((f"free {result.verified_free_distance_m:.0f} m", BRIGHT_GREEN))
    elif not confirmed:
        parts.append(("nothing verified", GREY))
    return parts
