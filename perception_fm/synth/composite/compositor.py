"""A seamless painted wall in a real clip: the clip's own picture on a canvas, seen through the canvas's homography."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError, ImageError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.composite.print_texture import Box, PrintTexture
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall

Image = NDArray[np.uint8]

_EDGE_WIDTH_PX = 1.4  # one pixel of area and the blur of a sharp lens (0.4 px sigma)


@dataclass(frozen=True)
class PrintOptions:
    """How the print differs from a perfect one. Zero and one everywhere: seamless at the sweet spot.

    `eye_up_m`, `eye_left_m`: the picture was painted for an eye that is higher, or further left, than the camera is.
    `gain`: brightness against the scene. `blur_m`: standard deviation of the print's softness on the canvas.
    `detail`: 1 gives the enlarged print the sharpness of the clip, 0 leaves it as soft as enlarging makes it.
    """

    eye_up_m: float = 0.0
    eye_left_m: float = 0.0
    gain: float = 1.0
    blur_m: float = 0.0
    detail: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.eye_up_m) and math.isfinite(self.eye_left_m)):
            raise ConfigError("the print's eye offset must be finite")
        if not (0.0 < self.gain < 10.0 and 0.0 <= self.blur_m < 10.0):
            raise ConfigError(f"a print has gain in (0, 10) and blur_m in [0, 10), got {self.gain} and {self.blur_m}")
        if not 0.0 <= self.detail <= 2.0:
            raise ConfigError(f"a print's detail lies between 0 and 2, got {self.detail}")


@dataclass(eq=False)
class WallCompositor:
    """Pastes one painted wall into the frames of a clip with known poses.

    What stands nearer than the wall has to be said for each frame; otherwise the wall hides everything. The generator
    of the sensor noise advances with each frame, so a clip is repeatable when its frames come in order.
    """

    wall: PaintedWall
    print_image: Image
    print_intrinsics: FloatArray
    world_from_print: RigidTransform
    gain: float = 1.0
    seed: int = 0
    detail: float = 1.0

    def __post_init__(self) -> None:
        if self.print_image.dtype != np.uint8 or self.print_image.ndim not in (2, 3) or self.print_image.size == 0:
            got = f"{self.print_image.dtype} {self.print_image.shape}"
            raise ImageError(f"a print is uint8 (H, W) or (H, W, 3), got {got}")
        outline_px = self.wall.polygon_px(self.print_intrinsics, self.world_from_print)
        if len(outline_px) != 4:
            raise ConfigError("the painted face does not lie ahead of the eye it is painted for")
        self._texture = PrintTexture.cut(
            self.print_image, outline_px, self.detail, noise_sigma(self.print_image), self.seed
        )
        self._rng = np.random.default_rng(self.seed)

    @staticmethod
    def seamless(
        wall: PaintedWall,
        image: Image,
        intrinsics: FloatArray,
        world_from_camera: RigidTransform,
        options: PrintOptions | None = None,
        seed: int = 0,
    ) -> WallCompositor:
        """The clip's own frame at the sweet spot as the print: from there the wall cannot be seen."""
        options = options or PrintOptions()
        offset_m = np.array([-options.eye_left_m, -options.eye_up_m, 0.0])
        eye = RigidTransform(world_from_camera.rotation, world_from_camera.apply(offset_m))
        return WallCompositor(
            wall,
            _soften(image, wall, intrinsics, eye, options.blur_m),
            intrinsics,
            eye,
            options.gain,
            seed,
            options.detail,
        )

    @staticmethod
    def picture(
        wall: PaintedWall, picture: Image, options: PrintOptions | None = None, seed: int = 0
    ) -> WallCompositor:
        """Any picture, stretched over the whole canvas."""
        options = options or PrintOptions()
        height, width = picture.shape[:2]
        # An eye one metre before the middle of the canvas whose image is exactly the canvas.
        corners = wall.corners_world_m
        right, down = corners[1] - corners[0], corners[0] - corners[3]
        axes = np.stack([right / wall.width_m, down / wall.height_m, -wall.normal_world], axis=1)
        eye = RigidTransform(axes, corners.mean(axis=0) + wall.normal_world)
        fx, fy = width / wall.width_m, height / wall.height_m
        intrinsics = np.array([[fx, 0.0, 0.5 * width - 0.5], [0.0, fy, 0.5 * height - 0.5], [0.0, 0.0, 1.0]])
        return WallCompositor(
            wall,
            _soften(picture, wall, intrinsics, eye, options.blur_m),
            intrinsics,
            eye,
            options.gain,
            seed,
            options.detail,
        )

    def composite(
        self,
        image: Image,
        intrinsics: FloatArray,
        world_from_camera: RigidTransform,
        nearer: NDArray[np.float32] | None = None,
    ) -> Image:
        """A copy of the frame with the wall in it; an equal copy where the camera does not see the painted face.

        `image`: (H, W) or (H, W, 3) uint8 without distortion, `intrinsics`: (3, 3). `nearer`: (H, W) share of each
        pixel, 0..1, that something in front of the wall covers.
        """
        if image.dtype != np.uint8 or image.ndim != self.print_image.ndim:
            raise ImageError("frame and print must both be uint8, both grey or both colour")
        result: Image = image.copy()
        polygon = self.wall.polygon_px(intrinsics, world_from_camera)
        box = _pixel_box(polygon, image.shape)
        if box is None:
            return result
        x0, y0, x1, y1 = box
        print_from_image = self.wall.image_from_image(
            intrinsics, world_from_camera, self.print_intrinsics, self.world_from_print
        )
        canvas = self._view(box, print_from_image, noise_sigma(image))
        alpha = _coverage(polygon, box)
        if nearer is not None:
            alpha = alpha * (1.0 - nearer[y0:y1, x0:x1])
        part = result[y0:y1, x0:x1].astype(np.float32)
        if image.ndim == 3:
            alpha = alpha[..., None]
        blended = part + alpha * (canvas - part)
        result[y0:y1, x0:x1] = np.clip(np.rint(blended), 0.0, 255.0)
        return result

    def _view(self, box: Box, print_from_image: FloatArray, sigma: float) -> NDArray[np.float32]:
        """The canvas as this camera sees it, over the box, with the sensor noise that the enlarged print lacks.

        Fresh noise has no more than the share of the spectrum that the enlarged print leaves empty, and no more than
        is missing by the same estimate that found `sigma` in the frame.
        """
        canvas, share = self._texture.view(print_from_image, box)
        present = noise_sigma(np.clip(np.rint(canvas), 0.0, 255.0).astype(np.uint8))
        missing = np.minimum(sigma**2 * (1.0 - share), max(0.0, sigma**2 - present**2))
        noise = np.sqrt(missing) * self._rng.standard_normal(canvas.shape[:2], dtype=np.float32)
        return np.asarray(self.gain * canvas + (noise if canvas.ndim == 2 else noise[..., None]), dtype=np.float32)


