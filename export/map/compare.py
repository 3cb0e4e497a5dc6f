"""A map beside a reference raster of the same property: a known truth, or another's map.

In: the map's file and a `CovariateSource` of the reference. Out: scores over all pixels that
both hold, in the target's unit. Read tile by tile; only sums are kept.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from export.covariates.source import CovariateSource
from export.covariates.warp import read_tile
from export.progress import Progress
from export.rasters.info import open_raster
from gee.grid import tiles_of

# How far a ratio of two means may lie from 100 or 1/100, as a factor: maps err, too.
_AROUND = 2.0


@dataclass
class _Moments:
    """Sums from which all scores follow; taken about a shift, lest large sums cancel."""

    shift: float
    n: int = 0
    absolute: float = 0.0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2)))

    def add(self, reference: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
        pair = np.stack([reference, predicted]) - self.shift
        self.n += reference.size
        self.absolute += float(np.abs(predicted - reference).sum())
        self.sums += pair.sum(axis=1)
        self.products += pair @ pair.T

    def means(self) -> tuple[float, float]:
        """Of the reference, and of the prediction."""
        reference, predicted = self.sums / self.n + self.shift
        return float(reference), float(predicted)

    def scores(self) -> dict[str, float]:
        mean = self.sums / self.n
        covariance = self.products / self.n - np.outer(mean, mean)
        bias = float(mean[1] - mean[0])
        squared = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) + bias**2
        total = float(covariance.trace()) + bias**2
        return {
            "r2": 1 - squared / float(covariance[0, 0]) if covariance[0, 0] > 0 else float("nan"),
            "rmse": squared**0.5,
            "mae": self.absolute / self.n,
            "bias": bias,
            "concordance": 2 * float(covariance[0, 1]) / total if total > 0 else float("nan"),
            "slope_observed_on_predicted": (
                float(covariance[0, 1] / covariance[1, 1]) if covariance[1, 1] > 0 else float("nan")
            ),
        }


@dataclass(frozen=True)
class Comparison:
    """A map (predicted) against a reference (observed).

    Parameters
    ----------
    scores : r2, rmse, mae, bias, concordance, slope_observed_on_predicted; empty where no pixel is
        held by both
    pixels : how many are
    means : of reference and map over these, in their units; None where there are none
    """

    scores: dict[str, float]
    pixels: int
    means: tuple[float, float] | None


def unit_hint(means: tuple[float, float], unit: str) -> str | None:
    """Say where one of the two seems to be in percent and the other a ratio; else None.

    Parameters
    ----------
    means : of reference and map
    unit : the target's
    """
    reference, predicted = means
    if not predicted or not reference:
        return None
    ratio = reference / predicted
    for factor, other in ((100, "percent, the map a ratio"), (0.01, "a ratio, the map percent")):
        if factor / _AROUND < ratio < factor * _AROUND:
            return (
                f"the reference's values are {ratio:.3g} times those of the map on average (means "
                f"{reference:.3g} and {predicted:.3g}): it seems to be {other}. The scores compare "
                f"numbers as they stand; write the reference in '{unit}'"
            )
    return None


def compare_with_reference(
    map_file: Path, reference: CovariateSource, tile_px: int, progress: Progress
) -> Comparison:
    """Hold the map against the reference. Every pixel counts alike, whatever its area."""
    moments: _Moments | None = None
    tiles = tiles_of(reference.study_grid, tile_px)
    with open_raster(map_file) as dataset, progress.task("comparison", len(tiles)) as task:
        for tile in tiles:
            row, col, height, width = tile.window
            predicted = dataset.read(1, window=Window(col, row, width, height), masked=True)
            known = read_tile(reference, tile).astype(np.float64)
            both = ~np.ma.getmaskarray(predicted) & np.isfinite(known)
            if both.any():
                moments = moments or _Moments(float(known[both].mean()))
                moments.add(known[both], predicted.data[both].astype(np.float64))
            task.advance()
    if moments is None:
        return Comparison({}, 0, None)
    return Comparison(moments.scores(), moments.n, moments.means())
