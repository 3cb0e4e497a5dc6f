"""One tile of the map: the saved model applied to the pixels of one covariate tile.

In: bands by name, (rows, cols) float32, each in its covariate's unit, NaN where missing. Out: the
target in its unit; beside it the companion's bands (interval in the target's unit, dissimilarity
index, local point density, and `distribution` where the model has it) and flags; and the files of
all three: float32 with nodata -9999, uint8 with nodata 255.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from export.map.flags import (
    CLIPPED,
    GLACIER,
    NO_PREDICTION,
    NO_TILE,
    OUTSIDE_AREA,
    OUTSIDE_REGION,
    WATER,
    flag_codes,
    flag_tags,
)
from export.rasters.writing import write_geotiff
from local_ml.features import Feature

NODATA = -9999.0
FORMAT_VERSION = 5

COMPANION_BANDS = ("lower", "upper", "dissimilarity_index", "local_point_density")
DISTRIBUTION_BAND = "distribution"

# Auxiliary bands of covariate tiles: from which value on they set which flag. Half of the looks
# of three decades found water; half of the pixel is ice.
FLAGGED_FROM = {"water_occurrence": (50.0, WATER), "glacier": (0.5, GLACIER)}


class PixelPrediction(Protocol):
    """Prediction of a model, an entry a pixel; see `local_ml.prediction.results.Prediction`."""

    @property
    def value(self) -> np.ndarray: ...
    @property
    def clipped(self) -> np.ndarray: ...
    @property
    def lower(self) -> np.ndarray: ...
    @property
    def upper(self) -> np.ndarray: ...
    @property
    def dissimilarity_index(self) -> np.ndarray: ...
    @property
    def local_point_density(self) -> np.ndarray: ...
    @property
    def outside_area(self) -> np.ndarray: ...
    @property
    def distribution(self) -> np.ndarray | None: ...
    @property
    def unseen_levels(self) -> int: ...
    @property
    def without_maximum(self) -> int: ...


class PixelPredictor(Protocol):
    """What is asked of a saved model; see `local_ml.prediction.predictor.Predictor`."""

    @property
    def features(self) -> tuple[Feature, ...]: ...
    @property
    def target_name(self) -> str: ...
    @property
    def target_unit(self) -> str: ...
    @property
    def has_distribution(self) -> bool: ...
    @property
    def fingerprint(self) -> str: ...
    def predict(
        self, bands: Mapping[str, np.ndarray], within: np.ndarray | None = None
    ) -> PixelPrediction: ...


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of the region, and of these: predicted, clipped to the physical bounds, without a
    prediction for a missing covariate, without one for a category that training never saw,
    predicted outside the area of applicability, predicted where the covariate that bounds the
    target is missing."""

    region: int = 0
    predicted: int = 0
    clipped: int = 0
    missing: int = 0
    unseen_levels: int = 0
    outside_area: int = 0
    without_maximum: int = 0

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(
            *(mine + its for mine, its in zip(self.astuple(), other.astuple(), strict=True))
        )

    def astuple(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in _COUNT_NAMES)

    def to_tags(self) -> dict[str, str]:
        return {
            f"pixels_{name}": str(number)
            for name, number in zip(_COUNT_NAMES, self.astuple(), strict=True)
        }

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> "PixelCounts":
        return cls(*(int(tags[f"pixels_{name}"]) for name in _COUNT_NAMES))


_COUNT_NAMES = tuple(field.name for field in fields(PixelCounts))


@dataclass(frozen=True, eq=False)
class MapTile:
    """What one tile of the map holds.

    Parameters
    ----------
    value : (rows, cols) float32 in the target's unit, NaN where there is no prediction
    companion : (bands, rows, cols) float32, the bands of `companion_bands`, NaN likewise
    flags : (rows, cols) uint8, see `export.map.flags`
    counts : of its pixels
    """

    value: np.ndarray
    companion: np.ndarray
    flags: np.ndarray
    counts: PixelCounts


