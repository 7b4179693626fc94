"""From a sample of a source to one of the network's size: prints put in, view changed, photographed anew."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from perception_fm.training.augment.config import AugmentConfig
from perception_fm.training.augment.painted_wall import OtherPicture, paste_print
from perception_fm.training.augment.photometry import photographed
from perception_fm.training.augment.placing import BARE_WALL, BILLBOARD, TRUCK, WALL
from perception_fm.training.augment.reprojection import ViewChange, letterboxed, reproject
from perception_fm.training.augment.weather import hazed, rained, soiled
from perception_fm.training.sample import TrainingSample


class Augmentation:
    """Changes samples to `size` (width, height); what comes out follows from the generator alone."""

    def __init__(self, config: AugmentConfig, size: tuple[int, int]) -> None:
        self._config, self._size = config, size

    def apply(self, sample: TrainingSample, other: OtherPicture, rng: np.random.Generator) -> TrainingSample:
        """One changed sample; `other` gives pictures for prints that show another scene."""
        for kind in self._things(rng):
            pasted = paste_print(sample, kind, other, rng)
            sample = sample if pasted is None else pasted.sample
        sample = reproject(sample, self._view(sample.size, rng))
        sample = self._weather(sample, rng)
        if rng.random() < self._config.photometry:
            sample = replace(sample, image=photographed(sample.image, self._config, rng))
        return sample

    def _things(self, rng: np.random.Generator) -> list[str]:
        """What is put in. Boards and lorries first: a wall then knows their depth, and hides them or is hidden."""
        config = self._config
        kinds = (
            (BILLBOARD, config.boards),
            (TRUCK, config.trucks),
            (BARE_WALL, config.bare_walls),
            (WALL, config.walls),
        )
        return [kind for kind, share in kinds if rng.random() < share]

    def _view(self, source: tuple[int, int], rng: np.random.Generator) -> ViewChange:
        """The drawn view: from the whole picture to `zoom` times the one that fills the frame."""
        config, size = self._config, self._size
        is_mirrored = bool(rng.random() < config.mirrored)
        roll_rad, pitch_rad = 0.0, 0.0
        if rng.random() < config.turned:
            roll_rad = math.radians(config.roll_deg) * float(np.clip(rng.normal(), -3.0, 3.0))
            pitch_rad = math.radians(config.pitch_deg) * float(np.clip(rng.normal(), -3.0, 3.0))
        if rng.random() < config.whole:
            return replace(letterboxed(source, size), is_mirrored=is_mirrored, roll_rad=roll_rad, pitch_rad=pitch_rad)
        whole = min(size[0] / source[0], size[1] / source[1])
        filling = max(size[0] / source[0], size[1] / source[1])
        scale = math.exp(rng.uniform(math.log(whole), math.log(config.zoom * filling)))
        content = (max(1, round(source[0] * scale)), max(1, round(source[1] * scale)))
        low, high = (sorted((0, frame - inner)) for frame, inner in zip(size, content))
        offset = (int(rng.integers(low[0], low[1] + 1)), int(rng.integers(high[0], high[1] + 1)))
        return ViewChange(content, offset, size, is_mirrored, roll_rad, pitch_rad)

    def _weather(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        config = self._config
        if rng.random() < config.haze:
            sample = replace(sample, image=hazed(sample, rng))
        if rng.random() < config.rain:
            sample = replace(sample, image=rained(sample, rng))
        if rng.random() < config.dirt:
            sample = replace(sample, image=soiled(sample.image, rng))
        return sample
