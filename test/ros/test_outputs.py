from __future__ import annotations

import dataclasses
import math
import operator

import numpy as np
import pytest
import scene_results
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker

from perception_fm.camera.model import CameraModel
from perception_fm.config import NodeConfig, VehicleConfig
from perception_fm.dense import CITYSCAPES_CLASSES, DensePrediction, ModelState
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.geometry.transform import base_from_camera
from perception_fm.ros import dense_messages
from perception_fm.ros.costmap import marking_cloud
from perception_fm.ros.markers import marker_array
from perception_fm.ros.messages import stamp_ns
from perception_fm.ros.obstacle_scan import obstacle_scan
from perception_fm.ros.outputs import OUTPUTS, Publication, outputs_for
from perception_fm.ros.path_strip import path_points_m
from perception_fm.ros.results import FrameCounts, fake_wall_report, free_space, obstacle_array, perception_status
from perception_fm.ros.step import Step, unknown_result, with_reasons, without_trust
from perception_fm.scene.free_grid import FreeSpaceGrid
from perception_fm.scene.ground import MetricScale
from perception_fm.scene.sectors import sectors_of
from perception_fm.types import (
    CameraFrame,
    Mode,
    Obstacle,
    PathState,
    PerceptionResult,
    Provenance,
    ScaleSource,
)
from perception_fm_msgs.msg import FakeWallEvidence, FakeWallReport, PerceptionStatus
from perception_fm_msgs.msg import Obstacle as ObstacleMessage

STAMP_NS = 1_700_000_000_123_456_789
CONFIG = NodeConfig(vehicle=VehicleConfig(width_m=2.0, front_overhang_m=0.7))
CAMERA_FORWARD_M = 1.0
DENSE = [output.topic for output in OUTPUTS if output.heads]


def obstacle(distance_m=20.0, lateral_m=0.0, is_confirmed=True, obstacle_id=1, **changes):
    return Obstacle(
        obstacle_id=obstacle_id,
        distance_m=distance_m,
        distance_sigma_m=0.5,
        ttc_s=2.0,
        ttc_sigma_s=0.1,
        provenance=Provenance.MOTION,
        existence_probability=0.9,
        is_confirmed=is_confirmed,
        centre_base_m=np.array([CAMERA_FORWARD_M + distance_m, lateral_m, 1.0]),
        size_m=np.array([0.0, 2.0, 2.0]),
        **changes,
    )


def result(free_m=0.0, obstacles=(), state=None, curvature_per_m=0.0, **changes):
    if state is None:
        state = PathState.FREE_VERIFIED if free_m > 0.0 else PathState.UNVERIFIED
    values = {
        "stamp_ns": STAMP_NS,
        "frame_id": "front_optical",
        "state": state,
        "mode": Mode.NOMINAL,
        "reasons": (),
        "verified_free_distance_m": free_m,
        "obstacles": tuple(obstacles),
        "speed_mps": 10.0,
        "path_curvature_per_m": curvature_per_m,
        "scale_source": ScaleSource.ODOMETRY,
        "base_from_camera": base_from_camera(1.5, 0.0, forward_m=CAMERA_FORWARD_M),
        "latency_ms": {"motion": 7.5},
    }
    return PerceptionResult(**{**values, **changes})


def frame():
    camera = CameraModel(64, 48, np.array([[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]]))
    return CameraFrame(STAMP_NS, "front_optical", np.zeros((48, 64, 3), np.uint8), camera)


def dense(rows=12, columns=16):
    """Depth rises by a metre from row to row; the first cell is unknown."""
    depth = np.repeat(np.arange(2.0, 2.0 + rows, dtype=np.float32)[:, None], columns, axis=1)
    depth[0, 0] = np.nan
    label = np.full((rows, columns), 13, np.uint8)
    label[0, 0] = 255
    normals = np.zeros((rows, columns, 3), np.float32)
    normals[..., 2] = -1.0
    return DensePrediction(
        camera=CameraModel(columns, rows, np.array([[12.5, 0.0, 7.625], [0.0, 12.5, 5.625], [0.0, 0.0, 1.0]])),
        depth_m=depth,
        depth_std_m=0.1 * depth,
        label=label,
        confidence=np.full((rows, columns), 200, np.uint8),
        normals=normals,
    )


