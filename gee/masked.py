"""Masked pixels on their way from the service: one number that no covariate ever has.

In: an image with masked pixels, or values as the service sent them. Out: an image without masked
pixels, or values with NaN where it was masked.

What the service writes where a pixel is masked depends on the format and the type (0 in NPY, which
a true 0 then equals), and sampling leaves out points where any band is masked.
"""

from collections.abc import Sequence

import ee
import numpy as np
from numpy.typing import NDArray

SENTINEL = -(2.0**100)
"""Exact in float32, in float64 and in JSON."""


def without_mask(image: ee.Image, names: Sequence[str], value: float = SENTINEL) -> ee.Image:
    """Return the named bands as float32, `value` where masked and beyond the image."""
    filled: ee.Image = image.select(list(names)).toFloat().unmask(value, False).toFloat()
    return filled


def with_nan(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values with NaN for `SENTINEL`."""
    return np.where(values == np.float32(SENTINEL), np.float32(np.nan), values)
