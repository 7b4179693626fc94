"""`PerceptionResult` into the messages of `perception_fm_msgs`: unknown values are NaN, stamps are unchanged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import Header

from perception_fm.config import NodeConfig
from perception_fm.dense import ModelState
from perception_fm.ros.messages import time_message
from perception_fm.types import Obstacle, PathState, PathSweep, PerceptionResult
from perception_fm_msgs.msg import (
    FakeWallEvidence,
    FakeWallReport,
    FreeSpace,
    ObstacleArray,
    PerceptionStatus,
    StageLatency,
)
from perception_fm_msgs.msg import Obstacle as ObstacleMessage

_NAN = math.nan


@dataclass(frozen=True)
class FrameCounts:
    """Images since activation: received = processed + dropped + rejected + those still waiting."""

    received: int = 0
    processed: int = 0
    dropped: int = 0
    rejected: int = 0


def base_header(result: PerceptionResult, config: NodeConfig) -> Header:
    """The image's stamp with the base frame."""
    return Header(stamp=time_message(result.stamp_ns), frame_id=config.base_frame)


def obstacle_array(result: PerceptionResult, config: NodeConfig) -> ObstacleArray:
    """All obstacles, nearest first, those without a distance last."""
    return ObstacleArray(
        header=base_header(result, config), obstacles=[_obstacle(item) for item in by_distance(result.obstacles)]
    )


def by_distance(obstacles: tuple[Obstacle, ...]) -> list[Obstacle]:
    """Obstacles sorted by distance; an unknown distance sorts last."""
    return sorted(obstacles, key=lambda item: item.distance_m if math.isfinite(item.distance_m) else math.inf)


def free_space(result: PerceptionResult, config: NodeConfig) -> FreeSpace:
    """The verified-free distance along the path. No sectors: motion speaks about the path alone."""
    return FreeSpace(
        header=base_header(result, config),
        verified_free_distance_m=float(result.verified_free_distance_m),
        front_overhang_m=config.vehicle.front_overhang_m,
        path_heading_rad=float(result.path_heading_rad),
        path_curvature_per_m=float(result.path_curvature_per_m),
        path_memory_m=float(result.path_memory_m),
        path_width_m=config.vehicle.width_m,
    )


def fake_wall_report(result: PerceptionResult, config: NodeConfig) -> FakeWallReport:
    """State of the path with the nearest confirmed obstacle. The probability of free road is not known: NaN."""
    message = FakeWallReport(
        header=base_header(result, config),
        state=int(result.state),
        probability=_NAN,
        distance_m=_NAN,
        distance_sigma_m=_NAN,
        ttc_s=_NAN,
        ttc_sigma_s=_NAN,
        plane=np.full(4, _NAN),
        slope_rad=_NAN,
        slope_sigma_rad=_NAN,
        obstacle_id=-1,
    )
    confirmed = [item for item in by_distance(result.obstacles) if item.is_confirmed]
    nearest = confirmed[0] if confirmed and result.state in (PathState.OBSTACLE, PathState.FAKE_WALL) else None
    if nearest is not None:
        message.probability = float(nearest.existence_probability)
        message.distance_m = float(nearest.distance_m)
        message.distance_sigma_m = float(nearest.distance_sigma_m)
        message.ttc_s = float(nearest.ttc_s)
        message.ttc_sigma_s = float(nearest.ttc_sigma_s)
        message.slope_rad = float(nearest.slope_rad)
        message.slope_sigma_rad = float(nearest.slope_sigma_rad)
        message.obstacle_id = nearest.obstacle_id
    message.evidence = [_expansion_evidence(result.sweep, nearest), _ground_contact_evidence(nearest)]
    return message


def perception_status(
    result: PerceptionResult, config: NodeConfig, model: ModelState, counts: FrameCounts, age_s: float
) -> PerceptionStatus:
    """Trust in the outputs of the same stamp. `age_s`: from the image stamp to publishing, NaN without an image."""
    return PerceptionStatus(
        header=base_header(result, config),
        mode=int(result.mode),
        reasons=list(result.reasons),
        camera_name=config.camera_name,
        stamp_to_publish_age_s=age_s,
        latency=[StageLatency(stage=stage, latency_ms=float(ms)) for stage, ms in result.latency_ms.items()],
        received_count=counts.received,
        processed_count=counts.processed,
        dropped_count=counts.dropped,
        rejected_count=counts.rejected,
        model=model.name,
        backend=model.runtime,
        precision=model.precision,
        engine_fingerprint=model.fingerprint,
        scale_source=result.scale_source.value,
        speed_mps=float(result.speed_mps),
    )


def _obstacle(item: Obstacle) -> ObstacleMessage:
    centre, size = item.centre_base_m, item.size_m
    unknown = Vector3(x=_NAN, y=_NAN, z=_NAN)
    return ObstacleMessage(
        id=item.obstacle_id,
        class_id=ObstacleMessage.CLASS_UNKNOWN,
        class_probability=_NAN,
        existence_probability=float(item.existence_probability),
        is_confirmed=bool(item.is_confirmed),
        provenance=int(item.provenance),
        pose=Pose(position=Point(x=float(centre[0]), y=float(centre[1]), z=float(centre[2]))),
        position_sigma_m=Vector3(x=float(item.distance_sigma_m), y=_NAN, z=_NAN),
        yaw_sigma_rad=_NAN,
        size_m=Vector3(x=float(size[0]), y=float(size[1]), z=float(size[2])),
        size_sigma_m=unknown,
        velocity_mps=unknown,
        velocity_sigma_mps=unknown,
        distance_m=float(item.distance_m),
        distance_sigma_m=float(item.distance_sigma_m),
        ttc_s=float(item.ttc_s),
        ttc_sigma_s=float(item.ttc_sigma_s),
        ground_distance_m=float(item.ground_distance_m),
        ground_distance_sigma_m=float(item.ground_distance_sigma_m),
        slope_rad=float(item.slope_rad),
        slope_sigma_rad=float(item.slope_sigma_rad),
        planarity=float(item.planarity),
        anomaly_score=_NAN,
    )


def _evidence(cue: int, unit: str, description: str) -> FakeWallEvidence:
    return FakeWallEvidence(
        cue=cue, unit=unit, description=description, log_likelihood_ratio=_NAN, value=_NAN, sigma=_NAN, threshold=_NAN
    )


def _expansion_evidence(sweep: PathSweep | None, nearest: Obstacle | None) -> FakeWallEvidence:
    """Expansion of the obstacle's plane, with the evidence of the box nearest to it, this frame alone."""
    message = _evidence(FakeWallEvidence.CUE_EXPANSION, "1", "expansion of the swept box, this frame alone")
    if sweep is None or nearest is None or not len(sweep.distance_m) or not math.isfinite(nearest.expansion):
        return message
    row = int(np.argmin(np.abs(sweep.distance_m - nearest.distance_m)))
    message.is_available = True
    message.value = float(nearest.expansion)
    message.sigma = float(nearest.expansion_sigma)
    message.log_likelihood_ratio = float(sweep.log_likelihood_ratio[row])
    return message


def _ground_contact_evidence(nearest: Obstacle | None) -> FakeWallEvidence:
    message = _evidence(FakeWallEvidence.CUE_GROUND_CONTACT, "m", "distance from the row where it meets the road")
    if nearest is not None and math.isfinite(nearest.ground_distance_m):
        message.is_available = True
        message.value = float(nearest.ground_distance_m)
        message.sigma = float(nearest.ground_distance_sigma_m)
    return message