@pytest.mark.parametrize(
    "step",
    [
        Step(unknown_result(STAMP_NS, "front_optical", "no image"), refusal="bad_image"),
        Step(result(30.0), frame()),
        Step(result(10.0, [obstacle()], PathState.OBSTACLE), frame()),
        Step(result(10.0, [obstacle(math.nan)], PathState.OBSTACLE, base_from_camera=None), frame()),
        Step(result(30.0, dense=dense()), frame()),
        Step(scene_results.scene_result(scene_results.grid_of(scene_results.free_field()), dense=dense(),
                                        obstacles=(scene_results.thing(15.0, 3.0),)), scene_results.frame()),
    ],
    ids=["unknown", "free", "obstacle", "obstacle_without_metres", "dense", "scene"],
)
@pytest.mark.parametrize("output", OUTPUTS, ids=operator.attrgetter("topic"))
def test_every_output_serializes_and_carries_the_stamp(output, step):
    message = output.build(Publication(step, CONFIG, FrameCounts(5, 3, 1, 1), 0.02))
    needs = {"overlay": step.frame, **dict.fromkeys(DENSE, step.result.dense), "points": step.result.points}
    if output.topic in needs and needs[output.topic] is None:
        assert message is None
        return
    again = deserialize_message(serialize_message(message), output.message_type)
    headers = [marker.header for marker in again.markers] if output.topic == "markers" else [again.header]
    assert headers
    for header in headers:
        assert stamp_ns(header.stamp) == STAMP_NS
        assert header.frame_id == ("front_optical" if output.topic in needs else "base_link")


@pytest.mark.parametrize("output", [one for one in OUTPUTS if one.pack], ids=operator.attrgetter("topic"))
def test_packed_outputs_are_the_messages(output):
    wall = FakeWallFinding(
        state=PathState.FAKE_WALL, probability=0.99, obstacle_id=1, distance_m=20.0, distance_sigma_m=0.5, ttc_s=2.0,
        ttc_sigma_s=0.1, polygon_m=np.array([[21.0, 1.0, 0.0], [21.0, -1.0, 0.0], [21.0, -1.0, 2.5], [21.0, 1.0, 2.5]]),
        evidence=(),
    )  # fmt: skip
    things = (obstacle(), *(scene_results.thing(15.0, side, is_confirmed=side > 0.0) for side in (3.0, -3.0)))
    moving = dataclasses.replace(things[1], class_id=13, velocity_mps=np.array([5.0, 0.0, 0.0]))
    cells = scene_results.grid_of(scene_results.free_field())
    scene = scene_results.scene_result(cells, obstacles=(*things, moving))
    for seen in (scene, dataclasses.replace(scene, state=PathState.FAKE_WALL, fake_wall=wall), result(30.0)):
        publication = Publication(Step(seen, scene_results.frame()), CONFIG)
        packed, serialised = output.pack(publication), serialize_message(output.build(publication))
        assert len(packed) == len(serialised)
        again, message = (deserialize_message(one, output.message_type) for one in (packed, serialised))
        assert str(again) == str(message)


@pytest.mark.parametrize("output", [one for one in OUTPUTS if one.pack], ids=operator.attrgetter("topic"))
def test_what_is_not_built_is_not_packed(output):
    publication = Publication(Step(unknown_result(STAMP_NS, "front_optical", "no image"), refusal="bad_image"), CONFIG)
    assert (output.pack(publication) is None) == (output.build(publication) is None)


def test_enumerations_are_those_of_the_messages():
    for state in PathState:
        assert getattr(FakeWallReport, state.name) == state
    for mode in Mode:
        assert getattr(PerceptionStatus, mode.name) == mode
    for provenance in Provenance:
        assert getattr(ObstacleMessage, f"PROVENANCE_{provenance.name}") == provenance