@dataclass(frozen=True)
class TileFolders:
    """Where the tiles of the map go, and those beside it (None: they are not written).

    All three bear the name of the covariate tile.
    """

    value: Path
    companion: Path | None = None
    flags: Path | None = None

    @classmethod
    def of(cls, map_folder: Path, companion: bool) -> "TileFolders":
        """Return the folders within that of the map."""
        value = map_folder / "tiles"
        if not companion:
            return cls(value)
        return cls(value, map_folder / "companion_tiles", map_folder / "flag_tiles")

    @property
    def all(self) -> list[Path]:
        """The folders that there are, that of the map first."""
        return [folder for folder in (self.value, self.companion, self.flags) if folder]

    def files(self, name: str) -> list[Path]:
        """Return the files of one tile, that of the map first."""
        return [folder / f"{name}.tif" for folder in self.all]


def companion_bands(predictor: PixelPredictor) -> tuple[str, ...]:
    """Return the names of the companion's bands, in their order."""
    second = (DISTRIBUTION_BAND,) if predictor.has_distribution else ()
    return COMPANION_BANDS + second


def predict_tile(
    bands: Mapping[str, np.ndarray], inside: np.ndarray, predictor: PixelPredictor
) -> MapTile:
    """Predict the pixels of one tile.

    Parameters
    ----------
    bands : name → (rows, cols) float32, NaN where missing; those of `FLAGGED_FROM`, where there
        are any, set flags. None are needed where no pixel lies inside
    inside : (rows, cols) bool, the pixels of the region; the others are not predicted
    """
    names = companion_bands(predictor)
    if not inside.any():
        value, *companion = np.full((1 + len(names), *inside.shape), np.nan, np.float32)
        flags = {OUTSIDE_REGION: ~inside}
        return MapTile(value, np.stack(companion), flag_codes(flags), PixelCounts())
    # A whole raster, so that the predictor can use that neighbours are alike.
    prediction = predictor.predict(bands, within=inside)
    finite = inside & np.isfinite(prediction.value)
    value = np.where(finite, np.asarray(prediction.value, np.float32), np.float32(np.nan))
    companion = [np.asarray(getattr(prediction, name), np.float32) for name in names]
    clipped, outside_area = inside & prediction.clipped, inside & prediction.outside_area
    flags = {
        OUTSIDE_AREA: outside_area,
        CLIPPED: clipped,
        OUTSIDE_REGION: ~inside,
        NO_PREDICTION: inside & ~finite,
    }
    for name, (least, flag) in FLAGGED_FROM.items():
        if name in bands:
            flags[flag] = inside & (bands[name] >= least)
    in_region, predicted = int(inside.sum()), int(finite.sum())
    unseen = int(prediction.unseen_levels)
    counts = PixelCounts(
        region=in_region,
        predicted=predicted,
        clipped=int(clipped.sum()),
        missing=max(in_region - predicted - unseen, 0),
        unseen_levels=unseen,
        outside_area=int(outside_area.sum()),
        without_maximum=int(prediction.without_maximum),
    )
    return MapTile(value, np.stack(companion), flag_codes(flags), counts)


def write_map_tile(
    folders: TileFolders, name: str, tile: MapTile, geobox: GeoBox, predictor: PixelPredictor
) -> None:
    """Write the files of one tile, that of the map last.

    Parameters
    ----------
    name : of the tile
    geobox : its grid
    """
    tags = {
        "model": predictor.fingerprint,
        "format_version": str(FORMAT_VERSION),
        **tile.counts.to_tags(),
    }
    if folders.companion is not None:
        bands = companion_bands(predictor)
        in_unit = ("lower", "upper", DISTRIBUTION_BAND)
        write_geotiff(
            folders.companion / f"{name}.tif",
            _filled(tile.companion),
            geobox,
            nodata=NODATA,
            band_names=bands,
            units=[predictor.target_unit if band in in_unit else "1" for band in bands],
            tags=tags,
        )
    if folders.flags is not None:
        write_geotiff(
            folders.flags / f"{name}.tif",
            tile.flags[None],
            geobox,
            nodata=NO_TILE,
            band_names=["flags"],
            units=["1"],
            tags=tags | flag_tags(),
            categorical=[True],
        )
    write_geotiff(
        folders.value / f"{name}.tif",
        _filled(tile.value[None]),
        geobox,
        nodata=NODATA,
        band_names=[predictor.target_name],
        units=[predictor.target_unit],
        tags=tags,
    )


def _filled(values: np.ndarray) -> np.ndarray:
    filled: np.ndarray = np.where(np.isnan(values), np.float32(NODATA), values)
    return filled
