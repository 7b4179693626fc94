"""What is claimed about the things that a range sensor alone has met in the path: no motion is needed for that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_fm.config import SweepConfig
from perception_fm.dense import DensePrediction
from perception_fm.depth_error import DepthErrorModel
from perception_fm.fakewall.box_cells import cells_in_box, cross_section
from perception_fm.fakewall.claims import SEEN_SHARE, Look, depth_look, label_look, learned_distance_m, painted_look
from perception_fm.fakewall.finding import Cue
from perception_fm.fakewall.range_track import HIT, RangeTrack
from perception_fm.fakewall.sequential import Suspect
from perception_fm.motion.stage import MotionReport
from perception_fm.scene.ground import MetricScale


class RangeSuspects:
    """Owns a suspect for each track of a range sensor, by its id."""

    def __init__(self, sweep: SweepConfig) -> None:
        self._sweep = sweep
        self.reset()

    def reset(self) -> None:
        """Forget everything, names as well."""
        self.suspects: dict[int, Suspect] = {}

    def update(
        self,
        tracks: Sequence[RangeTrack],
        report: MotionReport,
        dense: DensePrediction | None,
        scale: MetricScale,
        depth_error: DepthErrorModel | None,
        dt_s: float,
    ) -> None:
        """Looks at each where it was met in this frame. The report has path and road where there are tracks."""
        self.suspects = {one.track_id: self.suspects.get(one.track_id) or Suspect(one.position_m) for one in tracks}
        for track in tracks:
            suspect = self.suspects[track.track_id]
            suspect.begin_frame()
            if track.reading is not None and track.reading.blocks is not None:
                suspect.support(np.where(track.reading.blocks, HIT, 0.0), dt_s)
                if dense is not None:
                    suspect.take(self._looks(track, suspect, report, dense, scale, depth_error), dt_s)
            suspect.decide(track.is_confirmed)

    def _looks(
        self,
        track: RangeTrack,
        suspect: Suspect,
        report: MotionReport,
        dense: DensePrediction,
        scale: MetricScale,
        depth_error: DepthErrorModel | None,
    ) -> list[tuple[Cue, Look | None]]:
        assert report.road is not None
        distance, sigma = track.distance_m(report.odometer_m), track.distance_sigma_m(report.odometer_m)
        box = cross_section(distance, report, self._sweep)
        cells = cells_in_box(dense.camera, box, report.road, suspect.is_upright)
        suspect.learned_m = learned_distance_m(dense, cells)
        return [
            (Cue.RANGE, depth_look(dense, cells, sigma / distance, scale, depth_error, SEEN_SHARE)),
            (Cue.SEMANTICS, label_look(dense, cells)),
            (Cue.PAINTED_SURFACE, painted_look(dense, cells)),
        ]