def test_obstacles_come_nearest_first_and_those_without_distance_last():
    items = [obstacle(math.nan, obstacle_id=1), obstacle(30.0, obstacle_id=2), obstacle(10.0, obstacle_id=3)]
    assert [item.id for item in obstacle_array(result(obstacles=items), CONFIG).obstacles] == [3, 2, 1]


def test_unknown_values_of_an_obstacle_are_nan_never_zero():
    message = obstacle_array(result(obstacles=[obstacle()]), CONFIG).obstacles[0]
    assert message.distance_m == 20.0
    assert message.class_id == ObstacleMessage.CLASS_UNKNOWN
    for value in (message.ground_distance_m, message.slope_rad, message.velocity_mps.x, message.anomaly_score):
        assert math.isnan(value)


def test_obstacle_of_the_network_has_class_pose_and_every_sigma():
    car = scene_results.thing(20.0, 3.0, yaw_rad=0.5)
    message = obstacle_array(result(obstacles=[car]), CONFIG).obstacles[0]
    assert (message.class_id, message.class_name) == (13, "car")
    assert message.class_probability == pytest.approx(0.8)
    assert not message.is_in_path
    assert message.anomaly_flags == ObstacleMessage.ANOMALY_NONE
    assert 2.0 * math.atan2(message.pose.orientation.z, message.pose.orientation.w) == pytest.approx(0.5)
    assert (message.position_sigma_m.x, message.position_sigma_m.y) == (0.5, 0.3)
    assert (message.size_sigma_m.x, message.size_sigma_m.y, message.size_sigma_m.z) == (0.4, 0.2, 0.1)
    assert (message.velocity_mps.x, message.velocity_sigma_mps.y) == (3.0, 0.4)
    assert message.yaw_sigma_rad == pytest.approx(0.1)
    assert math.isnan(message.velocity_mps.z)


def test_only_a_network_can_find_that_a_class_is_unknown():
    learned = scene_results.thing(20.0, 0.0, class_id=255)
    both, moved = (dataclasses.replace(learned, provenance=one) for one in (Provenance.BOTH, Provenance.MOTION))
    flags = [one.anomaly_flags for one in obstacle_array(result(obstacles=[learned, both, moved]), CONFIG).obstacles]
    assert flags == [ObstacleMessage.ANOMALY_UNKNOWN_CLASS, ObstacleMessage.ANOMALY_UNKNOWN_CLASS, 0]


def test_state_speaks_of_an_obstacle_in_the_path():
    beside, ahead = scene_results.thing(10.0, 5.0, obstacle_id=1), scene_results.thing(30.0, 0.0, obstacle_id=2)
    message = fake_wall_report(result(5.0, [beside, ahead], PathState.OBSTACLE), CONFIG)
    assert message.obstacle_id == 2


def test_free_space_gives_distance_path_and_overhang():
    seen = dataclasses.replace(result(40.0, curvature_per_m=0.01), path_heading_rad=0.02, path_memory_m=24.0)
    message = free_space(seen, CONFIG)
    assert message.verified_free_distance_m == 40.0
    assert (message.path_heading_rad, message.path_memory_m) == pytest.approx((0.02, 24.0))
    assert message.front_overhang_m == pytest.approx(0.7)
    assert message.path_width_m == 2.0
    assert message.path_curvature_per_m == pytest.approx(0.01)


def test_fake_wall_report_names_the_nearest_confirmed_obstacle():
    suspected = obstacle(10.0, is_confirmed=False, obstacle_id=4)
    items = [suspected, obstacle(30.0, obstacle_id=5), obstacle(40.0, obstacle_id=6)]
    message = fake_wall_report(result(5.0, items, PathState.OBSTACLE), CONFIG)
    assert message.state == FakeWallReport.OBSTACLE
    assert message.obstacle_id == 5
    assert message.distance_m == 30.0
    assert message.probability == pytest.approx(0.9)


