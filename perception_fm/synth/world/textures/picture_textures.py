"""Lettered pictures: traffic signs, direction boards, number plates and posters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.world.textures.texture_maps import SIZE, Maps, decoded, plain

Image = NDArray[np.uint8]
Ink = tuple[int, int, int]
SIGN_CELLS = 4
BOARD_CELLS = 2
PLATE_COLUMNS, PLATE_ROWS = 2, 8
_CELL = SIZE // SIGN_CELLS
# Reflecting sheeting is darker than paint: luminance factors of EN 12899-1.
WHITE, BLACK, RED, BLUE, YELLOW, GREEN, GREY = (
    (205, 205, 202), (14, 14, 15), (172, 18, 24), (14, 62, 138), (222, 176, 12), (12, 92, 58), (120, 122, 124),
)  # fmt: skip
_SHIFT = 4  # sub-pixel bits of OpenCV's drawing


def blank(colour: Ink, size: int = _CELL) -> Image:
    """A square picture."""
    return np.full((size, size, 3), colour, np.uint8)


def polygon(picture: Image, points: Sequence[tuple[float, float]], ink: Ink) -> None:
    """Fill a polygon given by fractions of the picture's size."""
    size = np.array(picture.shape[1::-1])
    corners = np.rint(np.array(points) * size * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [corners], ink, cv2.LINE_AA, shift=_SHIFT)


def disc(picture: Image, centre: tuple[float, float], radius: float, ink: Ink) -> None:
    """Fill a circle given by fractions of the picture's height."""
    high, wide = picture.shape[:2]
    scale = 1 << _SHIFT
    at = (round(centre[0] * wide * scale), round(centre[1] * high * scale))
    cv2.circle(picture, at, round(radius * high * scale), ink, -1, cv2.LINE_AA, shift=_SHIFT)


def words(picture: Image, text: str, centre: tuple[float, float], size: tuple[float, float], ink: Ink) -> None:
    """Bold words that fill a box of fractions `size` around `centre`."""
    high, wide = picture.shape[:2]
    font = cv2.FONT_HERSHEY_DUPLEX
    (text_wide, text_high), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(size[0] * wide / text_wide, size[1] * high / text_high)
    thickness = max(1, round(2.6 * scale))
    at = (round(centre[0] * wide - 0.5 * scale * text_wide), round(centre[1] * high + 0.5 * scale * text_high))
    cv2.putText(picture, text, at, font, scale, ink, thickness, cv2.LINE_AA)


def arrow(picture: Image, tail: tuple[float, float], head: tuple[float, float], width: float, ink: Ink) -> None:
    """A straight arrow between fractions of the picture's size."""
    start, end = np.array(tail), np.array(head)
    along = (end - start) / np.linalg.norm(end - start)
    side = np.array([-along[1], along[0]])
    neck = end - 2.2 * width * along
    outline = [
        start + 0.5 * width * side,
        neck + 0.5 * width * side,
        neck + 1.4 * width * side,
        end,
        neck - 1.4 * width * side,
        neck - 0.5 * width * side,
        start - 0.5 * width * side,
    ]
    polygon(picture, [(float(x), float(y)) for x, y in outline], ink)


def walker(picture: Image, foot: tuple[float, float], height: float, ink: Ink) -> None:
    """A walking person as on crossings."""
    x, y = foot
    disc(picture, (x + 0.02, y - 0.92 * height), 0.09 * height, ink)
    limbs = (
        [(0.0, -0.8), (0.09, -0.8), (0.12, -0.42), (-0.03, -0.42)],
        [(-0.03, -0.46), (0.06, -0.46), (-0.14, 0.0), (-0.24, 0.0)],
        [(0.03, -0.46), (0.13, -0.46), (0.24, 0.0), (0.14, 0.0)],
        [(0.02, -0.78), (0.08, -0.72), (-0.12, -0.45), (-0.18, -0.5)],
        [(0.04, -0.78), (0.1, -0.74), (0.27, -0.56), (0.22, -0.5)],
    )
    for limb in limbs:
        polygon(picture, [(x + dx * height, y + dy * height) for dx, dy in limb], ink)


