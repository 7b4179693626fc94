"""A seamless painted wall in a real clip: the clip's own picture on a canvas, seen through the canvas's homography."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError, ImageError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted_wall import FloatArray, PaintedWall

Image = NDArray[np.uint8]

_EDGE_WIDTH_PX = 1.4  # one pixel of area and the blur of a sharp lens (0.4 px sigma)
_PRINT_MARGIN_PX = 8  # more than the Lanczos kernel's four pixels
_MAX_LEVEL = 8  # the print is never enlarged more than this in advance: a 1/32 px step of remap is then 1/4 px / level
_MAX_PRINT_PIXELS = 64_000_000


@dataclass(frozen=True)
class PrintOptions:
    """How the print differs from a perfect one. Zero and one everywhere: seamless at the sweet spot.

    `eye_up_m`, `eye_left_m`: the picture was painted for an eye that is higher, or further left, than the camera is.
    `gain`: brightness against the scene. `blur_m`: standard deviation of the print's softness on the canvas.
    """

    eye_up_m: float = 0.0
    eye_left_m: float = 0.0
    gain: float = 1.0
    blur_m: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.eye_up_m) and math.isfinite(self.eye_left_m)):
            raise ConfigError("the print's eye offset must be finite")
        if not (0.0 < self.gain < 10.0 and 0.0 <= self.blur_m < 10.0):
            raise ConfigError(f"a print has gain in (0, 10) and blur_m in [0, 10), got {self.gain} and {self.blur_m}")


@dataclass(eq=False)
class WallCompositor:
    """Pastes one painted wall into the frames of a clip with known poses.

    Nothing in the clip hides the wall: choose a wall that stands before everything else on the path. The generator of
    the sensor noise advances with each frame, so a clip is repeatable when its frames come in order.
    """

    wall: PaintedWall
    print_image: Image
    print_intrinsics: FloatArray
    world_from_print: RigidTransform
    gain: float = 1.0
    seed: int = 0
    _levels: dict[int, tuple[NDArray[np.float32], FloatArray]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.print_image.dtype != np.uint8 or self.print_image.ndim not in (2, 3) or self.print_image.size == 0:
            got = f"{self.print_image.dtype} {self.print_image.shape}"
            raise ImageError(f"a print is uint8 (H, W) or (H, W, 3), got {got}")
        if len(self.wall.polygon_px(self.print_intrinsics, self.world_from_print)) != 4:
            raise ConfigError("the painted face does not lie ahead of the eye it is painted for")
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
            wall, _soften(image, wall, intrinsics, eye, options.blur_m), intrinsics, eye, options.gain, seed
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
            wall, _soften(picture, wall, intrinsics, eye, options.blur_m), intrinsics, eye, options.gain, seed
        )

    def composite(self, image: Image, intrinsics: FloatArray, world_from_camera: RigidTransform) -> Image:
        """A copy of the frame with the wall in it; an equal copy where the camera does not see the painted face.

        `image`: (H, W) or (H, W, 3) uint8 without distortion, `intrinsics`: (3, 3).
        """
        if image.dtype != np.uint8 or image.ndim != self.print_image.ndim:
            raise ImageError("frame and print must both be uint8, both grey or both colour")
        result: Image = image.copy()
        polygon = self.wall.polygon_px(intrinsics, world_from_camera)
        box = _pixel_box(polygon, image.shape)
        if box is None:
            return result
        x0, y0, x1, y1 = box
        canvas = self._view(box, polygon, intrinsics, world_from_camera, noise_sigma(image))
        alpha = _coverage(polygon, box)
        part = result[y0:y1, x0:x1].astype(np.float32)
        if image.ndim == 3:
            alpha = alpha[..., None]
        blended = part + alpha * (canvas - part)
        result[y0:y1, x0:x1] = np.clip(np.rint(blended), 0.0, 255.0)
        return result

    def _view(
        self,
        box: tuple[int, int, int, int],
        polygon: FloatArray,
        intrinsics: FloatArray,
        world_from_camera: RigidTransform,
        sigma: float,
    ) -> NDArray[np.float32]:
        """The canvas as this camera sees it, over the box, with the sensor noise that the enlarged print lacks."""
        x0, y0, x1, y1 = box
        print_from_image = self.wall.image_from_image(
            intrinsics, world_from_camera, self.print_intrinsics, self.world_from_print
        )
        step_low, step_high = _steps(print_from_image, polygon, box)
        if step_high <= 1.01:
            level, fine = min(2 ** math.ceil(-math.log2(max(step_low, 1e-6)) - 0.02), _MAX_LEVEL), 1
        else:  # the print is reduced: average at least 2 x 2 samples of a print that was reduced in advance
            level, fine = -(2 ** math.floor(math.log2(step_high))), 2
        texture, texture_from_print = self._level(level)
        image_from_fine = np.array(
            [[1.0 / fine, 0.0, x0 + 0.5 / fine - 0.5], [0.0, 1.0 / fine, y0 + 0.5 / fine - 0.5], [0.0, 0.0, 1.0]]
        )
        canvas = cv2.warpPerspective(
            texture,
            texture_from_print @ print_from_image @ image_from_fine,
            ((x1 - x0) * fine, (y1 - y0) * fine),
            flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if fine > 1:
            canvas = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        # Noise in the print covers only the low part of the spectrum once enlarged; fresh noise covers the rest.
        missing = sigma * math.sqrt(max(0.0, 1.0 - min(1.0, step_low * step_high)))
        noise = self._rng.standard_normal(canvas.shape[:2], dtype=np.float32) * missing
        return np.asarray(self.gain * canvas + (noise if canvas.ndim == 2 else noise[..., None]), dtype=np.float32)

    def _level(self, level: int) -> tuple[NDArray[np.float32], FloatArray]:
        """The canvas's part of the print, enlarged `level` times (reduced when negative), and the map to it."""
        if level not in self._levels:
            crop, crop_from_print = self._crop()
            scale = float(level) if level > 0 else 1.0 / -level
            size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
            sx, sy = size[0] / crop.shape[1], size[1] / crop.shape[0]
            resized = cv2.resize(crop, size, interpolation=cv2.INTER_LANCZOS4 if level > 0 else cv2.INTER_AREA)
            from_crop = np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, 0.5 * sy - 0.5], [0.0, 0.0, 1.0]])
            self._levels[level] = (np.asarray(resized, dtype=np.float32), from_crop @ crop_from_print)
        return self._levels[level]

    def _crop(self) -> tuple[NDArray[np.float32], FloatArray]:
        """Canvas's part of the print, float32; what the print does not show is continued by reflection."""
        outline = self.wall.polygon_px(self.print_intrinsics, self.world_from_print)
        low = np.floor(outline.min(axis=0)).astype(int) - _PRINT_MARGIN_PX
        high = np.ceil(outline.max(axis=0)).astype(int) + _PRINT_MARGIN_PX + 1
        width, height = (high - low).tolist()
        if width * height > _MAX_PRINT_PIXELS:
            raise ConfigError(f"the print would need {width} x {height} pixels: the wall is too near or too large")
        rows, columns = self.print_image.shape[:2]
        columns_taken = _reflect(np.arange(low[0], high[0]), columns)
        rows_taken = _reflect(np.arange(low[1], high[1]), rows)
        crop = self.print_image[np.ix_(rows_taken, columns_taken)].astype(np.float32)
        return crop, np.array([[1.0, 0.0, -low[0]], [0.0, 1.0, -low[1]], [0.0, 0.0, 1.0]])


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


