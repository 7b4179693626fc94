"""Painted walls, and other prints, put into samples of any source, with the truth that belongs to them.

The thing stands on the road of the sample as a plane in space. What a wall across the lane shows is the picture itself
(seamless from here), the picture for an eye elsewhere, another scene, or plain paint; boards at the roadside and the
doors of lorries carry prints too, and bare walls none, so that a print alone is no wall and a wall alone no print.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import FloatArray
from perception_fm.training.augment import canvas as canvases
from perception_fm.training.augment import pictures
from perception_fm.training.augment.canvas import Canvas
from perception_fm.training.augment.ground import road_plane
from perception_fm.training.augment.occluders import occluded_share
from perception_fm.training.augment.placing import BARE_WALL, BILLBOARD, TRUCK, WALL, Place, corners_m, draw_place
from perception_fm.training.augment.print_artefacts import as_printed
from perception_fm.training.sample import PAINTED_UNKNOWN, TrainingSample

OtherPicture = Callable[[np.random.Generator], NDArray[np.uint8]]
"""A picture of another sample (H, W, 3) uint8."""

_TRIES = 4
_LEAST_SHARE = 0.004  # of the picture that must show the thing, or it teaches nothing
_MOST_CANVAS_PX = 900
_FINENESS = (0.8, 1.6)  # canvas pixels per pixel of the picture
_MEAN_BY_DAY, _DAYLIGHT = 100.0, (0.25, 1.3)  # grey levels; the darkest and brightest scene
_SHOWN = (("itself", 0.35), ("elsewhere", 0.3), ("other", 0.2), ("plain", 0.1), ("advert", 0.05))
_SHOWN_BESIDE = (("other", 0.45), ("advert", 0.45), ("plain", 0.1))  # on boards and lorries


@dataclass(frozen=True, eq=False)
class Pasted:
    """A sample with the thing in it; `corners_m` (4, 3) in the optical frame, `mask` (H, W) where it is seen."""

    sample: TrainingSample
    place: Place
    corners_m: FloatArray
    mask: NDArray[np.bool_]
    shown: str


def paste_print(sample: TrainingSample, kind: str, other: OtherPicture, rng: np.random.Generator) -> Pasted | None:
    """The sample with a thing of a kind (`placing`); None where its road is not known or no place was found."""
    road = road_plane(sample)
    if sample.camera is None or road is None:
        return None
    for _ in range(_TRIES):
        place = draw_place(kind, rng)
        corners = corners_m(place, road)
        box = None if corners is None else _box(sample, corners)
        if corners is None or box is None:
            continue
        pasted = _paste(sample, place, corners, road, box, other, rng)
        if pasted is not None:
            return pasted
    return None


def _paste(
    sample: TrainingSample,
    place: Place,
    corners: FloatArray,
    road: FloatArray,
    box: tuple[int, int, int, int],
    other: OtherPicture,
    rng: np.random.Generator,
) -> Pasted | None:
    assert sample.camera is not None
    x0, y0, x1, y1 = box
    surface_m = _surface_depth(sample, corners, box)
    free = 1.0 - occluded_share(sample, surface_m, road, box)
    focal = sample.camera.focal_px
    pixels_per_m = float(rng.uniform(*_FINENESS)) * focal / float(corners[:, 2].mean())
    pixels_per_m = min(pixels_per_m, _MOST_CANVAS_PX / max(place.width_m, place.height_m))
    drawn, shown = _draw(sample, place, corners, pixels_per_m, other, rng)
    shift = np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0], [0.0, 0.0, 1.0]])
    box_from_canvas = shift @ _image_from_canvas(sample.camera.intrinsics, corners, drawn.alpha.shape)

    def seen(values: NDArray[Any], flags: int, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
        warped = cv2.warpPerspective(values, box_from_canvas, (x1 - x0, y1 - y0), flags=flags, borderMode=border)
        return np.asarray(warped)

    alpha = seen(drawn.alpha, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT).astype(np.float32) * free
    is_shown = (alpha > 0.5) & np.isfinite(surface_m)
    if is_shown.sum() < _LEAST_SHARE * sample.image.shape[0] * sample.image.shape[1]:
        return None
    label, painted = seen(drawn.label, cv2.INTER_NEAREST), seen(drawn.painted, cv2.INTER_NEAREST)
    colour = seen(drawn.colour, cv2.INTER_LINEAR).astype(np.float32)
    targets = _targets(sample, corners, box, is_shown, (surface_m, label, painted), is_scene=shown == "itself")
    image = sample.image.copy()
    part = image[y0:y1, x0:x1].astype(np.float32)
    image[y0:y1, x0:x1] = np.clip(np.rint(part + alpha[..., None] * (colour - part)), 0.0, 255.0).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.bool_)
    mask[y0:y1, x0:x1] = is_shown
    return Pasted(replace(sample, image=image, **targets), place, corners, mask, shown)


def _targets(
    sample: TrainingSample,
    corners: FloatArray,
    box: tuple[int, int, int, int],
    is_shown: NDArray[np.bool_],
    truth: tuple[NDArray[np.float32], NDArray[Any], NDArray[Any]],
    *,
    is_scene: bool,
) -> dict[str, NDArray[Any]]:
    """The changed targets; one that the sample lacks is made, unknown elsewhere. `is_scene`: the print shows just what
    was there, so that the pictured depth is the depth that was there.
    """
    x0, y0, x1, y1 = box
    size = sample.image.shape[:2]

    def target(name: str, unknown: float, dtype: type, channels: tuple[int, ...] = ()) -> NDArray[Any]:
        known = getattr(sample, name)
        return np.full((*size, *channels), unknown, dtype) if known is None else known.copy()

    surface_m, label, painted = truth
    depth_m, labels = target("depth_m", np.nan, np.float32), target("label", 255, np.uint8)
    normals, prints = target("normals", np.nan, np.float32, (3,)), target("painted", PAINTED_UNKNOWN, np.uint8)
    part = np.s_[y0:y1, x0:x1]
    pictured_m = depth_m.copy() if sample.pictured_m is None else sample.pictured_m.copy()
    if not is_scene or "depth_m" in sample.points:
        pictured_m[part][is_shown] = np.nan
    depth_m[part][is_shown] = surface_m[is_shown]
    labels[part][is_shown] = label[is_shown]
    prints[part][is_shown] = painted[is_shown]
    normals[part][is_shown] = _normal(corners)
    is_plain = is_shown & (painted == 0)
    pictured_m[part][is_plain] = surface_m[is_plain]
    return {"depth_m": depth_m, "label": labels, "normals": normals, "painted": prints, "pictured_m": pictured_m}


def _draw(
    sample: TrainingSample,
    place: Place,
    corners: FloatArray,
    pixels_per_m: float,
    other: OtherPicture,
    rng: np.random.Generator,
) -> tuple[Canvas, str]:
    """The thing at `pixels_per_m`, and what its print shows."""
    height_m = place.height_m - place.foot_m
    size = (max(8, round(place.width_m * pixels_per_m)), max(8, round(height_m * pixels_per_m)))
    if place.kind == BARE_WALL:
        material = pictures.bare(size, pixels_per_m, rng) * _daylight(sample.image)
        return canvases.printed_wall(material, is_painted=False), "bare"
    choices = _SHOWN if place.kind == WALL else _SHOWN_BESIDE
    shown = str(rng.choice([name for name, _ in choices], p=[share for _, share in choices]))
    if shown in ("itself", "elsewhere"):
        picture = _scene(sample, corners, size, np.zeros(3) if shown == "itself" else _eye(corners, rng))
    elif shown == "other":
        foreign = other(rng)
        likeness = np.float32(rng.uniform(0.3, 1.0))
        picture = _stretched(foreign, size) * (_daylight(sample.image) / _daylight(foreign)) ** likeness
    else:
        drawn = pictures.plain(size, rng) if shown == "plain" else pictures.advert(size, rng)
        picture = drawn * _daylight(sample.image)
    printed = as_printed(picture, pixels_per_m, rng)
    if place.kind == BILLBOARD:
        return canvases.billboard(printed, pixels_per_m, place.foot_m, rng), shown
    if place.kind == TRUCK:
        return canvases.truck_rear(printed, pixels_per_m, place.foot_m, rng), shown
    return canvases.printed_wall(printed), shown


def _daylight(image: NDArray[np.uint8]) -> np.float32:
    """How bright things are in a picture (H, W, 3), 1 by day: prints and walls are lit as the scene is."""
    lower = image[image.shape[0] // 3 :: 4, ::4]
    return np.float32(np.clip(float(lower.mean()) / _MEAN_BY_DAY, *_DAYLIGHT))


def _eye(corners: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Another place (3,) in the optical frame from which the print shows the scene as it is."""
    nearest = float(corners[:, 2].min())
    ahead = min(float(rng.uniform(-12.0, 8.0)), nearest - 2.0)
    return np.array([rng.normal(0.0, 0.6), rng.normal(0.0, 0.3), ahead])


