"""Pixels of an image on a window of the study's grid.

In: an image of named bands and a GeoBox, an integer window of the study's grid. Out: float32,
NaN where masked. Requests carry the grid itself, never a scale or a region: rectangles cut on the
edges of pixels gain a row or a column by rounding.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from gee.errors import AssetError, BusyError, GridError, TooLargeError
from gee.masked import SENTINEL, without_mask
from gee.request_size import RequestSize
from gee.session import ask

BUDGET_BYTES = 24 * 2**20
"""Half of what the service allows for one request."""
BYTES_PER_VALUE = 5
"""A float32 and a byte of mask, which the service counts too."""
MAXIMUM_BANDS = 1024
MAXIMUM_SIDE_PX = 32_768
MAXIMUM_DIVISIONS = 3
"""How often what is too heavy for one request is divided before it is given up."""

ImageOf = Callable[[GeoBox], ee.Image]
"""From the window of a request to the image whose pixels are asked for there."""


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


def most_pixels(bands: int, budget_bytes: int = BUDGET_BYTES) -> int:
    """Return how many pixels of some bands one request may hold."""
    return budget_bytes // (bands * BYTES_PER_VALUE)


def request_size(
    bands: int,
    budget_bytes: int = BUDGET_BYTES,
    lowered: tuple[int, int] | None = None,
    changed: Callable[[tuple[int, int] | None], None] | None = None,
) -> RequestSize:
    """Return how large requests for some bands may be, the service's limits kept.

    Parameters
    ----------
    budget_bytes : what one request may hold, a byte of mask a value counted
    lowered, changed : see `RequestSize`
    """
    at_once = min(bands, MAXIMUM_BANDS)
    return RequestSize(at_once, max(1, most_pixels(at_once, budget_bytes)), lowered, changed)


def windows_within_budget(
    shape: tuple[int, int],
    bands: int,
    budget_bytes: int = BUDGET_BYTES,
    largest: tuple[int, int] | None = None,
) -> list[Part]:
    """Divide a window of some bands into requests within the service's limits.

    Parameters
    ----------
    shape : rows and columns of the window
    bands : how many are asked for
    budget_bytes : what one request may hold, a byte of mask a value counted
    largest : bands and pixels that one request may hold, in the budget's place

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
    pixels = most_pixels(1, budget_bytes) if largest is None else largest[1]
    parts = []
    for window in _within_sides(Part((0, 1), (0, rows), (0, cols)), pixels):
        at_once = budget_bytes // window.size_bytes if largest is None else largest[0]
        groups = -(-bands // min(MAXIMUM_BANDS, at_once))
        edges = [bands * group // groups for group in range(groups + 1)]
        parts += [
            Part((start, stop), window.rows, window.cols)
            for start, stop in itertools.pairwise(edges)
        ]
    return parts


def read_window(
    image: ee.Image | ImageOf,
    names: Sequence[str],
    geobox: GeoBox,
    size: RequestSize | None = None,
) -> NDArray[np.float32]:
    """Return the pixels of some bands on a window of the study's grid.

    Parameters
    ----------
    image : has a band of each name; or what makes it for the window of one request, whose values
        must not depend on that window. A composite of scenes then looks up those near it alone
    names : in the order wanted
    geobox : the window; its values don't depend on how it is divided into requests
    size : what is known of how large requests for these bands may be, and learns from these

    Returns
    -------
    (len(names), rows, cols) float32, NaN where masked

    Raises
    ------
    ServiceError
        one of its kinds; what is too heavy for one request is divided first (halves of the bands,
        then quarters of the window, three times in all), and a busy service asked again.
    """
    reader = _Reader(image, names, geobox, size or request_size(len(names)))
    for part in windows_within_budget(reader.shape, len(names), largest=reader.size.now):
        # Again: what was planned may have been refused to a part before it, or another thread.
        for smaller in _cut(part, reader.size.now):
            reader.read(smaller)
    return reader.values


class _Reader:
    """Asks for parts of one window, smaller where one is too heavy, and keeps what comes."""

    def __init__(
        self,
        image: ee.Image | ImageOf,
        names: Sequence[str],
        geobox: GeoBox,
        size: RequestSize,
    ) -> None:
        self.image, self.names, self.geobox, self.size = image, names, geobox, size
        height, width = geobox.shape.yx
        self.shape = (int(height), int(width))
        self.values = np.full((len(names), *self.shape), np.nan, np.float32)

    def read(self, part: Part) -> None:
        """Fill in the values of a part."""
        answered = self._read(part, 0)
        deepest = max(divisions for divisions, _ in answered)
        if deepest:
            # Only now: what is refused however small says nothing of the others' size.
            bands = max(size[0] for _, size in answered)
            pixels = max(size[1] for divisions, size in answered if divisions == deepest)
            self.size.passed((bands, pixels))

    def _read(self, part: Part, divisions: int) -> list[tuple[int, tuple[int, int]]]:
        """Ask for a part; return what was answered: how often divided, bands and pixels."""
        bands, rows, cols = part.shape
        size = (bands, rows * cols)
        try:
            self._request(part)
        except TooLargeError as error:
            known = self.size.refused(size, str(error))
            smaller = _divided(part, divisions) if known is None else _cut(part, known)
            if divisions == MAXIMUM_DIVISIONS or len(smaller) == 1:
                raise
            return [one for each in smaller for one in self._read(each, divisions + 1)]
        self.size.answered()
        return [(divisions, size)]

    def _request(self, part: Part) -> None:
        bands, rows, cols = part.slices()
        names, window = self.names[bands], self.geobox[rows, cols]
        image = self.image(window) if callable(self.image) else self.image
        request = {
            "expression": without_mask(image, names),
            # Bands have names in it, and each a type of its own; a GeoTIFF has neither.
            "fileFormat": "NPY",
            "grid": request_grid(window),
        }
        what = _described(names, window)

        def fill() -> None:
            _decode(ee.data.computePixels(request), names, self.values[bands, rows, cols], what)

        ask(fill, what)


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


def _decode(content: bytes, names: Sequence[str], into: NDArray[np.float32], what: str) -> None:
    """Put an answer's bands where they belong, NaN where masked."""
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        raise BusyError(
            f"{what}: the answer of {len(content)} bytes was broken off; go on later"
        ) from None
    bands = found.dtype.names or ()
    if set(bands) != set(names) or found.shape != into.shape[1:]:
        raise AssetError(
            f"{what}: the answer has other bands or another shape: {', '.join(bands)}, "
            f"{' x '.join(map(str, found.shape))} pixels"
        )
    for band, name in zip(into, names, strict=True):
        band[:] = found[name]
        band[band == np.float32(SENTINEL)] = np.nan


def _within_sides(window: Part, most_px: int) -> Iterator[Part]:
    """Quarter a window of one band until it is within the limits."""
    _, rows, cols = window.shape
    if rows * cols <= most_px and max(rows, cols) <= MAXIMUM_SIDE_PX:
        yield window
        return
    for quarter in _quartered(window):
        yield from _within_sides(quarter, most_px)


def _divided(part: Part, divisions: int) -> list[Part]:
    """Halve the bands at first, since that helps memory; quarter the window after."""
    start, stop = part.bands
    if divisions == 0 and stop - start > 1:
        middle = (start + stop) // 2
        return [Part(bands, part.rows, part.cols) for bands in ((start, middle), (middle, stop))]
    return _quartered(part)


def _cut(part: Part, largest: tuple[int, int]) -> list[Part]:
    """Divide a part into parts of a size that is known to pass."""
    bands, rows, cols = part.shape
    band, row, col = part.bands[0], part.rows[0], part.cols[0]
    return [
        Part(_moved(each.bands, band), _moved(each.rows, row), _moved(each.cols, col))
        for each in windows_within_budget((rows, cols), bands, largest=largest)
    ]


def _moved(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by


def _quartered(part: Part) -> list[Part]:
    return [
        Part(part.bands, rows, cols) for rows in _halved(part.rows) for cols in _halved(part.cols)
    ]


def _halved(span: tuple[int, int]) -> list[tuple[int, int]]:
    start, stop = span
    middle = (start + stop) // 2
    return [span] if stop - start == 1 else [(start, middle), (middle, stop)]


def _described(names: Sequence[str], window: GeoBox) -> str:
    rows, cols = window.shape.yx
    easting, northing = window.transform * (0, 0)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{rows} x {cols} pixels from ({easting:.6g}, {northing:.6g}) of {shown}"
