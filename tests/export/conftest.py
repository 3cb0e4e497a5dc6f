"""Rasters made for tests: each pixel's value can be computed from where it lies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from export.covariates.settings import CovariateSettings
from export.covariates.source import CovariateSource, open_source
from gee.grid import geobox_of_region


@pytest.fixture
def grid() -> GeoBox:
    """48 x 60 pixels of 0.01 degrees near Wudaoliang."""
    return geobox_of_region(92.8, 34.9, 93.4, 35.38, "EPSG:4326", 0.01)


@pytest.fixture
def raster(tmp_path: Path) -> Callable[..., Path]:
    """Write a raster whose bands are given; options go to rasterio."""

    def write(
        name: str, bands: np.ndarray, transform: Affine, crs: str | None, **options: Any
    ) -> Path:
        bands = bands if bands.ndim == 3 else bands[None]
        scales, offsets = options.pop("scales", None), options.pop("offsets", None)
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", count=bands.shape[0], height=bands.shape[1],
            width=bands.shape[2], dtype=bands.dtype, crs=crs, transform=transform, **options,
        ) as dataset:  # fmt: skip
            dataset.write(bands)
            if scales is not None:
                dataset.scales, dataset.offsets = scales, offsets
        return path

    return write


@pytest.fixture
def source(grid: GeoBox) -> Callable[..., CovariateSource]:
    """Open a raster as a covariate of the study, with the settings given."""

    def make(path: Path, study_grid: GeoBox | None = None, **settings: Any) -> CovariateSource:
        fields = {"name": "a", "file": path.name, **settings}
        return open_source(CovariateSettings.model_validate(fields), path, study_grid or grid)

    return make


def coordinates(height: int, width: int) -> np.ndarray:
    """(2, rows, cols) float32: each pixel's own row and column."""
    return np.stack(np.mgrid[0:height, 0:width]).astype(np.float32)
