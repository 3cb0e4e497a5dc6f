"""Random fields, smoothing and block means, all with lengths in metres on the ground."""

import numpy as np
from scipy import fft, ndimage

from export.plateau.grid import PixelGrid


def random_field(
    generator: np.random.Generator, grid: PixelGrid, range_m: float, smoothness: float = 0.5
) -> np.ndarray:
    """Draw a Gaussian random field of mean 0 and variance 1 with a Matérn spectrum.

    Parameters
    ----------
    range_m : the length a of the Matérn covariance; for smoothness 0.5 the correlation at
        distance d is exp(-d / a)
    smoothness : the Matérn ν; small values are rough

    Returns
    -------
    (rows, cols) float64. The variance is that of the process; a window smaller than some
    ranges varies less around its own mean.

    Notes
    -----
    White noise is filtered in the Fourier domain by the square root of the Matérn spectral
    density in two dimensions, (1/a² + k²)^-(ν + 1) (Whittle 1954). The periodic grid is wider
    than the window by three ranges, at most by half, so that opposite edges stay unrelated.
    """
    sizes = [
        fft.next_fast_len(n + min(int(3 * range_m / side), n // 2) + 1, real=True)
        for n, side in zip(grid.shape, (grid.height_m, grid.mean_width_m), strict=True)
    ]
    k_row = 2 * np.pi * fft.fftfreq(sizes[0], grid.height_m)[:, None]
    k_col = 2 * np.pi * fft.rfftfreq(sizes[1], grid.mean_width_m)[None, :]
    gain = (1 / range_m**2 + k_row**2 + k_col**2) ** (-(smoothness + 1) / 2)
    # Each column of the half spectrum stands for two but for the first and, if even, the last.
    twice = np.full(k_col.size, 2.0)
    twice[0] = 1.0
    if sizes[1] % 2 == 0:
        twice[-1] = 1.0
    variance = float(np.sum(gain**2 * twice) / (sizes[0] * sizes[1]))
    spectrum = fft.rfft2(generator.standard_normal(sizes)) * (gain / np.sqrt(variance))
    field = fft.irfft2(spectrum, s=sizes)
    return np.ascontiguousarray(field[: grid.rows, : grid.cols])


def smooth(values: np.ndarray, grid: PixelGrid, sigma_m: float) -> np.ndarray:
    """Return `values` (rows, cols) under a Gaussian of standard deviation `sigma_m`."""
    sigma_px = (sigma_m / grid.height_m, sigma_m / grid.mean_width_m)
    return np.asarray(ndimage.gaussian_filter(values, sigma_px, mode="nearest"))


def block_mean(values: np.ndarray, grid: PixelGrid, coarse: PixelGrid) -> np.ndarray:
    """Return the mean of the pixels whose centres lie in each cell of `coarse`.

    Cells of the margin that hold no pixel take the nearest cell that does, so that a warp
    back to `grid` finds neighbours everywhere. NaN is left out of the mean; a cell in which
    more than half of the pixels are NaN is NaN.
    """
    row = coarse.north_edge - 1 - np.floor(grid.latitude_deg / coarse.pixel_deg).astype(int)
    col = np.floor(grid.longitude_deg / coarse.pixel_deg).astype(int) - coarse.west_edge
    row_starts = np.flatnonzero(np.r_[True, np.diff(row) > 0])
    col_starts = np.flatnonzero(np.r_[True, np.diff(col) > 0])

    def block_sum(array: np.ndarray) -> np.ndarray:
        by_row = np.add.reduceat(array, row_starts, axis=0)
        return np.asarray(np.add.reduceat(by_row, col_starts, axis=1))

    present = np.isfinite(values)
    count = block_sum(present.astype(np.float64))
    size = block_sum(np.ones(values.shape))
    total = block_sum(np.where(present, values, 0.0))
    mean = np.where(count >= 0.5 * size, total / np.maximum(count, 1), np.nan)
    row_nearest = np.clip(np.arange(coarse.rows) - row[0], 0, mean.shape[0] - 1)
    col_nearest = np.clip(np.arange(coarse.cols) - col[0], 0, mean.shape[1] - 1)
    return mean[np.ix_(row_nearest, col_nearest)]
