"""Pictures lie where their rasters lie, and hold what those hold."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from matplotlib.image import imread
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from export.errors import RasterError
from export.progress import silent
from export.rasters.writing import write_geotiff
from export.view.pictures import mercator_grid, palette_png, read_small, read_small_tiles
from gee.grid import tiles_of


def _mercator(latitude: float) -> float:
    """The ordinate of Web Mercator by its own formula, in radians."""
    return math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))


def _row_of(latitude: float, south: float, north: float, rows: int) -> int:
    part = (_mercator(north) - _mercator(latitude)) / (_mercator(north) - _mercator(south))
    return math.floor(part * rows)


def test_a_picture_shows_each_place_where_web_mercator_has_it() -> None:
    """Catches a picture that is stretched, not warped: here by up to 25 rows of 400."""
    rows = 400
    geobox = GeoBox((rows, 3), Affine(0.1, 0, 90, 0, -0.1, 70), "EPSG:4326")
    grid = mercator_grid(geobox)
    assert grid.bounds == pytest.approx((30, 90, 70, 90.3))
    off, unwarped = [], []
    for latitude in np.random.default_rng(1).uniform(30.01, 69.99, 300):
        shown = grid.rows[_row_of(latitude, 30, 70, rows), 1]
        place = (70 - latitude) / 0.1 - 0.5
        off.append(abs(shown - place))
        unwarped.append(abs(_row_of(latitude, 30, 70, rows) - place))
    # Half a pixel to the middle of the raster's, half a pixel of the picture, which in the south
    # are larger than the raster's.
    assert max(off) < 1.5
    assert max(unwarped) > 20
    assert (grid.cols == np.arange(3)).all()


def test_a_picture_of_a_projected_raster_is_turned_and_clear_outside() -> None:
    """Catches swapped axes, and pixels smeared over the corners that the raster does not reach."""
    geobox = GeoBox((50, 60), Affine(3000, 0, 300_000, 0, -3000, 4_100_000), "EPSG:32646")
    grid = mercator_grid(geobox)
    south, west, north, east = grid.bounds
    to_degrees = Transformer.from_crs("EPSG:32646", "EPSG:4326", always_xy=True)
    assert not grid.inside.all()
    for row, col in [(2, 3), (25, 30), (47, 57), (5, 55), (45, 4)]:
        longitude, latitude = to_degrees.transform(
            300_000 + 3000 * (col + 0.5), 4_100_000 - 3000 * (row + 0.5)
        )
        across = math.floor((longitude - west) / (east - west) * 60)
        down = _row_of(latitude, south, north, 50)
        assert grid.inside[down, across]
        assert abs(grid.rows[down, across] - row) <= 1
        assert abs(grid.cols[down, across] - col) <= 1


def test_a_png_holds_the_key_s_colours_and_nothing_where_nothing_is() -> None:
    """Catches a palette that is shifted by one, and missing pixels drawn in the first colour."""
    places = np.array([[0, 1, 2], [3, 2, 0]], np.uint8)
    picture = imread(io.BytesIO(palette_png(places, ["#ff0000", "#00ff00", "#0000ff"])))
    rgba = np.rint(np.asarray(picture) * 255).astype(int)
    assert rgba[..., 3].tolist() == [[0, 255, 255], [255, 255, 0]]
    assert rgba[0, 1, :3].tolist() == [255, 0, 0]
    assert rgba[0, 2, :3].tolist() == [0, 255, 0]
    assert rgba[1, 0, :3].tolist() == [0, 0, 255]


def _geotiff(path: Path, array: np.ndarray, crs: str | None = "EPSG:4326") -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=array.shape[0], width=array.shape[1], count=1,
        dtype=array.dtype.name, nodata=255, crs=crs,
        transform=Affine(0.1, 0, 90, 0, -0.1, 40),
    ) as dataset:  # fmt: skip
        dataset.write(array, 1)
    return path


def test_a_small_raster_keeps_its_place_and_its_mean_or_its_commonest_code(
    tmp_path: Path,
) -> None:
    """Catches nodata that enters a mean, a mean of codes, and a grid that is off by its rest."""
    array = np.array([[1, 1, 9, 255], [1, 5, 255, 255]] * 10, np.uint8)
    path = _geotiff(tmp_path / "a.tif", array)
    small = read_small(path, None, 10)
    assert small.values.shape == (10, 2)
    assert small.values[0].tolist() == [2.0, 9.0]
    assert small.geobox.boundingbox.bbox == pytest.approx((90, 38, 90.4, 40))
    assert read_small(path, None, 10, codes=True).values[0, 0] == 1
    with pytest.raises(RasterError, match="no band 'upper'"):
        read_small(path, "upper", 10)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_a_crs_is_refused(tmp_path: Path) -> None:
    path = _geotiff(tmp_path / "a.tif", np.zeros((2, 2), np.uint8), crs=None)
    with pytest.raises(RasterError, match="has no CRS"):
        read_small(path, None, 10)


def test_small_pixels_of_tiles_are_means_across_their_edges(tmp_path: Path) -> None:
    """Catches small pixels that end at a tile's edge, lost or counted twice: 7 px tiles, 3 px
    small ones."""
    rows, cols, step = 20, 26, 3
    grid = GeoBox((rows, cols), Affine(0.1, 0, 90, 0, -0.1, 40), "EPSG:4326")
    random = np.random.default_rng(3)
    values = random.normal(size=(rows, cols)).astype(np.float32)
    values[4:9, 5:9] = np.nan
    codes = random.integers(1, 9, (rows, cols)).astype(np.float32)
    files = []
    for tile in tiles_of(grid, 7):
        row, col, height, width = tile.window
        files.append(tmp_path / f"{tile.name}.tif")
        part = np.stack([values, codes])[:, row : row + height, col : col + width]
        write_geotiff(files[-1], part, tile.geobox, math.nan, ["a", "b"], ["1", "1"], {})
    found = read_small_tiles(files, {"a": False, "b": True}, grid, 9, silent())
    assert found["a"].values.shape == (7, 9)
    for row, col in np.ndindex(7, 9):
        part = values[row * step : (row + 1) * step, col * step : (col + 1) * step]
        expected = np.nan if np.isnan(part).all() else np.nanmean(part)
        assert found["a"].values[row, col] == pytest.approx(expected, rel=1e-6, nan_ok=True)
        middle = (row * step + 1, col * step + 1)
        known = middle[0] < rows and middle[1] < cols
        assert found["b"].values[row, col] == pytest.approx(
            codes[middle] if known else np.nan, nan_ok=True
        )
    assert found["a"].geobox.transform * (0, 0) == pytest.approx((90, 40))
    assert found["a"].geobox.transform * (9, 7) == pytest.approx((92.7, 37.9))


def test_a_picture_is_the_same_bytes_each_time() -> None:
    places = np.random.default_rng(2).integers(0, 4, (50, 60)).astype(np.uint8)
    colours = ["#112233", "#445566", "#778899"]
    first = palette_png(places, colours)
    assert first == palette_png(places, colours)
