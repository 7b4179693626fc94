"""What becomes of a frame: the states that follow from what the stages say, and all of it as one result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_fm.camera.rectification import Rectifier
from perception_fm.camera.watch import UNUSABLE, WatchedFrame
from perception_fm.dense import DensePrediction
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.fusion import Fused, marked
from perception_fm.motion.stage import EXPECTED_REASONS, MOUNTING_UNKNOWN, MotionReport, RectifiedFrame
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.stage import SCALE_OFF, SeenView
from perception_fm.types import CameraFrame, Mode, MotionField, PathState, PerceptionResult, RoadPlane

_UNTRUSTED = UNUSABLE | {MOUNTING_UNKNOWN}
# Braking at 6 m/s^2 after 0.5 s, the distance that free road must at least reach to be of use to a planner.
_BRAKING_MPS2 = 6.0
_REACTION_S = 0.5


def frame_result(
    watched: Sequence[WatchedFrame],
    rectified: RectifiedFrame,
    report: MotionReport,
    dense: Sequence[DensePrediction],
    seen: SeenView | None,
    fused: Fused,
    finding: FakeWallFinding,
    latency_ms: dict[str, float],
) -> PerceptionResult:
    """All that is known about the frame of the camera that looks along the path, `watched[0]`."""
    frame = watched[0].frame
    stamps = [one.frame.stamp_ns for one in watched]
    return PerceptionResult(
        stamp_ns=frame.stamp_ns,
        frame_id=frame.frame_id,
        state=_path_state(fused, finding, report.speed_mps),
        mode=_mode(report.reasons),
        reasons=tuple(report.reasons),
        verified_free_distance_m=fused.verified_m,
        obstacles=marked(fused.obstacles, finding),
        speed_mps=report.speed_mps,
        path_curvature_per_m=fused.path.curvature_per_m,
        scale_source=report.scale_source,
        base_from_camera=frame.base_from_camera,
        path_heading_rad=fused.path.heading_rad,
        path_memory_m=fused.path.memory_m,
        road=_road_plane(report, rectified),
        motion=_motion_field(frame, rectified, watched[0].rectifier, report),
        sweep=report.sweep,
        focus_of_expansion=None if report.views is None else report.views.focus,
        dense=dense[0] if dense else None,
        points=None if seen is None else seen.points,
        sectors=fused.sectors,
        grid=fused.grid,
        scale=MetricScale() if seen is None else seen.scale,
        fake_wall=finding,
        cameras=tuple(one.frame.frame_id for one in watched),
        camera_spread_s=(max(stamps) - min(stamps)) * 1e-9,
        latency_ms=latency_ms,
    )


def stopping_distance_m(speed_mps: float) -> float:
    """v^2 / (2 x 6 m/s^2) + 0.5 s v."""
    return speed_mps**2 / (2.0 * _BRAKING_MPS2) + _REACTION_S * speed_mps


def _mode(reasons: list[str]) -> Mode:
    """UNTRUSTED where the input itself is unusable, DEGRADED where something that should be there is missing."""
    if not _UNTRUSTED.isdisjoint(reasons) or any(reason.startswith(SCALE_OFF) for reason in reasons):
        return Mode.UNTRUSTED
    return Mode.DEGRADED if set(reasons) - EXPECTED_REASONS else Mode.NOMINAL


def _path_state(fused: Fused, finding: FakeWallFinding, speed_mps: float) -> PathState:
    """What is confirmed in the path, by its name; else FREE_VERIFIED from a verified stopping distance on."""
    if any(item.is_confirmed and item.is_in_path for item in fused.obstacles):
        is_named = finding.state in (PathState.FAKE_WALL, PathState.FLAT_PHANTOM)
        return finding.state if is_named else PathState.OBSTACLE
    if fused.verified_m > 0.0 and fused.verified_m >= stopping_distance_m(max(speed_mps, 0.0)):
        return PathState.FREE_VERIFIED
    return PathState.UNVERIFIED


def _road_plane(report: MotionReport, frame: RectifiedFrame) -> RoadPlane | None:
    if report.road is None:
        return None
    road = report.road
    return RoadPlane(road.m, road.height_m, road.height_sigma_m, road.pitch_rad, road.is_measured)


def _motion_field(
    frame: CameraFrame, rectified: RectifiedFrame, rectifier: Rectifier, report: MotionReport
) -> MotionField | None:
    """Tracks for whoever wants to see them; pixels are those of the stored image."""
    views = report.views
    if views is None:
        return None
    pixels = views.pixels
    if not rectifier.is_identity:
        directions = np.column_stack([views.rays, np.ones(len(views.rays))]) @ frame.camera.rectification
        pixels = frame.camera.project_points(directions)
    return MotionField(
        stamp_ns=frame.stamp_ns,
        rays_reference=views.rays_reference,
        rays_current=views.rays,
        pixels_current=pixels,
        window_s=views.window_s,
        reference_index=views.reference_index,
        expansion=views.expansion,
        sigma_px=views.sigma_px,
        focal_px=float(rectified.intrinsics[0, 0]),
    )
