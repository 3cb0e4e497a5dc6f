"""Projections of images: reading them, pinning them, and how pixels get from one to another.

`reproject` pins a lattice: everything before it is computed there, whatever is asked for after.
`resample` and `reduceResolution` act where the lattice of a request differs from the image's own.
Both need an image with a projection that means something: on a composite they are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine

from gee.local import pixel_types
from gee.local.coercion import to_projection
from gee.local.errors import InvalidRequestError
from gee.local.footprints import RasterFootprint
from gee.local.grids import PixelGrid, Projection
from gee.local.images import Band, Image, joint_bands
from gee.local.overlaps import overlap_reduction
from gee.local.pixels import Array, Pixels, restrict
from gee.local.rasters import EDGE_TOLERANCE_PX, level_for
from gee.local.recent import Recent
from gee.local.reducers import Reducer, check_inputs, output_names
from gee.local.registry import algorithm
from gee.local.shapes import shape_in
from gee.local.values import Geometry


@algorithm("Projection", "Proj")
def projection(crs: Any, transform: list[Any] | None, transformWkt: str | None) -> Projection:
    """A CRS with a transform (column scale, column shear, west, row shear, row scale, north)."""
    if transformWkt is not None:
        raise InvalidRequestError("Projection: transformWkt is not known here.")
    made = to_projection(crs)
    if made is None:
        raise InvalidRequestError("Projection: The CRS must be a text.")
    return made if transform is None else with_transform(made, transform, "Projection")


def with_transform(made: Projection, transform: list[Any], name: str) -> Projection:
    """The projection with another transform."""
    if len(transform) != 6:
        raise InvalidRequestError(f"{name}: A transform has 6 numbers, not {len(transform)}.")
    return Projection(made.crs, tuple(float(number) for number in transform))  # type: ignore[arg-type]


def chosen_projection(
    crs: Projection | None,
    transform: list[Any] | None,
    scale: float | None,
    default: Projection,
    name: str,
) -> Projection:
    """The projection that the arguments crs, crsTransform and scale mean together."""
    if transform is not None and scale is not None:
        raise InvalidRequestError(f"{name}: Can't specify both 'scale' and 'crsTransform'.")
    made = default if crs is None else crs
    if transform is not None:
        return with_transform(made, transform, name)
    if scale is not None:
        if scale <= 0:
            raise InvalidRequestError(f"{name}: The scale must be positive, not {scale}.")
        return made.at_scale(scale)
    return made


@algorithm("Projection.crs")
def crs_of(projection: Projection) -> str:
    """The name of its CRS."""
    return projection.crs


@algorithm("Projection.nominalScale")
def nominal_scale(proj: Projection) -> float:
    """Metres a pixel at the point of true scale."""
    return proj.nominal_scale


@algorithm("Projection.atScale")
def at_scale(projection: Projection, meters: float) -> Projection:
    """With pixels of so many metres."""
    return projection.at_scale(meters)


@algorithm("Projection.scale")
def scale(projection: Projection, x: float, y: float) -> Projection:
    """With pixels so many times as wide and high."""
    return projection.scaled(x, y)


@algorithm("Projection.translate")
def translate(projection: Projection, x: float, y: float) -> Projection:
    """With the origin moved by so many pixels."""
    return Projection(projection.crs, tuple(projection.affine * Affine.translation(x, y))[:6])


@algorithm("Image.projection")
def projection_of(image: Image) -> Projection:
    """The default projection; all bands must share it."""
    found = {band.projection for band in image.bands}
    if len(found) > 1:
        raise InvalidRequestError(
            "Image.projection: The bands of the specified image contains different projections. "
            "Use Image.select to pick a single band."
        )
    return image.first_band("Image.projection").projection


def covering(grid: PixelGrid, lattice: Projection, margin: int) -> PixelGrid:
    """The window of a lattice that holds every pixel centre of a grid, with a margin."""
    cols, rows = grid.pixel_positions(lattice)
    finite = np.isfinite(cols) & np.isfinite(rows)
    if not finite.any():
        return PixelGrid(lattice, 0, 0, 1, 1)
    cols, rows = cols[finite], rows[finite]
    col = int(np.floor(cols.min() + EDGE_TOLERANCE_PX)) - margin
    row = int(np.floor(rows.min() + EDGE_TOLERANCE_PX)) - margin
    width = int(np.floor(cols.max() + EDGE_TOLERANCE_PX)) - col + 1 + margin
    height = int(np.floor(rows.max() + EDGE_TOLERANCE_PX)) - row + 1 + margin
    if width * height > 64 * 10**6:
        raise InvalidRequestError(f"Reprojection output too large ({width}x{height} pixels).")
    return PixelGrid(lattice, col, row, width, height)


def nearest_from(band: Band, lattice: Projection, grid: PixelGrid) -> Pixels:
    """A band computed on a lattice, and the nearest of its pixels for each pixel of a grid."""
    window = covering(grid, lattice, margin=0)
    if window.shape == grid.shape and lattice == grid.projection:
        return band.pixels(grid)
    pixels = band.pixels(window)
    cols, rows = grid.pixel_positions(lattice)
    inside = np.isfinite(cols) & np.isfinite(rows)
    col = np.floor(np.where(inside, cols, 0) + EDGE_TOLERANCE_PX).astype(np.int64) - window.col
    row = np.floor(np.where(inside, rows, 0) + EDGE_TOLERANCE_PX).astype(np.int64) - window.row
    col = np.clip(col, 0, window.width - 1)
    row = np.clip(row, 0, window.height - 1)
    return Pixels(pixels.values[row, col], restrict(pixels.mask[row, col], inside))


@algorithm("Image.reproject")
def reproject(
    image: Image, crs: Projection, crsTransform: list[float] | None, scale: float | None
) -> Image:
    """Computed on a lattice of its own, of which requests take the nearest pixel."""
    lattice = chosen_projection(crs, crsTransform, scale, crs, "Image.reproject")
    bands = []
    for band in image.bands:

        def compute(grid: PixelGrid, band: Band = band) -> Pixels:
            return nearest_from(band, lattice, grid)

        bands.append(replace(band, compute=compute, projection=lattice, size=None))
    return image.with_bands(bands)


@algorithm("Image.setDefaultProjection")
def set_default_projection(
    image: Image, crs: Projection, crsTransform: list[float] | None, scale: float | None
) -> Image:
    """With another default projection; no pixel moves."""
    lattice = chosen_projection(crs, crsTransform, scale, crs, "Image.setDefaultProjection")
    return image.with_bands(replace(band, projection=lattice, size=None) for band in image.bands)


def require_projection(image: Image, name: str) -> None:
    """Refuse a composite, whose one-degree projection says nothing about its pixels."""
    for band in image.bands:
        if band.projection.is_composite_default:
            raise InvalidRequestError(
                f"{name}: The band '{band.name}' has the default projection of composites and "
                "constants (EPSG:4326 at 1 degree), on which this means nothing. Apply it to the "
                "images before they are composited, or set a projection first "
                "(setDefaultProjection)."
            )


@algorithm("Image.resample")
def resample(image: Image, mode: str) -> Image:
    """Interpolated between pixels wherever a request's lattice is another."""
    if mode not in ("bilinear", "bicubic"):
        raise InvalidRequestError(f"Image.resample: Unknown mode '{mode}' (bilinear or bicubic).")
    require_projection(image, "Image.resample")
    bands = []
    for band in image.bands:

        def compute(grid: PixelGrid, band: Band = band) -> Pixels:
            return interpolated(band, grid, mode)

        whole = band.pixel_type.is_integer
        own = pixel_types.DOUBLE if whole else band.pixel_type
        bands.append(replace(band, compute=compute, pixel_type=own))
    return image.with_bands(bands)


