"""What is wrong with a covariate's raster, said before anything is computed from it.

In: a `CovariateSource` and pixels drawn from the region. Out: a `SourceReport` with what was
looked at and what was found. Small rasters are read whole; of large ones, blocks around pixels
of the region, and the last block of the file, where a truncated one breaks off.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from export.covariates.source import CovariateSource, read_source, to_source_pixels
from export.covariates.warp import source_window
from export.rasters.info import open_raster
from export.rasters.stored_numbers import missing_pixels

WHOLE_UP_TO_PX = 16_000_000
BLOCKS = 48
BLOCK_PX = 256

# Numbers that programs write for "missing" without saying so.
_USUAL_CODES = (
    -99.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, 255.0, 32767.0, -32767.0, -32768.0,
    65535.0, -2147483648.0, 1e20, 9.969209968386869e36,
)  # fmt: skip
_NO_MEASUREMENT = 1e30


@dataclass(frozen=True)
class Finding:
    """Something about a raster: an error (don't use it so), a warning, or a note."""

    covariate: str
    severity: Literal["error", "warning", "note"]
    text: str


@dataclass(frozen=True)
class SourceReport:
    """What a raster holds where it was looked at.

    Parameters
    ----------
    resampling, fineness : see `CovariateSource`
    pixels : of the file that were looked at; `whole` where that is all of it about the region
    covered : share of the region within the file's edges
    valid : share of the pixels looked at that hold a valid value
    minimum, maximum : of these values, in the covariate's unit; NaN where there is none
    out_of_range : pixels outside the valid range, which count as missing
    """

    covariate: str
    resampling: str
    fineness: float
    pixels: int
    whole: bool
    covered: float
    valid: float
    minimum: float
    maximum: float
    out_of_range: int
    findings: tuple[Finding, ...]


def check_source(source: CovariateSource, rows: ArrayLike, cols: ArrayLike) -> SourceReport:
    """Look at a covariate's raster.

    Parameters
    ----------
    rows, cols : (n,) int, pixels of the study's grid drawn evenly from the region

    Raises
    ------
    RasterError
        where the file breaks off, with its path.
    """
    rows, cols = np.asarray(rows), np.asarray(cols)
    places = to_source_pixels(source, source.study_grid, rows + 0.5, cols + 0.5)
    height, width = source.geobox.shape.yx
    within = (places[0] >= 0) & (places[0] < height) & (places[1] >= 0) & (places[1] < width)
    covered = float(within.mean()) if within.size else 0.0
    windows, whole = _windows(source, places[0][within], places[1][within])
    look = _Look(source)
    with open_raster(source.path) as dataset:
        for window in windows:
            look.at(dataset, window)
        _read_last_block(dataset, source.settings.band)
    findings = (*_about_extent(source, covered), *look.findings(covered > 0, whole))
    return SourceReport(
        covariate=source.name,
        resampling=source.resampling,
        fineness=source.fineness,
        pixels=look.pixels,
        whole=whole,
        covered=covered,
        valid=look.valid / max(look.pixels, 1),
        minimum=look.minimum,
        maximum=look.maximum,
        out_of_range=look.out_of_range,
        findings=findings,
    )


class _Look:
    """Gathers what the windows of one raster hold."""

    def __init__(self, source: CovariateSource) -> None:
        self.source = source
        self.pixels = self.valid = self.out_of_range = 0
        self.minimum = self.maximum = np.nan
        self._codes: dict[float, int] = {}
        self._rest = (np.inf, -np.inf)

    def at(self, dataset: Any, window: tuple[int, int, int, int]) -> None:
        row, col, height, width = window
        values, out_of_range = read_source(self.source, dataset, row, col, height, width)
        present = values[~np.isnan(values)]
        self.pixels += values.size
        self.valid += present.size
        self.out_of_range += out_of_range
        if present.size:
            self.minimum = float(np.fmin(self.minimum, present.min()))
            self.maximum = float(np.fmax(self.maximum, present.max()))
        self._count_codes(dataset, window)

    def _count_codes(self, dataset: Any, window: tuple[int, int, int, int]) -> None:
        row, col, height, width = window
        band = self.source.settings.band
        rows_cols = ((row, row + height), (col, col + width))
        raw = dataset.read(band, window=rows_cols)
        stored = raw[~missing_pixels(dataset, band, raw, self.source.nodata, rows_cols)]
        with np.errstate(over="ignore"):
            absurd = np.abs(stored.astype(np.float64)) >= _NO_MEASUREMENT
        code = absurd | np.isin(stored, _held_by(stored.dtype))
        for number, count in zip(*np.unique(stored[code], return_counts=True), strict=True):
            self._codes[float(number)] = self._codes.get(float(number), 0) + int(count)
        rest = stored[~code]
        if rest.size:
            low, high = self._rest
            self._rest = min(low, float(rest.min())), max(high, float(rest.max()))

    def suspects(self) -> dict[float, int]:
        """Return numbers usual for 'missing' that lie further off than the values are wide."""
        low, high = self._rest
        if low > high:
            return {number: n for number, n in self._codes.items() if abs(number) >= 1e20}
        width = high - low
        return {
            number: count
            for number, count in self._codes.items()
            if number < low - width or number > high + width
        }

    def findings(self, touches: bool, whole: bool) -> list[Finding]:
        source, settings = self.source, self.source.settings
        found: list[Finding] = []

        def say(severity: Literal["error", "warning", "note"], text: str) -> None:
            found.append(Finding(source.name, severity, f"{source.path.name}: {text}"))

        share = self.out_of_range / max(self.pixels, 1)
        if self.out_of_range:
            say(
                "note",
                f"{self.out_of_range} of {self.pixels} pixels looked at ({share:.2%}) lie outside "
                f"the valid range {settings.minimum} to {settings.maximum} and count as missing",
            )
        suspects = self.suspects() if settings.nodata is None else {}
        for number, count in sorted(suspects.items()):
            value = number * source.scale + source.offset
            excluded = (settings.minimum is not None and value < settings.minimum) or (
                settings.maximum is not None and value > settings.maximum
            )
            if not excluded:
                low, high = self._rest
                say(
                    "error",
                    f"holds {number:g} in {count} of {self.pixels} pixels looked at, far from its "
                    f"other values ({low:g} to {high:g}), and does not declare it as missing. Set "
                    f"nodata = {number:g} (or a valid range) for '{source.name}', or nodata = [] "
                    "if it is a true value",
                )
        if touches and not self.valid:
            say("error", "holds no valid value in the region")
        elif self.valid and self.minimum == self.maximum:
            where = "the region" if whole else "all pixels looked at"
            say("warning", f"is constant ({self.minimum:g}) over {where}: it tells a model nothing")
        return found


def _about_extent(source: CovariateSource, covered: float) -> list[Finding]:
    if covered == 0:
        return [
            Finding(
                source.name,
                "error",
                f"{source.path.name}: does not touch the region. Is its CRS ({source.geobox.crs}) "
                "right?",
            )
        ]
    if covered < 1:
        text = f"{source.path.name}: covers {covered:.1%} of the region; elsewhere it is missing"
        return [Finding(source.name, "warning", text)]
    return []


def _windows(
    source: CovariateSource, source_rows: NDArray[np.float64], source_cols: NDArray[np.float64]
) -> tuple[list[tuple[int, int, int, int]], bool]:
    """Return windows row, col, height, width within the file, and whether they hold all of it."""
    in_file = source.geobox.shape.yx
    around = source_window(source, source.study_grid)
    if around is None or not source_rows.size:
        return [], False
    row, col = max(around[0], 0), max(around[1], 0)
    height = min(around[0] + around[2], in_file[0]) - row
    width = min(around[1] + around[3], in_file[1]) - col
    if height * width <= WHOLE_UP_TO_PX:
        return [(row, col, height, width)], True
    chosen = np.unique(np.linspace(0, source_rows.size - 1, BLOCKS).round().astype(int))
    corners = {
        (int(source_rows[i]) // BLOCK_PX * BLOCK_PX, int(source_cols[i]) // BLOCK_PX * BLOCK_PX)
        for i in chosen
    }
    windows = [
        (top, left, min(BLOCK_PX, in_file[0] - top), min(BLOCK_PX, in_file[1] - left))
        for top, left in sorted(corners)
    ]
    return windows, False


def _read_last_block(dataset: Any, band: int) -> None:
    rows, cols = dataset.block_shapes[band - 1]
    top = (dataset.height - 1) // rows * rows
    left = (dataset.width - 1) // cols * cols
    dataset.read(band, window=((top, dataset.height), (left, dataset.width)))


def _held_by(dtype: "np.dtype[Any]") -> NDArray[Any]:
    if dtype.kind == "f":
        return np.array(_USUAL_CODES).astype(dtype)
    limits = np.iinfo(dtype)
    return np.array([c for c in _USUAL_CODES if limits.min <= c <= limits.max]).astype(dtype)
