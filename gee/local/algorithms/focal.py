"""Functions of a neighbourhood, on the grid that is asked for, with a margin around it.

Neighbours that are masked count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from gee.local import kernels, pixel_types
from gee.local.algorithms.composites import output_type, typed
from gee.local.errors import InvalidRequestError, NotImplementedHereError
from gee.local.grids import PixelGrid
from gee.local.images import Band, Image, joint_bands, map_band
from gee.local.kernels import Kernel
from gee.local.pixel_types import DOUBLE, FLOAT, PixelType
from gee.local.pixels import Array, Pixels, restrict
from gee.local.reducers import Reducer, check_inputs, mode, output_names, percentile
from gee.local.registry import algorithm

STACK_VALUES = 24 * 10**6
"""Neighbours gathered at once by reducers that need them all."""


def window_around(band: Band, grid: PixelGrid, weights: Array) -> Pixels:
    """The band's pixels with a margin of half the kernel."""
    rows, cols = weights.shape
    return band.pixels(grid.padded(cols // 2, rows // 2))


def neighbours(layer: Array, weights: Array, shape: tuple[int, int]) -> Any:
    """For each weight that is not zero, the layer (with its margin) shifted to that neighbour."""
    for row, col in zip(*np.nonzero(weights), strict=True):
        yield weights[row, col], layer[row : row + shape[0], col : col + shape[1]]


def stacked(pixels: Pixels, weights: Array, rows: slice) -> tuple[Array, Array, Array]:
    """Neighbours (n, points) of some rows, their validity, and the kernel's weights (n, 1)."""
    height = rows.stop - rows.start
    width = pixels.values.shape[1] - weights.shape[1] + 1
    margin = slice(rows.start, rows.stop + weights.shape[0] - 1)
    layer, mask = pixels.values[margin], pixels.mask[margin]
    values = [part.ravel() for _, part in neighbours(layer, weights, (height, width))]
    masks = [part.ravel() for _, part in neighbours(mask, weights, (height, width))]
    kernel = weights[np.nonzero(weights)][:, None]
    return np.array(values, dtype=np.float64), np.array(masks, dtype=np.float64), kernel


def by_strips(
    grid: PixelGrid, weights: Array, function: Callable[[slice], list[tuple[Array, Array]]]
) -> list[tuple[Array, Array]]:
    """A function of strips of rows, put together; each result (rows, cols) with its validity."""
    count = max(int(np.count_nonzero(weights)), 1)
    step = max(1, STACK_VALUES // (count * grid.width))
    parts = [
        function(slice(start, min(start + step, grid.height)))
        for start in range(0, grid.height, step)
    ]
    return [
        (
            np.concatenate([part[index][0].reshape(-1, grid.width) for part in parts]),
            np.concatenate([part[index][1].reshape(-1, grid.width) for part in parts]),
        )
        for index in range(len(parts[0]))
    ]


def focal_mean(pixels: Pixels, weights: Array, _grid: PixelGrid) -> tuple[Array, Array]:
    """Mean of the valid neighbours, and where there is one."""
    boolean = (weights != 0).astype(float)
    mask = pixels.mask.astype(np.float64)
    total = _valid_part(ndimage.correlate(pixels.values * mask, boolean, mode="constant"), weights)
    count = _valid_part(ndimage.correlate(mask, boolean, mode="constant"), weights)
    count = np.where(count < 1e-9, 0.0, count)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0), count > 0


def _valid_part(padded: Array, weights: Array) -> Array:
    rows, cols = weights.shape[0] // 2, weights.shape[1] // 2
    return padded[rows : padded.shape[0] - rows, cols : padded.shape[1] - cols]


def focal_extreme(pixels: Pixels, weights: Array, largest: bool) -> tuple[Array, Array]:
    """Largest or smallest valid neighbour, and where there is one."""
    fill = -np.inf if largest else np.inf
    function = ndimage.maximum_filter if largest else ndimage.minimum_filter
    layer = function(
        pixels.filled(fill).astype(float), footprint=weights != 0, mode="constant", cval=fill
    )
    found = _valid_part(layer, weights)
    return found, np.isfinite(found)


def focal_by_stack(
    function: Callable[[Array, Array], tuple[Array, Array]],
) -> Callable[[Pixels, Array, PixelGrid], tuple[Array, Array]]:
    """A function of all valid neighbours together."""

    def focal(pixels: Pixels, weights: Array, grid: PixelGrid) -> tuple[Array, Array]:
        def strip(rows: slice) -> list[tuple[Array, Array]]:
            values, masks, _ = stacked(pixels, weights, rows)
            return [function(values, masks)]

        return by_strips(grid, weights, strip)[0]

    return focal


FOCAL: dict[str, Callable[[Pixels, Array, PixelGrid], tuple[Array, Array]]] = {
    "mean": focal_mean,
    "min": lambda pixels, weights, _grid: focal_extreme(pixels, weights, largest=False),
    "max": lambda pixels, weights, _grid: focal_extreme(pixels, weights, largest=True),
    "median": focal_by_stack(lambda values, masks: percentile(values, masks, 50.0)),
    "mode": focal_by_stack(mode),
}


def focal_band(band: Band, name: str, kernel: Kernel) -> Band:
    """A band of a focal function; masked only where no neighbour is valid."""
    function = FOCAL[name]
    kept = name in ("min", "max", "mode")
    target = band.pixel_type if kept else DOUBLE if band.pixel_type.is_integer else band.pixel_type

    def compute(grid: PixelGrid) -> Pixels:
        weights = kernel.weights(grid)
        values, valid = function(window_around(band, grid, weights), weights, grid)
        return typed(values, valid, target)

    return replace(band, compute=compute, pixel_type=target, size=None)


def _declare_focal(name: str) -> None:
    @algorithm(f"Image.focal{name.capitalize()}", f"Image.focal_{name}", f"Window.{name}")
    def focal(
        image: Image,
        radius: float,
        kernelType: str,
        units: str,
        iterations: int,
        kernel: Kernel | None,
    ) -> Image:
        if kernel is None:
            if kernelType not in kernels.NAMED_SHAPES:
                raise NotImplementedHereError(f"the kernel type '{kernelType}'")
            weigh = kernels.NAMED_SHAPES[kernelType]
            kernel = kernels.shape(kernelType, radius, units, False, 1.0, weigh)
        bands = list(image.bands)
        for _ in range(iterations):
            bands = [focal_band(band, name, kernel) for band in bands]
        return image.with_bands(bands)


for _name in FOCAL:
    _declare_focal(_name)


@algorithm("Image.convolve")
def convolve(image: Image, kernel: Kernel) -> Image:
    """The weighted sum of the neighbours; masked where any that counts is."""
    bands = []
    for band in image.bands:
        target = DOUBLE if band.pixel_type.precision != "float" else FLOAT

        def compute(grid: PixelGrid, band: Band = band, target: PixelType = target) -> Pixels:
            weights = kernel.weights(grid)
            pixels = window_around(band, grid, weights)
            values = np.zeros(grid.shape)
            mask = np.ones(grid.shape, dtype=bool)
            layer = pixels.values.astype(np.float64)
            for weight, part in neighbours(layer, weights, grid.shape):
                values += weight * part
            for _, part in neighbours(pixels.valid, weights, grid.shape):
                mask &= part
            return typed(values, mask, target)

        bands.append(replace(band, compute=compute, pixel_type=target, size=None))
    return image.with_bands(bands)


@algorithm("Image.reduceNeighborhood")
def reduce_neighborhood(
    image: Image,
    reducer: Reducer,
    kernel: Kernel,
    inputWeight: str,
    skipMasked: bool,
    optimization: str | None,
) -> Image:
    """A reducer over each pixel's neighbours; masked pixels stay masked unless told otherwise."""
    del optimization  # A choice of algorithm, not of result.
    if inputWeight not in ("mask", "kernel", "min"):
        raise InvalidRequestError(f"Image.reduceNeighborhood: Unknown inputWeight '{inputWeight}'.")
    check_inputs(reducer, len(image.bands), "Image.reduceNeighborhood")
    groups = [image.bands] if reducer.inputs > 1 else [(band,) for band in image.bands]
    bands: list[Band] = []
    for members in groups:
        names = output_names(reducer, [members[0].name], prefixed=True)
        targets = [output_type(reducer, [b.pixel_type for b in members], 0)] * len(names)

        def compute_all(
            grid: PixelGrid, members: Any = members, targets: list[PixelType] = targets
        ) -> list[Pixels]:
            weights = kernel.weights(grid)
            windows = [window_around(band, grid, weights) for band in members]

            def strip(rows: slice) -> list[tuple[Array, Array]]:
                parts = [stacked(window, weights, rows) for window in windows]
                mask = np.minimum.reduce([part[1] for part in parts])
                kernel_weight = np.abs(parts[0][2])
                chosen = {
                    "mask": mask,
                    "kernel": np.where(mask > 0, kernel_weight, 0.0),
                    "min": np.minimum(mask, kernel_weight),
                }[inputWeight]
                return reducer.reduce_stack(np.stack([part[0] for part in parts]), chosen)

            outputs = by_strips(grid, weights, strip)
            found = [
                typed(values, valid, target)
                for (values, valid), target in zip(outputs, targets, strict=True)
            ]
            if not skipMasked:
                return found
            centre = np.logical_and.reduce([band.pixels(grid).valid for band in members])
            return [Pixels(part.values, restrict(part.mask, centre)) for part in found]

        templates = [
            replace(members[0], name=name, pixel_type=target, size=None)
            for name, target in zip(names, targets, strict=True)
        ]
        bands += joint_bands(compute_all, templates)
    return image.with_bands(bands)


@algorithm("Image.neighborhoodToBands")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """A band for each neighbour, named after the band and the offsets in columns and rows.

    The kernel must be one in pixels: the names cannot depend on the grid.
    """
    bands = []
    weights = kernel.weights_of_scale(1.0)
    if not np.array_equal(weights, kernel.weights_of_scale(7.0)):
        raise NotImplementedHereError("'Image.neighborhoodToBands' with a kernel in metres")
    half_rows, half_cols = weights.shape[0] // 2, weights.shape[1] // 2
    for row, col in zip(*np.nonzero(weights), strict=True):
        down, right = int(row) - half_rows, int(col) - half_cols
        for band in image.bands:

            def compute(
                grid: PixelGrid, band: Band = band, right: int = right, down: int = down
            ) -> Pixels:
                return band.pixels(replace(grid, col=grid.col + right, row=grid.row + down))

            name = f"{band.name}_{right}_{down}"
            bands.append(replace(band, name=name, compute=compute, size=None))
    return image.with_bands(bands)


@algorithm("Image.fastDistanceTransform")
def fast_distance_transform(image: Image, neighborhood: int, units: str, metric: str) -> Image:
    """Distance in pixels (squared, unless told otherwise) to the nearest pixel that is not zero.

    Pixels farther than the neighbourhood are masked.
    """
    if units != "pixels":
        raise NotImplementedHereError("'Image.fastDistanceTransform' in metres")
    if metric not in ("squared_euclidean", "manhattan", "chebyshev"):
        raise InvalidRequestError(f"Image.fastDistanceTransform: Unknown metric '{metric}'.")
    band = image.first_band("Image.fastDistanceTransform")

    def compute(grid: PixelGrid) -> Pixels:
        padded = grid.padded(neighborhood, neighborhood)
        pixels = band.pixels(padded)
        target = pixels.valid & (pixels.values != 0)
        if not target.any():
            return Pixels(np.zeros(grid.shape, np.float32), np.zeros(grid.shape, dtype=bool))
        if metric == "squared_euclidean":
            distance = ndimage.distance_transform_edt(~target)
        else:
            name = {"manhattan": "taxicab", "chebyshev": "chessboard"}[metric]
            distance = ndimage.distance_transform_cdt(~target, metric=name).astype(float)
        inner = distance[neighborhood:-neighborhood, neighborhood:-neighborhood]
        near = inner <= neighborhood
        values = inner**2 if metric == "squared_euclidean" else inner
        return Pixels(np.where(near, np.rint(values), 0).astype(np.float32), near)

    made = map_band(band, lambda pixels, _grid: pixels, pixel_types.FLOAT)
    named = replace(made, name="distance", compute=compute, size=None)
    return image.with_bands([named])
