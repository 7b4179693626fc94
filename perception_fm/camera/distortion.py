"""Lens distortion of `sensor_msgs/CameraInfo`, computed by OpenCV, with the range in which it can be inverted.

A ray is (x/z, y/z). A distortion polynomial turns around beyond some radius: points far outside the image then fold
back into it. Everything here answers NaN beyond that radius, and for pixels that no ray reaches.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import CameraError

FloatArray = NDArray[np.float64]

NONE = "none"
PLUMB_BOB = "plumb_bob"
RATIONAL = "rational_polynomial"
EQUIDISTANT = "equidistant"

# Numbers of D that OpenCV gives one meaning to. Four of plumb_bob leave out k3; 12 and 14 of the rational model add
# thin prism and tilt terms, as OAK drivers publish them.
_COEFFICIENTS = {NONE: (0,), PLUMB_BOB: (4, 5), RATIONAL: (8, 12, 14), EQUIDISTANT: (4,)}

_TOLERANCE_PX = 1e-6  # far below any feature's sigma (0.05 px), far above the rounding of float64 pixels
_ACCEPTED_PX = 1e-3  # a ray whose projection misses its pixel by more is no inverse
_FIXED_POINT_STEPS = 40  # converges geometrically; this many reach the tolerance except close to the fold
_NEWTON_STEPS = 20
_DIFFERENCE = 1e-6  # step of the numerical derivative, in ray units: error about 1e-12 relative to curvature
_RANGE_MARGIN = 1e-6  # at the fold itself the derivative is zero and no inverse is stable
_RAY_LIMIT = 1e4  # a ray closer than 0.1 mrad to the image plane: beyond it x/z has no useful meaning


def checked_distortion(model: str, values: FloatArray) -> tuple[str, FloatArray]:
    """Model and coefficients after the checks; raises `CameraError`.

    An empty model name with no or only zero coefficients means no distortion: many drivers publish that. Plumb bob and
    rational with only zeros are no distortion too (equidistant with zeros is a fisheye). Zeros behind the four
    coefficients of equidistant are cut: the RealSense driver publishes five.
    """
    if values.ndim != 1 or not np.isfinite(values).all():
        raise CameraError(f"distortion D must be a list of finite numbers, got {values.tolist()}")
    if model == "" and not values.any():
        return NONE, np.zeros(0)
    if model not in _COEFFICIENTS:
        raise CameraError(f"distortion model {model!r} is unknown; known are {', '.join(_COEFFICIENTS)}")
    if model == NONE and not values.any():
        return NONE, np.zeros(0)
    if model == EQUIDISTANT and len(values) > 4 and not values[4:].any():
        values = values[:4]
    if len(values) not in _COEFFICIENTS[model]:
        wanted = " or ".join(str(count) for count in _COEFFICIENTS[model])
        raise CameraError(f"distortion model {model} needs {wanted} coefficients D, got {len(values)}")
    if model != EQUIDISTANT and not values.any():
        return NONE, np.zeros(0)
    return model, values


def max_ray_radius(model: str, d: FloatArray) -> float:
    """Largest hypot(x/z, y/z) up to which the radial distortion grows and so can be inverted; inf where everywhere.

    The derivative of the radial polynomial (OpenCV's camera model page) is zero at the fold; tangential, prism and tilt
    terms are small against it and left out.
    """
    if model == NONE:
        return math.inf
    if model == EQUIDISTANT:
        derivative = np.array([9.0 * d[3], 7.0 * d[2], 5.0 * d[1], 3.0 * d[0], 1.0])
        theta = math.sqrt(_smallest_positive_root(derivative)) * (1.0 - _RANGE_MARGIN)
        return min(_RAY_LIMIT, math.tan(theta)) if theta < 0.5 * math.pi else _RAY_LIMIT
    k = np.zeros(6)
    k[[0, 1]] = d[[0, 1]]
    k[2:6] = [d[4] if len(d) > 4 else 0.0, *(d[5:8] if model == RATIONAL else (0.0, 0.0, 0.0))]
    numerator = np.poly1d([k[2], k[1], k[0], 1.0])  # in s = r^2
    denominator = np.poly1d([k[5], k[4], k[3], 1.0])
    two_s = np.poly1d([2.0, 0.0])
    slope = (numerator + two_s * numerator.deriv()) * denominator - two_s * numerator * denominator.deriv()
    fold = min(_smallest_positive_root(slope.coeffs), _smallest_positive_root(denominator.coeffs))
    return math.sqrt(fold) * (1.0 - _RANGE_MARGIN)


def _smallest_positive_root(coefficients: NDArray[np.floating]) -> float:
    """Of a polynomial, highest power first, whose constant term is 1; inf where none is positive.

    Solved for the reciprocal: its leading coefficient is the 1, so that tiny coefficients do no harm.
    """
    reciprocals = np.roots(coefficients[::-1])
    is_real = np.abs(reciprocals.imag) < 1e-9 * np.maximum(1.0, np.abs(reciprocals))
    largest = reciprocals.real[is_real].max(initial=0.0)
    return float(1.0 / largest) if largest > _RAY_LIMIT**-2 else math.inf


def distort(rays: FloatArray, model: str, k: FloatArray, d: FloatArray) -> FloatArray:
    """Pixels (N, 2) of undistorted rays (N, 2), with no check of the range."""
    if len(rays) == 0 or model == NONE:
        return rays * k[[0, 1], [0, 1]] + k[[0, 1], [2, 2]]
    points = np.column_stack([rays, np.ones(len(rays))])[:, None, :]
    project = cv2.fisheye.projectPoints if model == EQUIDISTANT else cv2.projectPoints
    pixels = project(points, np.zeros(3), np.zeros(3), k, d)[0]
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)


def undistort(pixels: FloatArray, model: str, k: FloatArray, d: FloatArray, radius: float) -> FloatArray:
    """Undistorted rays (N, 2) of pixels (N, 2); NaN where no ray within `radius` projects there.

    OpenCV's fixed-point iteration first; Newton steps for the few points where it has not converged (strong pincushion,
    close to the fold), since its own answer is then silently wrong.
    """
    centred = (pixels - k[[0, 1], [2, 2]]) / k[[0, 1], [0, 1]]
    if len(pixels) == 0 or model == NONE:
        return centred
    rays = _opencv_undistort(pixels, model, k, d)
    bad = ~(_miss(rays, pixels, model, k, d) <= _TOLERANCE_PX) | ~(np.hypot(*rays.T) <= radius)
    if bad.any():
        rays[bad] = _newton(centred[bad], pixels[bad], model, k, d, radius)
        miss = _miss(rays[bad], pixels[bad], model, k, d)
        rays[np.flatnonzero(bad)[~(miss <= _ACCEPTED_PX)]] = np.nan
    return rays


def _opencv_undistort(pixels: FloatArray, model: str, k: FloatArray, d: FloatArray) -> FloatArray:
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, _FIXED_POINT_STEPS, _TOLERANCE_PX)
    source = np.ascontiguousarray(pixels, dtype=np.float64)[:, None, :]
    if model == EQUIDISTANT:
        rays = cv2.fisheye.undistortPoints(source, k, d)
    elif hasattr(cv2, "undistortPointsIter"):  # OpenCV 4 hides the criteria under another name
        rays = cv2.undistortPointsIter(source, k, d, np.eye(3), np.eye(3), criteria)
    else:
        rays = cv2.undistortPoints(source, k, d, criteria=criteria)
    return np.array(rays, dtype=np.float64).reshape(-1, 2)


def _miss(rays: FloatArray, pixels: FloatArray, model: str, k: FloatArray, d: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(*(distort(rays, model, k, d) - pixels).T), dtype=np.float64)


def _newton(
    centred: FloatArray, pixels: FloatArray, model: str, k: FloatArray, d: FloatArray, radius: float
) -> FloatArray:
    """Newton's method with a numerical Jacobian, started at the distorted ray and kept inside the invertible radius."""
    rays = _clipped(centred, 0.9 * radius)
    step_x, step_y = np.array([_DIFFERENCE, 0.0]), np.array([0.0, _DIFFERENCE])
    for _ in range(_NEWTON_STEPS):
        error = distort(rays, model, k, d) - pixels
        if np.hypot(*error.T).max() <= _TOLERANCE_PX:
            break
        along_x = (distort(rays + step_x, model, k, d) - distort(rays - step_x, model, k, d)) / (2.0 * _DIFFERENCE)
        along_y = (distort(rays + step_y, model, k, d) - distort(rays - step_y, model, k, d)) / (2.0 * _DIFFERENCE)
        determinant = along_x[:, 0] * along_y[:, 1] - along_y[:, 0] * along_x[:, 1]
        determinant[determinant == 0.0] = np.nan
        step = np.column_stack(
            [
                error[:, 0] * along_y[:, 1] - error[:, 1] * along_y[:, 0],
                error[:, 1] * along_x[:, 0] - error[:, 0] * along_x[:, 1],
            ]
        )
        rays = _clipped(rays - step / determinant[:, None], radius)
    return rays


def _clipped(rays: FloatArray, radius: float) -> FloatArray:
    length = np.hypot(*rays.T)
    clipped: FloatArray = rays * np.minimum(1.0, radius / np.maximum(length, 1e-12))[:, None]
    return clipped
