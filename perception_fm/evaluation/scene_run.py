"""The scene stage as an evaluation runs it: a frame in, its free space and obstacles out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perception_fm.config import SceneConfig
from perception_fm.dense import DensePrediction
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FreeSpaceGrid
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.obstacles import scene_obstacles
from perception_fm.scene.path import GroundPath
from perception_fm.scene.stage import SceneStage, SceneView
from perception_fm.types import Obstacle

_CAMERA = "front"
_ANY_WIDTH_M = 1.9  # whether an obstacle is in the path is judged by the evaluation itself


@dataclass(frozen=True, eq=False)
class SceneAnswer:
    """What the stage says about one frame, base frame of that frame; `reasons`: why it says less than it could."""

    grid: FreeSpaceGrid
    obstacles: tuple[Obstacle, ...]
    scale: MetricScale
    reasons: tuple[str, ...]


class SceneRun:
    """Owns a stage; `restart` before a frame that does not follow on the one before."""

    def __init__(self, config: SceneConfig) -> None:
        self._stage = SceneStage(config)

    def restart(self) -> None:
        """Forget all frames."""
        self._stage.reset()

    def step(
        self, stamp_ns: int, dense: DensePrediction, base_from_camera: RigidTransform, ego: EgoState | None
    ) -> SceneAnswer:
        """One frame. Obstacles are all tracks, confirmed or not, seen in this frame or before."""
        pose = ego.odom_from_base if ego is not None and ego.has_translation else None
        report = self._stage.update(stamp_ns, [SceneView(_CAMERA, dense, base_from_camera)], pose)
        assert report.grid is not None
        odom_from_base = RigidTransform.identity() if pose is None else pose
        foot = (float(base_from_camera.translation_m[0]), float(base_from_camera.translation_m[1]))
        path = GroundPath(foot, 0.0, math.nan, 0.5 * _ANY_WIDTH_M)
        speed_mps = math.nan if ego is None else ego.speed_mps
        obstacles = tuple(scene_obstacles(report.tracks, odom_from_base, path, speed_mps, 0.0))
        scale = report.views[_CAMERA].scale if _CAMERA in report.views else MetricScale()
        return SceneAnswer(report.grid, obstacles, scale, tuple(report.reasons))
