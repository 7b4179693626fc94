"""The picture of a drive that says most: the first false alarm, the moment it was too late, or the right alarm."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BenchFrame
from perception_fm.evaluation.fake_wall_benchmark.claims import Record, confirmed, is_on_wall
from perception_fm.evaluation.fake_wall_benchmark.detectors import BELIEVED, GEOMETRY
from perception_fm.evaluation.scenario_score import SPARE_S, braking_s, stands
from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.types import PerceptionResult
from perception_fm.visual.overlay import draw_overlay

_WIDTH_PX, _QUALITY = 640, 82
FALSE_ALARM, TOO_LATE, CONFIRMED, BEGIN = (
    "first false alarm", "too late to brake, wall not confirmed", "wall first confirmed", "begin of the drive",
)  # fmt: skip
_ORDER = (FALSE_ALARM, TOO_LATE, CONFIRMED, BEGIN)


class Pictures:
    """Keeps the first picture of each kind, of the detector with the network that believes the picture."""

    def __init__(self, config: PerceptionConfig) -> None:
        self._config = config
        self._kept: dict[str, bytes] = {}

    def offer(
        self, bench: BenchFrame, results: Mapping[str, PerceptionResult | None], records: Mapping[str, Record]
    ) -> None:
        """One frame, with what the detectors made of it."""
        name = BELIEVED if BELIEVED in results else GEOMETRY
        result, truth = results[name], bench.truth
        for kind in _kinds(records[name], truth, CONFIRMED in self._kept):
            if kind not in self._kept and result is not None:
                self._kept[kind] = _jpeg(draw_overlay(bench.frame, result, self._config))

    def chosen(self) -> tuple[str, bytes]:
        """Which kind, and its JPEG."""
        kind = next((one for one in _ORDER if one in self._kept), "")
        return kind or "no frame could be used", self._kept.get(kind, b"")


def _kinds(record: Record, truth: FrameTruth, is_known: bool) -> list[str]:
    distances = [one["distance_m"] for one in confirmed(record)]
    kinds = [BEGIN]
    if any(is_on_wall(distance, truth) for distance in distances):
        kinds.append(CONFIRMED)
    elif any(distance is None or not stands(distance, truth) for distance in distances) and not is_known:
        kinds.append(FALSE_ALARM)
    if not is_known and truth.wall_m < truth.speed_mps * (braking_s(truth.speed_mps) + SPARE_S):
        kinds.append(TOO_LATE)
    return kinds


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    height = round(picture.shape[0] * _WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
