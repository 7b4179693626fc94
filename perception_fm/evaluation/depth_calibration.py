"""Whether the standard deviation that comes with a predicted depth is the size of its errors.

With z = (predicted - true) / std: for a calibrated Gaussian 68.3% of |z| lie within 1 and 95.4% within 2, z has mean 0
and standard deviation 1, and a central interval of nominal probability p holds a share p of the errors (Kuleshov,
Fenner, Ermon, ICML 2018). NLL is the mean negative log likelihood of the truth, nats per pixel, distances in metres.
AUSE is the area between two sparsification curves: the mean |error| that remains when the pixels of the largest
predicted std are left out, and the same with the pixels of the largest true error (Ilg et al., ECCV 2018, section 5);
both divided by the mean of all, per image, then averaged over images. 0 means that std sorts pixels as the errors do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

FloatArray = NDArray[np.float64]

NOMINAL_SHARES = np.round(np.arange(0.05, 1.0, 0.05), 2)
LEFT_OUT_SHARES = np.round(np.arange(0.0, 1.0, 0.05), 2)
_LEAST_PIXELS = 20  # below, a twentieth of the pixels is less than one
_Z_LIMITS = ndtri(0.5 + 0.5 * NOMINAL_SHARES)


@dataclass(frozen=True)
class DepthCalibration:
    """The figures of the definitions above; shares 0 to 1, NaN of nothing.

    `z_robust` is 1.4826 x median |z|, which outliers do not move. `inside_share` belongs to `nominal_share`;
    `remaining_by_std` and `remaining_by_error` (the oracle) belong to `left_out_share`.
    """

    pixels: int
    within_1_sigma: float
    within_2_sigma: float
    z_mean: float
    z_std: float
    z_robust: float
    nll: float
    ause: float
    nominal_share: tuple[float, ...]
    inside_share: tuple[float, ...]
    left_out_share: tuple[float, ...]
    remaining_by_std: tuple[float, ...]
    remaining_by_error: tuple[float, ...]


class CalibrationSums:
    """Collects images one after the other."""

    def __init__(self) -> None:
        self._pixels = self._within1 = self._within2 = 0
        self._z = self._z2 = self._nll = 0.0
        self._inside = np.zeros(len(NOMINAL_SHARES))
        self._magnitudes: list[NDArray[np.float32]] = []
        self._curves: list[tuple[FloatArray, FloatArray]] = []

    def add(self, predicted_m: FloatArray, std_m: FloatArray, true_m: FloatArray) -> None:
        """One image: arrays of one shape (N,), metres, finite, std positive."""
        error = np.asarray(predicted_m, np.float64) - true_m
        std = np.asarray(std_m, np.float64)
        z = error / std
        magnitude = np.abs(z)
        self._pixels += z.size
        self._within1 += int((magnitude <= 1.0).sum())
        self._within2 += int((magnitude <= 2.0).sum())
        self._z += float(z.sum())
        self._z2 += float((z**2).sum())
        self._nll += float((0.5 * z**2 + np.log(std) + 0.5 * math.log(2.0 * math.pi)).sum())
        self._inside += np.searchsorted(np.sort(magnitude), _Z_LIMITS, side="right")
        self._magnitudes.append(_thinned(magnitude))
        if z.size >= _LEAST_PIXELS and error.any():
            size = np.abs(error)
            self._curves.append((sparsification(size, std), sparsification(size, size)))

    def result(self) -> DepthCalibration | None:
        """None where no pixel had a std."""
        if not self._pixels:
            return None
        count = self._pixels
        mean = self._z / count
        gone = np.full(len(LEFT_OUT_SHARES), math.nan)
        by_std, by_error = (np.mean(curves, axis=0) for curves in zip(*self._curves)) if self._curves else (gone, gone)
        return DepthCalibration(
            pixels=count,
            within_1_sigma=self._within1 / count,
            within_2_sigma=self._within2 / count,
            z_mean=mean,
            z_std=math.sqrt(max(0.0, self._z2 / count - mean**2)),
            z_robust=1.4826 * float(np.median(np.concatenate(self._magnitudes))),
            nll=self._nll / count,
            ause=_area(by_std - by_error),
            nominal_share=tuple(NOMINAL_SHARES.tolist()),
            inside_share=tuple((self._inside / count).tolist()),
            left_out_share=tuple(LEFT_OUT_SHARES.tolist()),
            remaining_by_std=tuple(by_std.tolist()),
            remaining_by_error=tuple(by_error.tolist()),
        )


def sparsification(error: FloatArray, order: FloatArray) -> FloatArray:
    """Mean of `error` (N,) that remains when the pixels of the largest `order` (N,) are left out, over the mean of all.

    One value per `LEFT_OUT_SHARES`. Raises nothing: the caller gives at least 20 pixels, not all of error 0.
    """
    ascending = error[np.argsort(order, kind="stable")]
    sums = np.cumsum(ascending)
    kept = np.maximum(1, np.rint((1.0 - LEFT_OUT_SHARES) * error.size).astype(np.int64))
    return np.asarray(sums[kept - 1] / kept / (sums[-1] / error.size))


def _area(values: FloatArray) -> float:
    """Below the curve over `LEFT_OUT_SHARES`, trapezoidal."""
    return float(((values[1:] + values[:-1]) / 2.0 * np.diff(LEFT_OUT_SHARES)).sum())


def _thinned(magnitude: FloatArray, most: int = 5_000) -> NDArray[np.float32]:
    """Every n-th value: a median over images needs no more, and a long drive with dense truth would fill the memory."""
    step = -(-magnitude.size // most) if magnitude.size else 1
    return magnitude[::step].astype(np.float32)
