"""Light of a sky: sun, radiance in all directions, and the light that it gives to surfaces.

The unit of radiance is a white wall in full daylight, 100 klx / pi = 31.8 kcd/m2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.world.config import WeatherConfig

Samples = NDArray[np.float32]

_ROWS, _COLUMNS = 512, 1024
_DAYLIGHT_KCD = 100.0 / math.pi
_LOWEST_SUN_DEG = 2.0  # Preetham's model ends above the horizon; below, its last sky only grows darker
_DUSK_DECADE_DEG = (
    2.7  # of sun elevation: from about 600 lx at sunset to 3.4 lx at the end of civil twilight, -6 degrees
)
_GROUND_ALBEDO = 0.18
_CLOUD_ALBEDO = 0.6  # of the sunlit side as a camera below sees it
# Optical depth of clear air at 650, 550 and 450 nm: Rayleigh (0.05, 0.10, 0.22), ozone and a light aerosol.
_AIR_DEPTH_RGB = np.array([0.11, 0.19, 0.32])
_DARKEST_OF_ROW = 0.8  # of the mean radiance at that elevation
_MILKY_RGB = np.array([0.94, 1.0, 1.10])
_SUN_KLX = 128.0  # outside the atmosphere
_RGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])  # sRGB


@dataclass(frozen=True, eq=False)
class Sky:
    """`map_rgb` (H, W, 3) float32 radiance from zenith to nadir, columns from azimuth -180 to 180 degrees; the sun's
    disc is not in it. `sun_towards` (3,) unit,
    `sun_light` (3,) RGB radiance of a white surface facing the sun; `irradiance` (9, 3) coefficients of
    1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2 of the light on a surface with that normal, divided by pi; `horizon` (5, 3)
    coefficients of 1, cos, sin, cos 2, sin 2 of the azimuth of the radiance just above the horizon, the colour of haze.
    """

    map_rgb: Samples
    sun_towards: NDArray[np.float64]
    sun_light: NDArray[np.float64]
    irradiance: Samples
    horizon: Samples


def make_sky(weather: WeatherConfig, seed: int, azimuth_offset_rad: float = 0.0) -> Sky:
    """The sky of a weather; `seed` shapes clouds and the hills at the horizon."""
    rng = np.random.default_rng([seed, 11])
    elevation = math.radians(weather.sun_elevation_deg)
    azimuth = math.radians(weather.sun_azimuth_deg) + azimuth_offset_rad
    high = math.radians(max(weather.sun_elevation_deg, _LOWEST_SUN_DEG))
    dimming = 10.0 ** (min(0.0, weather.sun_elevation_deg - _LOWEST_SUN_DEG) / _DUSK_DECADE_DEG)
    towards = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    rise = np.array([math.cos(high) * math.cos(azimuth), math.cos(high) * math.sin(azimuth), math.sin(high)])
    rows, columns = np.meshgrid(
        (np.arange(_ROWS) + 0.5) / _ROWS * math.pi, ((np.arange(_COLUMNS) + 0.5) / _COLUMNS - 0.5) * 2.0 * math.pi,
        indexing="ij",
    )  # fmt: skip
    directions = np.stack([np.sin(rows) * np.cos(columns), np.sin(rows) * np.sin(columns), np.cos(rows)], axis=-1)
    turbidity = 2.2 + 4.0 * min(1.0, 2000.0 / weather.visibility_m)
    clear = _clear_sky(directions, rise, turbidity)
    overcast = _overcast_sky(directions, math.sin(high))
    air_mass = 1.0 / (math.sin(high) + 0.50572 * (math.degrees(high) + 6.07995) ** -1.6364)  # Kasten & Young 1989
    sun = _SUN_KLX / 100.0 * np.exp(-_AIR_DEPTH_RGB * air_mass * (turbidity / 2.2) ** 0.5)
    covered = _clouds(directions, rng, weather.cloud)[..., None]
    cloud_light = overcast * 1.3 + _CLOUD_ALBEDO * (1.0 - weather.cloud) * sun
    radiance = (clear + (cloud_light - clear) * covered) * (1.0 - weather.cloud**2)
    radiance = (radiance + overcast * (0.85 + 0.15 * covered) * weather.cloud**2) * dimming
    is_up = np.clip(math.degrees(elevation) / 2.0 + 0.5, 0.0, 1.0)
    sun = sun * dimming * is_up * (1.0 - weather.cloud) ** 1.5 if weather.cloud < 0.98 else np.zeros(3)
    radiance = _with_ground(radiance, directions, sun * max(0.0, towards[2]))
    irradiance = _irradiance(radiance, directions, rows)
    horizon = _horizon(radiance)
    radiance = _with_hills(radiance, rows, rng, weather.visibility_m)
    return Sky(radiance.astype(np.float32), towards, sun, irradiance.astype(np.float32), horizon.astype(np.float32))


def _clear_sky(directions: NDArray[np.float64], sun: NDArray[np.float64], turbidity: float) -> NDArray[np.float64]:
    """Radiance (H, W, 3) RGB: A. J. Preetham, P. Shirley, B. Smits, A practical analytic model for daylight, 1999."""
    t = turbidity
    theta_sun = math.acos(sun[2])
    chi = (4.0 / 9.0 - t / 120.0) * (math.pi - 2.0 * theta_sun)
    zenith_y = (4.0453 * t - 4.9710) * math.tan(chi) - 0.2155 * t + 2.4192
    powers = np.array([theta_sun**3, theta_sun**2, theta_sun, 1.0])
    turbidities = np.array([t * t, t, 1.0])
    zenith_x_chroma = turbidities @ np.array(
        [
            [0.00166, -0.00375, 0.00209, 0.0],
            [-0.02903, 0.06377, -0.03202, 0.00394],
            [0.11693, -0.21196, 0.06052, 0.25886],
        ]
    ) @ powers  # fmt: skip
    zenith_y_chroma = turbidities @ np.array(
        [
            [0.00275, -0.00610, 0.00317, 0.0],
            [-0.04214, 0.08970, -0.04153, 0.00516],
            [0.15346, -0.26756, 0.06670, 0.26688],
        ]
    ) @ powers  # fmt: skip
    cos_theta = np.maximum(directions[..., 2], 0.05)
    cos_gamma = np.clip(directions @ sun, -1.0, 1.0)
    gamma = np.arccos(cos_gamma)

    def perez(a: float, b: float, c: float, d: float, e: float) -> NDArray[np.float64]:
        here = (1.0 + a * np.exp(b / cos_theta)) * (1.0 + c * np.exp(d * gamma) + e * cos_gamma**2)
        above = (1.0 + a * math.exp(b)) * (1.0 + c * math.exp(d * theta_sun) + e * math.cos(theta_sun) ** 2)
        return np.asarray(here / above)

    luminance = zenith_y * perez(
        0.1787 * t - 1.4630, -0.3554 * t + 0.4275, -0.0227 * t + 5.3251, 0.1206 * t - 2.5771, -0.0670 * t + 0.3703
    )
    x = zenith_x_chroma * perez(
        -0.0193 * t - 0.2592, -0.0665 * t + 0.0008, -0.0004 * t + 0.2125, -0.0641 * t - 0.8989, -0.0033 * t + 0.0452
    )
    y = zenith_y_chroma * perez(
        -0.0167 * t - 0.2608, -0.0950 * t + 0.0092, -0.0079 * t + 0.2102, -0.0441 * t - 1.6537, -0.0109 * t + 0.0529
    )
    xyz = np.stack([x / y, np.ones_like(x), (1.0 - x - y) / y], axis=-1) * np.maximum(luminance, 0.0)[..., None]
    rgb = np.maximum(xyz @ _RGB_FROM_XYZ.T, 0.0) / _DAYLIGHT_KCD
    # Away from the sun the model falls darker than skies are, and turns pink near the horizon, where they are milky.
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722])
    floor = _DARKEST_OF_ROW * grey.mean(axis=1, keepdims=True)
    rgb *= (np.maximum(grey, floor) / np.maximum(grey, 1e-6))[..., None]
    milky = 0.9 * np.clip(1.0 - directions[..., 2:] / 0.3, 0.0, 1.0) * np.clip(1.1 - cos_gamma[..., None], 0.0, 1.0)
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(rgb + milky * (grey[..., None] * _MILKY_RGB - rgb))


def _overcast_sky(directions: NDArray[np.float64], sun_height: float) -> NDArray[np.float64]:
    """CIE standard overcast sky (Moon & Spencer 1942); horizontal illuminance 0.3 + 21 sin(h) klx (DIN 5034-2)."""
    zenith_kcd = (0.3 + 21.0 * sun_height) * 9.0 / (7.0 * math.pi)
    luminance = zenith_kcd / _DAYLIGHT_KCD * (1.0 + 2.0 * np.clip(directions[..., 2], 0.0, 1.0)) / 3.0
    return np.asarray(luminance[..., None] * np.array([0.97, 1.0, 1.05]))


def _clouds(directions: NDArray[np.float64], rng: np.random.Generator, cover: float) -> NDArray[np.float64]:
    """Opacity (H, W) of a flat layer of cloud, thinning into the haze of the horizon."""
    size = 1024
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**1.7
    spectrum[frequency < 4.0 / size] = 0.0
    layer = np.fft.irfft2(spectrum, s=(size, size))
    layer = (layer / layer.std()).astype(np.float32)
    up = np.maximum(directions[..., 2], 0.02)
    map_x = np.mod(directions[..., 0] / up * 60.0, size - 1).astype(np.float32)
    map_y = np.mod(directions[..., 1] / up * 60.0, size - 1).astype(np.float32)
    seen = cv2.remap(layer, map_x, map_y, cv2.INTER_LINEAR)
    opacity = np.clip((seen + 3.6 * (cover - 0.5)) * 0.8, 0.0, 1.0)
    return np.asarray(opacity * np.clip(directions[..., 2] * 9.0, 0.0, 1.0), dtype=np.float64)


def _with_ground(
    radiance: NDArray[np.float64], directions: NDArray[np.float64], sun_on_ground: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The lower half shows a grey plain under that sky."""
    weight = np.maximum(directions[..., 2:], 0.0) * np.sin(np.arccos(np.clip(directions[..., 2:], -1.0, 1.0)))
    cell = (math.pi / _ROWS) * (2.0 * math.pi / _COLUMNS)
    level = (radiance * weight).sum(axis=(0, 1)) * cell / math.pi + sun_on_ground
    blend = np.clip(-directions[..., 2:] * 30.0, 0.0, 1.0)
    return np.asarray(radiance + (_GROUND_ALBEDO * level - radiance) * blend)


