"""All that a view shows, whatever it is shown by.

In: a study at any step. Out: one frozen `View`: layers as pictures with their keys, sites with
their held-out predictions, the outline of the region, and what is not there yet.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from export.errors import MissingStepError
from export.progress import Progress
from export.report.data import ReportData, read_report_data, read_sites
from export.report.evidence import deciding_design
from export.report.text import decimals_for, percent
from export.report.words import skill_warnings
from export.study import Study
from export.study.grid import study_geobox
from export.view.colours import Scale, difference_scale, scale_for
from export.view.layers import Layer, covariate_layers, kept_features, map_layers
from export.view.outline import Ring, grid_outline, mask_outlines
from export.view.pictures import Bounds
from local_ml.features import Feature


class Absent(NamedTuple):
    """What is not shown, and the step of the command line that makes it."""

    what: str
    step: str


@dataclass(frozen=True)
class Site:
    """A kept site.

    Parameters
    ----------
    longitude, latitude : degrees
    observed : in the target's unit; None where the table gives none
    predicted : design of folds → prediction by a model that had not seen the site
    """

    site_id: str
    longitude: float
    latitude: float
    method: str
    group: str
    split: str
    observed: float | None
    predicted: Mapping[str, float]

    def residual(self, design: str | None) -> float | None:
        """Return predicted − observed under a design, None where there is no such prediction."""
        predicted = self.predicted.get(design) if design is not None else None
        return None if predicted is None or self.observed is None else predicted - self.observed


@dataclass(frozen=True, eq=False)
class View:
    """A study on a map.

    Parameters
    ----------
    bounds : of the study's grid: south, west, north, east in degrees
    decimals : with which values of the target are written
    layers : the map first, covariates last
    kept : names of the covariates that the model kept, the most important first; none before
        `train`
    design : of folds, whose residuals the sites show; None before `train`
    observed_key : colours of what the sites observed: those of the map, where there is one
    residual_key : colours of predicted − observed
    grid, mask : edges of the region
    warnings : what a reader must know before all else; each a sentence
    """

    study: Study
    target: str
    unit: str
    decimals: int
    bounds: Bounds
    layers: tuple[Layer, ...]
    kept: tuple[str, ...]
    sites: tuple[Site, ...]
    design: str | None
    observed_key: Scale | None
    residual_key: Scale | None
    grid: Ring
    mask: tuple[Ring, ...]
    absent: tuple[Absent, ...]
    warnings: tuple[str, ...]


def read_view(
    study: Study,
    progress: Progress,
    left_out: Collection[str] = (),
    warnings: Sequence[str] = (),
) -> View:
    """Read what there is of a study so far.

    Parameters
    ----------
    left_out : names of covariate tiles that are not to be trusted
    warnings : what is known of the study beyond its files, each a sentence

    Raises
    ------
    ExportError
        where what is there cannot be read.
    """
    target = study.settings.target
    data = _trained(study)
    absent: list[Absent] = []
    sites: tuple[Site, ...] = ()
    design = None
    if data is not None:
        design = deciding_design(data)
        sites = _sites(data.sites, data.out_of_fold)
    elif (study.sites_folder / "screened.csv").exists():
        sites = _sites(read_sites(study), None)
        absent.append(Absent("Residuals", "train"))
    else:
        absent += [Absent("Sites", "sites"), Absent("Residuals", "train")]
    kept = kept_features(study, list(data.importance["feature"])) if data is not None else []
    layers, missing = _layers(study, data, kept, progress, left_out)
    absent += missing
    geobox = study_geobox(study)
    grid = grid_outline(geobox)
    observed = _column(site.observed for site in sites)
    differences = _column(site.residual(design) for site in sites)
    shown_map = next((layer for layer in layers if layer.name == "map"), None)
    observed_key = scale_for("target", observed, target.unit)
    if shown_map is not None and isinstance(shown_map.key, Scale):
        observed_key = shown_map.key
    return View(
        study=study,
        target=target.name,
        unit=target.unit,
        decimals=_decimals(data, observed),
        bounds=_bounds(grid),
        layers=tuple(layers),
        kept=tuple(feature.name for feature in kept),
        sites=sites,
        design=design,
        observed_key=observed_key,
        residual_key=difference_scale(differences, target.unit),
        grid=grid,
        mask=mask_outlines(study, geobox),
        absent=tuple(absent),
        warnings=(*warnings, *(skill_warnings(data) if data is not None else ())),
    )


def _trained(study: Study) -> ReportData | None:
    """Return what training found, None where it has not been finished."""
    if not (study.model_folder / "manifest.json").exists():
        return None
    try:
        return read_report_data(study)
    except MissingStepError:
        return None


def _layers(
    study: Study,
    data: ReportData | None,
    kept: Sequence[Feature],
    progress: Progress,
    left_out: Collection[str],
) -> tuple[list[Layer], list[Absent]]:
    """Return the layers that can be shown, and what else there could be."""
    if data is None:
        return [], [Absent("Map", "run"), Absent("Covariates", "export")]
    layers: list[Layer] = []
    absent: list[Absent] = []
    if data.map_file is None:
        # One that is there is of an earlier model, whose tiles cannot be joined.
        step = "run" if study.map_file.exists() else "mosaic"
        absent.append(Absent("Map", "run --force" if data.validation.no_skill else step))
    else:
        level = percent(data.validation.intervals.level)
        layers += map_layers(
            data.map_file,
            data.companion_file,
            data.flags_file,
            study.settings.target,
            level,
            data.validation.applicability.threshold,
        )
    covariates = covariate_layers(study, kept, progress, left_out)
    if not covariates:
        absent.append(Absent("Covariates", "export"))
    return [*layers, *covariates], absent


def _sites(table: pd.DataFrame, out_of_fold: pd.DataFrame | None) -> tuple[Site, ...]:
    predictions: dict[str, dict[str, float]] = {}
    if out_of_fold is not None:
        for row in out_of_fold.dropna(subset=["predicted"]).to_dict("records"):
            predictions.setdefault(row["site_id"], {})[row["design"]] = row["predicted"]
    return tuple(
        Site(
            site_id=row["site_id"],
            longitude=row["longitude"],
            latitude=row["latitude"],
            method=row["method"],
            group=row["group"],
            split=row["split"],
            observed=row["target"] if math.isfinite(row["target"]) else None,
            predicted=predictions.get(row["site_id"], {}),
        )
        for row in table.to_dict("records")
    )


def _column(values: Iterable[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], float)


def _decimals(data: ReportData | None, observed: np.ndarray) -> int:
    """Return decimals that show an error with two digits, or before training a hundredth part of
    the spread."""
    if data is not None:
        parts = data.validation.parts.values()
        errors = [part.scores.mae for part in parts if part.scores and part.scores.mae]
        return decimals_for(min(errors, default=None))
    present = observed[np.isfinite(observed)]
    return decimals_for(float(np.ptp(present)) / 10 if present.size > 1 else None)


def _bounds(ring: Ring) -> Bounds:
    latitudes, longitudes = zip(*ring, strict=True)
    return min(latitudes), min(longitudes), max(latitudes), max(longitudes)
