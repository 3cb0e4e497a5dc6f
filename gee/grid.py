"""The map's pixel grid and its tiles.

In: a region (west, south, east, north) with a pixel size in the units of its CRS, or positions
in degrees. Out: odc-geo GeoBoxes, tiles with integer pixel windows, rows and columns. Rows
count from the north, columns from the west, both from 0. No Earth Engine here.

Every raster of a study lies on one grid whose edges are whole multiples of the pixel size
counted from the origin of its CRS, so that two studies of one pixel size never differ by a
part of a pixel.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox, GeoboxTiles
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gee.errors import GridError

# 90 m along the equator of the sphere with WGS 84's semi-major axis: what Earth Engine makes of
# a scale of 90 m in EPSG:4326.
PLATEAU_PIXEL_DEG = 90 / 111319.49079327358
PLATEAU_SHAPE = (17_307, 45_343)
_PLATEAU_COL_WEST = 84_138
_PLATEAU_ROW_NORTH = 49_235

# Rounding in double precision reaches some 1e-9 px on the plateau's grid; 1e-6 px is 0.1 mm.
ALIGNMENT_PX = 1e-6


@dataclass(frozen=True)
class Tile:
    """A rectangle of whole pixels of a study's grid.

    Parameters
    ----------
    row, col : its place among the tiles, from the north-west
    geobox : its own grid: CRS, transform, shape (rows, cols)
    window : row_start, col_start, height, width in pixels of the study's grid
    """

    row: int
    col: int
    geobox: GeoBox
    window: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        return f"tile_r{self.row:04d}_c{self.col:04d}"

    @property
    def shape(self) -> tuple[int, int]:
        return self.window[2:]


def plateau_geobox() -> GeoBox:
    """Return the grid of the published plateau map: 17,307 rows and 45,343 columns, EPSG:4326."""
    return _geobox(
        _PLATEAU_COL_WEST, _PLATEAU_ROW_NORTH, *PLATEAU_SHAPE, PLATEAU_PIXEL_DEG, "EPSG:4326"
    )


def geobox_of_region(
    west: float, south: float, east: float, north: float, crs: str, pixel_size: float
) -> GeoBox:
    """Return the smallest grid that holds the region.

    Parameters
    ----------
    west, south, east, north : edges of the region, in the units of `crs`
    crs : anything that PROJ reads, such as ``EPSG:4326``
    pixel_size : width and height of a pixel, in the units of `crs`

    Returns
    -------
    GeoBox
        its edges are the region's, moved outward to whole multiples of `pixel_size`. An edge
        that lies on a multiple to 1e-6 px stays where it is.

    Raises
    ------
    GridError
        where the edges are out of order or out of the CRS's range, the pixel size is not
        positive, or PROJ does not know the CRS.
    """
    edges = {"west": west, "south": south, "east": east, "north": north}
    for name, value in {**edges, "pixel_size": pixel_size}.items():
        if not math.isfinite(value):
            raise GridError(f"{name} = {value} is not a number; give it in the units of {crs}")
    if pixel_size <= 0:
        raise GridError(f"pixel_size = {pixel_size} must be positive, in the units of {crs}")
    if west >= east:
        raise GridError(
            f"west ({west}) must lie west of east ({east}). Are the two swapped? "
            "A region across the antimeridian is not supported; choose a projected CRS for it"
        )
    if south >= north:
        raise GridError(f"south ({south}) must lie south of north ({north}). Are the two swapped?")
    if _known_crs(crs).is_geographic:
        for name, limit in (("west", 180), ("east", 180), ("south", 90), ("north", 90)):
            if abs(edges[name]) > limit:
                raise GridError(
                    f"{name} = {edges[name]} is no coordinate in {crs}: "
                    f"it must lie between -{limit} and {limit} degrees"
                )
    col_west = math.floor(west / pixel_size + ALIGNMENT_PX)
    col_east = math.ceil(east / pixel_size - ALIGNMENT_PX)
    row_north = math.ceil(north / pixel_size - ALIGNMENT_PX)
    row_south = math.floor(south / pixel_size + ALIGNMENT_PX)
    return _geobox(col_west, row_north, row_north - row_south, col_east - col_west, pixel_size, crs)


def tiles_of(geobox: GeoBox, tile_px: int = 512) -> list[Tile]:
    """Divide a grid into tiles, row by row from the north-west; those at its edge are smaller."""
    if tile_px < 1:
        raise GridError(f"tile_px = {tile_px}: a tile holds at least one pixel")
    tiling = GeoboxTiles(geobox, (tile_px, tile_px))
    tiles = []
    for row, col in np.ndindex(*tiling.shape.shape):
        rows, cols = tiling.roi[row, col]
        height, width = tiling.chunk_shape((row, col)).yx
        tiles.append(
            Tile(row, col, tiling[row, col], (rows.start, cols.start, int(height), int(width)))
        )
    return tiles


def positions(
    geobox: GeoBox, longitude: ArrayLike, latitude: ArrayLike, crs: str = "EPSG:4326"
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the pixels that hold the given positions.

    Parameters
    ----------
    longitude, latitude : (n,) float, easting and northing in the units of `crs` where that is
        not geographic; always in this order
    crs : that of the positions

    Returns
    -------
    rows, cols : (n,) int. Outside the grid they count on, below 0 or beyond the shape; -1 where
        the grid's projection does not reach the position
    inside : (n,) bool

    A pixel holds its western and northern edge, not its eastern and southern one; a position
    within 1e-6 px of an edge lies on it.

    Raises
    ------
    GridError
        where a coordinate is missing or infinite, with the index of the first.
    """
    easting, northing = np.broadcast_arrays(
        np.atleast_1d(np.asarray(longitude, float)), np.atleast_1d(np.asarray(latitude, float))
    )
    unknown = ~(np.isfinite(easting) & np.isfinite(northing))
    if unknown.any():
        first = int(np.flatnonzero(unknown)[0])
        raise GridError(
            f"position {first} (counted from 0) has no finite coordinates: "
            f"longitude {easting[first]}, latitude {northing[first]}"
        )
    easting, northing = _transformer(crs, str(geobox.crs)).transform(easting, northing)
    with np.errstate(invalid="ignore"):  # infinity where the projection ends
        col_float, row_float = ~geobox.transform * (easting, northing)
    reached = np.isfinite(col_float) & np.isfinite(row_float)
    cols, rows = (
        np.floor(np.where(reached, place, -1.0) + ALIGNMENT_PX).astype(np.int64)
        for place in (col_float, row_float)
    )
    height, width = geobox.shape.yx
    inside = reached & (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    return rows, cols, inside


def centres(
    geobox: GeoBox, rows: ArrayLike, cols: ArrayLike, crs: str = "EPSG:4326"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude (easting and northing in `crs`) of the centres of pixels."""
    easting, northing = geobox.transform * (
        np.atleast_1d(np.asarray(cols, float)) + 0.5,
        np.atleast_1d(np.asarray(rows, float)) + 0.5,
    )
    longitude, latitude = _transformer(str(geobox.crs), crs).transform(easting, northing)
    return longitude, latitude


def relative_area(geobox: GeoBox) -> NDArray[np.float64]:
    """Return the ground area of a pixel of each row, relative to one at the equator, (rows,).

    The cosine of the latitude in a geographic CRS; 1 in a projected one, whose own distortion
    over a region is left out.
    """
    height = geobox.shape.y
    if not _known_crs(str(geobox.crs)).is_geographic:
        return np.ones(height)
    latitude = geobox.transform.f + geobox.transform.e * (np.arange(height) + 0.5)
    area: NDArray[np.float64] = np.cos(np.radians(latitude))
    return area


def grid_to_json(geobox: GeoBox) -> dict[str, Any]:
    """Return CRS, the six coefficients of the transform, and shape (rows, cols)."""
    height, width = geobox.shape.yx
    return {
        "crs": str(geobox.crs),
        "transform": [float(number) for number in tuple(geobox.transform)[:6]],
        "shape": [int(height), int(width)],
    }


def grid_from_json(fields: Mapping[str, Any]) -> GeoBox:
    """Return the grid that `grid_to_json` described, equal to the bit."""
    try:
        height, width = fields["shape"]
        return GeoBox((int(height), int(width)), Affine(*fields["transform"]), fields["crs"])
    except (KeyError, TypeError, ValueError) as error:
        raise GridError(
            "a saved grid needs 'crs', 'transform' (six numbers) and 'shape' (rows, columns): "
            f"{dict(fields)}"
        ) from error


def _geobox(
    col_west: int, row_north: int, height: int, width: int, pixel_size: float, crs: str
) -> GeoBox:
    transform = Affine(
        pixel_size, 0.0, col_west * pixel_size, 0.0, -pixel_size, row_north * pixel_size
    )
    return GeoBox((height, width), transform, crs)


@lru_cache(maxsize=64)
def _known_crs(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise GridError(f"crs '{crs}' is not known to PROJ; write it like 'EPSG:4326'") from error


@lru_cache(maxsize=64)
def _transformer(crs: str, to: str) -> Transformer:
    return Transformer.from_crs(_known_crs(crs), _known_crs(to), always_xy=True)
