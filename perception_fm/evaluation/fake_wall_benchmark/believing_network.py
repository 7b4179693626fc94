"""Networks that believe the picture: depth of the painted scene, exact or with the errors that learned depth has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL, DensePrediction, ModelState
from perception_fm.errors import InferenceError
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BelievedScene

SEES_M = 80.0  # as far as learned depths are trained and judged (docs/model_card.md); sky is told to be there
_CONFIDENCE = 230  # of 255: a network that is sure
_SMOOTH_OVER = 0.125  # of the image's width, one sigma: errors that hold over a quarter of the picture


class BelievingNetwork:
    """A `DensePredictor` that answers with the believed scene of the frame that it was shown.

    `sigma`: standard deviation of the error of ln(depth), smooth over a quarter of the picture and the same in every
    frame: a network that is wrong about a scene stays wrong while it looks the same.
    """

    depth_error = None

    def __init__(self, sigma: float, seed: int) -> None:
        self.state = ModelState(f"believes, {sigma:g}", "benchmark", "fp32", "0", ("depth", "label", "confidence"))
        self._sigma, self._seed = sigma, seed
        self._scene: BelievedScene | None = None
        self._factor: NDArray[np.float32] | None = None

    def show(self, scene: BelievedScene) -> None:
        """The frame that comes next."""
        self._scene = scene

    def unknown(self, camera: CameraModel) -> DensePrediction:
        """Nothing is claimed."""
        shape = (camera.height, camera.width)
        return DensePrediction(
            camera, np.full(shape, np.nan, np.float32), None, np.full(shape, UNKNOWN_LABEL, np.uint8)
        )

    def predict(
        self, images: Sequence[NDArray[np.uint8]], cameras: Sequence[CameraModel]
    ) -> tuple[DensePrediction, ...]:
        """The believed scene, whatever the image. Raises `InferenceError` for more than one camera."""
        if len(images) != 1 or self._scene is None:
            raise InferenceError("the benchmark shows one camera, frame by frame")
        scene = self._scene
        if self._factor is None or self._factor.shape != scene.depth_m.shape:
            self._factor = smooth_error(scene.depth_m.shape, self._sigma, self._seed)
        depth_m = np.minimum(scene.depth_m, np.float32(SEES_M)) * self._factor
        confidence = np.full(scene.label.shape, _CONFIDENCE, np.uint8)
        return (DensePrediction(scene.camera, depth_m, None, scene.label, confidence),)


def smooth_error(shape: tuple[int, ...], sigma: float, seed: int) -> NDArray[np.float32]:
    """Factor (h, w) on a depth whose logarithm is Gaussian with `sigma` over all seeds, smooth in the picture."""
    height, width = shape
    noise = np.random.default_rng([41, seed]).normal(size=(3 * height, 3 * width))
    field = gaussian_filter(noise, _SMOOTH_OVER * width, mode="wrap")
    field /= field.std()
    return np.exp(sigma * field[height : 2 * height, width : 2 * width]).astype(np.float32)