def noise_sigma(image: Image) -> float:
    """Standard deviation of the sensor noise in grey levels, from a single frame.

    Immerkaer, Fast noise variance estimation, CVIU 64(2), 1996, with the median in place of the mean so that texture
    and edges do not count as noise; clipped pixels carry none and are left out.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    mask = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=np.float32)
    response = cv2.filter2D(grey.astype(np.float32), cv2.CV_32F, mask)[1:-1, 1:-1]
    inner = grey[1:-1, 1:-1]
    valid = np.abs(response[(inner > 4) & (inner < 251)])
    return float(np.median(valid)) / 0.6745 / 6.0 if valid.size else 0.0


def _soften(image: Image, wall: PaintedWall, intrinsics: FloatArray, eye: RigidTransform, blur_m: float) -> Image:
    if blur_m == 0.0:
        return image
    focal_px = 0.5 * float(intrinsics[0, 0] + intrinsics[1, 1])
    sigma_px = blur_m * focal_px / wall.clearance_m(eye)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)


def _pixel_box(polygon: FloatArray, shape: tuple[int, ...]) -> Box | None:
    """Pixels x0, y0, x1, y1 (exclusive) that the polygon may touch, or None outside the image."""
    if len(polygon) < 3:
        return None
    margin = 0.5 * _EDGE_WIDTH_PX
    x0, y0 = np.maximum(np.floor(polygon.min(axis=0) - margin), 0.0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(polygon.max(axis=0) + margin) + 1.0, (shape[1], shape[0])).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _coverage(polygon: FloatArray, box: Box) -> NDArray[np.float32]:
    """Share of each pixel that a convex polygon covers: its distance to the nearest edge over the edge's width."""
    x0, y0, x1, y1 = box
    columns = np.arange(x0, x1, dtype=np.float64)
    rows = np.arange(y0, y1, dtype=np.float64)[:, None]
    centre = polygon.mean(axis=0)
    inside = np.full((y1 - y0, x1 - x0), np.inf)
    for point, following in zip(polygon, np.roll(polygon, -1, axis=0)):
        edge = following - point
        length = float(np.linalg.norm(edge))
        if length < 1e-9:
            continue
        normal = np.array([-edge[1], edge[0]]) / length
        if (centre - point) @ normal < 0.0:
            normal = -normal
        inside = np.minimum(inside, (columns - point[0]) * normal[0] + (rows - point[1]) * normal[1])
    return np.clip(0.5 + inside / _EDGE_WIDTH_PX, 0.0, 1.0).astype(np.float32)
