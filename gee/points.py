"""Values of an image at pixels of the study's grid: n in, n out.

In: an image of named bands, rows and columns of the study's grid. Out: float32, NaN where masked,
equal to what `gee.pixels.read_window` gives at these pixels.

Earth Engine's sampling leaves out every point at which any band is masked. So masked pixels get a
number that no covariate has, and what comes back is joined to the question by its index.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import ee
import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from gee.errors import GridError, TooLargeError
from gee.masked import with_nan, without_mask
from gee.session import ask
from gee.ways import projection_of

INDEX = "pixel_index"
"""The property by which answers are joined to questions."""
MAXIMUM_POINTS = 5000
"""Elements that the service gives back to one request."""

_log = logging.getLogger(__name__)

Places = NDArray[np.intp]
ImageOf = Callable[[GeoBox], ee.Image]
"""From the smallest window that holds a request's points to the image to sample there."""


def sample_points(
    image: ee.Image | ImageOf,
    names: Sequence[str],
    geobox: GeoBox,
    rows: ArrayLike,
    cols: ArrayLike,
    *,
    points_per_request: int = 500,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the values of some bands at some pixels of the study's grid.

    Parameters
    ----------
    image : has a band of each name; or what makes it for the window of a request's points, whose
        values must not depend on that window. A composite of scenes then looks up those near the
        points alone, and a request that is divided becomes lighter in scenes as well
    names : in the order wanted
    geobox : the study's grid, whole
    rows, cols : (n,) int, pixels of the grid; several may be the same
    points_per_request : 1 to 5,000. A request too heavy for the service is halved, and those
        after it are no larger
    workers : requests at once
    progress : called with a number of points that were answered, n in all

    Returns
    -------
    (n, len(names)) float32, in the order asked for, NaN where masked

    Raises
    ------
    GridError
        a pixel outside the grid, with its index.
    ServiceError
        one of its kinds; nothing is returned then.
    """
    at_rows, at_cols = np.broadcast_arrays(
        np.atleast_1d(np.asarray(rows, np.int64)), np.atleast_1d(np.asarray(cols, np.int64))
    )
    _check(names, geobox, at_rows, at_cols, points_per_request)
    width = int(geobox.shape.x)
    pixels, asked = np.unique(at_rows * width + at_cols, return_inverse=True)
    order = np.argsort(_along_curve(pixels // width, pixels % width), kind="stable")
    pixels = pixels[order]
    reader = _Reader(image, names, geobox, pixels // width, pixels % width, points_per_request)
    batches = [
        np.arange(start, min(start + points_per_request, len(pixels)))
        for start in range(0, len(pixels), points_per_request)
    ]
    times_asked = np.bincount(asked, minlength=len(pixels))[order]
    executor = ThreadPoolExecutor(max_workers=workers)
    wait = True
    try:
        pending = {executor.submit(reader.read, batch): batch for batch in batches}
        for done in as_completed(pending):
            done.result()
            if progress is not None:
                progress(int(times_asked[pending[done]].sum()))
    except KeyboardInterrupt:
        wait = False  # a request may be under way for minutes
        raise
    finally:
        executor.shutdown(wait=wait, cancel_futures=True)
    place_of = np.empty(len(pixels), np.intp)
    place_of[order] = np.arange(len(pixels))
    return reader.values[place_of[asked]]


class _Reader:
    """Asks for batches of pixels, in parts where one is too heavy, and keeps what comes."""

    def __init__(
        self,
        image: ee.Image | ImageOf,
        names: Sequence[str],
        geobox: GeoBox,
        rows: NDArray[np.int64],
        cols: NDArray[np.int64],
        largest: int,
    ) -> None:
        self.image = image
        self.names = tuple(names)
        self.geobox = geobox
        self.rows, self.cols = rows, cols
        self.easting, self.northing = geobox.transform * (cols + 0.5, rows + 0.5)
        self.largest = largest
        self.values = np.full((len(rows), len(names)), np.nan, np.float32)

    def read(self, places: Places) -> None:
        """Fill in the values of some pixels."""
        self._read(places, (0, len(self.names)))

    def _read(self, places: Places, bands: tuple[int, int]) -> None:
        largest = self.largest  # other batches may lower it meanwhile
        if len(places) > largest:
            for start in range(0, len(places), largest):
                self._read(places[start : start + largest], bands)
            return
        start, stop = bands
        try:
            self.values[places, start:stop] = self._request(places, self.names[start:stop])
        except TooLargeError:
            if len(places) > 1:
                self.largest = min(self.largest, -(-len(places) // 2))
                self._read(places, bands)
            elif stop - start > 1:
                middle = (start + stop) // 2
                self._read(places, (start, middle))
                self._read(places, (middle, stop))
            else:
                raise

    def _request(self, places: Places, names: Sequence[str]) -> NDArray[np.float32]:
        sampled = without_mask(self._image(places), names).sampleRegions(
            collection=self._points(places),
            properties=[INDEX],
            projection=projection_of(self.geobox),
            geometries=False,
        )
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        what = f"{len(places)} point{'s' * (len(places) != 1)} of {shown}"
        # One value:compute and not pages of table:computeFeatures: a batch is within the 5,000
        # elements that one answer may hold, and a page may cost the computation anew.
        answer: Any = ask(sampled.getInfo, what)
        values = np.full((len(places), len(names)), np.nan, np.float32)
        for feature in answer["features"]:
            properties = feature["properties"]
            # Numbers that JSON lacks come as text, such as "NaN".
            values[int(properties[INDEX])] = [float(properties[name]) for name in names]
        absent = len(places) - len(answer["features"])
        if absent:
            _log.warning("%s: %d did not come back; they count as masked", what, absent)
        return with_nan(values)

    def _image(self, places: Places) -> ee.Image:
        if not callable(self.image):
            return self.image
        rows, cols = self.rows[places], self.cols[places]
        window = self.geobox[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
        image: ee.Image = self.image(window)
        return image

    def _points(self, places: Places) -> ee.FeatureCollection:
        """Return the centres of pixels, made into features on the service: numbers are short."""
        crs = str(self.geobox.crs)
        numbers = [
            [index, float(self.easting[place]), float(self.northing[place])]
            for index, place in enumerate(places)
        ]

        def feature(numbered: ee.ComputedObject) -> ee.Feature:
            one = ee.List(numbered)
            point: ee.Feature = ee.Feature(
                ee.Geometry.Point(one.slice(1, 3), crs), {INDEX: one.get(0)}
            )
            return point

        points: ee.FeatureCollection = ee.FeatureCollection(ee.List(numbers).map(feature))
        return points


def _check(
    names: Sequence[str],
    geobox: GeoBox,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    points_per_request: int,
) -> None:
    if not names or INDEX in names:
        raise GridError(f"sampling needs names of bands, none of them '{INDEX}'")
    if not 1 <= points_per_request <= MAXIMUM_POINTS:
        raise GridError(
            f"points_per_request = {points_per_request} must lie in 1..{MAXIMUM_POINTS}"
        )
    height, width = geobox.shape.yx
    outside = (rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise GridError(
            f"point {first} (counted from 0) lies outside the grid of {height} x {width} pixels: "
            f"row {rows[first]}, column {cols[first]}"
        )


def _along_curve(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each pixel's place along a Z-order curve, on which neighbours lie near each other."""
    place = np.zeros(len(rows), np.int64)
    for bit in range(31):
        place |= ((cols >> bit) & 1) << (2 * bit)
        place |= ((rows >> bit) & 1) << (2 * bit + 1)
    return place
