"""Settings of the camera and of everything that spoils its picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from perception_fm.config import setting


@dataclass(frozen=True)
class EffectsConfig:
    """Each strength 0 switches the effect off."""

    rolling_shutter_s: float = setting(0.0, "from the first row to the last", low=0.0, high=0.1)
    exposure_ms: float = setting(0.0, "motion blur over this time", low=0.0, high=100.0)
    exposure_ev: float = setting(
        0.0, "brighter (+) or darker (-) than the automatic exposure, in stops", low=-4.0, high=4.0
    )
    gain_db: float = setting(0.0, "sensor gain: more noise at the same brightness", low=0.0, high=42.0)
    noise: float = setting(1.0, "photon and read noise, 1: a usual automotive sensor", low=0.0, high=5.0)
    vignetting: float = setting(0.0, "loss of light at the corners, as a fraction", low=0.0, high=0.9)
    defocus_px: float = setting(0.0, "standard deviation of the lens blur", low=0.0, high=8.0)
    dirt: float = setting(0.0, "share of the lens under dirt and smears", low=0.0, high=1.0)
    rain: float = setting(0.0, "0 dry to 1 heavy: drops on the windscreen and streaks in the air", low=0.0, high=1.0)
    wiper_s: float = setting(0.0, "from one wipe of the windscreen to the next; 0: no wiper", low=0.0, high=60.0)
    glare: float = setting(0.0, "veiling glare and bloom round the sun and lamps", low=0.0, high=1.0)
    jpeg_quality: int = setting(90, "of compressed images", low=10, high=100)


@dataclass(frozen=True)
class CameraConfig:
    """The camera on the vehicle."""

    name: str = setting("front", "prefix of topics and frames")
    width_px: int = setting(640, "image width", low=64, high=4096)
    height_px: int = setting(384, "image height", low=64, high=4096)
    focal_px: float = setting(500.0, "focal length", low=50.0, high=10000.0)
    distortion_model: str = setting("none", "lens", choices=("none", "plumb_bob", "rational_polynomial", "equidistant"))
    distortion: tuple[float, ...] = setting((), "coefficients D in the order of CameraInfo", low=-10.0, high=10.0)
    rate_hz: float = setting(10.0, "frames per second", low=1.0, high=120.0)
    mounting_height_m: float = setting(1.4, "over the road", low=0.2, high=4.0)
    mounting_pitch_deg: float = setting(1.0, "positive when the camera looks down", low=-20.0, high=20.0)
    mounting_forward_m: float = setting(0.0, "ahead of base_link", low=-5.0, high=10.0)
    effects: EffectsConfig = field(default_factory=EffectsConfig)
