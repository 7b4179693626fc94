"""The camera: from the radiance of a rendered view to the picture that a vehicle's camera delivers.

The order is that of the light: rain in the air, motion while the shutter is open, lens distortion, streaks, drops and
wiper on the windscreen, dirt on the lens, glare, defocus, vignetting; then the sensor: exposure, photon and read noise,
saturation, tone curve. Motion blur comes before drops and dirt because these move with the camera; rain streaks are
drawn as long as their exposure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.render.frame import View
from perception_fm.synth.sensor import exposure as automatic
from perception_fm.synth.sensor import jpeg, tone
from perception_fm.synth.sensor.blur import defocus, motion_blur
from perception_fm.synth.sensor.config import CameraConfig
from perception_fm.synth.sensor.dirt import LensDirt
from perception_fm.synth.sensor.glare import add_glare
from perception_fm.synth.sensor.lens import Lens
from perception_fm.synth.sensor.noise import SensorNoise
from perception_fm.synth.sensor.rain import RainInAir
from perception_fm.synth.sensor.rolling_shutter import moving_view, readout_of_view_s
from perception_fm.synth.sensor.vignetting import vignette
from perception_fm.synth.sensor.windscreen import Windscreen


class SensorCamera:
    """A camera with everything that spoils its picture; what is random follows `seed` and the frame's number.

    Raises `ConfigError` for a lens that cannot be used (see `Lens`) and for a wiper faster than it can swing.
    """

    def __init__(self, config: CameraConfig, seed: int) -> None:
        effects = config.effects
        size = (config.width_px, config.height_px)
        self._config = config
        self._lens = Lens(config)
        self._exposure_s = 1e-3 * effects.exposure_ms
        self._noise = SensorNoise(size, effects.noise, effects.gain_db, seed) if effects.noise > 0.0 else None
        self._dirt = LensDirt(*size, effects.dirt, seed) if effects.dirt > 0.0 else None
        self._rain = RainInAir(effects.rain, self._exposure_s, seed) if effects.rain > 0.0 else None
        is_wet = effects.rain > 0.0 or effects.wiper_s > 0.0
        self._windscreen = Windscreen(size, config.focal_px, effects.rain, effects.wiper_s, seed) if is_wet else None
        self._vignette = vignette(*size, effects.vignetting) if effects.vignetting > 0.0 else None

    @property
    def calibration(self) -> CameraModel:
        """The calibration of the delivered picture; rectified by it, a picture shows what `truth_view` shows."""
        return self._lens.calibration

    @property
    def needs_depth(self) -> bool:
        """Whether `photograph` needs the depth of the picture's view."""
        return self._exposure_s > 0.0 or self._rain is not None

    def picture_view(
        self,
        pose: RigidTransform,
        time_s: float = 0.0,
        velocity: ArrayLike = (0.0, 0.0, 0.0),
        turn_rate: ArrayLike = (0.0, 0.0, 0.0),
    ) -> View:
        """The view to render for `photograph`: wider than the picture where the lens distorts.

        `pose` is world_from_camera at `time_s`; velocity (m/s) and turn rate (rad/s) as in `rolling_shutter`.
        """
        lens = self._lens
        return self._view(lens.view_intrinsics, (lens.view_width, lens.view_height), pose, time_s, velocity, turn_rate)

    def truth_view(
        self,
        pose: RigidTransform,
        time_s: float = 0.0,
        velocity: ArrayLike = (0.0, 0.0, 0.0),
        turn_rate: ArrayLike = (0.0, 0.0, 0.0),
    ) -> View:
        """The view of the ground truth: the same K and size without distortion, with the same rolling shutter."""
        size = (self._config.width_px, self._config.height_px)
        return self._view(self.calibration.intrinsics, size, pose, time_s, velocity, turn_rate)

    def _view(
        self,
        intrinsics: NDArray[np.float64],
        size: tuple[int, int],
        pose: RigidTransform,
        time_s: float,
        velocity: ArrayLike,
        turn_rate: ArrayLike,
    ) -> View:
        readout_s = readout_of_view_s(self._config.effects.rolling_shutter_s, self._config.height_px, size[1])
        return moving_view(intrinsics, size, pose, time_s, readout_s, (velocity, turn_rate))

    def meter(self, radiance: NDArray[np.float32]) -> float:
        """The automatic exposure for a radiance (see `exposure.meter`), to hold over several frames."""
        return automatic.meter(radiance)

    def photograph(
        self,
        radiance: NDArray[np.float32],
        depth_m: NDArray[np.float32] | None,
        view: View,
        number: int,
        exposure: float | None = None,
    ) -> NDArray[np.uint8]:
        """The picture (H, W, 3) uint8 BGR of frame `number`, before compression.

        `radiance` (h, w, 3) float32 BGR and `depth_m` (h, w), inf for sky, are of `view`, which is a `picture_view`;
        depth may be None unless `needs_depth`. `exposure` is one that `meter` gave; None: metered from this picture.
        `exposure_ev` comes on top. Raises `PerceptionError` for arrays of another size.
        """
        self._check(radiance, depth_m, view)
        light = self._through_optics(self._through_air(radiance, depth_m, view), view, number)
        if exposure is None:
            exposure = automatic.meter(light)
        factor = exposure * 2.0**self._config.effects.exposure_ev
        light = light * np.float32(factor)
        if self._noise is not None:
            light = self._noise.add(light, number, automatic.amplification(factor))
        return tone.picture(light)

    def compress(self, picture: NDArray[np.uint8]) -> bytes:
        """The JPEG file of a picture at the configured quality."""
        return jpeg.encode(picture, self._config.effects.jpeg_quality)

    def _through_air(
        self, radiance: NDArray[np.float32], depth_m: NDArray[np.float32] | None, view: View
    ) -> NDArray[np.float32]:
        """Radiance in the rendered view: haze of rain, then motion blur."""
        if depth_m is None:
            return radiance
        if self._rain is not None:
            radiance = self._rain.veil(radiance, depth_m)
        return motion_blur(radiance, depth_m, view, self._exposure_s) if self._exposure_s > 0.0 else radiance

    def _through_optics(self, radiance: NDArray[np.float32], view: View, number: int) -> NDArray[np.float32]:
        """Light (H, W, 3) on the sensor: from the lens map to vignetting."""
        effects = self._config.effects
        light = self._lens.deliver(radiance)
        if self._rain is not None:
            light = self._rain.add_streaks(light, view, number)
        if self._windscreen is not None:
            light = self._windscreen.look_through(light, view.time_s)
        if self._dirt is not None:
            light = self._dirt.apply(light)
        if effects.glare > 0.0:
            light = add_glare(light, effects.glare)
        if effects.defocus_px > 0.0:
            light = defocus(light, effects.defocus_px)
        return light if self._vignette is None else light * self._vignette

    def _check(self, radiance: NDArray[np.float32], depth_m: NDArray[np.float32] | None, view: View) -> None:
        if radiance.shape != (view.height, view.width, 3) or radiance.dtype != np.float32:
            raise PerceptionError(
                f"the radiance of this view is ({view.height}, {view.width}, 3) float32, "
                f"got {radiance.shape} {radiance.dtype}"
            )
        if (view.width, view.height) != (self._lens.view_width, self._lens.view_height):
            raise PerceptionError(
                f"this camera's picture_view is {self._lens.view_width}x{self._lens.view_height}, "
                f"got a view of {view.width}x{view.height}"
            )
        if depth_m is None and self.needs_depth:
            raise PerceptionError("motion blur (exposure_ms) and rain need the depth of the picture's view, got none")
        if depth_m is not None and depth_m.shape != radiance.shape[:2]:
            raise PerceptionError(f"depth has the view's shape {radiance.shape[:2]}, got {depth_m.shape}")
