"""The edges of the region as lines on a map.

In: a study. Out: closed rings of (latitude, longitude) in degrees: the edge of its grid and,
where it names a mask, the edges of what lies inside it, drawn at some hundred metres.
"""

from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.features import shapes
from shapely.geometry import shape

from export.covariates.region import open_region, read_region
from export.study import Study
from gee.grid import Tile

Ring = tuple[tuple[float, float], ...]
"""(latitude, longitude) of each corner; the last is the first."""

_POINTS_A_SIDE = 24
_MASK_PX = (1000, 500, 250)
"""Pixels on the longer side of a mask, from which its edges are drawn: the most that give no more
than `_MOST_CORNERS`."""
_MOST_CORNERS = 15_000
_SMALLEST_PX = 6.0
"""Areas of fewer such pixels are left out."""


def grid_outline(geobox: GeoBox) -> Ring:
    """Return the edge of a grid; its sides are followed, since they may bend on the map."""
    west, south, east, north = geobox.boundingbox.bbox
    along = np.linspace(0, 1, _POINTS_A_SIDE + 1)[:-1]
    across = np.concatenate([
        west + along * (east - west), np.full(_POINTS_A_SIDE, east),
        east - along * (east - west), np.full(_POINTS_A_SIDE, west), [west],
    ])  # fmt: skip
    up = np.concatenate([
        np.full(_POINTS_A_SIDE, south), south + along * (north - south),
        np.full(_POINTS_A_SIDE, north), north - along * (north - south), [south],
    ])  # fmt: skip
    return _in_degrees(across, up, geobox)


def mask_outlines(study: Study, geobox: GeoBox) -> tuple[Ring, ...]:
    """Return the edges of what lies inside the region's mask; none where there is no mask, or it
    has not been put onto the grid yet.

    Raises
    ------
    RasterError
        where the study names a mask that cannot be read.
    """
    settings = study.settings.region
    if settings is None or (settings.mask is None and not settings.mask_is_made):
        return ()
    if settings.mask_is_made:
        if not study.region_mask_file.exists():
            return ()
        path, values, crs = study.region_mask_file, None, None
    else:
        assert settings.mask is not None
        path, values, crs = study.input(settings.mask), settings.mask_values, settings.mask_crs
    for mask_px in _MASK_PX:
        rings = _rings(path, values, crs, geobox, mask_px)
        if sum(map(len, rings)) <= _MOST_CORNERS:
            break
    return rings


def _rings(
    path: Path, values: tuple[int, ...] | None, crs: str | None, geobox: GeoBox, mask_px: int
) -> tuple[Ring, ...]:
    """Return the edges of a mask that is looked at with so many pixels on its longer side."""
    height, width = geobox.shape.yx
    step = max(1, -(-max(height, width) // mask_px))
    small = (max(1, height // step), max(1, width // step))
    coarse = GeoBox(
        small, geobox.transform * Affine.scale(width / small[1], height / small[0]), geobox.crs
    )
    inside = read_region(open_region(coarse, path, values, crs), Tile(0, 0, coarse, (0, 0, *small)))
    found = shapes(inside.astype(np.uint8), inside, transform=coarse.transform)
    areas = [shape(area) for area, _ in found]
    pixel = abs(coarse.transform.a)
    large = [area for area in areas if area.area >= _SMALLEST_PX * pixel**2] or areas
    rings = []
    for area in shapely.simplify(large, 0.7 * pixel):
        corners = [area.exterior, *area.interiors]
        for ring in corners:
            if shapely.Polygon(ring).area >= _SMALLEST_PX * pixel**2:
                across, up = np.asarray(ring.coords).T
                rings.append(_in_degrees(across, up, coarse))
    return tuple(rings)


def _in_degrees(across: np.ndarray, up: np.ndarray, geobox: GeoBox) -> Ring:
    to_degrees = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(across, up)
    return tuple(
        (round(float(north), 5), round(float(east), 5))
        for north, east in zip(latitude, longitude, strict=True)
    )
