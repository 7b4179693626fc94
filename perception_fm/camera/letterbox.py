"""Letterbox: an image scaled into a network's input with symmetric borders, and the exact way back.

Three pixel grids, each with the centre of its first pixel at (0, 0): the source image, the model input, and the dense
output, whose cells are `output_stride` model pixels wide and which carries no border.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel, FloatArray
from perception_fm.errors import CameraError, ImageError

AnyArray = TypeVar("AnyArray", bound=NDArray[np.generic])

_BORDER_GREY = 114  # close to the mean of ImageNet, so that a normalised border is near zero and excites little


class Letterbox:
    """The scaling of one undistorted camera's images to `width` x `height` model pixels.

    Raises `CameraError` for a camera with distortion (rectify first), an empty target, or an image so slender that
    nothing of it remains.
    """

    def __init__(self, camera: CameraModel, width: int, height: int) -> None:
        if camera.has_distortion:
            raise CameraError("a letterbox needs an undistorted camera: rectify the image first")
        if width <= 0 or height <= 0:
            raise CameraError(f"a letterbox needs a positive size, got {width}x{height}")
        self.source = camera
        self.width, self.height = width, height
        scale = min(width / camera.width, height / camera.height)
        self.content_width = min(width, round(camera.width * scale))
        self.content_height = min(height, round(camera.height * scale))
        if self.content_width == 0 or self.content_height == 0:
            raise CameraError(f"a {camera.width}x{camera.height} image vanishes in a letterbox of {width}x{height}")
        self.left = (width - self.content_width) // 2
        self.top = (height - self.content_height) // 2
        # Rounding the content to whole pixels makes the two scales differ a little; each is used where it belongs.
        self._scale = np.array([self.content_width / camera.width, self.content_height / camera.height])
        self._offset = np.array([self.left, self.top], dtype=np.float64)
        self._grid_cameras: dict[int, CameraModel] = {}  # every frame asks for the same ones

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The model input (height, width[, C]) of a source image, area-averaged when it shrinks.

        Raises `ImageError` for an image of another size than the camera's.
        """
        if image.shape[:2] != (self.source.height, self.source.width):
            raise ImageError(
                f"the letterbox is for {self.source.width}x{self.source.height} images, "
                f"got {image.shape[1]}x{image.shape[0]}"
            )
        interpolation = cv2.INTER_AREA if self._scale.max() < 1.0 else cv2.INTER_LINEAR
        content = cv2.resize(image, (self.content_width, self.content_height), interpolation=interpolation)
        right = self.width - self.content_width - self.left
        bottom = self.height - self.content_height - self.top
        framed = cv2.copyMakeBorder(
            content, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=(_BORDER_GREY,) * 3
        )
        return np.asarray(framed, dtype=np.uint8)

    def to_model(self, pixels: FloatArray) -> FloatArray:
        """Model pixels (N, 2) of source pixels (N, 2)."""
        moved: FloatArray = (pixels + 0.5) * self._scale - 0.5 + self._offset
        return moved

    def to_source(self, pixels: FloatArray) -> FloatArray:
        """Source pixels (N, 2) of model pixels (N, 2)."""
        moved: FloatArray = (pixels - self._offset + 0.5) / self._scale - 0.5
        return moved

    def crop(self, dense: AnyArray, output_stride: int = 1) -> AnyArray:
        """The cells of a dense output (height / stride, width / stride[, C]) that lie wholly on the image: a view.

        A cell that mixes image and border is dropped. Raises `ImageError` for another size.
        """
        rows, columns = self._cells(output_stride)
        want = (self.height // output_stride, self.width // output_stride)
        if dense.shape[:2] != want:
            raise ImageError(f"a dense output at stride {output_stride} is {want[1]}x{want[0]}, got {dense.shape}")
        return dense[rows, columns]  # type: ignore[return-value]

    def grid_camera(self, output_stride: int = 1) -> CameraModel:
        """The undistorted camera of exactly the grid that `crop` returns: cell centres are its pixel centres."""
        if output_stride not in self._grid_cameras:
            self._grid_cameras[output_stride] = self._new_grid_camera(output_stride)
        return self._grid_cameras[output_stride]

    def _new_grid_camera(self, output_stride: int) -> CameraModel:
        rows, columns = self._cells(output_stride)
        scale = self._scale / output_stride
        centre = np.array([self.source.cx, self.source.cy])
        first = np.array([columns.start, rows.start])
        cx, cy = (self.to_model(centre[None])[0] + 0.5) / output_stride - 0.5 - first
        intrinsics = np.array([[self.source.fx * scale[0], 0.0, cx], [0.0, self.source.fy * scale[1], cy], [0, 0, 1.0]])
        return CameraModel(columns.stop - columns.start, rows.stop - rows.start, intrinsics)

    def _cells(self, output_stride: int) -> tuple[slice, slice]:
        """Rows and columns of the output's cells that lie wholly on the image."""
        if output_stride < 1 or self.width % output_stride or self.height % output_stride:
            raise CameraError(f"output stride {output_stride} does not divide the {self.width}x{self.height} model")
        rows = slice(-(-self.top // output_stride), (self.top + self.content_height) // output_stride)
        columns = slice(-(-self.left // output_stride), (self.left + self.content_width) // output_stride)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            raise CameraError(f"output stride {output_stride} leaves no cell on the image")
        return rows, columns
