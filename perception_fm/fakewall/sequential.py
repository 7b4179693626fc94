"""The sequential test: is what is claimed about one track at odds with it being there (Wald 1945)?

Looks of neighbouring frames share pixels, and errors of a network last as long as the scene looks the same. So a cue's
sum grows by each frame's share of an independent look, and never beyond what a single look at the mean would say: a
wrong depth that stays wrong is one piece of evidence, however long it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception_fm.fakewall.claims import Look, depth_log_ratio, label_log_ratio, painted_log_ratio
from perception_fm.fakewall.finding import Cue
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import ROWS

FloatArray = NDArray[np.float64]

NAME = 6.91
"""ln 1e3: of a thousand confirmed obstacles that nothing contradicts, one may be called painted; where a standing thing
is met once in ten kilometres (an assumption), that is one false name per 1e4 km. Wald: the odds of ever reaching ln A
are at most 1 / A. A wrong name costs no braking."""

_INDEPENDENT_S = 0.2  # as of the motion stage's test
_MEMORY_S = 0.5  # of the mean look: the longest window of the motion stage
_FLOOR = -4.6  # ln 0.01: more agreement than that is not remembered against a later claim
_UPRIGHT = 1.0  # log odds of a block of what is upright as a whole; a block that is seen past turns negative
_UPRIGHT_CEILING = 12.0  # two looks at the clip of a block
_LEAST_COLUMNS = 2  # half the path, as the narrowest window that motion confirms an obstacle with

RATIO: dict[Cue, Callable[[Look], float]] = {
    Cue.DEPTH_CONTRADICTION: depth_log_ratio,
    Cue.SEMANTICS: label_log_ratio,
    Cue.PAINTED_SURFACE: painted_log_ratio,
    Cue.RANGE: depth_log_ratio,
}
# How often a painted wall is expected to deceive each; no false name depends on it, only how soon a true one comes.
_CLAIMING_SHARE = {
    Cue.DEPTH_CONTRADICTION: 0.8,  # three depth networks take 61.5%, 94.1% and 87.1% of such pixels for the picture
    Cue.SEMANTICS: 0.5,  # a picture shows road and sky, or houses and trees
    Cue.PAINTED_SURFACE: 0.9,  # 95% of painted pixels are found at the rate behind the cap of this cue
}


@dataclass
class CueMemory:
    """Sum and mean look of one cue over a track's life. `is_fresh`: it spoke in this frame."""

    log_ratio: float = 0.0
    mean: Look | None = None
    weight: float = 0.0
    is_fresh: bool = False

    def take(self, look: Look, ratio: Callable[[Look], float], dt_s: float) -> None:
        """One more look, `dt_s` after the frame before."""
        self.is_fresh = True
        kept = self.weight * math.exp(-dt_s / _MEMORY_S)
        self.weight = kept + 1.0
        if self.mean is None:
            self.mean = look
        else:
            self.mean = Look(*(m + (n - m) / self.weight for m, n in zip(_numbers(self.mean), _numbers(look))))
        self.log_ratio += min(1.0, dt_s / _INDEPENDENT_S) * ratio(look)
        self.log_ratio = max(_FLOOR, min(self.log_ratio, max(ratio(self.mean), 0.0)))


def _numbers(look: Look) -> tuple[float, float, float]:
    return look.value, look.sigma, look.count


@dataclass
class Suspect:
    """What is known about one track: where it is upright, and what is claimed there. `is_named` never turns back.

    `named_by`: the cue that spoke most for the name. `learned_m`: the learned depth there in this frame, NaN where
    nobody looked.
    """

    position_m: float
    upright: FloatArray = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))
    cues: dict[Cue, CueMemory] = field(default_factory=lambda: {cue: CueMemory() for cue in RATIO})
    is_named: bool = False
    named_by: Cue | None = None
    learned_m: float = math.nan

    def begin_frame(self) -> None:
        """Nobody has looked yet."""
        self.learned_m = math.nan
        for known in self.cues.values():
            known.is_fresh = False

    @property
    def is_upright(self) -> NDArray[np.bool_]:
        """Blocks (ROWS, COLUMNS) of the cross-section that moved like an upright plane; the lowest is the road's."""
        blocks = self.upright >= _UPRIGHT
        blocks[-1] = False
        if np.count_nonzero(blocks.any(axis=0)) < _LEAST_COLUMNS:
            blocks[:] = False
        return np.asarray(blocks)

    @property
    def log_ratio(self) -> float:
        """All cues together, nat."""
        ratios = {cue: one.log_ratio for cue, one in self.cues.items()}
        ratios[Cue.DEPTH_CONTRADICTION] = max(ratios[Cue.DEPTH_CONTRADICTION], ratios.pop(Cue.RANGE))
        return joint_log_ratio(ratios)

    def support(self, blocks: FloatArray, dt_s: float) -> None:
        """One frame's log likelihood ratios (ROWS, COLUMNS) of an upright plane here."""
        self.upright += min(1.0, dt_s / _INDEPENDENT_S) * np.nan_to_num(blocks)
        np.clip(self.upright, -_UPRIGHT_CEILING, _UPRIGHT_CEILING, out=self.upright)

    def take(self, looks: Iterable[tuple[Cue, Look | None]], dt_s: float) -> None:
        """This frame's looks; None where a cue has nothing to say."""
        for cue, look in looks:
            if look is not None:
                self.cues[cue].take(look, RATIO[cue], dt_s)

    def decide(self, is_confirmed: bool) -> None:
        """Name it where motion has confirmed the obstacle and the claims contradict it."""
        if is_confirmed and not self.is_named and self.log_ratio >= NAME:
            self.is_named = True
            self.named_by = max(self.cues, key=lambda cue: self.cues[cue].log_ratio)

    def inherit(self, other: Suspect) -> None:
        """The name of another suspect of the same thing."""
        if other.is_named and not self.is_named:
            self.is_named, self.named_by = True, other.named_by


def joint_log_ratio(ratios: Mapping[Cue, float]) -> float:
    """Log likelihood ratio of "some of the cues claim free road, each with its share", from that of each cue.

    A mixture over all subsets of claiming cues: one that agrees with the obstacle costs little and vetoes nothing. A
    cue that is silent, with the ratio 0, changes nothing.
    """
    shares = ((_CLAIMING_SHARE[cue], ratio) for cue, ratio in ratios.items())
    return float(sum(np.logaddexp(math.log1p(-share), math.log(share) + ratio) for share, ratio in shares))
