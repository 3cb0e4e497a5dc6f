"""Rules of grids: default projections, pixels of pixels, neighbours and units."""

from __future__ import annotations

from typing import Any

import ee
from conformance.place import Place, along_row, at_points, rows_of, value
from conformance.record import Check

from gee.ways import averaged, finer_lattice, interpolated, pixel_size_m, projection_of


def _columns(place: Place) -> ee.Image:
    """0 at the place's own column of the grid, and one more each column to the east."""
    position = ee.Image.pixelCoordinates(place.projection).select("x").floor()
    numbered: ee.Image = position.subtract(place.col).rename("column")
    return numbered.reproject(place.projection)


def _points_and_window(place: Place) -> list[list[float | None]]:
    image = _columns(place).multiply(0.1)
    image = image.updateMask(_columns(place).neq(2))
    return [along_row(place, image, "column", 4), at_points(place, image, "column", 4)]


def _mean_and_nearest(place: Place) -> list[list[float | None]]:
    fine = _thirds(place)
    third = ee.Image.pixelCoordinates(fine).select("x").floor().mod(3)
    squared = third.multiply(third)
    mean = averaged(squared, place.grid, pixel_size_m(place.grid) / 3)
    return rows_of(place, [mean, squared.reproject(fine)], 2)


def _thirds(place: Place) -> ee.Projection:
    """The lattice that divides each pixel of the grid into 3 x 3."""
    return projection_of(finer_lattice(place.grid, pixel_size_m(place.grid) / 3))


def _default_projections(place: Place) -> list[list[Any]]:
    east = ee.Projection("EPSG:32646").atScale(10)
    north = ee.Projection("EPSG:32647").atScale(20)
    left = ee.Image(1).setDefaultProjection(east)
    right = ee.Image(2).setDefaultProjection(north)
    composite = ee.ImageCollection([left, left]).mean().projection()
    both = left.add(right).projection()
    found = value(
        ee.List([composite.crs(), composite.nominalScale(), both.crs(), both.nominalScale()])
    )
    return [found[:2], found[2:]]


def _focal(place: Place) -> list[list[float | None]]:
    """The mark is the middle third of the fourth column, so that native pixels would show."""
    fine = _thirds(place)
    position = ee.Image.pixelCoordinates(fine).select("x").floor()
    mark = position.eq(3 * (place.col + 3) + 1).reproject(fine)
    metres = 1.75 * pixel_size_m(place.grid)
    images = [mark.focalMax(1, "square", "pixels"), mark.focalMax(metres, "square", "meters")]
    return rows_of(place, images, 7)


def _focal_beside_masks(place: Place) -> list[float | None]:
    columns = _columns(place)
    image = columns.updateMask(columns.neq(2))
    return along_row(place, image.focalMean(1, "square", "pixels"), "column", 4)


def _convolved(place: Place) -> list[list[float | None]]:
    columns = _columns(place)
    mark = columns.eq(2).toFloat()
    kernel = ee.Kernel.fixed(3, 1, [[1, 0, 0]])
    masked = columns.toFloat().updateMask(columns.neq(2))
    box = ee.Kernel.fixed(3, 1, [[1, 1, 1]])
    return rows_of(place, [mark.convolve(kernel), masked.convolve(box)], 6)


def _interpolated(place: Place) -> list[float | None]:
    size = float(place.grid.transform.a)
    west, _, _, north = place.edges(1, 1)
    coarse = ee.Projection("EPSG:4326", [4 * size, 0, west, 0, -4 * size, north])
    column = ee.Image.pixelCoordinates(coarse).select("x").floor().rename("column")
    seen = column.multiply(8).updateMask(column.neq(2)).reproject(coarse)
    return along_row(place, interpolated(seen, coarse), "column", 12)


CHECKS = (
    Check(
        "points_and_window",
        "four pixels of 0.1 x column, the third masked, as a window and as points",
        _points_and_window,
        [[0.0, 0.1, None, 0.3], [0.0, 0.1, None, 0.3]],
        "documentation",
        "sites would be trained on other values than the map is made from",
        tolerance=1e-6,
        requests=2,
        pixels=8,
    ),
    Check(
        "mean_and_nearest",
        "0, 1 and 4 in the thirds of each pixel: by reduceResolution, and by the nearest",
        _mean_and_nearest,
        [[5 / 3, 5 / 3], [1.0, 1.0]],
        "documentation",
        "radar and optical covariates would be one fine pixel in place of the mean of all",
        tolerance=1e-5,
        pixels=4,
    ),
    Check(
        "default_projections",
        "CRS and scale of a composite of images of 10 m, and of the sum of one of 10 m (zone 46) "
        "and one of 20 m (zone 47)",
        _default_projections,
        [["EPSG:4326", 111319.49079327358], ["EPSG:32646", 10.0]],
        "documentation",
        "nothing: a lattice is named wherever one counts",
        tolerance=1e-6,
    ),
    Check(
        "focal_units",
        "focalMax of a mark of a third of a pixel in the fourth column of seven, over 1 pixel and "
        "over 1.75 nominal pixels in metres (2.1 on the ground)",
        _focal,
        [[0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]],
        "stand-in",
        "neighbourhoods of another size, on the study's pixels or on the data's own",
        pixels=14,
    ),
    Check(
        "focal_beside_masks",
        "focalMean over 3 x 3 of columns 0, 1, masked, 3",
        _focal_beside_masks,
        [0.0, 0.5, 2.0, 3.5],
        "stand-in",
        "nothing but incidence angles beside the edge of a scene",
        tolerance=1e-6,
        pixels=4,
    ),
    Check(
        "convolve",
        "the third of six columns marked, under the kernel (1, 0, 0); columns 0, 1, masked, 3, 4, "
        "5 under (1, 1, 1)",
        _convolved,
        [[0.0, 0.0, 0.0, 1.0, 0.0, 0.0], [0.0, None, None, None, 12.0, 15.0]],
        "stand-in",
        "nothing: the gradient's sign is taken from the same kernel over column numbers, and "
        "missing neighbours are masked by a rule of its own",
        tolerance=1e-5,
        pixels=12,
    ),
    Check(
        "interpolation_beside_masks",
        "bilinear between coarse pixels of -8, 0, 8 and masked, each four pixels wide, from 0 on",
        _interpolated,
        [-3.0, -1.0, 1.0, 3.0, 5.0, 7.0, None, None, None, None, None, None],
        "stand-in",
        "gaps of climate and soil would be wider or narrower by half a coarse pixel",
        tolerance=1e-3,
        pixels=12,
    ),
)
