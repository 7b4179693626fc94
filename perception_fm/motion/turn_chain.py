"""How the camera turned over a long window, put together from short ones.

Few tracks live through a long window at speed, many through a short one: ten links of a tenth of a second tell the turn
over a second better than the tracks that saw all of it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Turn:
    """Rotation current_from_reference (3, 3) since the frame at `stamp_ns`, and its standard deviation (3,), radians,
    about the optical axes."""

    stamp_ns: int
    rotation: FloatArray
    sigma_rad: FloatArray


class TurnChain:
    """Turns between frames and the references of their shortest windows."""

    def __init__(self, history_s: float) -> None:
        self._history_ns = int(history_s * 1e9)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._links: OrderedDict[int, Turn] = OrderedDict()

    def add(self, stamp_ns: int, link: Turn) -> None:
        """The turn of the frame at `stamp_ns` since an earlier one."""
        self._links[stamp_ns] = link
        while stamp_ns - next(iter(self._links)) > self._history_ns:
            self._links.popitem(last=False)

    def since(self, now_ns: int, stamp_ns: int) -> Turn | None:
        """The turn up to `now_ns` since that end of a link which is nearest to `stamp_ns`; None without a link.

        What makes one link wrong, a focus that is off, makes its neighbours wrong alike: standard deviations add up.
        """
        turn = self._links.get(now_ns)
        while turn is not None:
            link = self._links.get(turn.stamp_ns)
            if abs(turn.stamp_ns - stamp_ns) <= (np.inf if link is None else abs(link.stamp_ns - stamp_ns)):
                break
            assert link is not None
            turn = Turn(link.stamp_ns, turn.rotation @ link.rotation, turn.sigma_rad + link.sigma_rad)
        return turn
