"""The pixel grid and the region of a study, from its settings.

In: `[grid]` and `[region]`. Out: an odc-geo GeoBox, and the `Region` within it.
"""

import math
from collections.abc import Iterable

from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from export.advice import typed
from export.covariates.region import Region, open_region
from export.errors import MissingStepError, StudyError
from export.rasters.info import read_info
from export.study import Study
from gee.grid import ALIGNMENT_PX, PLATEAU_PIXEL_DEG, geobox_of_region

Edges = tuple[float, float, float, float]


def study_geobox(study: Study) -> GeoBox:
    """Return the grid of a study's map.

    Raises
    ------
    StudyError
        where the raster that the grid is to be like has no CRS and the study gives none, or the
        region lies outside it.
    GridError, RasterError
        where the region makes no grid, or that raster cannot be read.
    """
    grid, region = study.settings.grid, study.settings.region
    if grid.like is not None:
        like = _geobox_like(study, grid.like)
        return like if region is None else _cropped(like, region_bounds(study, str(like.crs)))
    crs = grid.crs or "EPSG:4326"
    pixel_size = grid.pixel_size or PLATEAU_PIXEL_DEG
    return geobox_of_region(*region_bounds(study, crs), crs, pixel_size)


def study_region(study: Study) -> Region:
    """Return the region of a study: its grid and, where it names one, its mask.

    Raises
    ------
    MissingStepError
        where the mask is of polygons or an asset, and has not been put onto the grid yet.
    """
    region = study.settings.region
    geobox = study_geobox(study)
    if region is None:
        return Region(geobox)
    if region.mask_is_made:
        if not study.region_mask_file.exists():
            raise MissingStepError(
                f"{study.region_mask_file} is not there; {typed('sites', study.folder)} makes it"
            )
        return open_region(geobox, study.region_mask_file)
    if region.mask is None:
        return Region(geobox)
    return open_region(geobox, study.input(region.mask), region.mask_values, crs=region.mask_crs)


def region_text(geobox: GeoBox) -> str:
    """Say in words where a grid lies: "the region (93.1-94.0°E, 35.0-35.8°N)"."""
    box = geobox.boundingbox
    west, south, east, north = _bounds_in(box, str(geobox.crs), "EPSG:4326")
    longitude = f"{_degrees(west, 'E', 'W')} to {_degrees(east, 'E', 'W')}"
    latitude = f"{_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}"
    return f"the region ({longitude}, {latitude})"


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}°{positive if value >= 0 else negative}"


def region_bounds(study: Study, crs: str) -> Edges:
    """Return the edges of the study's region in `crs`: west, south, east, north."""
    region = study.settings.region
    assert region is not None
    edges = region.west, region.south, region.east, region.north
    return _bounds_in(edges, region.crs, crs)


def _bounds_in(edges: Iterable[float], crs: str, to: str) -> Edges:
    """Return the edges (west, south, east, north) of a rectangle in another CRS.

    Its sides bend under projection, so points along them are followed.
    """
    west, south, east, north = edges
    if CRS.from_user_input(crs) == CRS.from_user_input(to):
        return west, south, east, north
    transformer = Transformer.from_crs(crs, to, always_xy=True)
    bounds: Edges = transformer.transform_bounds(west, south, east, north)
    return bounds


def _geobox_like(study: Study, name: str) -> GeoBox:
    path = study.input(name)
    geobox = read_info(path).geobox
    crs = study.settings.grid.crs or geobox.crs
    if crs is None:
        raise StudyError(
            f"grid.like: {path} has no coordinate system; say which in grid.crs, "
            "such as 'EPSG:28992'"
        )
    if geobox.transform.b or geobox.transform.d:
        raise StudyError(f"grid.like: {path} is a rotated raster; the map's grid runs north-south")
    return GeoBox(geobox.shape, geobox.transform, crs)


def _cropped(geobox: GeoBox, bounds: Edges) -> GeoBox:
    """Return the part of a grid that holds the bounds, in whole pixels."""
    west, north = ~geobox.transform * (bounds[0], bounds[3])
    east, south = ~geobox.transform * (bounds[2], bounds[1])
    rows = slice(
        max(0, math.floor(north + ALIGNMENT_PX)),
        min(geobox.shape.y, math.ceil(south - ALIGNMENT_PX)),
    )
    cols = slice(
        max(0, math.floor(west + ALIGNMENT_PX)), min(geobox.shape.x, math.ceil(east - ALIGNMENT_PX))
    )
    if rows.start >= rows.stop or cols.start >= cols.stop:
        raise StudyError(
            f"[region] lies outside the raster that grid.like names ({region_text(geobox)})"
        )
    return geobox[rows, cols]
