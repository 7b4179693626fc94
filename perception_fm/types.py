"""One frozen dataclass per arrow of the data flow, each checked when made.

Arrays inside are read-only. `stamp_ns` is the acquisition stamp of the image, carried unchanged from input to output.
Optical frame: x right, y down, z forward. Base frame: x forward, y left, z up, on the ground (REP 103, REP 105).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL, DensePrediction
from perception_fm.errors import ImageError, PerceptionError
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.box import box_corners_m
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import ARC
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FreeSpaceGrid
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.points import LabeledPoints

FloatArray = NDArray[np.float64]


class PathState(IntEnum):
    """What is known about the predicted path. Values are those of `FakeWallReport.msg`."""

    UNVERIFIED = 0
    FREE_VERIFIED = 1
    OBSTACLE = 2
    FAKE_WALL = 3
    FLAT_PHANTOM = 4


class Mode(IntEnum):
    """Trust in the whole output. Values are those of `PerceptionStatus.msg`."""

    NOMINAL = 0
    DEGRADED = 1
    UNTRUSTED = 2


class Provenance(IntEnum):
    """Who saw an obstacle. Values are those of `Obstacle.msg`."""

    LEARNED = 1
    MOTION = 2
    BOTH = 3
    RANGE = 4


class ScaleSource(str, Enum):
    """Where metres come from."""

    ODOMETRY = "odometry"
    CAMERA_HEIGHT = "camera_height"
    NONE = "none"


def frozen_array(values: NDArray[np.generic], shape: tuple[int | None, ...], name: str) -> NDArray[np.generic]:
    """A read-only view of `values`, after its shape was checked (None matches any length)."""
    if values.shape != shape and (
        values.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, values.shape))
    ):
        raise PerceptionError(f"{name} must have shape {shape}, got {values.shape}")
    view: NDArray[np.generic] = values.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One image with everything known about the camera at its stamp.

    `image`: (H, W) grey or (H, W, 3) BGR, uint8, as stored (distorted). `base_from_camera` maps optical to base
    coordinates; None means the mounting is unknown. `ego` is None when no odometry was near enough to the stamp.
    `range_scan` is None without a range sensor, or where it says nothing at this stamp.
    """

    stamp_ns: int
    frame_id: str
    image: NDArray[np.uint8]
    camera: CameraModel
    base_from_camera: RigidTransform | None = None
    ego: EgoState | None = None
    range_scan: RangeScan | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise ImageError(f"an image is uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
        if image.size == 0:
            raise ImageError("the image is empty")
        if image.shape[:2] != (self.camera.height, self.camera.width):
            raise ImageError(
                f"the image is {image.shape[1]}x{image.shape[0]} but camera_info says "
                f"{self.camera.width}x{self.camera.height}"
            )
        view = image.view()
        view.setflags(write=False)
        object.__setattr__(self, "image", view)


@dataclass(frozen=True, eq=False)
class MotionField:
    """Feature tracks that end in the current frame, one row each, over the longest window that each survived.

    `rays_reference`, `rays_current`: (N, 2) undistorted x/z, y/z at the window's start and end. `pixels_current`:
    (N, 2) pixels of the stored image. `reference_index`: (N,) index into `references`. `expansion`: (N,) way along the
    optical axis over the depth of the point, NaN at the focus of expansion. `sigma_px`: standard deviation of one
    coordinate of a track end, estimated from this frame's residuals; `sigma` is the same in ray units (px / f).
    """

    stamp_ns: int
    rays_reference: FloatArray
    rays_current: FloatArray
    pixels_current: FloatArray
    window_s: FloatArray
    reference_index: NDArray[np.intp]
    expansion: FloatArray
    sigma_px: float
    focal_px: float

    def __post_init__(self) -> None:
        count = len(self.window_s)
        for name, shape in (
            ("rays_reference", (count, 2)),
            ("rays_current", (count, 2)),
            ("pixels_current", (count, 2)),
            ("window_s", (count,)),
            ("reference_index", (count,)),
            ("expansion", (count,)),
        ):
            object.__setattr__(self, name, frozen_array(getattr(self, name), shape, name))
        if not (self.focal_px > 0.0 and self.sigma_px > 0.0):
            raise PerceptionError("a motion field needs a positive focal length and sigma")

    @property
    def sigma(self) -> float:
        """Standard deviation of one ray coordinate (dimensionless)."""
        return self.sigma_px / self.focal_px

    @property
    def ttc_s(self) -> FloatArray:
        """Time (N,) until each point passes the camera if it goes on so; inf where it does not come nearer."""
        is_nearing = self.expansion > 0.0
        return np.where(is_nearing, self.window_s / np.where(is_nearing, self.expansion, 1.0), np.inf)

    def __len__(self) -> int:
        return len(self.window_s)


@dataclass(frozen=True, eq=False)
class PathSweep:
    """The swept-box test along the predicted path: one row per distance, nearest first.

    `distance_m` (K,): optical distance of the box from the camera. `log_likelihood_ratio` (K,): something upright
    stands here, against seen past here, one frame alone. `road_ratio` (K,): the road shows here, against an obstacle of
    the least height that matters or nothing moving, one frame alone. `is_free` (K,): verified free, over time.
    """

    distance_m: FloatArray
    log_likelihood_ratio: FloatArray
    road_ratio: FloatArray
    is_free: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.distance_m)
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, frozen_array(getattr(self, name), (count,), name))


