"""How often and how strongly samples are changed: the only home of these defaults."""

from __future__ import annotations

from dataclasses import dataclass

from perception_fm.config import setting


@dataclass(frozen=True)
class AugmentConfig:
    """Shares are of the samples; 0 switches a part off."""

    walls: float = setting(0.2, "samples with a painted wall across the lane", low=0.0, high=1.0)
    bare_walls: float = setting(0.05, "samples with a wall without a print", low=0.0, high=1.0)
    boards: float = setting(0.08, "samples with a printed board at the roadside", low=0.0, high=1.0)
    trucks: float = setting(0.05, "samples with a lorry that carries a print", low=0.0, high=1.0)
    mirrored: float = setting(0.5, "mirrored samples", low=0.0, high=1.0)
    whole: float = setting(0.25, "samples framed whole, as the deployed network sees them", low=0.0, high=1.0)
    zoom: float = setting(2.0, "longest focal length, relative to that of the picture that fills the frame", low=1.0)
    turned: float = setting(0.5, "rolled and pitched samples", low=0.0, high=1.0)
    roll_deg: float = setting(1.5, "standard deviation of the roll", low=0.0, high=15.0)
    pitch_deg: float = setting(1.5, "standard deviation of the pitch", low=0.0, high=15.0)
    photometry: float = setting(0.9, "samples with another exposure, colour, sharpness or noise", low=0.0, high=1.0)
    strength: float = setting(1.0, "of the photometric changes", low=0.0, high=3.0)
    grey: float = setting(0.08, "samples without colour", low=0.0, high=1.0)
    haze: float = setting(0.08, "samples in haze", low=0.0, high=1.0)
    rain: float = setting(0.05, "samples in rain, seen through a wet windscreen", low=0.0, high=1.0)
    dirt: float = setting(0.05, "samples through a dirty lens", low=0.0, high=1.0)
