"""The windscreen in rain: drops that gather, slide and are wiped off."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.sensor.drops import Drop, DropLayer, DropPainter
from perception_fm.synth.sensor.wiper import SWING_S, Wiper

_BLADE_LIGHT = 0.02  # wet rubber against the light


class Windscreen:
    """A wet windscreen with `rain` 0 to 1 on it and a wiper every `wiper_s` seconds, 0: none.

    Without a wiper the drops of the whole drive stand there from the start. With one they gather between two wipes.
    What it looks like is a function of the time alone.
    """

    def __init__(self, size: tuple[int, int], focal_px: float, rain: float, wiper_s: float, seed: int) -> None:
        self._painter = DropPainter(size, focal_px, rain, seed)
        self._wiper_s = wiper_s
        self._wiper = Wiper(size, self._painter.px_per_mm, self._painter.soft_px, wiper_s) if wiper_s > 0.0 else None
        self._has_drops = rain > 0.0
        self._drawn: dict[int, tuple[DropLayer, list[Drop]]] = {}

    def look_through(self, light: NDArray[np.float32], time_s: float) -> NDArray[np.float32]:
        """Light (H, W, 3) behind the windscreen at a time of the drive."""
        cycle = math.floor(time_s / self._wiper_s) if self._wiper else 0
        phase_s = time_s - cycle * self._wiper_s
        if self._has_drops:
            light = self._painter.look_through(light, self._layer(cycle, phase_s))
        cover = self._wiper.cover(phase_s) if self._wiper else None
        if cover is None:
            return light
        return light * (1.0 - np.float32(1.0 - _BLADE_LIGHT) * cover)[..., None]

    def _layer(self, cycle: int, phase_s: float) -> DropLayer:
        """The drops on the glass: those of this cycle where the blade has passed, those of the last one elsewhere."""
        if self._wiper is None:
            return self._at(cycle, phase_s)
        before, now = self._at(cycle - 1, phase_s + self._wiper_s), self._at(cycle, phase_s)
        is_wiped = self._wiper.is_wiped(phase_s)
        return now if is_wiped.all() else now.where(is_wiped, before)

    def _at(self, cycle: int, age_s: float) -> DropLayer:
        standing, sliding = self._standing(cycle)
        layer = standing.born_by(age_s)
        for drop in sliding:
            if drop.born_s <= age_s:
                self._painter.draw(layer, drop, age_s)
        return layer

    def _standing(self, cycle: int) -> tuple[DropLayer, list[Drop]]:
        """The drops of a cycle that stay where they fell, drawn once, and those that slide. Two cycles are kept."""
        if cycle not in self._drawn:
            births_s = (SWING_S, self._wiper_s) if self._wiper else (0.0, 0.0)
            drops = self._painter.drops(cycle, births_s)
            layer = self._painter.empty()
            for drop in drops:
                if drop.speed == 0.0:
                    self._painter.draw(layer, drop, drop.born_s)
            kept = {key: value for key, value in self._drawn.items() if abs(key - cycle) == 1}
            self._drawn = {**kept, cycle: (layer, [drop for drop in drops if drop.speed > 0.0])}
        return self._drawn[cycle]