def _unknown_vector() -> FloatArray:
    return np.full(3, math.nan)


@dataclass(frozen=True, eq=False)
class Obstacle:
    """One obstacle, with one standard deviation beside each measured value. Unknown values are NaN.

    `is_in_path`: it surely (95%) reaches into the predicted path. `distance_m` is from the camera along the path to
    where it does, or to its nearest point where it stands beside the path; `ground_distance_m` is the independent
    estimate from the row where the obstacle meets the road and the camera height. `ttc_s` is time to contact at the end
    of the window, free of scale.
    `centre_base_m` (3,); `size_m` (3,): length, width, height of a box turned by `yaw_rad` about base z.
    `velocity_mps` (3,) is over the ground, base axes. `class_id`: Cityscapes trainId, 255 unknown. `slope_rad` is the
    angle of its surface to the road (pi/2 is upright). `planarity` is the reduced chi-square of the plane fit.
    `expansion` is e over `window_s`, so that time to contact = window_s / expansion. `track_count`: feature
    tracks on it. `anomaly_flags`: bits of `fakewall.finding.Anomaly`; `anomaly_score` 0 (ordinary) to 1.
    """

    obstacle_id: int
    distance_m: float
    distance_sigma_m: float
    ttc_s: float
    ttc_sigma_s: float
    provenance: Provenance
    existence_probability: float
    is_confirmed: bool
    centre_base_m: FloatArray
    size_m: FloatArray
    ground_distance_m: float = math.nan
    ground_distance_sigma_m: float = math.nan
    slope_rad: float = math.nan
    slope_sigma_rad: float = math.nan
    planarity: float = math.nan
    expansion: float = math.nan
    expansion_sigma: float = math.nan
    window_s: float = math.nan
    track_count: int = 0
    is_in_path: bool = True
    class_id: int = UNKNOWN_LABEL
    class_probability: float = math.nan
    yaw_rad: float = 0.0
    yaw_sigma_rad: float = math.nan
    position_sigma_m: FloatArray = field(default_factory=_unknown_vector)
    size_sigma_m: FloatArray = field(default_factory=_unknown_vector)
    velocity_mps: FloatArray = field(default_factory=_unknown_vector)
    velocity_sigma_mps: FloatArray = field(default_factory=_unknown_vector)
    anomaly_flags: int = 0
    anomaly_score: float = math.nan

    def __post_init__(self) -> None:
        for name in _OBSTACLE_VECTORS:
            values = getattr(self, name)
            if values.shape != (3,) or values.flags.writeable:
                object.__setattr__(self, name, frozen_array(values, (3,), name))
        if not 0.0 <= self.existence_probability <= 1.0:
            raise PerceptionError(f"existence probability {self.existence_probability} is not in [0, 1]")

    @classmethod
    def rows_of(cls, **columns: NDArray[np.generic] | Sequence[object]) -> list[Obstacle]:
        """Obstacles from columns (N,) of numbers and (N, 3) of vectors, among them all fields without a default; each
        obstacle keeps its row of the vectors as a read-only view. Raises `PerceptionError` as the constructor does, and
        where columns are missing, unknown or of different lengths.

        What is checked of an obstacle is checked of all at once: with a hundred of them, checks one by one cost more
        than all else about them.
        """
        names = columns.keys()
        if names | _OBSTACLE_DEFAULTS.keys() != cls.__dataclass_fields__.keys():
            raise PerceptionError(f"an obstacle has other fields than {', '.join(names)}")
        existence = np.asarray(columns["existence_probability"])
        if not ((existence >= 0.0) & (existence <= 1.0)).all():
            raise PerceptionError(f"existence probabilities are not in [0, 1]: {existence}")
        rows: list[Sequence[object]] = []
        for name, column in columns.items():
            if name in _OBSTACLE_VECTORS:
                rows.append(list(frozen_array(np.asarray(column), (len(existence), 3), name)))
            else:
                rows.append(column.tolist() if isinstance(column, np.ndarray) else column)
        if any(len(row) != len(existence) for row in rows):
            raise PerceptionError(f"columns of obstacles have lengths {[len(row) for row in rows]}")
        items = []
        for row in zip(*rows):
            item = object.__new__(cls)
            item.__dict__.update(_OBSTACLE_DEFAULTS)
            item.__dict__.update(zip(columns, row))
            items.append(item)
        return items

    def corners_m(self, least_side_m: float = 0.0) -> FloatArray:
        """Corners (4, 2) of its box on the ground, base frame; an unknown side counts as the least."""
        return box_corners_m(self.centre_base_m, self.size_m, self.yaw_rad, least_side_m)