def _limit(text: str) -> Image:
    picture = blank(RED)
    disc(picture, (0.5, 0.5), 0.5, RED)
    disc(picture, (0.5, 0.5), 0.385, WHITE)
    words(picture, text, (0.5, 0.5), (0.6, 0.36), BLACK)
    return picture


def _stop() -> Image:
    picture = blank(WHITE)
    angles = np.pi / 8 + np.arange(8) * np.pi / 4
    polygon(picture, [(0.5 + 0.47 * np.cos(a), 0.5 + 0.47 * np.sin(a)) for a in angles], RED)
    words(picture, "STOP", (0.5, 0.5), (0.78, 0.3), WHITE)
    return picture


def _warning(draw: Callable[[Image], None] | None, is_inverted: bool = False) -> Image:
    picture = blank(RED)
    inner = [(0.5, 0.2), (0.84, 0.87), (0.16, 0.87)]
    if is_inverted:
        inner = [(x, 1.0 - y) for x, y in inner]
    polygon(picture, inner, WHITE)
    if draw is not None:
        draw(picture)
    return picture


def _bend(picture: Image) -> None:
    """To the right."""
    polygon(picture, [(0.39, 0.84), (0.48, 0.84), (0.48, 0.66), (0.39, 0.6)], BLACK)
    polygon(picture, [(0.39, 0.62), (0.46, 0.52), (0.52, 0.58), (0.48, 0.66)], BLACK)
    arrow(picture, (0.47, 0.56), (0.66, 0.46), 0.085, BLACK)


def _side_roads(picture: Image) -> None:
    polygon(picture, [(0.46, 0.84), (0.54, 0.84), (0.54, 0.54), (0.6, 0.54), (0.5, 0.36), (0.4, 0.54), (0.46, 0.54)],
            BLACK)  # fmt: skip
    polygon(picture, [(0.32, 0.68), (0.68, 0.68), (0.68, 0.72), (0.32, 0.72)], BLACK)


def _no_parking() -> Image:
    picture = blank(RED)
    disc(picture, (0.5, 0.5), 0.4, BLUE)
    polygon(picture, [(0.17, 0.24), (0.24, 0.17), (0.83, 0.76), (0.76, 0.83)], RED)
    return picture


def _priority() -> Image:
    picture = blank(WHITE)
    polygon(picture, [(0.5, 0.16), (0.84, 0.5), (0.5, 0.84), (0.16, 0.5)], YELLOW)
    return picture


def _crossing() -> Image:
    picture = blank(BLUE)
    polygon(picture, [(0.5, 0.1), (0.92, 0.88), (0.08, 0.88)], WHITE)
    walker(picture, (0.5, 0.84), 0.56, BLACK)
    return picture


def _curve_marker() -> Image:
    """Points to the right."""
    picture = blank(RED)
    polygon(picture, [(0.24, 0.06), (0.5, 0.06), (0.86, 0.5), (0.5, 0.94), (0.24, 0.94), (0.6, 0.5)], WHITE)
    return picture


def _parking() -> Image:
    picture = blank(BLUE)
    words(picture, "P", (0.5, 0.5), (0.6, 0.66), WHITE)
    return picture


def _chevrons() -> Image:
    picture = blank(RED)
    for x in (0.06, 0.36, 0.66):
        polygon(picture, [(x, 0), (x + 0.12, 0), (x + 0.3, 0.5), (x + 0.12, 1), (x, 1), (x + 0.18, 0.5)], WHITE)
    return picture


def _direction() -> Image:
    picture = blank(YELLOW)
    words(picture, "ALTDORF 4", (0.44, 0.3), (0.76, 0.2), BLACK)
    words(picture, "BERGEN 17", (0.44, 0.7), (0.76, 0.2), BLACK)
    arrow(picture, (0.84, 0.8), (0.92, 0.22), 0.05, BLACK)
    return picture