def test_fake_wall_report_of_an_unverified_path_claims_nothing():
    message = fake_wall_report(result(), CONFIG)
    assert message.state == FakeWallReport.UNVERIFIED
    assert message.obstacle_id == -1
    for value in (message.probability, message.distance_m, message.ttc_s, *message.plane):
        assert math.isnan(value)
    assert not any(evidence.is_available for evidence in message.evidence)


def test_ground_contact_is_evidence_where_it_was_measured():
    item = obstacle(ground_distance_m=21.0, ground_distance_sigma_m=1.0)
    evidence = fake_wall_report(result(5.0, [item], PathState.OBSTACLE), CONFIG).evidence
    contact = next(one for one in evidence if one.cue == FakeWallEvidence.CUE_GROUND_CONTACT)
    assert contact.is_available
    assert contact.value == 21.0


def test_status_tells_mode_reasons_counts_and_latency():
    degraded = result(reasons=("dusk",), mode=Mode.DEGRADED)
    message = perception_status(degraded, CONFIG, ModelState(), FrameCounts(9, 6, 2, 1), 0.05)
    assert message.mode == PerceptionStatus.DEGRADED
    assert message.reasons == ["dusk"]
    assert (message.received_count, message.processed_count) == (9, 6)
    assert (message.dropped_count, message.rejected_count) == (2, 1)
    assert message.stamp_to_publish_age_s == pytest.approx(0.05)
    assert [(item.stage, item.latency_ms) for item in message.latency] == [("motion", 7.5)]


def test_status_tells_cameras_and_metric_scale():
    seen = result(cameras=("front_optical", "left_optical"), camera_spread_s=0.02, scale=MetricScale(1.2, 0.05))
    message = perception_status(seen, CONFIG, ModelState(), FrameCounts(), 0.05)
    assert message.cameras == ["front_optical", "left_optical"]
    assert message.camera_spread_s == pytest.approx(0.02)
    assert (message.depth_scale_ratio, message.depth_scale_sigma) == pytest.approx((1.2, 0.05))
    unknown = perception_status(result(), CONFIG, ModelState(), FrameCounts(), 0.05)
    assert math.isnan(unknown.depth_scale_ratio)
    assert math.isnan(unknown.depth_scale_sigma)
    assert (unknown.cameras, unknown.camera_spread_s) == ([], 0.0)


def test_status_names_what_runs_and_not_what_was_asked_for():
    runs = ModelState("tiny", "onnxruntime", "fp32", "abc", ("depth",))
    message = perception_status(result(), CONFIG, runs, FrameCounts(), 0.05)
    assert (message.model, message.backend, message.precision, message.engine_fingerprint) == (
        "tiny", "onnxruntime", "fp32", "abc",
    )  # fmt: skip
    refused = perception_status(result(), CONFIG, ModelState(refusal="no"), FrameCounts(), 0.05)
    assert (refused.model, refused.backend) == ("none", "")


def build(topic, dense_prediction):
    output = next(output for output in OUTPUTS if output.topic == topic)
    step = Step(result(dense=dense_prediction), frame())
    return output.build(Publication(step, CONFIG))


def pixels_of(message, dtype):
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width, -1).squeeze()


def test_dense_images_hold_the_prediction_in_the_encoding_that_consumers_expect():
    whole = dense()
    for topic, encoding, dtype, values in (
        ("depth/image", "32FC1", np.float32, whole.depth_m),
        ("depth/std", "32FC1", np.float32, whole.depth_std_m),
        ("segmentation/label", "mono8", np.uint8, whole.label),
        ("segmentation/confidence", "mono8", np.uint8, whole.confidence),
        ("normals/image", "32FC3", np.float32, whole.normals),
    ):
        message = build(topic, whole)
        assert message.encoding == encoding
        np.testing.assert_array_equal(pixels_of(message, dtype), values)


