"""The study in miniature with what a view shows: pictures with detail, tiles, sites on the grid."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from miniature import COLS, NORTH, PIXEL_DEG, ROWS, WEST, StudyFiles
from miniature_documents import MANIFEST
from odc.geo.geobox import GeoBox

from export.rasters.writing import write_geotiff
from gee.grid import tiles_of

GRID = GeoBox((ROWS, COLS), Affine(PIXEL_DEG, 0, WEST, 0, -PIXEL_DEG, NORTH), "EPSG:4326")
TILE_PX = 16
FEATURES = (
    {"name": "twi", "unit": "1", "missing": "nodata", "levels": None, "group": "terrain"},
    {"name": "ndvi", "unit": "1", "missing": "nodata", "levels": None, "group": "optical"},
    {"name": "soil", "unit": "1", "missing": "nodata", "levels": [1, 2, 5], "group": "soil"},
)
COMPANION = ("lower", "upper", "dissimilarity_index", "local_point_density")
FLAGS = (0, 1, 2, 3, 4, 16, 32, 255)


def viewed_study(folder: Path) -> StudyFiles:
    """Write the study with map, companion, flags and covariate tiles, each pixel unlike those
    around it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = StudyFiles(folder)
    random = np.random.default_rng(7)
    values = random.uniform(0.05, 0.5, (ROWS, COLS)).astype(np.float32)
    values[-5:, -7:] = -9999
    values[3, 4] = -9999
    files.map(values)
    width = random.uniform(0.1, 0.3, (ROWS, COLS))
    bands = np.stack([
        values - width / 2, values + width / 2, random.uniform(0, 1.2, (ROWS, COLS)),
        random.integers(0, 30, (ROWS, COLS)),
    ]).astype(np.float32)  # fmt: skip
    bands[:, values == -9999] = -9999
    units = {"lower": "m3 m-3", "upper": "m3 m-3"}
    _write(folder / "map/vwc_companion.tif", bands, -9999, COMPANION, units)
    codes = random.choice(np.array(FLAGS, np.uint8), (1, ROWS, COLS))
    _write(folder / "map/vwc_flags.tif", codes, 255, ("flags",), {})
    with rasterio.open(folder / "map/vwc_flags.tif", "r+") as dataset:
        dataset.update_tags(
            flag_masks="1 2 4 8 16 32",
            flag_meanings="outside_area_of_applicability clipped_to_physical_bound water glacier "
            "outside_region no_prediction",
        )
    covariates(folder, random)
    files.json("model/manifest.json", {**MANIFEST, "features": list(FEATURES)})
    (folder / "study.toml").write_text(files.toml, encoding="utf-8")
    return files


def covariates(folder: Path, random: np.random.Generator) -> None:
    """Write tiles of the covariates that the model kept."""
    whole = np.stack([
        np.ones((ROWS, COLS)), random.uniform(5, 18, (ROWS, COLS)),
        random.uniform(-0.1, 0.7, (ROWS, COLS)), random.choice([1, 2, 5], (ROWS, COLS)),
    ]).astype(np.float32)  # fmt: skip
    whole[1:, 10, 11] = np.nan
    names = ["region", *(str(feature["name"]) for feature in FEATURES)]
    for tile in tiles_of(GRID, TILE_PX):
        row, col, height, width = tile.window
        write_geotiff(
            folder / "covariates/tiles" / f"{tile.name}.tif",
            whole[:, row : row + height, col : col + width], tile.geobox, float("nan"), names,
            ["1"] * 4, {}, [False, False, False, True],
        )  # fmt: skip


def read_all(path: Path, band: int = 1) -> np.ndarray:
    """(rows, cols) float64, NaN where missing."""
    with rasterio.open(path) as dataset:
        return np.ma.filled(dataset.read(band, masked=True).astype(float), np.nan)


def page_data(page: str) -> dict[str, Any]:
    """Return what the page's script reads."""
    start = page.index('id="view-data">') + len('id="view-data">')
    found: dict[str, Any] = json.loads(page[start : page.index("</script>", start)])
    return found


def _write(
    path: Path, bands: np.ndarray, nodata: float, names: tuple[str, ...], units: dict[str, str]
) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=ROWS, width=COLS,
        dtype=bands.dtype.name, nodata=nodata, crs="EPSG:4326", transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
        dataset.descriptions = names
        dataset.units = [units.get(name, "1") for name in names]