def interpolated(band: Band, grid: PixelGrid, mode: str) -> Pixels:
    """Bilinear or bicubic (Keys 1981, a = -0.5) interpolation of a band's pixels.

    The lattice is the band's own, at the pyramid level that the request reads. A pixel is masked
    where any of the neighbours that count is.
    """
    factor = 2 ** level_for(grid, band.projection)
    lattice = band.projection.scaled(factor, factor)
    taps = _TAPS.get((grid, lattice, mode), lambda: _taps_of(grid, lattice, mode))
    pixels = band.pixels(taps.window)
    values, valid = pixels.values.ravel(), pixels.valid
    everywhere = bool(valid.all())
    flags = valid.ravel()
    total = np.zeros(grid.shape)
    mask = np.ones(grid.shape, dtype=bool)
    for row, row_weight in zip(taps.rows, taps.row_weights, strict=True):
        for col, col_weight in zip(taps.cols, taps.col_weights, strict=True):
            weight = row_weight * col_weight
            place = row + col
            total += weight * values.take(place)
            if not everywhere:
                mask &= flags.take(place) | (weight == 0)
    target = pixel_types.DOUBLE if band.pixel_type.is_integer else band.pixel_type
    return Pixels(pixel_types.cast(np.where(mask, total, 0.0), target), mask)


@dataclass(frozen=True)
class _Taps:
    """Where on a lattice the neighbours of a grid's pixels lie, and what each counts.

    `rows` are flat offsets of the neighbours' rows in `window`, `cols` those of their columns; one
    array (rows, cols) a neighbour, or one that broadcasts to it.
    """

    window: PixelGrid
    rows: list[Array]
    cols: list[Array]
    row_weights: list[Array]
    col_weights: list[Array]

    @property
    def size_bytes(self) -> int:
        """What the arrays take."""
        lists = (self.rows, self.cols, self.row_weights, self.col_weights)
        return sum(array.nbytes for arrays in lists for array in arrays)


