"""Map tiles: the saved model applied to covariate tiles.

In: covariate tiles, ours or another's, and a predictor. Out: one GeoTIFF a tile, one float32 band
in the target's unit, nodata -9999, with counts of what was clipped, unseen or without prediction
in its tags. Features are bound to bands by name.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from export.covariates.tiles import REGION_BAND, read_covariate_tile
from export.errors import ExportError, RasterError, TileError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.parallel import in_order
from export.progress import Progress
from export.rasters import read_info, write_geotiff
from local_ml.errors import LocalMLError
from local_ml.features import Feature

NODATA = -9999.0
STEP = "map_tiles"
FORMAT_VERSION = 1


class PixelPrediction(Protocol):
    """Prediction of a model, an entry a pixel; see `local_ml.predictor.Prediction`."""

    @property
    def value(self) -> np.ndarray: ...
    @property
    def clipped(self) -> np.ndarray: ...
    @property
    def unseen_levels(self) -> int: ...


class PixelPredictor(Protocol):
    """What is asked of a saved model; see `local_ml.predictor.Predictor`."""

    @property
    def features(self) -> tuple[Feature, ...]: ...
    @property
    def target_name(self) -> str: ...
    @property
    def target_unit(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    def predict(self, bands: Mapping[str, np.ndarray]) -> PixelPrediction: ...


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of the region, and of these: predicted, clipped to the physical bounds, without a
    prediction for a missing covariate, without one for a category that training never saw."""

    region: int = 0
    predicted: int = 0
    clipped: int = 0
    missing: int = 0
    unseen_levels: int = 0

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(
            *(mine + its for mine, its in zip(self.astuple(), other.astuple(), strict=True))
        )

    def astuple(self) -> tuple[int, int, int, int, int]:
        return self.region, self.predicted, self.clipped, self.missing, self.unseen_levels

    def to_tags(self) -> dict[str, str]:
        return {
            f"pixels_{name}": str(number)
            for name, number in zip(_COUNT_NAMES, self.astuple(), strict=True)
        }

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> "PixelCounts":
        return cls(*(int(tags[f"pixels_{name}"]) for name in _COUNT_NAMES))


_COUNT_NAMES = ("region", "predicted", "clipped", "missing", "unseen_levels")


@dataclass(frozen=True)
class PredictReport:
    """What became of the tiles.

    Parameters
    ----------
    files : tile name → map tile, for all that are whole
    written, skipped : names of those made now, and of those found made from the same inputs
    failed : tile name → reason; a hole in the map
    counts : of the pixels of all tiles that are whole
    """

    files: Mapping[str, Path]
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    counts: PixelCounts


class _Outcome(NamedTuple):
    name: str
    file: Path
    made_from: str
    skipped: bool
    counts: PixelCounts
    reason: str | None


def predict_tile(
    bands: Mapping[str, np.ndarray], predictor: PixelPredictor
) -> tuple[np.ndarray, PixelCounts]:
    """Predict the pixels of one tile.

    Parameters
    ----------
    bands : name → (rows, cols) float32, NaN where missing; a band called ``region``, where there
        is one, is 0 outside the region

    Returns
    -------
    value : (rows, cols) float32 in the target's unit, NaN where there is no prediction
    counts : of its pixels
    """
    shape = next(iter(bands.values())).shape
    inside = np.ones(shape, bool)
    if REGION_BAND in bands:
        inside = np.nan_to_num(bands[REGION_BAND], nan=0.0) != 0
    value = np.full(shape, np.nan, np.float32)
    if not inside.any():
        return value, PixelCounts()
    features = {name: band for name, band in bands.items() if name != REGION_BAND}
    # A whole tile goes as it lies, so that the predictor can use that neighbours are alike.
    if not inside.all():
        features = {name: band[inside] for name, band in features.items()}
    prediction = predictor.predict(features)
    value[inside] = np.asarray(prediction.value, np.float32).ravel()
    in_region = int(inside.sum())
    predicted = int(np.isfinite(value).sum())
    value[~np.isfinite(value)] = np.nan
    unseen = int(prediction.unseen_levels)
    return value, PixelCounts(
        region=in_region,
        predicted=predicted,
        clipped=int(np.asarray(prediction.clipped).sum()),
        missing=max(in_region - predicted - unseen, 0),
        unseen_levels=unseen,
    )


