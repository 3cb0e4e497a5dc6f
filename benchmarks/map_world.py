"""What `benchmarks/map.py` maps: a model, and covariate tiles of a region of any size.

In: a folder, a side in pixels, the share of it that lies in the region. Out: a model bundle of the
ensemble as `alm90 init` sets it, 342 sites and 24 covariates (those of `benchmarks/predict.py`);
covariate tiles of 512 px as `alm90 export` writes them, only those that touch the region; or the
same pixels as one raster, as another program would have written it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from predict import ENSEMBLES, SITES, make_bands, train
from scipy.ndimage import gaussian_filter, zoom

from export.covariates.tiles import REGION_BAND
from export.rasters.writing import write_geotiff
from gee.grid import Tile, geobox_of_region, tiles_of
from local_ml.bundle import write_bundle
from local_ml.features import Feature
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.interval_rule import IntervalRule
from local_ml.settings import TargetSettings

TILE_PX = 512
# The covariates of so many pixels a side are made once, and repeated: they wrap around.
BASE_PX = 1024
DROPPED = 3
"""Bands that the tiles hold and the model does not."""


def write_model(folder: Path, bands: np.ndarray) -> None:
    """Train the four members and write them as `alm90 train` does.

    Parameters
    ----------
    bands : (bands, rows, cols) float32, whose first are the model's
    """
    kept = bands[: len(bands) - DROPPED]
    members = train(kept, ENSEMBLES["default"])
    names = tuple(members)
    share = 1 / len(names)
    rule = FusionRule(names, (share,) * len(names), 0.0, 1.0, 0.0, 1.0, minimum=0.0, maximum=0.85)
    generator = np.random.default_rng(4)
    rows, cols = generator.integers(0, kept.shape[1], (2, SITES))
    sites = kept[:, rows, cols].T
    centre, factor = sites.mean(0), 1 / sites.std(0)
    placed = (sites - centre) * factor
    apart = np.sqrt(((placed[:, None] - placed) ** 2).sum(2)).mean()
    features = [Feature(name, "1") for name in band_names(len(bands))[: len(kept)]]
    write_bundle(
        folder,
        target=TargetSettings(),
        encoding=FeatureEncoding.fit(features, sites),
        members=members,
        rule=rule,
        intervals=IntervalRule(0.9, 1.5, 0.01, "none", 0.0, 0.85, "grouped"),
        applicability=ApplicabilityRule(
            centre, (factor / apart).astype(np.float32), placed / np.float32(apart), 0.6, "grouped"
        ),
        samples_fingerprint="of a benchmark",
        seed=0,
        settings={},
    )


def band_names(number: int) -> list[str]:
    return [f"covariate_{k:02d}" for k in range(number)]


def base_bands() -> np.ndarray:
    """Return the covariates, (24 + DROPPED, BASE_PX, BASE_PX) float32."""
    bands = make_bands(BASE_PX)
    return np.concatenate([bands, bands[:DROPPED, ::-1]])


def region_mask(side: int, share: float, seed: int = 5) -> np.ndarray:
    """Return which pixels lie in a region of one shape at any size, (side, side) bool."""
    if share >= 1:
        return np.ones((side, side), bool)
    coarse = np.random.default_rng(seed).standard_normal((128, 128))
    field = gaussian_filter(coarse, 12)
    fine = zoom(field.astype(np.float32), side / 128, order=1)
    return fine > np.quantile(field, 1 - share)


def write_tiles(folder: Path, side: int, share: float, bands: np.ndarray) -> list[Path]:
    """Write the covariate tiles that touch the region."""
    mask = region_mask(side, share)
    tiles = [tile for tile in tiles_of(grid(side), TILE_PX) if mask[_slices(tile)].any()]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda tile: _write_tile(folder, tile, mask, bands), tiles))


def write_raster(path: Path, side: int, share: float, bands: np.ndarray, **options: Any) -> Path:
    """Write the same pixels as one raster, strip by strip, with the creation options given."""
    mask = region_mask(side, share)
    box = grid(side)
    names = [REGION_BAND, *band_names(len(bands))]
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "bigtiff": "yes", "nodata": float("nan"), **options}
    with rasterio.open(
        path, "w", count=len(names), height=side, width=side, dtype="float32", crs=str(box.crs),
        transform=box.transform, **profile,
    ) as dataset:  # fmt: skip
        dataset.descriptions = names
        for start in range(0, side, BASE_PX // 2):
            rows = slice(start, start + BASE_PX // 2)
            strip = _content(bands, mask[rows], start, 0)
            dataset.write(strip, window=((start, start + strip.shape[1]), (0, side)))
    return path


def grid(side: int) -> Any:
    return geobox_of_region(80, 30, 80 + side / 1024, 30 + side / 1024, "EPSG:4326", 1 / 1024)


def _slices(tile: Tile) -> tuple[slice, slice]:
    row, col, height, width = tile.window
    return slice(row, row + height), slice(col, col + width)


def _write_tile(folder: Path, tile: Tile, mask: np.ndarray, bands: np.ndarray) -> Path:
    path = folder / f"{tile.name}.tif"
    content = _content(bands, mask[_slices(tile)], *tile.window[:2])
    names = [REGION_BAND, *band_names(len(bands))]
    nodata = float("nan")
    write_geotiff(path, content, tile.geobox, nodata, names, ["1"] * len(names), {})
    return path


def _content(bands: np.ndarray, inside: np.ndarray, row: int, col: int) -> np.ndarray:
    """Return the region and the covariates of a window, missing outside the region."""
    content = np.empty((1 + len(bands), *inside.shape), np.float32)
    content[0] = inside
    for top, left in _places(inside.shape, row, col):
        base = bands[:, (row + top) % BASE_PX :, (col + left) % BASE_PX :]
        part = content[1:, top:, left:]
        height, width = (min(a, b) for a, b in zip(base.shape[1:], part.shape[1:], strict=True))
        part[:, :height, :width] = base[:, :height, :width]
    content[1:, ~inside] = np.nan
    return content


def _places(shape: tuple[int, ...], row: int, col: int) -> Iterator[tuple[int, int]]:
    """Yield where in a window the repeated covariates begin."""
    for top in (0, *range(BASE_PX - row % BASE_PX, shape[0], BASE_PX)):
        for left in (0, *range(BASE_PX - col % BASE_PX, shape[1], BASE_PX)):
            yield top, left
