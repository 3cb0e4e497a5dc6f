"""A region given as shapes or as an asset, put onto the study's grid once.

In: a function that says which pixels of a window lie inside. Out: `region_mask.tif`, uint8, 1
inside and 0 outside, on the study's grid; from then on it is read like any other mask.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from export.errors import RasterError, StudyError
from export.parallel import in_order
from export.progress import Progress
from export.rasters.writing import write_windows
from gee.grid import tiles_of

Inside = Callable[[GeoBox], NDArray[np.bool_]]
"""A window of the grid → (rows, cols) bool."""

WINDOW_PX = 2048

_POLYGON = 3
"""Shapely's number of the type; higher ones are collections of others."""


def vector_files(path: Path) -> list[Path]:
    """Return the files that shapes are read from: those of a shapefile lie beside each other."""
    if path.suffix.lower() != ".shp":
        return [path]
    return sorted(
        beside
        for beside in path.parent.iterdir()
        if beside.stem == path.stem
        and beside.suffix.lower() in (".shp", ".shx", ".dbf", ".prj", ".cpg")
    )


def vector_inside(path: Path, layer: str | None, crs: str | None, geobox: GeoBox) -> Inside:
    """Return which pixels have their centre in one of a file's polygons.

    Parameters
    ----------
    layer : of the file; needed where it has several
    crs : of the shapes, where the file has none
    geobox : the study's grid, whole

    Raises
    ------
    RasterError
        where the file cannot be read, or holds no polygons or none that touch the grid.
    StudyError
        where it has several layers and none is named, or no CRS.
    """
    shapes = _polygons(path, layer, crs, geobox)
    tree = shapely.STRtree(shapes)

    def inside(window: GeoBox) -> NDArray[np.bool_]:
        touched = tree.query(shapely.box(*window.boundingbox.bbox))
        if not touched.size:
            return np.zeros(tuple(window.shape.yx), bool)
        burnt: NDArray[np.uint8] = rasterize(
            [shapes[number] for number in touched],
            out_shape=tuple(window.shape.yx),
            transform=window.transform,
            dtype="uint8",
        )
        return burnt.astype(bool)

    return inside


def write_region_mask(
    path: Path, geobox: GeoBox, inside: Inside, progress: Progress, workers: int = 0
) -> int:
    """Write the mask, whole or not at all; return how many pixels lie inside.

    Parameters
    ----------
    workers : windows at once; 0: one a core
    """
    windows = tiles_of(geobox, WINDOW_PX)
    count = 0

    def parts() -> Any:
        nonlocal count
        with progress.task("mask of the region", len(windows)) as task:
            found = in_order(lambda window: inside(window.geobox), windows, workers)
            for window, values in zip(windows, found, strict=True):
                count += int(values.sum())
                yield window.window, values.astype(np.uint8)
                task.advance()

    write_windows(path, geobox, "uint8", "region", parts())
    return count


def _polygons(
    path: Path, layer: str | None, crs: str | None, geobox: GeoBox
) -> NDArray[np.object_]:
    """Return the polygons of a file in the grid's CRS."""
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is None and len(names) > 1:
            raise StudyError(
                f"{path} has several layers: {', '.join(names)}; say which in region.mask_layer"
            )
        if layer is not None and layer not in names:
            raise StudyError(f"{path} has no layer '{layer}'; it has: {', '.join(names)}")
        meta, _, geometry, _ = pyogrio.raw.read(path, layer=layer, columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise RasterError(f"{path} cannot be read as shapes ({error})") from error
    theirs = crs or meta["crs"]
    if theirs is None:
        raise StudyError(f"{path} has no coordinate system; say which in region.mask_crs")
    shapes = _areas(shapely.make_valid(shapely.from_wkb(geometry)))
    if not shapes.size:
        raise RasterError(f"{path} holds no polygons; a region is given by its area")
    if CRS.from_user_input(theirs) != CRS.from_user_input(str(geobox.crs)):
        move = Transformer.from_crs(theirs, str(geobox.crs), always_xy=True).transform
        shapes = shapely.transform(shapes, move, interleaved=False)
    if not shapely.intersects(shapes, shapely.box(*geobox.boundingbox.bbox)).any():
        raise RasterError(
            f"{path}: no polygon touches the region. Is its coordinate system ({theirs}) right?"
        )
    return np.asarray(shapes, object)


def _areas(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons that shapes consist of, one by one.

    A polygon made valid leaves its spikes as lines, of which every pixel they touch would be burnt.
    """
    while (shapely.get_type_id(shapes) > _POLYGON).any():
        shapes = shapely.get_parts(shapes)
    areas = (shapely.get_type_id(shapes) == _POLYGON) & ~shapely.is_empty(shapes)
    return np.asarray(shapes[areas], object)
