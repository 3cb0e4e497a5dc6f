"""Covariates of a user's rasters.

In: `[[covariates]]` entries, the paths of their files, the study's grid. Out: a
`CovariateProvider`. A covariate is one band of a file, or the mean of several depth layers of a
soil property, each weighted by its thickness within the depth that counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.changes import (
    files_reason,
    plain,
    settings_reason,
    shortened,
    software,
    software_reason,
)
from export.covariates.checks import SourceReport, check_source
from export.covariates.places import by_tile
from export.covariates.provider import CovariateInfo, Missing, Sampled, TileValues
from export.covariates.settings import CovariateSettings
from export.covariates.source import (
    CovariateSource,
    open_source,
    read_stored,
    source_parts,
    to_source_pixels,
)
from export.covariates.warp import read_tile
from export.errors import ExportError, RasterError
from export.fingerprints import fingerprint
from export.parallel import in_order
from export.progress import Progress
from export.rasters.info import files_of, open_raster
from gee.grid import Tile


@dataclass(frozen=True)
class RasterCovariate:
    """One covariate: its settings and its layers, each with its share of the mean."""

    settings: CovariateSettings
    layers: tuple[tuple[CovariateSource, float], ...]

    @property
    def name(self) -> str:
        return self.settings.name


def open_covariate(
    settings: CovariateSettings, path_of: Callable[[str], Path], study_grid: GeoBox
) -> RasterCovariate:
    """Open the file of a covariate, or those of its layers that reach into the depth that counts.

    Parameters
    ----------
    path_of : from a name in the study to the file's path

    Raises
    ------
    ExportError
        where a file cannot be used (see `open_source`).
    """
    if settings.depth_cm is None:
        assert settings.file is not None
        source = open_source(settings, path_of(settings.file), study_grid)
        return RasterCovariate(settings, ((source, 1.0),))
    upper, lower = settings.depth_cm
    layers = []
    for layer in settings.layers:
        thickness = min(layer.bottom_cm, lower) - max(layer.top_cm, upper)
        if thickness > 0:
            one = settings.model_copy(update={"file": layer.file, "layers": (), "depth_cm": None})
            source = open_source(one, path_of(layer.file), study_grid)
            layers.append((source, thickness / (lower - upper)))
    return RasterCovariate(settings, tuple(layers))


def read_covariate(covariate: RasterCovariate, tile: Tile) -> NDArray[np.float32]:
    """Return a covariate on a tile, (rows, cols) float32, NaN where any of its layers has none."""
    if len(covariate.layers) == 1:
        return read_tile(covariate.layers[0][0], tile)
    mean = np.zeros(tile.shape)
    for source, share in covariate.layers:
        mean += share * read_tile(source, tile).astype(np.float64)
    return mean.astype(np.float32)


class RasterProvider:
    """The covariates of a user's rasters (a `CovariateProvider`).

    Parameters
    ----------
    tile_px : side of the tiles; a value sampled is that of the tile which holds the pixel
    file_hash : from a path to the file's SHA-256, such as `Journal.file_hash`
    workers : threads that sample; 0: one a core
    """

    service = None
    kind = "rasters"

    def __init__(
        self,
        covariates: Sequence[RasterCovariate],
        geobox: GeoBox,
        tile_px: int,
        file_hash: Callable[[Path], str],
        workers: int = 0,
    ) -> None:
        self._by_name = {covariate.name: covariate for covariate in covariates}
        self._geobox, self._tile_px = geobox, tile_px
        self._file_hash, self._workers = file_hash, workers
        self.covariates = tuple(_info(covariate) for covariate in covariates)

    def fingerprint(self, name: str) -> str:
        layers = [
            [source_parts(source, self._file_hash), share]
            for source, share in self._by_name[name].layers
        ]
        return fingerprint(layers=layers)

    def described(self, names: Sequence[str]) -> dict[str, Any]:
        of = {name: self._described(self._by_name[name]) for name in names}
        return {"software": software(), "covariates": of}

    def _described(self, covariate: RasterCovariate) -> dict[str, Any]:
        settings = covariate.settings
        return {
            "settings": plain(
                settings.model_dump(mode="json", exclude={"file", "group", "layers"})
            ),
            "depths_cm": [[layer.top_cm, layer.bottom_cm] for layer in settings.layers],
            "files": {
                _file_name(source, path): shortened(self._file_hash(path))
                for source, _ in covariate.layers
                for path in files_of(source.path)
            },
            "resampling": [source.resampling for source, _ in covariate.layers],
        }

    def reasons(self, name: str, before: Mapping[str, Any]) -> list[str]:
        was, now = before["covariates"][name], self._described(self._by_name[name])
        keys = [
            key
            for key in now["settings"]
            if was["settings"].get(key, _default(key)) != now["settings"][key]
        ]
        keys += ["layers"] * (was["depths_cm"] != now["depths_cm"])
        found = files_reason(was["files"], now["files"], "raster")
        found += settings_reason(f"covariates.{name}.{key}" for key in keys)
        if not found and was["resampling"] != now["resampling"]:
            both = " → ".join(", ".join(dict.fromkeys(one["resampling"])) for one in (was, now))
            found.append(f"the study's grid, onto which it is resampled otherwise ({both})")
        return found or [software_reason(before["software"], software())]

    def check(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], progress: Progress
    ) -> list[SourceReport]:
        reports, faults = [], []
        sources = [source for one in self._by_name.values() for source, _ in one.layers]
        with progress.task("looking at covariates", len(sources)) as task:
            for source in sources:
                try:
                    reports.append(check_source(source, rows, cols))
                except RasterError as error:
                    faults.append(str(error))
                task.advance()
        faults += [f.text for report in reports for f in report.findings if f.severity == "error"]
        if faults:
            raise RasterError("\n".join(faults))
        return reports

    def read(self, names: Sequence[str], tile: Tile) -> TileValues:
        values = [read_covariate(self._by_name[name], tile) for name in names]
        return TileValues(np.stack(values), {})

    def sample(
        self,
        names: Sequence[str],
        rows: NDArray[np.int64],
        cols: NDArray[np.int64],
        progress: Progress,
    ) -> Sampled:
        parts = by_tile(self._geobox, self._tile_px, rows, cols, np.ones(rows.size, bool))
        work = [(column, tile, index) for column in range(len(names)) for tile, index in parts]

        def take(
            part: tuple[int, Tile, NDArray[np.int64]],
        ) -> tuple[NDArray[np.float32], list[Missing]]:
            column, tile, index = part
            covariate = self._by_name[names[column]]
            row_start, col_start = tile.window[:2]
            found: NDArray[np.float32] = read_covariate(covariate, tile)[
                rows[index] - row_start, cols[index] - col_start
            ]
            lacking = index[np.isnan(found)]
            reasons = _reasons(covariate, self._geobox, rows[lacking], cols[lacking])
            return found, [
                Missing(int(pixel), covariate.name, reason)
                for pixel, reason in zip(lacking, reasons, strict=True)
            ]

        values = np.full((rows.size, len(names)), np.nan, np.float32)
        missing: list[Missing] = []
        with progress.task("sampling rasters", len(work)) as task:
            taken = in_order(take, work, self._workers)
            for (column, _, index), (found, reasons) in zip(work, taken, strict=True):
                values[index, column] = found
                missing += reasons
                task.advance()
        return Sampled(values, tuple(missing))


def open_rasters(
    settings: Sequence[CovariateSettings], path_of: Callable[[str], Path], study_grid: GeoBox
) -> list[RasterCovariate]:
    """Open every raster of a study; the faults of all come in one error.

    Raises
    ------
    ExportError
        of the kind of the first fault.
    """
    opened: list[RasterCovariate] = []
    faults: list[ExportError] = []
    for one in settings:
        try:
            opened.append(open_covariate(one, path_of, study_grid))
        except ExportError as error:
            faults.append(error)
    if faults:
        raise type(faults[0])("\n".join(str(fault) for fault in faults))
    return opened


def _file_name(source: CovariateSource, path: Path) -> str:
    """Return a file of a raster as the study names it, or would name what stands beside it."""
    return PurePath(str(source.settings.file)).with_name(path.name).as_posix()


def _default(key: str) -> Any:
    field = CovariateSettings.model_fields[key]
    return None if field.is_required() else field.default


def _info(covariate: RasterCovariate) -> CovariateInfo:
    settings = covariate.settings
    source = ", ".join(settings.files)
    return CovariateInfo(
        name=settings.name,
        unit=settings.unit,
        missing=settings.missing,
        group=settings.group,
        categorical=settings.categorical,
        source=source if settings.band == 1 else f"{source} (band {settings.band})",
        role=settings.role,
    )


def _reasons(
    covariate: RasterCovariate, geobox: GeoBox, rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> list[str]:
    """Return why pixels have no value: what the file's pixel under the centre of each holds."""
    reasons = [""] * rows.size
    for source, _ in covariate.layers:
        left = [number for number, reason in enumerate(reasons) if not reason]
        if not left:
            break
        places = to_source_pixels(source, geobox, rows[left] + 0.5, cols[left] + 0.5)
        with open_raster(source.path) as dataset:
            for number, row, col in zip(left, *places, strict=True):
                reasons[number] = _reason(source, dataset, row, col)
    return [reason or "most of the file's pixels under it are missing" for reason in reasons]


def _reason(source: CovariateSource, dataset: Any, row: float, col: float) -> str:
    """Return why the file has no value under a position in its pixels; empty where it has one."""
    height, width = source.geobox.shape.yx
    name = source.path.name
    if not (np.isfinite([row, col]).all() and 0 <= row < height and 0 <= col < width):
        return f"outside the raster {name}"
    value = read_stored(source, dataset, int(row), int(col))
    if value is None:
        return f"missing in {name}"
    settings = source.settings
    low = -np.inf if settings.minimum is None else settings.minimum
    high = np.inf if settings.maximum is None else settings.maximum
    if not low <= value <= high:
        return f"out of range: {value:g} not in [{low:g}, {high:g}]"
    return ""
