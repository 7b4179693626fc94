"""Which frames train and which validate: whole stretches of a drive, never neighbours on both sides."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from perception_fm.errors import DatasetError
from perception_fm.training.sources.source import ALL, SPLITS, TRAIN

_STRETCHES = 3  # validation looks into a drive at this many places
_LEAST_STRETCH = 10  # frames, or the guards would take more than they guard
GUARD_FRAMES = 2  # between training and validation frames: at 10 Hz the next two still show the same moment


def split_drive(count: int, split: str, share: float, seed: int, guard: int = GUARD_FRAMES) -> list[int]:
    """Frame numbers of one split of a drive of `count` frames; about `share` of them validate.

    Validation takes up to three stretches at places drawn from `seed`. Training leaves out `guard` frames on either
    side of each. Raises `DatasetError` for an unknown split or share.
    """
    _check(split, share)
    if split == ALL or count == 0:
        return list(range(count))
    wanted = round(count * share)
    stretches = min(_STRETCHES, -(-wanted // _LEAST_STRETCH))
    is_validation = np.zeros(count, np.bool_)
    if stretches:
        lengths = np.array([len(part) for part in np.array_split(np.arange(wanted), stretches)])
        before = np.sort(np.random.default_rng([seed, count]).integers(0, count - wanted + 1, stretches))
        for start, length in zip(before + np.cumsum(lengths) - lengths, lengths):
            is_validation[start : start + length] = True
    if split != TRAIN:
        return np.flatnonzero(is_validation).tolist()
    near = np.convolve(is_validation, np.ones(2 * guard + 1, int))[guard : guard + count] > 0
    return np.flatnonzero(~near).tolist()


def split_groups(groups: Sequence[Hashable], split: str, share: float, seed: int) -> list[int]:
    """Indices of one split where frames of a group (a rendered world, a drive) stay together.

    Raises `DatasetError` for an unknown split or share, and where one group would have to be on both sides.
    """
    _check(split, share)
    if split == ALL:
        return list(range(len(groups)))
    names = list(dict.fromkeys(groups))
    wanted = min(max(1, round(len(names) * share)), len(names) - 1) if share > 0.0 else 0
    if share > 0.0 and len(names) < 2:
        raise DatasetError("a split needs frames of two worlds or drives at least, got one; use split: all")
    chosen = set(np.random.default_rng([seed, len(names)]).choice(len(names), wanted, replace=False).tolist())
    validation = {name for number, name in enumerate(names) if number in chosen}
    return [index for index, group in enumerate(groups) if (group in validation) == (split != TRAIN)]


def _check(split: str, share: float) -> None:
    if split not in SPLITS:
        raise DatasetError(f"split is one of {', '.join(SPLITS)}, got {split!r}")
    if not 0.0 <= share < 1.0:
        raise DatasetError(f"the share that validates lies from 0 to below 1, got {share}")
