"""Pixels of an image on a window of the study's grid.

In: an image of named bands and a GeoBox, an integer window of the study's grid. Out: float32,
NaN where masked. Requests carry the grid itself, never a scale or a region: rectangles cut on the
edges of pixels gain a row or a column by rounding.
"""

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from gee.errors import AssetError, BusyError, GridError, TooLargeError
from gee.masked import with_nan, without_mask
from gee.session import ask

BUDGET_BYTES = 24 * 2**20
"""Half of what the service allows for one request."""
BYTES_PER_VALUE = 5
"""A float32 and a byte of mask, which the service counts too."""
MAXIMUM_BANDS = 1024
MAXIMUM_SIDE_PX = 32_768
MAXIMUM_DIVISIONS = 3
"""How often what is too heavy for one request is divided before it is given up."""


@dataclass(frozen=True)
class Part:
    """What one request asks for: bands, rows and columns of a larger window, as half-open ranges.

    Parameters
    ----------
    bands, rows, cols : first and one beyond the last
    """

    bands: tuple[int, int]
    rows: tuple[int, int]
    cols: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(stop - start for start, stop in (self.bands, self.rows, self.cols))  # type: ignore[return-value]

    @property
    def size_bytes(self) -> int:
        """As the service counts, mask included."""
        bands, rows, cols = self.shape
        return bands * rows * cols * BYTES_PER_VALUE

    def slices(self) -> tuple[slice, slice, slice]:
        return slice(*self.bands), slice(*self.rows), slice(*self.cols)


def windows_within_budget(
    shape: tuple[int, int], bands: int, budget_bytes: int = BUDGET_BYTES
) -> list[Part]:
    """Divide a window of some bands into requests within the service's limits.

    Parameters
    ----------
    shape : rows and columns of the window
    bands : how many are asked for
    budget_bytes : what one request may hold, a byte of mask a value counted

    Returns
    -------
    list of Part
        as few as division by bands into groups alike allows; where a single band is too large,
        its window is quartered first. They cover all, without overlap, window by window.

    Raises
    ------
    GridError
        where there is nothing to ask for.
    """
    rows, cols = shape
    if min(rows, cols, bands) < 1:
        raise GridError(f"a window of {rows} x {cols} pixels and {bands} bands holds nothing")
    if budget_bytes < BYTES_PER_VALUE:
        raise GridError(f"a budget of {budget_bytes} bytes is less than one value takes")
    parts = []
    for window in _within_sides(Part((0, 1), (0, rows), (0, cols)), budget_bytes):
        at_once = min(MAXIMUM_BANDS, budget_bytes // window.size_bytes)
        groups = -(-bands // at_once)
        edges = [bands * group // groups for group in range(groups + 1)]
        parts += [
            Part((start, stop), window.rows, window.cols)
            for start, stop in itertools.pairwise(edges)
        ]
    return parts


def read_window(image: ee.Image, names: Sequence[str], geobox: GeoBox) -> NDArray[np.float32]:
    """Return the pixels of some bands on a window of the study's grid.

    Parameters
    ----------
    image : has a band of each name
    names : in the order wanted
    geobox : the window; its values don't depend on how it is divided into requests

    Returns
    -------
    (len(names), rows, cols) float32, NaN where masked

    Raises
    ------
    ServiceError
        one of its kinds; what is too heavy for one request is divided first (halves of the bands,
        then quarters of the window, three times in all), and a busy service asked again.
    """
    height, width = geobox.shape.yx
    values = np.full((len(names), int(height), int(width)), np.nan, np.float32)
    for part in windows_within_budget((int(height), int(width)), len(names)):
        _read_into(values, image, names, geobox, part, 0)
    return values


def _read_into(
    values: NDArray[np.float32],
    image: ee.Image,
    names: Sequence[str],
    geobox: GeoBox,
    part: Part,
    divisions: int,
) -> None:
    wanted = names[slice(*part.bands)]
    try:
        values[part.slices()] = _request(image, wanted, _window(geobox, part))
    except TooLargeError:
        smaller = _divided(part, divisions)
        if divisions == MAXIMUM_DIVISIONS or len(smaller) == 1:
            raise
        for each in smaller:
            _read_into(values, image, names, geobox, each, divisions + 1)


def _request(image: ee.Image, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
    request = {
        "expression": without_mask(image, names),
        # Bands have names in it, and each a type of its own; a GeoTIFF has neither.
        "fileFormat": "NPY",
        "grid": request_grid(window),
    }
    what = _described(names, window)
    return ask(lambda: _decoded(ee.data.computePixels(request), names, window, what), what)


def request_grid(geobox: GeoBox) -> dict[str, Any]:
    """Return a window as the service's grid, equal to the bit."""
    height, width = geobox.shape.yx
    fields = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    epsg = geobox.crs.epsg
    return {
        **({"crsCode": f"EPSG:{epsg}"} if epsg else {"crsWkt": geobox.crs.to_wkt()}),
        "affineTransform": dict(
            zip(fields, (float(number) for number in tuple(geobox.transform)[:6]), strict=True)
        ),
        "dimensions": {"width": int(width), "height": int(height)},
    }


def _decoded(
    content: bytes, names: Sequence[str], window: GeoBox, what: str
) -> NDArray[np.float32]:
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        raise BusyError(
            f"{what}: the answer of {len(content)} bytes was broken off; go on later"
        ) from None
    bands = found.dtype.names or ()
    if set(bands) != set(names) or found.shape != tuple(window.shape.yx):
        raise AssetError(
            f"{what}: the answer has other bands or another shape: {', '.join(bands)}, "
            f"{' x '.join(map(str, found.shape))} pixels"
        )
    return with_nan(np.stack([found[name].astype(np.float32, copy=False) for name in names]))


def _within_sides(window: Part, budget_bytes: int) -> Iterator[Part]:
    """Quarter a window of one band until it is within the limits."""
    if window.size_bytes <= budget_bytes and max(window.shape[1:]) <= MAXIMUM_SIDE_PX:
        yield window
        return
    for quarter in _quartered(window):
        yield from _within_sides(quarter, budget_bytes)


def _divided(part: Part, divisions: int) -> list[Part]:
    """Halve the bands at first, since that helps memory; quarter the window after."""
    start, stop = part.bands
    if divisions == 0 and stop - start > 1:
        middle = (start + stop) // 2
        return [Part(bands, part.rows, part.cols) for bands in ((start, middle), (middle, stop))]
    return _quartered(part)


def _quartered(part: Part) -> list[Part]:
    return [
        Part(part.bands, rows, cols) for rows in _halved(part.rows) for cols in _halved(part.cols)
    ]


def _halved(span: tuple[int, int]) -> list[tuple[int, int]]:
    start, stop = span
    middle = (start + stop) // 2
    return [span] if stop - start == 1 else [(start, middle), (middle, stop)]


def _window(geobox: GeoBox, part: Part) -> GeoBox:
    _, rows, cols = part.slices()
    return geobox[rows, cols]


def _described(names: Sequence[str], window: GeoBox) -> str:
    rows, cols = window.shape.yx
    easting, northing = window.transform * (0, 0)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{rows} x {cols} pixels from ({easting:.6g}, {northing:.6g}) of {shown}"