def _pixel_box(polygon: FloatArray, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Pixels x0, y0, x1, y1 (exclusive) that the polygon may touch, or None outside the image."""
    if len(polygon) < 3:
        return None
    margin = 0.5 * _EDGE_WIDTH_PX
    x0, y0 = np.maximum(np.floor(polygon.min(axis=0) - margin), 0.0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(polygon.max(axis=0) + margin) + 1.0, (shape[1], shape[0])).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _coverage(polygon: FloatArray, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
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


def _steps(homography: FloatArray, polygon: FloatArray, box: tuple[int, int, int, int]) -> tuple[float, float]:
    """Least and greatest step in the print, in print pixels, for one pixel of the frame, over the visible canvas."""
    x0, y0, x1, y1 = box
    points = np.vstack([np.clip(polygon, (x0, y0), (x1, y1)), np.clip(polygon, (x0, y0), (x1, y1)).mean(axis=0)])
    low, high = math.inf, 0.0
    for x, y in points:
        u, v, w = homography @ np.array([x, y, 1.0])
        jacobian = (homography[:2, :2] - np.outer([u / w, v / w], homography[2, :2])) / w
        singular = np.linalg.svd(jacobian, compute_uv=False)
        low, high = min(low, float(singular[-1])), max(high, float(singular[0]))
    return low, high


def _reflect(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Indices folded back into [0, length) at both ends, the border pixel not repeated."""
    if length == 1:
        return np.zeros_like(index)
    folded = np.abs(index) % (2 * (length - 1))
    return np.asarray(np.minimum(folded, 2 * (length - 1) - folded), dtype=np.intp)
