"""Vignetting: lenses pass less light towards the corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vignette(width: int, height: int, loss: float) -> NDArray[np.float32]:
    """Transmission (H, W, 1), 1 in the middle of the picture and 1 - `loss` in the centres of its corner pixels.

    The cosine-fourth law of natural vignetting (Ray, "Applied Photographic Optics", 2002), cos^4 = (1 + (r/f)^2)^-2,
    with the focal length f for which the corners lose `loss`: mechanical vignetting has much the same shape.
    """
    x = np.arange(width) - 0.5 * (width - 1)
    y = np.arange(height) - 0.5 * (height - 1)
    squared = (x[None, :] ** 2 + y[:, None] ** 2) / (x[0] ** 2 + y[0] ** 2)
    corner = (1.0 - loss) ** -0.5 - 1.0
    return ((1.0 + corner * squared) ** -2.0).astype(np.float32)[..., None]
