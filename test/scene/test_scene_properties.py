"""What holds for any prediction: free is only what road shows, an obstacle frees nothing, nothing raises or warns."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from cast_scene import BUILDING, CAR, ROAD, SKY, cast, make_camera
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perception_fm.config import SceneConfig
from perception_fm.dense import DensePrediction
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.scene.free_grid import FREE, FreeSpaceGrid
from perception_fm.scene.free_memory import FreeSpaceMemory
from perception_fm.scene.points import LabeledPoints, Surface, labeled_points
from perception_fm.scene.polar import STEP_M, polar_free_space
from perception_fm.scene.stage import SceneStage, SceneView

MOUNTING = base_from_camera(1.5, 0.06, forward_m=1.2, left_m=0.2)
GROUND = dataclasses.replace(plane_from_mounting(MOUNTING), covariance=np.eye(3) * 1e-10)
FOOT_M = MOUNTING.translation_m[:2]
CELL_M = 0.25
CAR_ON_ROAD = (12.0, 14.0, -2.0, 0.0, 1.0, CAR)

depths = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -4.0, 1e-30, 1e-3, 0.5, 3.0, 8.0, 20.0, 60.0, 1e6, 1e20, 3e38])
labels = st.one_of(st.sampled_from([ROAD, ROAD, CAR, BUILDING, SKY, 255]), st.integers(0, 255))
shares = st.sampled_from([None, 0.0, 0.01, 0.05, 0.5, 1.0, 1e6, 1e30, np.nan, np.inf, -0.1])
spans = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted)
patches = st.tuples(spans, spans, st.none() | depths, st.none() | labels, st.integers(0, 255))


@st.composite
def predictions(draw: st.DrawFn) -> DensePrediction:
    """A car on a road, then patches of other depths and labels, up to all of the image."""
    dense = cast(MOUNTING, [CAR_ON_ROAD] if draw(st.booleans()) else [])
    depth, label, confidence = dense.depth_m.copy(), dense.label.copy(), dense.confidence.copy()
    for rows, columns, patch_depth, patch_label, patch_confidence in draw(st.lists(patches, max_size=6)):
        part = tuple(
            slice(int(low * size), int(np.ceil(high * size))) for (low, high), size in zip((rows, columns), depth.shape)
        )
        depth[part] = depth[part] if patch_depth is None else patch_depth
        label[part] = label[part] if patch_label is None else patch_label
        confidence[part] = patch_confidence
    share = draw(shares)
    with np.errstate(over="ignore", invalid="ignore"):
        std = None if share is None else depth * np.float32(share)
    return dataclasses.replace(dense, depth_m=depth, depth_std_m=std, label=label, confidence=confidence)


def points_of(dense: DensePrediction) -> LabeledPoints:
    return labeled_points(dense, GROUND, min_height_m=0.25, clearance_m=2.5, min_confidence=0.5)


def grid_of(points: LabeledPoints) -> FreeSpaceGrid:
    polar = polar_free_space(points, GROUND, MOUNTING, 40.0)
    return FreeSpaceMemory(40.0, CELL_M).update([polar], None, 0.0)


def shows_road(points: LabeledPoints, ground: PlaneEstimate, grid: FreeSpaceGrid) -> np.ndarray:
    """Whether road is seen at each free cell (N,), or so near to it that it counts for the cell.

    Along the bearing a cell takes what the next step shows, half a step and half its own diagonal away; across it, what
    its sector shows.
    """
    rows, columns = np.nonzero(grid.cells == FREE)
    away = np.array(grid.origin_m) + (np.column_stack([columns, rows]) + 0.5) * grid.resolution_m - FOOT_M
    near = 0.5 * (STEP_M + np.sqrt(2.0) * grid.resolution_m)
    ranges = np.hypot(*away.T)[:, None, None] + np.linspace(-near, near, 7)[:, None]
    bearings = np.arctan2(away[:, 1], away[:, 0])[:, None, None] + np.linspace(-1.0, 1.0, 5) / points.camera.fx
    normal = ground.m * ground.height_m
    level = np.stack([np.cos(bearings), np.sin(bearings), np.zeros(bearings.shape)], axis=-1) @ MOUNTING.rotation
    level -= (level @ normal)[..., None] * normal
    seen = normal * ground.height_m + ranges[..., None] * level / np.linalg.norm(level, axis=-1, keepdims=True)
    camera = points.camera
    column = np.rint(camera.fx * seen[..., 0] / seen[..., 2] + camera.cx).astype(int)
    row = np.rint(camera.fy * seen[..., 1] / seen[..., 2] + camera.cy).astype(int)
    is_inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    is_road = points.surface[np.where(is_inside, row, 0), np.where(is_inside, column, 0)] == Surface.ROAD
    return (is_inside & is_road).any(axis=(1, 2))


@settings(max_examples=150, deadline=None)
@given(predictions())
def test_no_cell_is_free_that_no_road_supports(dense):
    points = points_of(dense)
    assert shows_road(points, GROUND, grid_of(points)).all()


@settings(max_examples=150, deadline=None)
@given(
    predictions(), st.floats(3.0, 35.0), st.floats(-6.0, 6.0), st.floats(0.3, 3.0), st.floats(0.4, 2.4),
    st.sampled_from([CAR, BUILDING, 255]),
)  # fmt: skip
def test_a_standing_patch_frees_no_cell(dense, x, y, width, height, label):
    # Without confidence: a sector's is a mean, which an obstacle may raise by ending the range before doubtful road.
    dense = dataclasses.replace(dense, confidence=None)
    board = cast(MOUNTING, [(x, x + 1.0, y, y + width, height, label)])
    is_board = (board.depth_m < cast(MOUNTING).depth_m) & ~(dense.depth_m <= board.depth_m)
    std = dense.depth_std_m
    changed = dataclasses.replace(
        dense,
        depth_m=np.where(is_board, board.depth_m, dense.depth_m),
        depth_std_m=None if std is None else np.where(is_board, np.float32(0.01) * board.depth_m, std),
        label=np.where(is_board, board.label, dense.label),
    )
    points, points_with_board = points_of(dense), points_of(changed)
    # A thing of one cell between the board and what is farther is taken for a mixture of both, and given up.
    was_standing = (points.surface == Surface.STANDING) & ~is_board
    assume((points_with_board.surface == Surface.STANDING)[was_standing].all())
    before, after = grid_of(points), grid_of(points_with_board)
    # By its odds: the board may hide an occupied cell, whose margin of one cell kept road beside it from being free.
    assert (before.odds <= after.odds)[after.cells == FREE].all()


@settings(max_examples=80, deadline=None)
@given(st.lists(predictions(), min_size=1, max_size=3))
def test_stage_takes_any_prediction_without_a_warning(frames):
    stage = SceneStage(SceneConfig())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step, dense in enumerate(frames):
            report = stage.update(step * 100_000_000, [SceneView("front", dense, MOUNTING)], RigidTransform.identity())
    assert np.isfinite(report.tracks.state).all()


def test_image_without_any_road_frees_nothing_anywhere():
    camera = make_camera()
    for label in (CAR, SKY, 255):
        dense = dataclasses.replace(cast(MOUNTING), label=np.full((camera.height, camera.width), label, np.uint8))
        assert not (grid_of(points_of(dense)).cells == FREE).any()
