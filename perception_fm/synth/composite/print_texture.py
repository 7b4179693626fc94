"""The picture on a canvas at every magnification: what a camera sees of it, neither softer nor rougher than a print.

Coming near, a camera sees a print of its own old picture enlarged, and that lacks its upper octaves. They are put back:
edges by extrapolation from the octave below (Greenspan, Anderson & Akber, Image enhancement by nonlinear extrapolation
in frequency space, IEEE TIP 9(6), 2000), texture as grain of the strength that the print has in its own last octave,
because natural pictures hold about the same energy in every octave (Field, JOSA A 4(12), 1987). Both are fixed on the
canvas and expand with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError

FloatArray = NDArray[np.float64]
Samples = NDArray[np.float32]
Box = tuple[int, int, int, int]

_MARGIN_PX = 8  # more than the Lanczos kernel's four pixels
_MAX_PIXELS = 64_000_000
_MAX_OCTAVES = 5  # 32 times: a print for 60 m seen from 2 m
_SAME_STEP = 1.01  # below this a picture is neither reduced nor enlarged
_ENLARGE_SLACK = 0.02  # octaves
_BLEND_PX = 4.0  # between neighbouring regions of different magnification
_EDGE_BOUND, _EDGE_GAIN = 0.45, 2.5  # c and s of Greenspan et al., who take 0.45 and 3 for pictures without noise
_NOISE_BOUND = 2.0  # standard deviations of the noise: what is weaker is neither edge nor texture
_OCTAVE_SIGMA_PX = 0.9
_OCTAVE_NOISE = 0.77  # of white noise of unit deviation passes the filter of the upper octave
_GRAIN_GAIN = 1.2  # grain and extrapolated edges together then hold the energy of the octave below
_STEP_GRID = 9  # magnification of a plane varies smoothly: a few points tell it everywhere


@dataclass(eq=False)
class PrintTexture:
    """Part of a print that a canvas shows, in float32 grey levels, with its reductions and enlargements.

    `texture`: (H, W) or (H, W, 3); `texture_from_print`: (3, 3). `detail` 0 leaves out what an enlargement lacks;
    `noise`: standard deviation of the noise in the print, grey levels.
    """

    texture: Samples
    texture_from_print: FloatArray
    detail: float = 1.0
    noise: float = 0.0
    seed: int = 0
    _octaves: dict[int, Samples] = field(default_factory=dict, init=False)

    @staticmethod
    def cut(
        print_image: NDArray[np.uint8], outline_px: FloatArray, detail: float = 1.0, noise: float = 0.0, seed: int = 0
    ) -> PrintTexture:
        """Round a canvas's outline (N, 2) px in the print; what the print does not show is continued by reflection."""
        low = np.floor(outline_px.min(axis=0)).astype(int) - _MARGIN_PX
        high = np.ceil(outline_px.max(axis=0)).astype(int) + _MARGIN_PX + 1
        width, height = (high - low).tolist()
        if width * height > _MAX_PIXELS:
            raise ConfigError(f"the print would need {width} x {height} pixels: the wall is too near or too large")
        rows, columns = print_image.shape[:2]
        taken = np.ix_(_reflect(np.arange(low[1], high[1]), rows), _reflect(np.arange(low[0], high[0]), columns))
        shift = np.array([[1.0, 0.0, -low[0]], [0.0, 1.0, -low[1]], [0.0, 0.0, 1.0]])
        return PrintTexture(print_image[taken].astype(np.float32), shift, detail, noise, seed)

    def view(self, print_from_image: FloatArray, box: Box) -> tuple[Samples, Samples]:
        """The print seen through a homography over a box x0, y0, x1, y1 px, and the share (H, W) of the picture's
        spectrum that the print itself fills there: 1 where it is not enlarged.
        """
        least, most = _steps(print_from_image, box)
        share = np.clip(least * most, 0.0, 1.0).astype(np.float32)
        octave = np.where(
            most > _SAME_STEP, -np.floor(np.log2(np.maximum(most, 1.0))), np.ceil(-np.log2(least) - _ENLARGE_SLACK)
        ).astype(np.int64)
        octave = np.minimum(octave, self._finest())
        is_plain = (octave == 0) & (most <= _SAME_STEP)
        # Where nothing is enlarged or reduced one sample per pixel is exact; elsewhere four keep it from aliasing.
        regions = [(0, 1, is_plain)] if is_plain.any() else []
        regions += [(int(n), 2, (octave == n) & ~is_plain) for n in np.unique(octave[~is_plain])]
        canvases = [self._warped(print_from_image, box, number, samples) for number, samples, _ in regions]
        if len(regions) == 1:
            return canvases[0], share
        weights = [cv2.GaussianBlur(region.astype(np.float32), (0, 0), _BLEND_PX) for _, _, region in regions]
        total = sum(
            (weight if canvas.ndim == 2 else weight[..., None]) * canvas for weight, canvas in zip(weights, canvases)
        )
        scale = sum(weights)
        return np.asarray(total / (scale if total.ndim == 2 else scale[..., None]), dtype=np.float32), share

    def _warped(self, print_from_image: FloatArray, box: Box, octave: int, samples: int) -> Samples:
        """One octave of the print over the box, `samples` squared per pixel averaged."""
        x0, y0, x1, y1 = box
        texture = self._octave(octave)
        sx, sy = texture.shape[1] / self.texture.shape[1], texture.shape[0] / self.texture.shape[0]
        finer = np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, 0.5 * sy - 0.5], [0.0, 0.0, 1.0]])
        start = 0.5 / samples - 0.5
        image_from_sample = np.array(
            [[1.0 / samples, 0.0, x0 + start], [0.0, 1.0 / samples, y0 + start], [0.0, 0.0, 1.0]]
        )
        canvas = cv2.warpPerspective(
            texture,
            finer @ self.texture_from_print @ print_from_image @ image_from_sample,
            ((x1 - x0) * samples, (y1 - y0) * samples),
            flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if samples > 1:
            canvas = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        return np.asarray(canvas, dtype=np.float32)

    def _finest(self) -> int:
        room = _MAX_PIXELS / (self.texture.shape[0] * self.texture.shape[1])
        return min(_MAX_OCTAVES, int(math.log2(max(room, 1.0)) / 2.0))

    def _octave(self, number: int) -> Samples:
        """The texture enlarged 2^number times, reduced when negative."""
        if number == 0:
            return self.texture
        if number not in self._octaves:
            if number > 0:
                finer = self._edges(number)
                if self.detail > 0.0:
                    finer = finer + self._grain(number)
            else:
                height, width = self.texture.shape[:2]
                size = (max(1, round(width * 2.0**number)), max(1, round(height * 2.0**number)))
                finer = cv2.resize(self.texture, size, interpolation=cv2.INTER_AREA)
            self._octaves[number] = np.asarray(finer, dtype=np.float32)
        return self._octaves[number]

    def _edges(self, number: int) -> Samples:
        """The texture enlarged 2^number times, its edges kept sharp, without grain."""
        if number == 0:
            return self.texture
        coarser = self._edges(number - 1)
        smooth = _doubled(coarser)
        if self.detail == 0.0:
            return smooth
        last = _doubled(_upper_octave(coarser))
        strength = np.abs(last)
        # Noise is no edge: what is as weak as it is left as it is.
        last = last * np.clip(strength / max(_NOISE_BOUND * _OCTAVE_NOISE * self.noise, 1e-6) - 1.0, 0.0, 1.0)
        bound = _EDGE_BOUND * cv2.dilate(strength, np.ones((7, 7), np.uint8))
        return np.asarray(
            smooth + self.detail * _EDGE_GAIN * _upper_octave(np.clip(last, -bound, bound)), dtype=np.float32
        )

    def _grain(self, number: int) -> Samples:
        """Grain of all octaves that are new in the texture enlarged 2^number times."""
        if number == 0:
            return np.zeros_like(self.texture)
        coarser = _doubled(self._grain(number - 1))
        level = cv2.resize(self._grain_level(), coarser.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        noise = _upper_octave(
            np.random.default_rng((self.seed, number)).standard_normal(coarser.shape[:2], dtype=np.float32)
        )
        noise *= self.detail * _GRAIN_GAIN / float(noise.std())
        return np.asarray(coarser + level * (noise if level.ndim == 2 else noise[..., None]), dtype=np.float32)

    def _grain_level(self) -> Samples:
        """Standard deviation of the print's own last octave without its noise; the least round about, because a lone
        edge is no grain.
        """
        strength = cv2.GaussianBlur(np.abs(_upper_octave(self.texture)), (0, 0), 1.5)
        least = math.sqrt(math.pi / 2.0) * cv2.erode(strength, np.ones((5, 5), np.uint8))
        textured = np.sqrt(np.maximum(least**2 - (_NOISE_BOUND * _OCTAVE_NOISE * self.noise) ** 2, 0.0))
        return np.asarray(cv2.GaussianBlur(textured, (0, 0), 2.0), dtype=np.float32)


def _doubled(texture: Samples) -> Samples:
    size = (2 * texture.shape[1], 2 * texture.shape[0])
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_LANCZOS4), dtype=np.float32)