def _irradiance(
    radiance: NDArray[np.float64], directions: NDArray[np.float64], polar: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spherical harmonics of irradiance / pi: R. Ramamoorthi & P. Hanrahan, SIGGRAPH 2001, equations 5 to 12."""
    x, y, z = (directions[..., i] for i in range(3))
    one = np.ones_like(x)
    basis = np.stack([one, y, z, x, x * y, y * z, 3.0 * z * z - 1.0, x * z, x * x - y * y])
    norms = np.array([0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
    bands = np.array([math.pi] + [2.0 * math.pi / 3.0] * 3 + [math.pi / 4.0] * 5)
    solid_angle = np.sin(polar) * (math.pi / _ROWS) * (2.0 * math.pi / _COLUMNS)
    moments = np.einsum("khw,hwc->kc", basis * solid_angle, radiance) * norms[:, None]
    return np.asarray(moments * (bands * norms / math.pi)[:, None])


def _horizon(radiance: NDArray[np.float64]) -> NDArray[np.float64]:
    band = radiance[_ROWS // 2 - 12 : _ROWS // 2 - 4].mean(axis=0)
    azimuth = ((np.arange(_COLUMNS) + 0.5) / _COLUMNS - 0.5) * 2.0 * math.pi
    waves = np.stack(
        [0.5 * np.ones(_COLUMNS), np.cos(azimuth), np.sin(azimuth), np.cos(2 * azimuth), np.sin(2 * azimuth)]
    )
    return np.asarray(2.0 / _COLUMNS * waves @ band)


def _with_hills(
    radiance: NDArray[np.float64], polar: NDArray[np.float64], rng: np.random.Generator, visibility_m: float
) -> NDArray[np.float64]:
    """Two ridges at the horizon, paled by the air before them."""
    elevation = 0.5 * math.pi - polar
    horizon = radiance[_ROWS // 2 - 12 : _ROWS // 2 - 4].mean(axis=0)[None]
    for distance_m, height, tint in ((6000.0, 0.030, (0.10, 0.13, 0.14)), (2200.0, 0.016, (0.07, 0.10, 0.06))):
        waves = sum(
            rng.normal(0.0, 1.0 / n)
            * np.cos(n * 2.0 * math.pi * np.arange(_COLUMNS) / _COLUMNS + rng.uniform(0.0, 6.3))
            for n in range(2, 60)
        )
        ridge = height * (1.0 + 0.35 * np.asarray(waves))
        inside = np.clip((ridge[None, :] - elevation) * _ROWS / math.pi + 0.5, 0.0, 1.0)
        inside *= np.clip((elevation + 0.03) * _ROWS / math.pi, 0.0, 1.0)
        clear = math.exp(-3.0 * distance_m / visibility_m)
        colour = horizon * (1.0 - clear) + horizon.mean(axis=(0, 1)) * np.array(tint) * 3.0 * clear
        radiance = radiance + (colour - radiance) * inside[..., None]
    return radiance
