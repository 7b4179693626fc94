"""Something is claimed to stand in the path, and the road goes on through it.

A network takes a painted shape on the road, a shadow or a poster on the ground for an obstacle. What stands hides the
road behind its foot; where motion verifies that stretch, nothing of the least height that matters stands there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_fm.types import Obstacle, PathSweep, Provenance

FLAT = 9.21
"""ln 1e4: ten times the odds of a painted wall's name, since this one says that nothing stands there."""

_INDEPENDENT_S = 0.2
_SIGMAS = 2.0
_SUPPORT = 3.0  # a peak of the swept boxes that is worth a track
_GATE_SHARE = 0.15  # of the distance, as that of the motion stage's tracks


class FlatPhantoms:
    """Evidence per learned obstacle, by its id, that its place moves like the road."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self.log_ratio: dict[int, float] = {}

    def update(
        self, learned: Sequence[Obstacle], sweep: PathSweep | None, verified_m: float, hidden: float, dt_s: float
    ) -> frozenset[int]:
        """Ids of confirmed learned obstacles in the path that lie flat, after one more frame.

        `verified_m`: road that motion alone has verified. `hidden`: what stands at Z hides the road up to `hidden` Z.
        Evidence starts anew where one condition fails: what may stand there is no phantom.
        """
        share = min(1.0, dt_s / _INDEPENDENT_S)
        sums = {}
        for one in learned:
            if one.provenance is Provenance.LEARNED and one.is_confirmed and one.is_in_path:
                ratio = None if sweep is None else _flatness(one, sweep, verified_m, hidden)
                if ratio is not None:
                    sums[one.obstacle_id] = max(0.0, self.log_ratio.get(one.obstacle_id, 0.0) + share * ratio)
        self.log_ratio = sums
        return frozenset(key for key, value in sums.items() if value >= FLAT)


def _flatness(one: Obstacle, sweep: PathSweep, verified_m: float, hidden: float) -> float | None:
    """This frame's log likelihood ratio of road where it is claimed to stand; None where it may stand."""
    distance, sigma = one.distance_m, one.distance_sigma_m
    near, far = distance - _SIGMAS * sigma, (distance + _SIGMAS * sigma) * hidden
    if not (0.0 < near <= far <= verified_m):
        return None
    at = sweep.distance_m
    around = np.abs(at - distance) <= max(_GATE_SHARE * distance, _SIGMAS * sigma)
    if not around.any() or float(sweep.log_likelihood_ratio[around].max()) > _SUPPORT:
        return None
    inside = (at >= near) & (at <= far)
    if not inside.any() or not sweep.is_free[inside].all():
        return None
    return float(sweep.road_ratio[inside].mean())