def predict_tiles(
    tiles: Sequence[Path],
    predictor: PixelPredictor,
    folder: Path,
    journal: Journal,
    progress: Progress,
    workers: int = 0,
    band_names: Sequence[str] | None = None,
) -> PredictReport:
    """Predict tiles, those that the journal holds as done excepted.

    A tile that cannot be read fails alone: it is recorded, and the others are made.

    Parameters
    ----------
    tiles : covariate tiles; each gives a map tile of the same file name in `folder`
    workers : threads; 0: one a core. The files don't depend on it
    band_names : names of the tiles' bands, where the files have none

    Raises
    ------
    TileError
        where the first tile lacks a band that the model needs (then all do), or two tiles have
        one name.
    """
    names = [path.stem for path in tiles]
    if len(set(names)) < len(names):
        raise TileError("two of the covariate tiles have the same name")
    for path in tiles[:1]:
        _require_features(path, predictor, band_names)

    def make(path: Path) -> _Outcome:
        file = folder / f"{path.stem}.tif"
        made_from = ""
        try:
            made_from = fingerprint(
                format=FORMAT_VERSION,
                model=predictor.fingerprint,
                tile=journal.file_hash(path),
                band_names=None if band_names is None else list(band_names),
            )
            if journal.is_done(STEP, path.stem, made_from):
                counts = PixelCounts.from_tags(read_info(file).tags)
                return _Outcome(path.stem, file, made_from, True, counts, None)
            bands, geobox = read_covariate_tile(
                path, _wanted(path, predictor, band_names), band_names
            )
            value, counts = predict_tile(bands, predictor)
            _write_map_tile(file, value, geobox, predictor, counts)
        except (ExportError, LocalMLError) as error:
            return _Outcome(path.stem, file, made_from, False, PixelCounts(), str(error))
        return _Outcome(path.stem, file, made_from, False, counts, None)

    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    written: list[str] = []
    skipped: list[str] = []
    total = PixelCounts()
    with progress.task("map tiles", len(tiles)) as task:
        for name, file, made_from, was_done, counts, reason in in_order(make, tiles, workers):
            if reason is not None:
                failed[name] = reason
                file.unlink(missing_ok=True)  # one of other inputs must not stand in for it
                journal.record_failure(STEP, name, reason)
            else:
                files[name] = file
                total += counts
                (skipped if was_done else written).append(name)
                if not was_done:
                    journal.record(STEP, name, made_from, [file])
            task.advance()
    return PredictReport(files, tuple(written), tuple(skipped), failed, total)


def _require_features(
    path: Path, predictor: PixelPredictor, band_names: Sequence[str] | None
) -> None:
    """Raise TileError where a tile lacks a band of the model, before any is read."""
    try:
        present = [name for name in band_names or read_info(path).band_names if name]
    except RasterError:
        return  # it fails as a tile, not as the run
    for feature in predictor.features:
        if present and feature.name not in present:
            nearest = difflib.get_close_matches(feature.name, present, n=1, cutoff=0.3)
            hint = f"; the nearest is '{nearest[0]}'" if nearest else ""
            raise TileError(
                f"the model needs '{feature.name}', but {path} has no such band{hint}. "
                f"It has: {', '.join(present)}"
            )


def _wanted(path: Path, predictor: PixelPredictor, band_names: Sequence[str] | None) -> list[str]:
    """Return the bands to read: those of the model, and the region where the tile has it."""
    wanted = [feature.name for feature in predictor.features]
    present = band_names or read_info(path).band_names
    return [*wanted, REGION_BAND] if REGION_BAND in present else wanted


def _write_map_tile(
    file: Path,
    value: np.ndarray,
    geobox: GeoBox,
    predictor: PixelPredictor,
    counts: PixelCounts,
) -> None:
    write_geotiff(
        file,
        np.where(np.isnan(value), np.float32(NODATA), value)[None],
        geobox,
        nodata=NODATA,
        band_names=[predictor.target_name],
        units=[predictor.target_unit],
        tags={
            "model": predictor.fingerprint,
            "format_version": str(FORMAT_VERSION),
            **counts.to_tags(),
        },
    )
