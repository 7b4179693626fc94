"""`PerceptionResult` into the messages of `perception_fm_msgs`: unknown values are NaN, stamps are unchanged."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point, Point32, Polygon, Pose, Vector3
from std_msgs.msg import Header

from perception_fm.config import NodeConfig
from perception_fm.dense import ModelState
from perception_fm.fakewall.finding import Evidence
from perception_fm.ros.messages import time_message
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.types import FloatArray, Obstacle, PathState, PathSweep, PerceptionResult, Provenance
from perception_fm.visual.thing_colours import obstacle_name
from perception_fm_msgs.msg import (
    FakeWallEvidence,
    FakeWallReport,
    FreeSpace,
    FreeSpaceSector,
    ObstacleArray,
    PerceptionStatus,
    StageLatency,
)
from perception_fm_msgs.msg import Obstacle as ObstacleMessage

_NAN = math.nan
_BLANK_OBSTACLE = ObstacleMessage()
_OBSTACLE_VECTORS = ("size_m", "size_sigma_m", "velocity_mps", "velocity_sigma_mps")
_OBSTACLE_NUMBERS = (
    "class_probability", "existence_probability", "yaw_sigma_rad", "distance_m", "distance_sigma_m", "ttc_s",
    "ttc_sigma_s", "ground_distance_m", "ground_distance_sigma_m", "slope_rad", "slope_sigma_rad", "planarity",
    "anomaly_score",
)  # fmt: skip


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
    """The verified-free distance along the path, and the sectors of the grid where there is one."""
    sectors = result.sectors
    return FreeSpace(
        header=base_header(result, config),
        verified_free_distance_m=float(result.verified_free_distance_m),
        front_overhang_m=config.vehicle.front_overhang_m,
        path_heading_rad=float(result.path_heading_rad),
        path_curvature_per_m=float(result.path_curvature_per_m),
        path_memory_m=float(result.path_memory_m),
        path_width_m=config.vehicle.width_m,
        sector_width_rad=0.0 if sectors is None else sectors.width_rad,
        sectors=[] if sectors is None else sector_messages(sectors),
    )


def sector_messages(sectors: FreeSpaceSectors) -> list[FreeSpaceSector]:
    """From right to left; a sector without free space has the ranges 0 and no confidence."""
    columns = (sectors.bearing_rad, sectors.near_m, sectors.free_m, sectors.boundary, sectors.confidence)
    return [
        FreeSpaceSector(bearing_rad=bearing, near_m=near, range_m=free, boundary=boundary, confidence=confidence)
        for bearing, near, free, boundary, confidence in zip(*(one.tolist() for one in columns))
    ]


def fake_wall_report(result: PerceptionResult, config: NodeConfig) -> FakeWallReport:
    """State of the path with the nearest thing confirmed in it. The probability of free road is not known: NaN."""
    nearest, finding = path_obstacle(result), result.fake_wall
    is_found = nearest is not None and finding is not None and finding.obstacle_id == nearest.obstacle_id
    plane, polygon_m = (finding.plane, finding.polygon_m) if finding and is_found else (np.full(4, _NAN), ())
    message = FakeWallReport(
        header=base_header(result, config),
        state=int(result.state),
        probability=_NAN,
        distance_m=_NAN,
        distance_sigma_m=_NAN,
        ttc_s=_NAN,
        ttc_sigma_s=_NAN,
        plane=plane,
        polygon=Polygon(points=[Point32(x=float(x), y=float(y), z=float(z)) for x, y, z in polygon_m]),
        slope_rad=_NAN,
        slope_sigma_rad=_NAN,
        obstacle_id=-1,
    )
    if nearest is not None:
        probability = finding.probability if finding and is_found else nearest.existence_probability
        message.probability = float(probability)
        message.distance_m = float(nearest.distance_m)
        message.distance_sigma_m = float(nearest.distance_sigma_m)
        message.ttc_s = float(nearest.ttc_s)
        message.ttc_sigma_s = float(nearest.ttc_sigma_s)
        message.slope_rad = float(nearest.slope_rad)
        message.slope_sigma_rad = float(nearest.slope_sigma_rad)
        message.obstacle_id = nearest.obstacle_id
    claims = finding.evidence if finding is not None else ()
    message.evidence = [
        _expansion_evidence(result.sweep, nearest),
        _ground_contact_evidence(nearest),
        *(_claim(one) for one in claims),
    ]
    return message


def _claim(one: Evidence) -> FakeWallEvidence:
    """A claim of free road against the surface. In the message a positive ratio speaks for a surface that deceives."""
    return FakeWallEvidence(
        cue=int(one.cue),
        is_available=one.is_available,
        log_likelihood_ratio=float(one.log_likelihood_ratio),
        value=float(one.value),
        sigma=float(one.sigma),
        threshold=float(one.threshold),
        unit=one.unit,
        description=one.description,
    )


def path_obstacle(result: PerceptionResult) -> Obstacle | None:
    """The obstacle that the state of the path speaks of: the painted wall, else the nearest one confirmed there."""
    if result.state not in (PathState.OBSTACLE, PathState.FAKE_WALL, PathState.FLAT_PHANTOM):
        return None
    standing = [item for item in by_distance(result.obstacles) if item.is_confirmed and item.is_in_path]
    if result.state is PathState.FAKE_WALL and result.fake_wall is not None:
        walls = [item for item in standing if item.obstacle_id == result.fake_wall.obstacle_id]
        standing = walls or standing
    return next(iter(standing), None)


def perception_status(
    result: PerceptionResult, config: NodeConfig, model: ModelState, counts: FrameCounts, age_s: float
) -> PerceptionStatus:
    """Trust in the outputs of the same stamp. `age_s`: from the image stamp to publishing, NaN without an image."""
    return PerceptionStatus(
        header=base_header(result, config),
        mode=int(result.mode),
        reasons=list(result.reasons),
        camera_name=config.camera_name,
        cameras=list(result.cameras),
        camera_spread_s=float(result.camera_spread_s),
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
        depth_scale_ratio=float(result.scale.ratio),
        depth_scale_sigma=_nan_for_inf(result.scale.sigma),
        speed_mps=float(result.speed_mps),
    )


def half_yaw_rad(item: Obstacle) -> float:
    """Half of the turn about base z, as quaternions have it; an unknown yaw is none."""
    return 0.5 * item.yaw_rad if math.isfinite(item.yaw_rad) else 0.0


def box_pose(item: Obstacle) -> Pose:
    """Middle and turn of its box."""
    pose = Pose()  # one made of its parts would make them twice
    place, turn, half = pose.position, pose.orientation, half_yaw_rad(item)
    place.x, place.y, place.z = item.centre_base_m.tolist()
    turn.z, turn.w = math.sin(half), math.cos(half)
    return pose


def position_sigma_m(item: Obstacle) -> FloatArray:
    """Sigma (3,) along base axes; where only the distance has one, it is that of x."""
    sigma = item.position_sigma_m.copy()
    if not math.isfinite(sigma[0]):
        sigma[0] = item.distance_sigma_m
    return sigma


def anomaly_flags(item: Obstacle) -> int:
    """Those of the message: what the network has seen and cannot name is strange too."""
    is_unnamed = item.provenance in (Provenance.LEARNED, Provenance.BOTH) and not obstacle_name(item)
    return item.anomaly_flags | (ObstacleMessage.ANOMALY_UNKNOWN_CLASS if is_unnamed else 0)


def point(xyz: FloatArray) -> Point:
    """`geometry_msgs/Point` of (3,)."""
    x, y, z = xyz.tolist()
    return Point(x=x, y=y, z=z)


def vector(xyz: FloatArray) -> Vector3:
    """`geometry_msgs/Vector3` of (3,)."""
    x, y, z = xyz.tolist()
    return Vector3(x=x, y=y, z=z)


def _obstacle(item: Obstacle) -> ObstacleMessage:
    # One made anew would make all its parts twice.
    message = copy.copy(_BLANK_OBSTACLE)
    message.id, message.class_id, message.class_name = item.obstacle_id, item.class_id, obstacle_name(item)
    message.is_confirmed, message.is_in_path = bool(item.is_confirmed), bool(item.is_in_path)
    message.provenance = int(item.provenance)
    message.pose = box_pose(item)
    message.position_sigma_m = vector(position_sigma_m(item))
    for name in _OBSTACLE_VECTORS:
        setattr(message, name, vector(getattr(item, name)))
    for name in _OBSTACLE_NUMBERS:
        setattr(message, name, float(getattr(item, name)))
    message.anomaly_flags = anomaly_flags(item)
    return message


def _nan_for_inf(value: float) -> float:
    return float(value) if math.isfinite(value) else _NAN


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
