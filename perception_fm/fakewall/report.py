"""What is known about one track, in the words of the messages."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.fakewall.claims import SEES_PAST
from perception_fm.fakewall.finding import Anomaly, Contradiction, Cue, Evidence
from perception_fm.fakewall.sequential import NAME, RATIO, CueMemory, Suspect
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.path_boxes import PATCH_HEIGHT, PATCH_WIDTH, BoxGeometry

FloatArray = NDArray[np.float64]

STRANGE = 3.0
"""Log odds, 20 to 1, from which one cue alone is worth a flag."""

_FLAGS = {
    Cue.DEPTH_CONTRADICTION: Anomaly.DEPTH_CONTRADICTION,
    Cue.SEMANTICS: Anomaly.SEMANTIC_CONTRADICTION,
    Cue.PAINTED_SURFACE: Anomaly.PAINTED_SURFACE,
    Cue.RANGE: Anomaly.RANGE_CONTRADICTION,
}
# Value from which a cue speaks for the claim, and its words.
_WORDS = {
    Cue.DEPTH_CONTRADICTION: (SEES_PAST, "1", "learned depth {1:.0f} m there, {0:.0%} of the way from it to free road"),
    Cue.SEMANTICS: (0.5, "1", "{:.0%} of the surface is called road or sky"),
    Cue.PAINTED_SURFACE: (0.0, "1", "mean log odds of a print {:+.1f}"),
    Cue.RANGE: (SEES_PAST, "1", "learned depth {1:.0f} m there, {0:.0%} of the way from the range to free road"),
}


def contradiction_of(suspect: Suspect, is_confirmed: bool) -> Contradiction:
    """All cues of one suspect. A name shows while motion confirms the track, also one that took a named one's place."""
    is_fake_wall = suspect.is_named and is_confirmed
    total = suspect.log_ratio
    flags = Anomaly.NONE
    for cue, known in suspect.cues.items():
        # The painted head's evidence is capped; that it fires is worth a flag all the same.
        fires = cue is Cue.PAINTED_SURFACE and known.mean is not None and known.mean.value >= STRANGE
        if fires or known.log_ratio >= STRANGE:
            flags |= _FLAGS[cue]
    if is_fake_wall and suspect.named_by is not None:  # also when the network sees it at last
        flags |= _FLAGS[suspect.named_by]
    has_spoken = any(known.mean is not None for known in suspect.cues.values())
    score = 1.0 if is_fake_wall else min(1.0, max(0.0, total / NAME)) if has_spoken else math.nan
    evidence = tuple(_evidence(cue, known, suspect.learned_m) for cue, known in suspect.cues.items())
    return Contradiction(is_fake_wall, total, flags, score, evidence, suspect.learned_m)


def nothing_said() -> tuple[Evidence, ...]:
    """One entry per cue, none of which could speak."""
    return tuple(Evidence(cue) for cue in RATIO)


def flat_evidence(log_ratio: float | None, threshold: float) -> Evidence:
    """The road's parallax where something is claimed to stand; positive: a thing stands there."""
    if log_ratio is None:
        return Evidence(Cue.ROAD_PARALLAX)
    return Evidence(Cue.ROAD_PARALLAX, True, -log_ratio, log_ratio, math.nan, threshold, "1", "it moves like the road")


def face_of(box: BoxGeometry, base_from_camera: RigidTransform) -> tuple[FloatArray, FloatArray]:
    """Plane (4,) and corners (4, 3) of a cross-section in the base frame; see `FakeWallFinding`."""
    length = float(np.linalg.norm(box.upright))
    normal = base_from_camera.rotation @ (-box.upright / length)
    plane = np.append(normal, 1.0 / length - float(normal @ base_from_camera.translation_m))
    left, right, top, foot = -0.5, PATCH_WIDTH - 0.5, -0.5, PATCH_HEIGHT - 0.5
    patch = np.array([[left, foot, 1.0], [right, foot, 1.0], [right, top, 1.0], [left, top, 1.0]])
    return plane, base_from_camera.apply(patch @ box.rays_from_patch.T)


def _evidence(cue: Cue, known: CueMemory, learned_m: float) -> Evidence:
    if known.mean is None or not known.is_fresh:
        return Evidence(cue)
    threshold, unit, words = _WORDS[cue]
    value, text = known.mean.value, words.format(known.mean.value, learned_m)
    return Evidence(cue, True, known.log_ratio, value, known.mean.sigma, threshold, unit, text)
