"""Settings of painted walls and of other surfaces that show a picture."""

from __future__ import annotations

from dataclasses import dataclass

from perception_fm.config import setting

CANVASES = ("canvas", "solid_wall", "mirror", "road_painting", "truck_rear", "billboard", "bus_side")
PRINTS = ("scene", "other_scene", "tunnel", "low_texture", "advert")


@dataclass(frozen=True)
class WallConfig:
    """One surface with a picture, placed on the road.

    Angles as in `WallPlacement`: slant anticlockwise seen from above, lean positive when the top is farther away.
    """

    canvas: str = setting("canvas", "what carries the picture", choices=CANVASES)
    station_m: float = setting(80.0, "along the road, of the middle of its foot", low=0.0, high=3000.0)
    lateral_m: float = setting(0.0, "left of the driven path", low=-30.0, high=30.0)
    width_m: float = setting(6.0, "of the painted face", low=0.5, high=30.0)
    height_m: float = setting(4.0, "of the painted face; length along the road of a road painting", low=0.5, high=30.0)
    raised_m: float = setting(0.0, "of the lower edge over the road", low=0.0, high=10.0)
    slant_deg: float = setting(0.0, "about the vertical", low=-80.0, high=80.0)
    lean_deg: float = setting(0.0, "top away from the camera", low=-60.0, high=60.0)
    curvature_per_m: float = setting(
        0.0, "of the canvas about the vertical, middle nearer when positive", low=-0.2, high=0.2
    )
    crease_m: float = setting(0.0, "amplitude of folds and waves of the cloth", low=0.0, high=0.3)
    edge: str = setting("none", "what can be seen of its edge", choices=("none", "hem", "frame"))
    thickness_m: float = setting(0.3, "of a solid wall", low=0.02, high=3.0)
    print: str = setting("scene", "what it shows", choices=PRINTS)
    sweet_spot_m: float = setting(45.0, "distance from which a print of the scene fits", low=3.0, high=200.0)
    eye_up_m: float = setting(0.0, "the print is for an eye this much higher than the camera", low=-1.5, high=5.0)
    eye_left_m: float = setting(
        0.0, "the print is for an eye this much further left than the camera", low=-10.0, high=10.0
    )
    light: str = setting(
        "emissive", "emissive: shows the scene's light as it is; paint: lit like any paint, never brighter than white",
        choices=("emissive", "paint"),
    )  # fmt: skip
    gain: float = setting(1.0, "brightness of the print against the scene", low=0.1, high=3.0)
    resolution_px_per_m: float = setting(150.0, "of the print on the canvas", low=2.0, high=1000.0)
    roughness: float = setting(0.9, "0.1 gloss to 1 matt", low=0.1, high=1.0)
    seed: int = setting(0, "of the other scene, the advert and the folds", low=0, high=2**31 - 1)
