"""What the numbers in a file mean: which of them mean 'missing', and their scale.

In: numbers as stored. Out: which are missing; the same numbers in their unit.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from rasterio.enums import MaskFlags


def missing_pixels(
    dataset: Any,
    band: int,
    raw: np.ndarray,
    nodata: tuple[float, ...] | None,
    window: Any = None,
) -> np.ndarray:
    """Return which of the stored numbers mean 'missing', (rows, cols) bool.

    Parameters
    ----------
    raw : as stored, (rows, cols)
    nodata : the numbers that mean so, in place of the file's own declaration; None keeps that
    window : where `raw` was read from

    NaN and infinity always do, and so does a mask or an alpha band beside the numbers.
    """
    declared = dataset.nodatavals[band - 1]
    codes = nodata if nodata is not None else () if declared is None else (declared,)
    mask_beside = is_mask(dataset.mask_flag_enums[band - 1])
    return missing_in(dataset, band, raw, codes, mask_beside, window)


def missing_in(
    dataset: Any,
    band: int,
    raw: np.ndarray,
    nodata: Iterable[float],
    mask_beside: bool,
    window: Any = None,
) -> np.ndarray:
    """Return `missing_pixels` of a band of which is known what its file says.

    Parameters
    ----------
    nodata : the numbers that mean 'missing', NaN and infinity aside
    mask_beside : whether a mask or an alpha band says so too
    """
    missing = missing_numbers(raw, nodata)
    if mask_beside:
        missing |= dataset.read_masks(band, window=window) == 0
    return missing


def missing_numbers(raw: np.ndarray, nodata: Iterable[float]) -> np.ndarray:
    """Return which of the stored numbers are one of `nodata`, or NaN, or infinite, bool."""
    missing: np.ndarray
    missing = np.zeros(raw.shape, bool) if raw.dtype.kind in "iu" else ~np.isfinite(raw)
    for code in nodata:
        if representable(code, raw.dtype):
            missing |= raw == raw.dtype.type(code)
    return missing


def is_mask(flags: Iterable[MaskFlags]) -> bool:
    """Say whether a band's flags speak of a mask, or an alpha band, beside its numbers."""
    return bool({MaskFlags.per_dataset, MaskFlags.alpha} & set(flags))


def representable(number: float, dtype: "np.dtype[Any]") -> bool:
    """Say whether a stored number of `dtype` can mean `number`; NaN needs no comparison."""
    if math.isnan(number):
        return False
    if dtype.kind == "f":
        # In few digits the largest number of a type lies beyond it, and is rounded to it.
        with np.errstate(over="ignore"):
            return math.isinf(number) or bool(np.isfinite(dtype.type(number)))
    limits = np.iinfo(dtype)
    return float(number).is_integer() and limits.min <= number <= limits.max


def apply_scale(raw: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Return stored numbers as values in their unit, float32; what overflows becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == 1 and offset == 0:
            return raw.astype(np.float32)
        return (raw.astype(np.float64) * scale + offset).astype(np.float32)