def test_depth_camera_info_describes_exactly_the_grid_of_the_depth_image():
    whole = dense()
    info, depth = build("depth/camera_info", whole), build("depth/image", whole)
    assert (info.width, info.height) == (depth.width, depth.height)
    assert info.header == depth.header
    assert list(info.d) == [0.0] * 5
    np.testing.assert_array_equal(np.reshape(info.k, (3, 3)), whole.camera.intrinsics)
    np.testing.assert_array_equal(np.reshape(info.p, (3, 4))[:, :3], whole.camera.intrinsics)


@pytest.mark.parametrize(
    ("heads", "topics"),
    [
        ((), set()),
        (("depth",), {"depth/image", "depth/camera_info"}),
        (("label",), {"segmentation/label"}),
    ],
)
def test_a_head_that_the_model_lacks_has_no_topic(heads, topics):
    assert {output.topic for output in outputs_for(heads)} & set(DENSE) == topics
    assert {output.topic for output in outputs_for(heads)} >= {"fake_wall", "status", "overlay"}


def test_head_that_is_missing_in_a_prediction_gives_no_message():
    part = DensePrediction(camera=dense().camera, depth_m=dense().depth_m)
    assert build("segmentation/label", part) is None
    assert build("depth/std", part) is None


def test_label_info_names_every_label(monkeypatch):
    @dataclasses.dataclass
    class VisionClass:  # vision_msgs has no wheel; a ROS installation brings the real ones
        class_id: int
        class_name: str

    @dataclasses.dataclass
    class LabelInfo:
        header: object
        class_map: list
        threshold: float

    monkeypatch.setattr(dense_messages, "VisionClass", VisionClass)
    monkeypatch.setattr(dense_messages, "LabelInfo", LabelInfo)
    message = dense_messages.label_info(None)
    assert [item.class_name for item in message.class_map] == list(CITYSCAPES_CLASSES)
    assert [item.class_id for item in message.class_map] == list(range(19))


def points_of(cloud):
    return np.frombuffer(cloud.data, np.float32).reshape(-1, 3)


def test_marking_cloud_covers_the_near_face_of_a_confirmed_obstacle():
    points = points_of(marking_cloud(result(obstacles=[obstacle(20.0)]), CONFIG))
    np.testing.assert_allclose(points[:, 0], 21.0)
    np.testing.assert_allclose([points[:, 1].min(), points[:, 1].max()], [-1.0, 1.0])
    np.testing.assert_allclose([points[:, 2].min(), points[:, 2].max()], [0.0, 2.0])


def test_marking_cloud_is_empty_without_confirmed_obstacles():
    cloud = marking_cloud(result(obstacles=[obstacle(is_confirmed=False), obstacle(math.nan)]), CONFIG)
    assert cloud.width == 0
    assert len(cloud.data) == 0


def geometry_scan(one):
    """The scan of a result without a network, whose grid has the verified path and what motion has confirmed."""
    return obstacle_scan(scene_results.with_geometry_grid(one, CONFIG.vehicle.width_m), CONFIG)


def beam(scan, bearing_rad):
    return scan.ranges[round((bearing_rad - scan.angle_min) / scan.angle_increment)]


def test_scan_clears_the_verified_path_and_nothing_else():
    scan = geometry_scan(result(40.0))
    # The grid has whole cells, and the last one may end up to one short.
    assert scan.range_max == pytest.approx(41.0, abs=scene_results.CELL_M)
    assert beam(scan, 0.0) == math.inf
    # Beside the path of 2 m full width: 1 m at 41 m is 1.4 degrees.
    assert math.isnan(beam(scan, math.radians(1.5)))
    assert math.isnan(beam(scan, math.radians(-30.0)))


def test_scan_follows_a_curved_path():
    scan = geometry_scan(result(10.0, curvature_per_m=0.02))
    # The path's end is 1 m left of straight ahead; straight ahead leaves the path of 2 m only there.
    assert beam(scan, math.radians(2.0)) == math.inf
    assert math.isnan(beam(scan, math.radians(-3.0)))


