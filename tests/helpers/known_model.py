"""A model whose every prediction is known, for tests of the map's tiles."""

from dataclasses import dataclass

import numpy as np
import rasterio

from local_ml.features import Feature


@dataclass(frozen=True)
class Outcome:
    value: np.ndarray
    clipped: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    dissimilarity_index: np.ndarray
    local_point_density: np.ndarray
    outside_area: np.ndarray
    distribution: np.ndarray | None
    unseen_levels: int
    without_maximum: int


@dataclass(frozen=True)
class KnownModel:
    """ndvi + 10 * twi, at most 50; soil must be 1 or 2: every value of the map is known."""

    fingerprint: str = "f1"
    target_name: str = "vwc"
    target_unit: str = "m3 m-3"
    has_distribution: bool = False
    features: tuple[Feature, ...] = (
        Feature("ndvi", "1"),
        Feature("twi", "1"),
        Feature("soil", "1", levels=(1, 2)),
    )

    def predict(self, bands, within=None):
        ndvi, twi, soil = (bands[feature.name] for feature in self.features)
        if within is not None:
            ndvi = np.where(within, ndvi, np.nan)
        total = ndvi + 10 * twi
        missing = np.isnan(total) | np.isnan(soil)
        unseen = ~missing & ~np.isin(soil, (1, 2))
        clipped = ~missing & ~unseen & (total > 50)
        value = np.where(missing | unseen, np.nan, np.minimum(total, 50)).astype(np.float32)
        near = np.floor(twi).astype(np.float32)
        return Outcome(
            value=value,
            clipped=clipped,
            lower=value - 1,
            upper=value + 2,
            dissimilarity_index=np.where(np.isnan(value), np.nan, twi),
            local_point_density=np.where(np.isnan(value), np.nan, near),
            outside_area=(near == 0) & np.isfinite(value),
            distribution=3 * value if self.has_distribution else None,
            unseen_levels=int(unseen.sum()),
            without_maximum=0,
        )


def values_of(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True)