def _upper_octave(samples: Samples) -> Samples:
    """What lies above half the Nyquist frequency. Twice, so that a smooth shade leaves nothing: 2% at Nyquist / 5."""
    once = samples - cv2.GaussianBlur(samples, (0, 0), _OCTAVE_SIGMA_PX)
    return np.asarray(once - cv2.GaussianBlur(once, (0, 0), _OCTAVE_SIGMA_PX), dtype=np.float32)


def _steps(print_from_image: FloatArray, box: Box) -> tuple[Samples, Samples]:
    """Least and greatest step in the print, px, for one pixel of the picture, (H, W) each over the box.

    Singular values of the homography's Jacobian.
    """
    x0, y0, x1, y1 = box
    x, y = np.meshgrid(np.linspace(x0, x1 - 1, _STEP_GRID), np.linspace(y0, y1 - 1, _STEP_GRID))
    u, v, w = np.einsum("ij,jhw->ihw", print_from_image, np.stack([x, y, np.ones_like(x)]))
    # The box may reach beyond the plane's horizon, where no canvas is.
    w = np.where(np.abs(w) < 1e-3 * np.abs(w).max(), 1e-3 * np.abs(w).max(), w)
    place, weight = np.stack([u / w, v / w], axis=-1)[..., None], print_from_image[2, :2]
    jacobian = (print_from_image[:2, :2] - place * weight) / w[..., None, None]
    singular = np.linalg.svd(jacobian, compute_uv=False)
    size = (x1 - x0, y1 - y0)
    least, most = (
        cv2.resize(np.log2(np.clip(singular[..., index], 2.0**-10, 2.0**10)), size, interpolation=cv2.INTER_LINEAR)
        for index in (1, 0)
    )
    return np.exp2(least).astype(np.float32), np.exp2(most).astype(np.float32)


def _reflect(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Indices folded back into [0, length) at both ends, the border pixel not repeated."""
    if length == 1:
        return np.zeros_like(index)
    folded = np.abs(index) % (2 * (length - 1))
    return np.asarray(np.minimum(folded, 2 * (length - 1) - folded), dtype=np.intp)