def _taps_of(grid: PixelGrid, lattice: Projection, mode: str) -> _Taps:
    count = 2 if mode == "bilinear" else 4
    cols, rows = grid.pixel_positions(lattice)
    near_col, near_row = cols - 0.5, rows - 0.5
    whole_col = np.abs(near_col - np.rint(near_col)) < EDGE_TOLERANCE_PX
    whole_row = np.abs(near_row - np.rint(near_row)) < EDGE_TOLERANCE_PX
    near_col = np.where(whole_col, np.rint(near_col), near_col)
    near_row = np.where(whole_row, np.rint(near_row), near_row)
    window = covering(grid, lattice, margin=count)
    base_col, base_row = np.floor(near_col), np.floor(near_row)
    first = 1 - count // 2
    left = base_col.astype(np.int64) - window.col
    top = base_row.astype(np.int64) - window.row
    return _Taps(
        window,
        [np.clip(top + first + k, 0, window.height - 1) * window.width for k in range(count)],
        [np.clip(left + first + k, 0, window.width - 1) for k in range(count)],
        _tap_weights(near_row - base_row, mode),
        _tap_weights(near_col - base_col, mode),
    )


# Many scenes share a lattice.
_TAPS: Recent[tuple[PixelGrid, Projection, str], _Taps] = Recent(
    48 * 2**20, lambda taps: taps.size_bytes
)


def _tap_weights(fraction: Array, mode: str) -> list[Array]:
    if mode == "bilinear":
        return [1 - fraction, fraction]
    t = fraction
    return [
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    ]


@algorithm("Image.reduceResolution")
def reduce_resolution(image: Image, reducer: Reducer, bestEffort: bool, maxPixels: int) -> Image:
    """All native pixels of each output pixel through a reducer, weighted by what they cover."""
    require_projection(image, "Image.reduceResolution")
    check_inputs(reducer, len(image.bands), "Image.reduceResolution")
    if reducer.inputs > 1:
        groups = [(image.bands, list(reducer.outputs))]
    else:
        groups = [
            ((band,), output_names(reducer, [band.name], prefixed=False)) for band in image.bands
        ]
    bands: list[Band] = []
    for members, names in groups:
        compute_all, targets = overlap_reduction(members, reducer, bestEffort, maxPixels)
        templates = [
            replace(members[0], name=name, pixel_type=target, size=None)
            for name, target in zip(names, targets, strict=True)
        ]
        bands += joint_bands(compute_all, templates)
    return image.with_bands(bands)


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    input: Image,  # noqa: A002
    geometry: Geometry | None,
    width: int | None,
    height: int | None,
    maxDimension: int | None,
    scale: float | None,
) -> Image:
    """Cut to the bounds of a geometry in the image's projection, with pixels of a chosen size."""
    name = "Image.clipToBoundsAndScale"
    own = input.first_band(name).projection
    region = geometry
    if region is None:
        footprint = input.footprint
        if footprint is None:
            raise InvalidRequestError(f"{name}: The image is unbounded; name a geometry.")
        region = Geometry(footprint.outline(), geodesic=False)
    west, south, east, north = shape_in(region, own.crs).bounds
    if scale is not None:
        window = own.at_scale(scale).window(west, south, east, north)
    elif width is not None or maxDimension is not None:
        long = max(east - west, north - south)
        if width is not None and height is not None:
            size = (width, height)
        elif maxDimension is not None:
            factor = maxDimension / long
            size = (
                max(round((east - west) * factor), 1),
                max(round((north - south) * factor), 1),
            )
        else:
            raise InvalidRequestError(f"{name}: 'width' and 'height' go together.")
        matrix = ((east - west) / size[0], 0.0, west, 0.0, -(north - south) / size[1], north)
        window = PixelGrid(Projection(own.crs, matrix), 0, 0, *size)
    else:
        window = own.window(west, south, east, north)
    lattice = Projection(own.crs, tuple(window.transform)[:6])
    footprint_of = RasterFootprint(lattice, window.width, window.height)
    bands = []
    for band in input.bands:

        def compute(grid: PixelGrid, band: Band = band) -> Pixels:
            pixels = band.pixels(grid)
            return Pixels(pixels.values, restrict(pixels.mask, footprint_of.covers(grid)))

        bands.append(
            replace(
                band,
                compute=compute,
                projection=lattice,
                footprint=footprint_of,
                size=(window.width, window.height),
            )
        )
    return input.with_bands(bands)