def _scene(sample: TrainingSample, corners: FloatArray, size: tuple[int, int], eye: FloatArray) -> NDArray[np.float32]:
    """The sample's picture, taken as what the eye sees, on the wall; beyond its borders mirrored."""
    assert sample.camera is not None
    mapping = _image_from_canvas(sample.camera.intrinsics, corners - eye, size[::-1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(sample.image, mapping, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.float32)


def _stretched(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """The middle of a picture with the shape of the canvas, filling it."""
    height, width = picture.shape[:2]
    scale = min(width / size[0], height / size[1])
    wide, high = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    x0, y0 = (width - wide) // 2, (height - high) // 2
    resized = cv2.resize(picture[y0 : y0 + high, x0 : x0 + wide], size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32)


def _image_from_canvas(intrinsics: FloatArray, corners: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """(3, 3) homography of canvas pixels (centres at integers, from the left top corner) into the picture."""
    foot_left, foot_right, _, top_left = corners
    right, down = (foot_right - foot_left) / shape[1], (foot_left - top_left) / shape[0]
    return np.asarray(intrinsics @ np.column_stack([right, down, top_left + 0.5 * (right + down)]))


def _normal(corners: FloatArray) -> NDArray[np.float32]:
    """Unit, towards the viewer."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal /= np.linalg.norm(normal)
    return np.asarray(normal if normal @ corners[0] < 0.0 else -normal, np.float32)


def _surface_depth(sample: TrainingSample, corners: FloatArray, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Depth (h, w) of the plane over the box; inf where it is not met."""
    assert sample.camera is not None
    k, normal = sample.camera, _normal(corners).astype(np.float64)
    x = (np.arange(box[0], box[2]) - k.cx) / k.fx
    y = (np.arange(box[1], box[3]) - k.cy) / k.fy
    inverse = (normal[0] * x[None, :] + normal[1] * y[:, None] + normal[2]) / float(normal @ corners[0])
    return np.where(inverse > 1e-4, 1.0 / np.maximum(inverse, 1e-4), np.inf).astype(np.float32)


def _box(sample: TrainingSample, corners: FloatArray) -> tuple[int, int, int, int] | None:
    """Pixels x0, y0, x1, y1 (exclusive) round the thing, None outside the picture or seen from behind."""
    assert sample.camera is not None
    if np.cross(corners[1] - corners[0], corners[3] - corners[0]) @ corners[0] >= 0.0:
        return None
    pixels = sample.camera.project_points(corners)
    width, height = sample.size
    x0, y0 = np.maximum(np.floor(pixels.min(axis=0)) - 1, 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)) + 2, (width, height)).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 - x0 > 3 and y1 - y0 > 3 else None


KINDS = (WALL, BARE_WALL, BILLBOARD, TRUCK)
