"""A covariate's raster, as it is and as the study wants it read.

In: one `[[covariates]]` entry, the path of its GeoTIFF, the study's grid. Out: a frozen
`CovariateSource` in which every choice is made (CRS, missing codes, scale, resampling), so that
whoever reads a part of the raster reads it alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from export.covariates.settings import LARGEST_CODE, CovariateSettings
from export.errors import RasterError, StudyError
from export.rasters.info import files_of, read_info
from export.rasters.stored_numbers import apply_scale, missing_pixels, representable
from gee.grid import ALIGNMENT_PX, grid_to_json

# Above this many source pixels along the edge of one of ours, interpolating between the four
# nearest would leave most of them unread.
FINER_THAN_GRID = 1.5


@dataclass(frozen=True)
class CovariateSource:
    """One band of a raster, ready to be read onto the study's grid by `read_tile`.

    Parameters
    ----------
    geobox : grid of the file, with the CRS that holds for it
    study_grid : the study's
    dtype : of the stored numbers
    nodata : stored numbers that mean 'missing', in place of the file's own; None keeps that
    scale, offset : value = stored number * scale + offset
    resampling : how values come onto the grid; never 'auto'. 'none' where the pixels coincide
    fineness : edge of a pixel of the study, in pixels of the file, amid the study
    origin : row and col of the file's first pixel in the study's grid, where the grids coincide
    """

    settings: CovariateSettings
    path: Path
    geobox: GeoBox
    study_grid: GeoBox
    dtype: str
    nodata: tuple[float, ...] | None
    scale: float
    offset: float
    resampling: str
    fineness: float
    origin: tuple[int, int] | None

    @property
    def name(self) -> str:
        return self.settings.name


class SourceWindow(NamedTuple):
    """values : (rows, cols) float32, NaN where missing; out_of_range : pixels outside the range."""

    values: NDArray[np.float32]
    out_of_range: int


def open_source(settings: CovariateSettings, path: Path, study_grid: GeoBox) -> CovariateSource:
    """Look at a covariate's raster and settle how it is read; reads no pixels.

    Raises
    ------
    RasterError
        where the file is missing or no raster, has no such band, no CRS (and the study gives
        none), or no place on the ground.
    StudyError
        where the study gives a CRS that PROJ does not know, or a missing code that the file's
        type of number cannot hold.
    """
    info = read_info(path)
    band = settings.band
    if band > info.count:
        raise RasterError(
            f"covariate '{settings.name}': {path} has {info.count} band(s), not a band {band}"
        )
    dtype = np.dtype(info.dtypes[band - 1])
    if dtype.kind not in "iuf":
        raise RasterError(f"covariate '{settings.name}': {path} holds {dtype} numbers")
    if info.geobox.transform.is_identity:
        raise RasterError(
            f"covariate '{settings.name}': {path} says nowhere where on the ground its pixels lie"
        )
    geobox = _with_crs(settings, path, info.geobox)
    fineness = _fineness(geobox, study_grid)
    if not np.isfinite(fineness):
        raise RasterError(
            f"covariate '{settings.name}': the CRS of {path} ({geobox.crs}) does not reach the "
            "region. Is it right?"
        )
    origin = coinciding_origin(geobox, study_grid)
    given = settings.scale, settings.offset
    return CovariateSource(
        settings=settings,
        path=path,
        geobox=geobox,
        study_grid=study_grid,
        dtype=dtype.name,
        nodata=_missing_codes(settings, path, dtype),
        scale=info.scales[band - 1] if given[0] is None else given[0],
        offset=info.offsets[band - 1] if given[1] is None else given[1],
        resampling="none" if origin is not None else _resampling(settings, fineness),
        fineness=fineness,
        origin=origin,
    )


def read_source(
    source: CovariateSource, dataset: Any, row: int, col: int, height: int, width: int
) -> SourceWindow:
    """Read pixels row:row+height, col:col+width of the file; beyond its edges all is missing.

    `dataset` is `source.path`, opened by `export.rasters.info.open_raster`.
    """
    values = np.full((height, width), np.nan, np.float32)
    rows_in_file, cols_in_file = source.geobox.shape.yx
    top, bottom = max(row, 0), min(row + height, rows_in_file)
    left, right = max(col, 0), min(col + width, cols_in_file)
    if top >= bottom or left >= right:
        return SourceWindow(values, 0)
    settings = source.settings
    window = Window(left, top, right - left, bottom - top)
    raw = dataset.read(settings.band, window=window)
    part = apply_scale(raw, source.scale, source.offset)
    part[missing_pixels(dataset, settings.band, raw, source.nodata, window)] = np.nan
    part[np.isinf(part)] = np.nan
    outside = np.zeros(part.shape, bool)
    if settings.minimum is not None:
        outside |= part < settings.minimum
    if settings.maximum is not None:
        outside |= part > settings.maximum
    part[outside] = np.nan
    if settings.categorical:
        _require_codes(source, part)
    values[top - row : bottom - row, left - col : right - col] = part
    return SourceWindow(values, int(outside.sum()))


def read_stored(source: CovariateSource, dataset: Any, row: int, col: int) -> float | None:
    """Return what one pixel of the file holds, in or out of the valid range; None where missing."""
    window = Window(col, row, 1, 1)
    raw = dataset.read(source.settings.band, window=window)
    if missing_pixels(dataset, source.settings.band, raw, source.nodata, window)[0, 0]:
        return None
    value = float(apply_scale(raw, source.scale, source.offset)[0, 0])
    return value if np.isfinite(value) else None


def source_parts(source: CovariateSource, file_hash: Callable[[Path], str]) -> dict[str, Any]:
    """Return what the pixels of a raster are made from: its bytes and how they are read.

    Neither where the file lies nor its age are among them.
    """
    left_out = {"file", "group", "layers", "depth_cm"}
    return {
        **source.settings.model_dump(mode="json", exclude=left_out),
        # what the file says of itself may stand beside it: a world file, a mask, a sidecar
        "sha256": [file_hash(path) for path in files_of(source.path)],
        "grid": grid_to_json(source.geobox),
        "stored": [source.dtype, source.nodata, source.scale, source.offset],
        "resampling": source.resampling,
    }


def to_source_pixels(
    source: CovariateSource, geobox: GeoBox, rows: NDArray[Any], cols: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where pixel coordinates of `geobox` (corners are whole numbers) lie in the file."""
    easting, northing = geobox.transform * (np.asarray(cols, float), np.asarray(rows, float))
    transformer = _transformer(str(geobox.crs), str(source.geobox.crs))
    easting, northing = transformer.transform(easting, northing)
    with np.errstate(invalid="ignore"):  # infinity where the projection ends
        source_cols, source_rows = ~source.geobox.transform * (easting, northing)
    return source_rows, source_cols


