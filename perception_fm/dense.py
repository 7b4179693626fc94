"""What a network says about every cell of one rectified image, and the label map that all models share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import PerceptionError

# Cityscapes train classes (Cordts et al., CVPR 2016; cityscapesScripts labels.py), by trainId.
CITYSCAPES_CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
UNKNOWN_LABEL = 255


def freeze_arrays(
    owner: object,
    kinds: Sequence[tuple[str, tuple[int, ...], type]],
    where: str,
    error: type[PerceptionError] = PerceptionError,
) -> None:
    """Makes array fields of a frozen dataclass read-only views, after shape and dtype were checked; None stays None.

    `kinds`: name, shape and dtype of each. Raises `error`, which begins with `where`, for another shape or dtype.
    """
    for name, shape, dtype in kinds:
        values = getattr(owner, name)
        if values is None:
            continue
        if values.shape != shape or values.dtype != dtype:
            raise error(f"{where}: {name} is {np.dtype(dtype)} {shape}, got {values.dtype} {values.shape}")
        view = values.view()
        view.setflags(write=False)
        object.__setattr__(owner, name, view)


@dataclass(frozen=True, eq=False)
class DensePrediction:
    """Dense outputs of one image on one grid; a head that the model lacks is None. Arrays become read-only.

    `camera`: the undistorted pinhole of exactly this grid (h, w), cell centres are its pixel centres.
    `depth_m`: (h, w) float32, along optical z, NaN invalid. `depth_std_m`: (h, w) float32, one standard deviation,
    NaN where depth is. `label`: (h, w) uint8, Cityscapes trainId, 255 unknown. `confidence`: (h, w) uint8, calibrated
    probability of the label x 255. `normals`: (h, w, 3) float32, unit, optical frame, towards the camera, NaN invalid.
    `painted`: (h, w) float32, probability that the surface carries a print.
    Raises `PerceptionError` for a wrong shape or type and for a std without depth.
    """

    camera: CameraModel
    depth_m: NDArray[np.float32] | None = None
    depth_std_m: NDArray[np.float32] | None = None
    label: NDArray[np.uint8] | None = None
    confidence: NDArray[np.uint8] | None = None
    normals: NDArray[np.float32] | None = None
    painted: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        grid = (self.camera.height, self.camera.width)
        kinds = (
            ("depth_m", grid, np.float32),
            ("depth_std_m", grid, np.float32),
            ("label", grid, np.uint8),
            ("confidence", grid, np.uint8),
            ("normals", (*grid, 3), np.float32),
            ("painted", grid, np.float32),
        )
        freeze_arrays(self, kinds, "a dense prediction")
        if self.depth_std_m is not None and self.depth_m is None:
            raise PerceptionError("a depth std needs the depth that it belongs to")


@dataclass(frozen=True)
class ModelState:
    """Which model runs, for status and diagnostics. `name` is none where only geometry works.

    `runtime`, `precision` (what the engine really computes in) and `fingerprint` (of the engine, hexadecimal) are empty
    without a model. `refusal`: why a model that was asked for does not run, one line.
    """

    name: str = "none"
    runtime: str = ""
    precision: str = ""
    fingerprint: str = ""
    heads: tuple[str, ...] = ()
    is_trained: bool = True
    refusal: str = ""


class DensePredictor(Protocol):
    """A network with its runtime, as the pipeline sees it."""

    @property
    def state(self) -> ModelState:
        """What runs."""

    @property
    def depth_error(self) -> DepthErrorModel | None:
        """How wrong its depth is, None where nobody has fitted it."""

    def unknown(self, camera: CameraModel) -> DensePrediction:
        """The prediction that claims nothing, on the grid of a rectified camera: NaN, and label 255."""

    def predict(
        self, images: Sequence[NDArray[np.uint8]], cameras: Sequence[CameraModel]
    ) -> tuple[DensePrediction, ...]:
        """One prediction per rectified image (H, W, 3) BGR or (H, W) grey and its undistorted camera, in one call.

        Raises `InferenceError` where the runtime fails or answers with NaN everywhere.
        """
