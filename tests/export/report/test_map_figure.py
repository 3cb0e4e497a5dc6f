"""The picture of the map: read small, north up, in honest colours."""

import base64
import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from matplotlib.figure import Figure
from matplotlib.image import imread
from pyproj import Geod

from export.errors import RasterError
from export.report.drawing import draw
from export.report.map_figure import (
    MOISTURE_COLOURS,
    colour_map,
    map_figure,
    read_picture,
)

NO_SITES = pd.DataFrame({"longitude": [], "latitude": []}, dtype=float)


def _write(path: Path, values: np.ndarray, crs: str | None, pixel: float) -> Path:
    west, north = (93.0, 35.5) if crs in (None, "EPSG:4326") else (500_000.0, 4_000_000.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
            dtype="float32", nodata=-9999, crs=crs,
            transform=rasterio.Affine(pixel, 0, west, 0, -pixel, north),
        ) as dataset:  # fmt: skip
            dataset.write(values.astype(np.float32), 1)
    return path


def _png(svg: str) -> np.ndarray:
    """Return the embedded picture as it is shown, (rows, cols, 4) in 0-1, top row first."""
    image = re.search(r"<image [^>]*>", svg)
    assert image is not None
    content = re.search(r"base64,([^\"]*)", image[0])
    matrix = re.search(r'transform="matrix\(([^)]*)\)"', image[0])
    assert content is not None
    assert matrix is not None
    _, _, _, down, *_ = map(float, matrix[1].split())
    pixels = np.asarray(imread(io.BytesIO(base64.b64decode(content[1])), format="png"))
    return pixels if down > 0 else pixels[::-1]


def test_a_large_map_is_read_small_with_its_shape_kept(tmp_path: Path) -> None:
    # Read whole, the plateau's 785 million pixels would fill 3 GB.
    values = np.arange(200)[:, None] + np.zeros((200, 500))
    picture = read_picture(_write(tmp_path / "a.tif", values, "EPSG:4326", 0.001), 100)
    assert picture.values.shape == (40, 100)
    assert picture.shape == (200, 500)
    assert np.allclose(picture.values[:, 0], np.arange(40) * 5 + 2, atol=2.5)


def test_overviews_are_what_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.zeros((256, 256)), "EPSG:4326", 0.001)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=1) as overview:
        overview.write(np.full((1, *overview.shape), 7, dtype=np.float32))
    assert (read_picture(path, 64).values == 7).all()


def test_nodata_stays_without_value_and_colour(tmp_path: Path) -> None:
    values = np.full((10, 10), 0.25)
    values[3, 4] = -9999
    picture = read_picture(_write(tmp_path / "a.tif", values, "EPSG:4326", 0.01))
    assert np.isnan(picture.values[3, 4])
    assert picture.present.size == 99
    assert colour_map()(np.ma.masked_invalid([np.nan]))[0][3] == 0


def test_a_map_without_crs_is_refused_by_name(tmp_path: Path) -> None:
    path = _write(tmp_path / "nowhere.tif", np.zeros((5, 5)), None, 0.01)
    with pytest.raises(RasterError, match=r"nowhere\.tif has no CRS"):
        read_picture(path)


def test_wet_north_is_drawn_dark_and_on_top(files: Any) -> None:
    # An image drawn upside down still looks like a map.
    picture = read_picture(files.folder / "map" / "vwc.tif")
    pixels = _png(map_figure("map", picture, NO_SITES, "vwc", "m3 m-3"))
    light = pixels[:, 2, :3].mean(axis=1)
    assert light[0] < 0.4 < 0.8 < light[-1]
    assert (np.diff(light) >= -1e-6).all()
    assert pixels[-1, -1, 3] == 0


def test_every_site_is_a_dot(files: Any) -> None:
    picture = read_picture(files.folder / "map" / "vwc.tif")
    sites = pd.read_csv(files.folder / "sites/screened.csv")
    without = map_figure("map", picture, NO_SITES, "vwc", "m3 m-3").count("<use")
    assert map_figure("map", picture, sites, "vwc", "m3 m-3").count("<use") == without + 60


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32646", "EPSG:3035"])
def test_edges_are_labelled_in_degrees_and_the_scale_in_km(tmp_path: Path, crs: str) -> None:
    pixel = 0.01 if crs == "EPSG:4326" else 1000.0
    path = _write(tmp_path / "a.tif", np.random.default_rng(1).random((60, 80)), crs, pixel)
    svg = map_figure("map", read_picture(path), NO_SITES, "vwc", "m3 m-3")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert len([t for t in texts if re.fullmatch(r"[\d.]+°[EW]", t)]) >= 2
    assert len([t for t in texts if re.fullmatch(r"[\d.]+°[NS]", t)]) >= 2
    assert len([t for t in texts if re.fullmatch(r"\d+ km", t)]) == 1


def test_scale_bar_is_as_long_as_it_says(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", np.random.default_rng(1).random((60, 80)), "EPSG:4326", 0.01)
    svg = map_figure("map", read_picture(path), NO_SITES, "vwc", "m3 m-3")
    label = re.search(r">(\d+) km<", svg)
    bar = re.search(r'd="M ([\d.]+) [\d.]+ \s*L ([\d.]+) [\d.]+ \s*"[^>]*stroke-width: 2\.2', svg)
    meridians = re.findall(r'x="([\d.]+)"[^>]*>([\d.]+)°E<', svg)
    assert label
    assert bar
    (first, west), *_, (last, east) = meridians
    _, _, ground_m = Geod(ellps="WGS84").inv(float(west), 35.2, float(east), 35.2)
    metres_a_point = ground_m / (float(last) - float(first))
    length_m = (float(bar[2]) - float(bar[1])) * metres_a_point
    assert length_m == pytest.approx(1000 * int(label[1]), rel=0.01)


def test_colours_darken_in_equal_steps() -> None:
    # Steps of unequal lightness would draw edges where the moisture has none.
    lab = np.array([_cielab(colour) for colour in MOISTURE_COLOURS])
    assert (np.diff(lab[:, 0]) < -5).all()
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.6


def _cielab(colour: str) -> np.ndarray:
    """CIE 1976 L*a*b* of an sRGB colour, D65."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    relative = np.array(to_xyz) @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("colours", [200, 5000])
def test_storing_few_colours_with_a_palette_changes_no_pixel(colours: int) -> None:
    random = np.random.default_rng(5)
    palette = random.integers(0, 256, (colours, 4), dtype=np.uint8)
    palette[:, 3] = np.where(np.arange(colours) % 2, 255, 0)
    palette[palette[:, 3] == 0] = 0
    pixels = palette[random.integers(0, colours, (90, 120))]

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(pixels, interpolation="none", aspect="auto")

    stored = _png(draw("exact", (4, 3), "noise", paint))
    assert np.array_equal(np.round(stored * 255).astype(np.uint8), pixels)