def _framed(picture: Image, ink: Ink, border: float) -> Image:
    size = picture.shape[0]
    width = max(1, round(border * size))
    cv2.rectangle(picture, (width, width), (size - 1 - width, size - 1 - width), ink, width, cv2.LINE_AA)
    return picture


def _sign_faces() -> tuple[Image, ...]:
    """In the order of the cells, rows from the top."""

    def walking(picture: Image) -> None:
        walker(picture, (0.5, 0.82), 0.45, BLACK)

    def danger(picture: Image) -> None:
        words(picture, "!", (0.5, 0.62), (0.3, 0.42), BLACK)

    return (
        _limit("30"), _limit("50"), _limit("70"), _limit("100"),
        _stop(), _warning(None, is_inverted=True), _limit("120"), _no_parking(),
        _priority(), _framed(_crossing(), WHITE, 0.02), _curve_marker(), _warning(_side_roads),
        _warning(_bend), _warning(walking), _framed(_parking(), WHITE, 0.02), _framed(_direction(), BLACK, 0.025),
    )  # fmt: skip


def _sheet(faces: Sequence[Image], columns: int, roughness: float) -> Maps:
    rows = [np.hstack(faces[start : start + columns]) for start in range(0, len(faces), columns)]
    maps = plain((0.5, 0.5, 0.5), roughness)
    maps.albedo[:] = decoded(np.vstack(rows))
    return maps


def signs(_: np.random.Generator) -> Maps:
    """Traffic signs, 4 x 4 cells, from the top: limits 30, 50, 70, 100; stop, give way, limit 120, no parking; priority
    road, crossing, curve marker, side roads; bend to the right, pedestrians, parking, direction.
    """
    return _sheet(_sign_faces(), SIGN_CELLS, 0.35)


def _motorway_board(lines: Sequence[str], ink: Ink, paper: Ink, exit_text: str) -> Image:
    picture = blank(paper, SIZE // BOARD_CELLS)
    _framed(picture, ink, 0.015)
    for number, line in enumerate(lines):
        words(picture, line, (0.42, 0.2 + 0.24 * number), (0.7, 0.13), ink)
    words(picture, exit_text, (0.2, 0.88), (0.26, 0.1), ink)
    arrow(picture, (0.84, 0.86), (0.84, 0.3), 0.07, ink)
    return picture


def _chevron_board() -> Image:
    return cv2.resize(_chevrons(), (SIZE // BOARD_CELLS,) * 2, interpolation=cv2.INTER_LINEAR)


def boards(_: np.random.Generator) -> Maps:
    """Big boards, 2 x 2 cells, from the top: blue motorway, green motorway; white town, red chevrons."""
    faces = (
        _motorway_board(("Nordheim", "Altdorf", "Seefeld"), WHITE, BLUE, "A 7"),
        _motorway_board(("Bergen", "Hafen", "Messe"), WHITE, GREEN, "E 45"),
        _motorway_board(("Centrum", "Bahnhof", "Museum"), BLACK, WHITE, "P+R"),
        _chevron_board(),
    )
    return _sheet(faces, BOARD_CELLS, 0.4)


def plates(rng: np.random.Generator) -> Maps:
    """Number plates, 2 x 8 cells of 520 x 110 mm."""
    wide, high = SIZE // PLATE_COLUMNS, SIZE // PLATE_ROWS
    letters = "ABCDEFGHKLMNPRSTUVWXYZ"
    faces = []
    for number in range(PLATE_COLUMNS * PLATE_ROWS):
        face = np.full((high, wide, 3), YELLOW if number % 5 == 4 else WHITE, np.uint8)
        face[:, : wide // 11] = BLUE
        picked = rng.integers(len(letters), size=4)
        text = "".join(letters[i] for i in picked[:2]) + " " + "".join(letters[i] for i in picked[2:])
        words(face, f"{text} {int(rng.integers(10, 9999))}", (0.545, 0.5), (0.84, 0.6), BLACK)
        cv2.rectangle(face, (1, 1), (wide - 2, high - 2), BLACK, 2)
        faces.append(face)
    return _sheet(faces, PLATE_COLUMNS, 0.4)