def coinciding_origin(geobox: GeoBox, study_grid: GeoBox) -> tuple[int, int] | None:
    """Return row and col of a raster's first pixel in the study's grid, where the grids coincide.

    They do where the CRS is the same and the four corners of the raster lie on corners of the
    study's pixels to 1e-6 px, north up.
    """
    if geobox.crs != study_grid.crs:
        return None
    height, width = geobox.shape.yx
    first_col, first_row = ~study_grid.transform * (geobox.transform * (0, 0))
    last_col, last_row = ~study_grid.transform * (geobox.transform * (width, height))
    row, col = round(first_row), round(first_col)
    found = np.array([first_row, first_col, last_row, last_col])
    expected = np.array([row, col, row + height, col + width])
    return (row, col) if np.abs(found - expected).max() <= ALIGNMENT_PX else None


def _with_crs(settings: CovariateSettings, path: Path, geobox: GeoBox) -> GeoBox:
    if settings.crs is not None:
        try:
            CRS.from_user_input(settings.crs)
        except CRSError as error:
            raise StudyError(
                f"covariate '{settings.name}': crs = '{settings.crs}' is not known to PROJ; "
                "write it like 'EPSG:28992'"
            ) from error
        return GeoBox(geobox.shape, geobox.transform, settings.crs)
    if geobox.crs is None:
        raise RasterError(
            f"covariate '{settings.name}': {path} has no CRS. Say which one it is in: "
            "crs = 'EPSG:...' in its [[covariates]] entry"
        )
    return geobox


def _missing_codes(
    settings: CovariateSettings, path: Path, dtype: "np.dtype[Any]"
) -> tuple[float, ...] | None:
    if settings.nodata is None:
        return None
    codes = settings.nodata if isinstance(settings.nodata, tuple) else (settings.nodata,)
    for code in codes:
        if not np.isnan(code) and not representable(code, dtype):
            raise StudyError(
                f"covariate '{settings.name}': nodata = {code:g} cannot occur in {path}, which "
                f"holds {dtype} numbers. Write the number as stored, before scale and offset"
            )
    return codes


def _resampling(settings: CovariateSettings, fineness: float) -> str:
    if settings.resampling != "auto":
        return settings.resampling
    finer = fineness > FINER_THAN_GRID
    if settings.categorical:
        return "mode" if finer else "nearest"
    return "average" if finer else "bilinear"


def _fineness(geobox: GeoBox, study_grid: GeoBox) -> float:
    """Square root of the number of the file's pixels in the study's middle pixel."""
    height, width = study_grid.shape.yx
    rows = height // 2 + np.array([0.0, 0.0, 1.0])
    cols = width // 2 + np.array([0.0, 1.0, 0.0])
    easting, northing = study_grid.transform * (cols, rows)
    transformer = _transformer(str(study_grid.crs), str(geobox.crs))
    with np.errstate(invalid="ignore"):
        source_cols, source_rows = ~geobox.transform * transformer.transform(easting, northing)
        across = source_cols[1] - source_cols[0], source_rows[1] - source_rows[0]
        down = source_cols[2] - source_cols[0], source_rows[2] - source_rows[0]
        return float(np.sqrt(abs(across[0] * down[1] - across[1] * down[0])))


def _require_codes(source: CovariateSource, values: NDArray[np.float32]) -> None:
    found = values[~np.isnan(values)]
    bad = found[(found != np.round(found)) | (np.abs(found) > LARGEST_CODE)]
    if bad.size:
        raise RasterError(
            f"covariate '{source.name}' is categorical, but {source.path} holds {bad[0]:g}: "
            f"codes are whole numbers up to {LARGEST_CODE}"
        )


@lru_cache(maxsize=64)
def _transformer(crs: str, to: str) -> Transformer:
    return Transformer.from_crs(crs, to, always_xy=True)