def test_scan_without_verified_road_clears_nothing():
    unknown = unknown_result(STAMP_NS, "front_optical", "no image")
    for nothing in (result(), unknown, result(30.0, base_from_camera=None)):
        assert np.isnan(geometry_scan(nothing).ranges).all()


def test_scan_shows_an_obstacle_and_then_clears_nothing_beyond_the_verified_road():
    scan = geometry_scan(result(15.0, [obstacle(20.0)], PathState.OBSTACLE))
    assert beam(scan, 0.0) == pytest.approx(21.0, abs=0.01)  # the nearest of the rays of its sector
    assert scan.range_max > 21.0
    assert not np.isinf(scan.ranges).any()


def test_unconfirmed_obstacle_is_no_range():
    scan = geometry_scan(result(obstacles=[obstacle(20.0, is_confirmed=False)]))
    assert np.isnan(scan.ranges).all()


@pytest.mark.parametrize("curvature_per_m", [0.0, 0.01, -0.02])
def test_path_bends_from_the_camera_on(curvature_per_m):
    points = path_points_m(result(curvature_per_m=curvature_per_m), np.array([0.0, 30.0]))
    np.testing.assert_allclose(points, [[1.0, 0.0], [31.0, 0.5 * curvature_per_m * 30.0**2]], atol=1e-6)


def test_path_begins_in_the_direction_of_travel():
    angle = math.radians(2.0)
    points = path_points_m(dataclasses.replace(result(), path_heading_rad=angle), np.array([0.0, 30.0]))
    np.testing.assert_allclose(points[1], [1.0 + 30.0 * math.cos(angle), 30.0 * math.sin(angle)])


def test_path_of_unknown_curvature_is_drawn_straight():
    points = path_points_m(result(curvature_per_m=math.nan), np.array([10.0]), left_m=1.0)
    np.testing.assert_allclose(points, [[11.0, 1.0]])


def test_markers_replace_the_last_ones_and_expire():
    markers = marker_array(result(10.0, [obstacle()], PathState.OBSTACLE), CONFIG).markers
    assert markers[0].action == Marker.DELETEALL
    assert {marker.ns for marker in markers[1:]} == {"state", "free_path", "obstacles", "obstacle_labels"}
    assert all(marker.lifetime.nanosec == 500_000_000 for marker in markers)


def test_boxes_are_turned_and_have_the_colour_of_their_class():
    items = [
        scene_results.thing(20.0, 3.0, yaw_rad=0.5, obstacle_id=1),
        scene_results.thing(25.0, 0.0, class_id=11, obstacle_id=2),
        scene_results.thing(25.0, 0.0, is_confirmed=False, obstacle_id=3),
    ]
    markers = marker_array(result(obstacles=items), CONFIG).markers
    car, person = (one for one in markers if one.ns == "obstacles")
    (suspicion,) = (one for one in markers if one.ns == "suspicions")
    assert 2.0 * math.atan2(car.pose.orientation.z, car.pose.orientation.w) == pytest.approx(0.5)
    assert (car.scale.x, car.scale.y, car.scale.z) == (4.0, 1.8, 1.5)
    colours = {(one.color.r, one.color.g, one.color.b) for one in (car, person, suspicion)}
    assert len(colours) == 3
    assert suspicion.type == Marker.LINE_LIST
    assert {(one.x, one.y) for one in suspicion.points} == {(23.0, 0.9), (23.0, -0.9), (27.0, 0.9), (27.0, -0.9)}
    labels = {one.id: one.text for one in markers if one.ns == "obstacle_labels"}
    assert set(labels) == {1, 2}
    assert labels[1] == "car 19 m 3 m/s"


def test_pieces_of_a_street_have_no_words_and_do_not_move():
    wall, blocking = scene_results.thing(20.0, 6.0, class_id=2), scene_results.thing(20.0, 0.0, class_id=2)
    for item, names in ((wall, {"obstacles"}), (blocking, {"obstacles", "obstacle_labels"})):
        markers = marker_array(result(obstacles=[item]), CONFIG).markers
        assert {one.ns for one in markers[2:]} == names