_OBSTACLE_VECTORS = (
    "centre_base_m", "size_m", "position_sigma_m", "size_sigma_m", "velocity_mps", "velocity_sigma_mps",
)  # fmt: skip
_OBSTACLE_DEFAULTS = {
    one.name: frozen_array(_unknown_vector(), (3,), one.name) if one.name in _OBSTACLE_VECTORS else one.default
    for one in fields(Obstacle)
    if one.default is not MISSING or one.default_factory is not MISSING
}


def obstacle_corners_m(obstacles: Sequence[Obstacle], least_side_m: float = 0.0) -> FloatArray:
    """Corners (N, 4, 2) of all their boxes, each as `Obstacle.corners_m` has them."""
    if not obstacles:
        return np.empty((0, 4, 2))
    centres, sizes = (np.array([getattr(one, name) for one in obstacles]) for name in ("centre_base_m", "size_m"))
    return box_corners_m(centres, sizes, np.array([one.yaw_rad for one in obstacles]), least_side_m)


@dataclass(frozen=True, eq=False)
class RoadPlane:
    """The road ahead of the camera, in the rectified optical frame.

    `normal_over_height` (3,): m with 1/Z = m . (x, y, 1) for a ray (x, y, 1) that meets the road, 1/metre. `pitch_rad`
    is positive where the optical axis points down at the road. `is_measured` is False when only the mounting speaks (no
    road texture, no motion).
    """

    normal_over_height: FloatArray
    height_m: float
    height_sigma_m: float
    pitch_rad: float
    is_measured: bool

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "normal_over_height", frozen_array(self.normal_over_height, (3,), "normal_over_height")
        )
        if not (0.0 < self.height_m < math.inf and self.height_sigma_m >= 0.0):
            raise PerceptionError(f"the camera is above the road, got {self.height_m} +- {self.height_sigma_m} m")


@dataclass(frozen=True, eq=False)
class PerceptionResult:
    """All outputs of one frame.

    `verified_free_distance_m` is from the camera along the path and 0 when nothing is verified. `obstacles` may be
    empty while `state` is UNVERIFIED: that is no clear road. `reasons` names every degradation. `latency_ms` is per
    stage.

    The path begins below the camera, `path_heading_rad` to the left of base x, with a curvature (positive left) that
    fades over `path_memory_m` (geometry/path.py).

    `dense` is the network's answer in the rectified optical frame, None where no model runs; `points` are those of it.
    `sectors`, around the camera's foot, and `grid` say what is free, `scale` how metric the depth is. `fake_wall`: what
    is claimed of what stands in the path. `cameras`: frames of the cameras whose answers are in obstacles and free
    space, `camera_spread_s` the largest difference of stamps.
    """

    stamp_ns: int
    frame_id: str
    state: PathState
    mode: Mode
    reasons: tuple[str, ...]
    verified_free_distance_m: float
    obstacles: tuple[Obstacle, ...]
    speed_mps: float
    path_curvature_per_m: float
    scale_source: ScaleSource
    base_from_camera: RigidTransform | None
    path_heading_rad: float = 0.0
    path_memory_m: float = ARC
    road: RoadPlane | None = None
    motion: MotionField | None = None
    sweep: PathSweep | None = None
    focus_of_expansion: FloatArray | None = None
    dense: DensePrediction | None = None
    points: LabeledPoints | None = None
    sectors: FreeSpaceSectors | None = None
    grid: FreeSpaceGrid | None = None
    scale: MetricScale = field(default_factory=MetricScale)
    fake_wall: FakeWallFinding | None = None
    cameras: tuple[str, ...] = ()
    camera_spread_s: float = 0.0
    latency_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.focus_of_expansion is not None:
            focus = frozen_array(self.focus_of_expansion, (2,), "focus_of_expansion")
            object.__setattr__(self, "focus_of_expansion", focus)
        if not 0.0 <= self.verified_free_distance_m < math.inf:
            raise PerceptionError(f"verified free distance {self.verified_free_distance_m} is not a distance")
        if self.state is PathState.FREE_VERIFIED and self.verified_free_distance_m == 0.0:
            raise PerceptionError("FREE_VERIFIED needs a verified distance")
