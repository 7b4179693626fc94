"""The arrows of the data flow check themselves when made."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.errors import ImageError, PerceptionError
from perception_fm.types import (
    CameraFrame,
    Mode,
    MotionField,
    Obstacle,
    PathState,
    PathSweep,
    PerceptionResult,
    Provenance,
    RoadPlane,
    ScaleSource,
    frozen_array,
)

CAMERA = CameraModel(8, 6, np.array([[10.0, 0.0, 3.5], [0.0, 10.0, 2.5], [0.0, 0.0, 1.0]]))


def frame(image: np.ndarray) -> CameraFrame:
    return CameraFrame(stamp_ns=1, frame_id="front_optical", image=image, camera=CAMERA)


def motion_field(count: int, **changes: Any) -> MotionField:
    fields: dict[str, Any] = {
        "stamp_ns": 1,
        "rays_reference": np.zeros((count, 2)),
        "rays_current": np.zeros((count, 2)),
        "pixels_current": np.zeros((count, 2)),
        "window_s": np.full(count, 0.5),
        "reference_index": np.zeros(count, dtype=np.intp),
        "expansion": np.zeros(count),
        "sigma_px": 0.1,
        "focal_px": 500.0,
    }
    return MotionField(**{**fields, **changes})


def obstacle(**changes: Any) -> Obstacle:
    fields: dict[str, Any] = {
        "obstacle_id": 1,
        "distance_m": 30.0,
        "distance_sigma_m": 1.0,
        "ttc_s": 3.0,
        "ttc_sigma_s": 0.1,
        "provenance": Provenance.MOTION,
        "existence_probability": 0.9,
        "is_confirmed": True,
        "centre_base_m": np.array([30.0, 0.0, 1.0]),
        "size_m": np.array([math.nan, 2.0, 2.0]),
    }
    return Obstacle(**{**fields, **changes})


def result(**changes: Any) -> PerceptionResult:
    fields: dict[str, Any] = {
        "stamp_ns": 1,
        "frame_id": "front_optical",
        "state": PathState.UNVERIFIED,
        "mode": Mode.NOMINAL,
        "reasons": (),
        "verified_free_distance_m": 0.0,
        "obstacles": (),
        "speed_mps": math.nan,
        "path_curvature_per_m": 0.0,
        "scale_source": ScaleSource.NONE,
        "base_from_camera": None,
    }
    return PerceptionResult(**{**fields, **changes})


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_a_frame_holds_a_read_only_view_of_its_image(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, dtype=np.uint8)
    made = frame(image)
    assert np.shares_memory(made.image, image)
    with pytest.raises(ValueError, match="read-only"):
        made.image[0, 0] = 1
    image[0, 0] = 1  # the driver's own buffer stays its own


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((6, 8), dtype=np.uint16), "uint8"),
        (np.zeros((6, 8, 4), dtype=np.uint8), "uint8"),
        (np.zeros(48, dtype=np.uint8), "uint8"),
        (np.zeros((0, 8), dtype=np.uint8), "empty"),
        (np.zeros((8, 6), dtype=np.uint8), "the image is 6x8 but camera_info says 8x6"),
    ],
    ids=["depth", "channels", "flat", "empty", "size"],
)
def test_what_is_no_image_of_this_camera_is_refused(image: np.ndarray, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        frame(image)


def test_frozen_array_checks_every_length_that_is_given() -> None:
    assert frozen_array(np.zeros((5, 2)), (None, 2), "rays").shape == (5, 2)
    for shape in ((None, 3), (4, 2), (None,), (None, 2, 1)):
        with pytest.raises(PerceptionError, match="rays must have shape"):
            frozen_array(np.zeros((5, 2)), shape, "rays")


def test_time_to_contact_of_tracks() -> None:
    made = motion_field(4, expansion=np.array([0.1, 0.0, -0.2, np.nan]))
    np.testing.assert_allclose(made.ttc_s, [5.0, np.inf, np.inf, np.inf])


def test_sigma_of_a_motion_field_in_rays() -> None:
    made = motion_field(3)
    assert made.sigma == pytest.approx(0.1 / 500.0)
    assert len(made) == 3
    assert len(motion_field(0)) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"rays_current": np.zeros((2, 2))},
        {"pixels_current": np.zeros((3, 3))},
        {"reference_index": np.zeros(2, dtype=np.intp)},
        {"sigma_px": 0.0},
        {"focal_px": math.nan},
    ],
)
def test_a_motion_field_of_unequal_rows_or_without_a_scale_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PerceptionError):
        motion_field(3, **changes)


def test_a_path_sweep_has_one_row_per_distance() -> None:
    columns = {field.name: np.zeros(4) for field in dataclasses.fields(PathSweep)}
    PathSweep(**columns)
    for name in columns:
        if name != "distance_m":
            with pytest.raises(PerceptionError, match=name):
                PathSweep(**{**columns, name: np.zeros(3)})


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_certain_obstacles_are_obstacles(probability: float) -> None:
    assert obstacle(existence_probability=probability).existence_probability == probability


@pytest.mark.parametrize(
    "changes",
    [
        {"existence_probability": 1.0001},
        {"existence_probability": math.nan},
        {"centre_base_m": np.zeros(2)},
        {"size_m": np.zeros((3, 1))},
    ],
)
def test_an_impossible_obstacle_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PerceptionError):
        obstacle(**changes)


@pytest.mark.parametrize("height_m", [0.0, -1.5, math.nan, math.inf])
def test_a_road_above_the_camera_is_refused(height_m: float) -> None:
    RoadPlane(np.array([0.0, 0.6, 0.0]), 1.6, 0.1, 0.0, is_measured=True)
    with pytest.raises(PerceptionError, match="above the road"):
        RoadPlane(np.array([0.0, 0.6, 0.0]), height_m, 0.1, 0.0, is_measured=True)


def test_free_road_needs_a_verified_distance() -> None:
    assert result(state=PathState.FREE_VERIFIED, verified_free_distance_m=0.1).verified_free_distance_m == 0.1
    with pytest.raises(PerceptionError, match="FREE_VERIFIED needs"):
        result(state=PathState.FREE_VERIFIED)


@pytest.mark.parametrize("distance_m", [-0.1, math.nan, math.inf])
def test_what_is_no_distance_is_never_published_as_free(distance_m: float) -> None:
    with pytest.raises(PerceptionError, match="not a distance"):
        result(verified_free_distance_m=distance_m)


def test_a_focus_of_expansion_is_one_ray() -> None:
    assert result(focus_of_expansion=np.array([0.01, -0.02])).focus_of_expansion is not None
    with pytest.raises(PerceptionError, match="focus_of_expansion"):
        result(focus_of_expansion=np.zeros(3))


def test_numbers_of_the_enumerations_are_those_of_the_messages(repository: Any) -> None:
    """`uint8 NAME=value` lines of the message definitions."""
    for name, enumeration in (("FakeWallReport", PathState), ("PerceptionStatus", Mode), ("Obstacle", Provenance)):
        text = (repository / "perception_fm_msgs" / "msg" / f"{name}.msg").read_text(encoding="utf-8")
        constants = dict(
            line.split("#")[0].replace("uint8", "").replace(" ", "").split("=")
            for line in text.splitlines()
            if line.startswith("uint8 ") and "=" in line.split("#")[0]
        )
        for member in enumeration:
            matching = [value for key, value in constants.items() if key.strip().endswith(member.name)]
            assert matching == [str(member.value)], member


def columns(count: int, **changes: Any) -> dict[str, Any]:
    numbers = np.arange(count) + 1.0
    return {
        "obstacle_id": np.arange(count), "distance_m": numbers, "distance_sigma_m": 0.1 * numbers, "ttc_s": numbers,
        "ttc_sigma_s": numbers, "provenance": [Provenance.LEARNED] * count, "is_confirmed": np.ones(count, bool),
        "existence_probability": np.full(count, 0.5), "centre_base_m": np.ones((count, 3)) * numbers[:, None],
        "size_m": np.ones((count, 3)), **changes,
    }  # fmt: skip


def test_rows_of_columns_are_what_the_constructor_makes() -> None:
    given = columns(3)
    rows = Obstacle.rows_of(**given)
    assert len(rows) == 3
    for number, row in enumerate(rows):
        one = Obstacle(**{name: column[number] for name, column in given.items()})
        for field in dataclasses.fields(Obstacle):
            np.testing.assert_array_equal(getattr(row, field.name), getattr(one, field.name), field.name)
        assert not row.centre_base_m.flags.writeable
        assert dataclasses.replace(row, is_in_path=False).is_in_path is False


@pytest.mark.parametrize(
    "changes",
    [
        {"existence_probability": np.array([0.5, math.nan])},
        {"centre_base_m": np.zeros((2, 2))},
        {"ttc_s": np.zeros(3)},
        {"colour": np.zeros(2)},
    ],
)
def test_impossible_columns_of_obstacles_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PerceptionError):
        Obstacle.rows_of(**columns(2, **changes))


def test_columns_without_a_distance_are_refused() -> None:
    given = columns(2)
    del given["distance_m"]
    with pytest.raises(PerceptionError, match="other fields"):
        Obstacle.rows_of(**given)
