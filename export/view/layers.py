"""Layers of a view: each a picture, a key of its colours, and what it shows in words.

In: the files of the map, and covariate tiles. Out: frozen `Layer`s, values in the units of their
files.
"""

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from export.advice import typed
from export.covariates.source import coinciding_origin
from export.covariates.tiles import tile_files
from export.errors import RasterError
from export.progress import Progress
from export.rasters.info import read_info
from export.report.map_files import flag_parts
from export.report.text import fixed, in_unit
from export.study import Study
from export.study.grid import study_geobox
from export.view.colours import Classes, Scale, categories_for, flags_for, scale_for
from export.view.pictures import (
    Bounds,
    SmallRaster,
    mercator_grid,
    palette_png,
    read_small,
    read_small_tiles,
)
from local_ml.features import Feature
from local_ml.names import counted
from local_ml.settings import TargetSettings

MAP_PX = 1500
COVARIATE_PX = 448
"""Longest sides of pictures: of the map and of what lies beside it; of covariates."""

_UNFLAGGED = "no flag"


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture over the map.

    Parameters
    ----------
    name : unlike that of every other layer
    title : for people, with the unit
    about : in a sentence, what it shows
    picture : PNG, its rows and columns along the axes of Web Mercator
    bounds : of the picture: south, west, north, east in degrees
    """

    name: str
    title: str
    about: str
    group: Literal["map", "covariates"]
    key: Scale | Classes
    picture: bytes
    bounds: Bounds

    @property
    def data_uri(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.picture).decode()}"


def tiles_off_grid(study: Study) -> list[str]:
    """Return the names of covariate tiles that do not lie on the study's grid as it is now."""
    grid = study_geobox(study)
    height, width = grid.shape.yx
    found = []
    for path in sorted((study.covariates_folder / "tiles").glob("*.tif")):
        try:
            tile = read_info(path).geobox
        except RasterError:
            continue  # whoever reads it says what is wrong with it
        row, col = coinciding_origin(tile, grid) or (-1, -1)
        rows, cols = tile.shape.yx
        if row < 0 or col < 0 or row + rows > height or col + cols > width:
            found.append(path.stem)
    return found


def told_off_grid(names: Sequence[str], folder: Path | None = None) -> str:
    """Say that tiles are left out for that, and what makes them anew."""
    remedy = typed("run") if folder is None else typed("run", folder)
    return (
        f"{counted(len(names), 'covariate tile')} left out, of another region or grid than that "
        f"of study.toml now; {remedy} makes them anew"
    )


def map_layers(
    map_file: Path,
    companion_file: Path | None,
    flags_file: Path | None,
    target: TargetSettings,
    level: str,
    threshold: float,
) -> list[Layer]:
    """Return the map and what lies beside it.

    Parameters
    ----------
    level : of the intervals, in words
    threshold : of the dissimilarity index, above which no training site is like the place

    Raises
    ------
    RasterError
        where a file cannot be read.
    """
    raster = read_small(map_file, None, MAP_PX)
    key = scale_for("target", raster.values, target.unit)
    if key is None:
        return []
    title = in_unit(target.name, target.unit)
    layers = [_layer("map", f"Map: {title}", "What the model predicts.", "map", key, raster)]
    if companion_file is not None:
        layers += _companion_layers(companion_file, target, level, threshold)
    if flags_file is not None:
        layers += _flag_layer(flags_file)
    return layers


def kept_features(study: Study, order: Sequence[str]) -> list[Feature]:
    """Return what the model kept, in the order given; what is not named there comes last."""
    text = (study.model_folder / "manifest.json").read_text(encoding="utf-8")
    features = [Feature.from_json(fields) for fields in json.loads(text)["features"]]
    rank = {name: place for place, name in enumerate(order)}
    return sorted(features, key=lambda feature: rank.get(feature.name, len(rank)))


def covariate_layers(
    study: Study, features: Sequence[Feature], progress: Progress, left_out: Collection[str] = ()
) -> list[Layer]:
    """Return the covariates of which there are tiles, in the order given.

    Parameters
    ----------
    left_out : names of tiles that are not to be trusted

    Raises
    ------
    ExportError
        where a tile cannot be read or lies off the study's grid.
    """
    folder = study.covariates_folder / "tiles"
    if not features or all(path.stem in left_out for path in folder.glob("*.tif")):
        return []
    files = [path for path in tile_files(folder) if path.stem not in left_out]
    held = set(read_info(files[0]).band_names)
    there = {feature.name: feature for feature in features if feature.name in held}
    codes = {name: feature.categorical for name, feature in there.items()}
    rasters = read_small_tiles(files, codes, study_geobox(study), COVARIATE_PX, progress)
    layers = []
    for name, feature in there.items():
        key: Scale | Classes | None
        if feature.levels is not None:
            key = categories_for(feature.levels)
        else:
            key = scale_for("covariate", rasters[name].values, feature.unit)
        if key is not None:
            about = f"Covariate that the model kept ({feature.group or 'no group'})."
            title = in_unit(name, feature.unit)
            layers.append(
                _layer(f"covariate:{name}", title, about, "covariates", key, rasters[name])
            )
    return layers


def _companion_layers(
    path: Path, target: TargetSettings, level: str, threshold: float
) -> list[Layer]:
    layers = []
    lower, upper = read_small(path, "lower", MAP_PX), read_small(path, "upper", MAP_PX)
    width = replace(upper, values=upper.values - lower.values)
    key = scale_for("width", width.values, target.unit)
    if key is not None:
        title = in_unit("Interval width", target.unit)
        about = (
            f"Upper minus lower bound of the interval that is to hold {level} of new observations."
        )
        layers.append(_layer("interval_width", title, about, "map", key, width))
    index = read_small(path, "dissimilarity_index", MAP_PX)
    key = scale_for("dissimilarity", index.values, "1")
    if key is not None:
        about = (
            "Distance to the nearest training site in the space of the covariates. Above "
            f"{fixed(threshold, 2)} no training site is like the place."
        )
        layers.append(
            _layer("dissimilarity_index", "Dissimilarity index", about, "map", key, index)
        )
    return layers


def _flag_layer(path: Path) -> list[Layer]:
    raster = read_small(path, None, MAP_PX, codes=True)
    words = {part.key: part.name.replace("_", " ") for part in flag_parts(path)}
    present = raster.values[np.isfinite(raster.values)].astype(np.int64)
    key = flags_for(present, {**words, 0: _UNFLAGGED})
    if not key.codes:
        return []
    about = "Why a pixel is what it is; where several hold, the colour is that of the first."
    return [_layer("flags", "Flags", about, "map", key, raster)]


def _layer(
    name: str,
    title: str,
    about: str,
    group: Literal["map", "covariates"],
    key: Scale | Classes,
    raster: SmallRaster,
) -> Layer:
    grid = mercator_grid(raster.geobox)
    picture = palette_png(grid.warp(key.places(raster.values)), key.colours)
    return Layer(name, title, about, group, key, picture, grid.bounds)
