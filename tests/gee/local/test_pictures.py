"""Map tiles, thumbnails and visualisation."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from pyproj import Transformer

Pixels = Callable[..., np.ndarray[Any, Any]]


def opened(content: bytes) -> np.ndarray[Any, Any]:
    """(bands, rows, cols) of a picture."""
    with rasterio.open(io.BytesIO(content)) as source:
        values: np.ndarray[Any, Any] = source.read()
    return values


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestTiles:
    def test_a_tile_shows_the_image_where_it_lies(self, service: Any) -> None:
        """Fault: rows counted from the south; a picture on the neighbour's tile."""
        image = ee.Image("PLACES").select("col")
        zoom = 14
        lon, lat = Transformer.from_crs("EPSG:32646", "EPSG:4326", always_xy=True).transform(
            500_480, 3_999_680
        )
        col = int((lon + 180) / 360 * 2**zoom)
        angle = np.radians(lat)
        row = int((1 - np.arcsinh(np.tan(angle)) / np.pi) / 2 * 2**zoom)
        map_id = image.getMapId({"min": 0, "max": 95, "palette": ["black", "white"]})
        picture = opened(map_id["tile_fetcher"].fetch_tile(col, row, zoom))
        assert picture.shape == (4, 256, 256)
        inside = picture[3] == 255
        assert inside.any()
        assert not inside.all()
        shades = [picture[0][:, c][inside[:, c]] for c in range(256) if inside[:, c].any()]
        means = [float(part.mean()) for part in shades]
        assert all(later >= earlier for earlier, later in pairwise(means))
        far = opened(map_id["tile_fetcher"].fetch_tile(0, 0, zoom))
        assert not far[3].any()

    def test_features_are_drawn(self, service: Any) -> None:
        """Fault: a disc of metres instead of pixels, or at the wrong place."""
        place = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(0, 0))])
        map_id = place.getMapId({"color": "FF0000"})
        # The tile south-east of the origin has it at its upper left corner.
        picture = opened(map_id["tile_fetcher"].fetch_tile(2, 2, 2))
        shown = picture[3] == 255
        assert shown[:2, :2].all()
        assert shown.sum() == sum(
            (c + 0.5) ** 2 + (r + 0.5) ** 2 <= 9 for c in range(4) for r in range(4)
        )
        assert picture[:3, 0, 0].tolist() == [255, 0, 0]

    def test_thumbnails_have_the_size_asked_for(self, service: Any) -> None:
        """Fault: the thumbnail squeezed, or a JPEG with holes."""
        url = ee.Image("HILLS").getThumbURL(
            {"min": 4000, "max": 5000, "dimensions": 48, "format": "png"}
        )
        answer = service.handle("GET", f"http://local/v1/{url.partition('/v1/')[2]}", b"")
        assert answer.status == 200
        assert answer.content_type == "image/png"
        assert opened(answer.body).shape == (4, 32, 48)


class TestVisualize:
    def test_stretch_gamma_and_palette(self, pixels: Pixels, service: Any) -> None:
        """Fault: a range applied twice; colours in the wrong order."""
        col = ee.Image("PLACES").select("col")
        grey = pixels(col.visualize(min=0, max=51, forceRgbOutput=True))
        assert grey.dtype.names == ("vis-red", "vis-green", "vis-blue")
        np.testing.assert_array_equal(
            grey["vis-red"][0], np.minimum(np.arange(96) * 5, 255).astype(np.uint8)
        )
        coloured = pixels(col.visualize(min=0, max=2, palette=["FF0000", "lime", "#0000ff"]))
        assert [tuple(coloured[0, c].tolist()) for c in range(3)] == [
            (255, 0, 0),
            (0, 255, 0),
            (0, 0, 255),
        ]
        bright = pixels(col.visualize(min=0, max=100, gamma=2, forceRgbOutput=True))
        assert bright["vis-red"][0, 25] == 128

    def test_mistakes_are_refused(self, pixels: Pixels, service: Any) -> None:
        """Fault: a misspelt colour drawn black."""
        with pytest.raises(ee.EEException, match="Invalid color: 'rde'"):
            pixels(ee.Image(1).visualize(palette=["rde"]))
        with pytest.raises(ee.EEException, match="more than one band"):
            pixels(ee.Image([1, 2, 3]).visualize(palette=["red"]))