def test_velocity_that_may_be_none_is_no_arrow():
    doubtful = scene_results.thing(20.0, 3.0, velocity_sigma_mps=np.array([2.0, 2.0, math.nan]))
    assert not any(one.type == Marker.ARROW for one in marker_array(result(obstacles=[doubtful]), CONFIG).markers)


def test_velocity_is_an_arrow_as_long_as_the_way_of_a_second():
    moving = scene_results.thing(20.0, 3.0)
    still = scene_results.thing(20.0, 3.0, velocity_mps=np.array([0.1, 0.0, math.nan]))
    (arrow,) = (one for one in marker_array(result(obstacles=[moving]), CONFIG).markers if one.type == Marker.ARROW)
    assert (arrow.points[1].x - arrow.points[0].x, arrow.points[1].y) == (3.0, 3.0)
    assert arrow.lifetime.nanosec == 500_000_000
    assert not any(one.type == Marker.ARROW for one in marker_array(result(obstacles=[still]), CONFIG).markers)


def test_free_sectors_are_one_fan_from_the_nearest_ground_to_the_end():
    field = np.full((240, 240), -1, np.int8)
    field[:, 124 + 16 : 200] = 0  # free from 5 m on ahead of the base up to 20 m
    field[100:140, 120:140] = 0
    scene = scene_results.scene_result(scene_results.grid_of(field))
    (fan,) = (one for one in marker_array(scene, CONFIG).markers if one.ns == "free_sectors")
    assert fan.type == Marker.TRIANGLE_LIST
    assert len(fan.points) % 3 == 0
    away = [math.hypot(one.x - scene_results.FORWARD_M, one.y) for one in fan.points]
    assert max(away) == pytest.approx(scene.sectors.free_m.max())
    assert min(away) == pytest.approx(scene.sectors.near_m.min(), abs=1e-9)


def test_markers_of_an_unknown_result_show_no_free_path_but_the_reason():
    markers = marker_array(unknown_result(STAMP_NS, "front_optical", "lens blocked"), CONFIG).markers
    assert [marker.ns for marker in markers[1:]] == ["state"]
    assert "lens blocked" in markers[1].text


def test_unknown_result_claims_nothing():
    unknown = unknown_result(STAMP_NS, "front_optical", "no image")
    assert unknown.state is PathState.UNVERIFIED
    assert unknown.mode is Mode.UNTRUSTED
    assert unknown.verified_free_distance_m == 0.0


def test_reasons_lower_the_mode_and_are_not_repeated():
    degraded = with_reasons(result(30.0), ("no gyro",))
    assert degraded.mode is Mode.DEGRADED
    assert with_reasons(degraded, ("no gyro",)) is degraded
    assert with_reasons(dataclasses.replace(degraded, mode=Mode.UNTRUSTED), ("more",)).mode is Mode.UNTRUSTED


def test_late_result_loses_its_free_road_but_not_its_obstacle():
    late = without_trust(result(30.0), "late")
    assert (late.state, late.verified_free_distance_m, late.mode) == (PathState.UNVERIFIED, 0.0, Mode.UNTRUSTED)
    late = without_trust(result(5.0, [obstacle()], PathState.OBSTACLE), "late")
    assert late.state is PathState.OBSTACLE
    assert len(late.obstacles) == 1


def test_late_result_has_no_free_cell_and_no_free_sector():
    cells = np.full((80, 80), 0, np.int8)
    cells[40, 60] = 100
    grid = FreeSpaceGrid(cells, np.zeros(cells.shape, np.float32), np.zeros(cells.shape, bool), 0.25, (-10.0, -10.0))
    sectors = sectors_of(grid, (0.0, 0.0), (-0.5, 0.5), 9.0)
    late = without_trust(dataclasses.replace(result(5.0), grid=grid, sectors=sectors), "late")
    assert not (late.grid.cells == 0).any()
    assert late.grid.cells[40, 60] == 100
    assert late.sectors is None
