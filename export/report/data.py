"""A study's result files → one frozen `ReportData`.

In: what the steps of a study wrote. Out: the same, read and checked; scores, SHAP values and
calibration in the units of the files (the target's unit, or its natural logarithm where the
members learned that). What an optional step has not made is None.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from export.errors import ExportError, MissingStepError
from export.rasters import read_info
from export.study import Study


class _Document(BaseModel):
    """Part of a file that another step owns: keys that the report does not show are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Scores(_Document):
    """None where the rows do not define a score."""

    r2: float | None
    rmse: float | None
    mae: float | None
    bias: float | None
    concordance: float | None
    slope_observed_on_predicted: float | None


class ScoreIntervals(_Document):
    """Bootstrap intervals of scores: lower and upper end; None where they could not be had."""

    level: float
    r2: tuple[float, float] | None
    rmse: tuple[float, float] | None


class Fifth(_Document):
    n: int
    lower: float | None
    upper: float | None
    bias: float | None


class Baseline(_Document):
    name: str
    scores: Scores


class Design(_Document):
    """Held-out sites of one design of folds, pooled; scores None where none got a prediction.

    `borrowed_from` names the design whose predictions these are, weighted otherwise; None where
    they are its own.
    """

    n: int
    folds: int
    no_prediction: int
    borrowed_from: str | None
    scores: Scores | None
    intervals: ScoreIntervals | None
    baseline: Baseline | None
    transformed_scores: Scores | None
    bias_by_fifth_of_prediction: tuple[Fifth, ...]
    bias_by_fifth_of_observation: tuple[Fifth, ...]


class LevelCoverage(_Document):
    """Held-out observations inside the intervals of a level; None where there were too few."""

    level: float
    picp: float | None
    standard_error: float | None
    mean_width: float | None


class Coverage(_Document):
    n: int
    levels: tuple[LevelCoverage, ...]


class IntervalReport(_Document):
    """How the intervals held; those of the map were made from errors of `promised_under`."""

    promised_under: str
    level: float
    designs: dict[str, Coverage]
    test: Coverage | None

    @property
    def parts(self) -> dict[str, Coverage]:
        """All designs and, last, the test set."""
        return self.designs | ({} if self.test is None else {"test": self.test})


class Applicability(_Document):
    """Threshold of the dissimilarity index, and the design that it was found under."""

    design: str
    threshold: float


class Validation(_Document):
    intervals: IntervalReport
    applicability: Applicability
    no_skill: str | None
    notes: tuple[str, ...]
    designs: dict[str, Design]
    test: Design | None

    @property
    def parts(self) -> dict[str, Design]:
        """All designs and, last, the test set."""
        return self.designs | ({} if self.test is None else {"test": self.test})


class Fusion(_Document):
    members: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    slope: float
    fused_minimum: float
    fused_maximum: float
    transform: str
    smearing: float
    minimum: float | None
    maximum: float | None


class Target(_Document):
    name: str
    unit: str


class BoundingCovariate(_Document):
    name: str
    unit: str


class Bounding(_Document):
    """The covariate that bounds the target from above, and what the target may hold beyond it."""

    covariate: BoundingCovariate
    margin: float


class Rows(_Document):
    rows_used: int | None = None
    rows_left_out: int | None = None


class Manifest(_Document):
    target: Target
    fusion: Fusion
    seed: int
    versions: dict[str, str]
    samples_fingerprint: str
    extra: Rows = Rows()
    maximum: Bounding | None = None


class Step(_Document):
    n: int
    rmse: float
    standard_error: float
    features: tuple[str, ...]


class Dropped(_Document):
    name: str
    reason: str


class Selection(_Document):
    candidates: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    path: tuple[Step, ...]
    chosen: tuple[str, ...]
    frequency: dict[str, dict[str, float]]
    note: str | None = None


class SiteSummary(_Document):
    rows: int
    excluded: int
    reasons: dict[str, int]
    sites: int
    merged_rows: int
    groups: int
    splits: dict[str, int]


class SiteReport(_Document):
    summary: SiteSummary
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


class Finding(_Document):
    severity: str
    text: str


class CheckedCovariate(_Document):
    covariate: str
    resampling: str
    covered: float
    minimum: float | None
    maximum: float | None
    findings: tuple[Finding, ...]


class CovariateSource(_Document):
    name: str
    unit: str
    group: str
    source: str


class DatasetLicence(_Document):
    """`condition`: what it asks beyond a citation; empty where nothing."""

    dataset: str
    title: str
    licence: str
    condition: str
    covariates: tuple[str, ...]


class CovariateReport(_Document):
    covariates: tuple[CheckedCovariate, ...]
    sources: tuple[CovariateSource, ...]
    licences: tuple[DatasetLicence, ...] = ()
    missing_at_sites: dict[str, int] = {}
    warnings: tuple[str, ...] = ()


class MapCounts(_Document):
    """Pixels: of the region, with a value, at a physical bound, without a value.

    `outside_area` counts those with a value that lie outside the area of applicability,
    `without_maximum` those at which the covariate that bounds the target is missing.
    """

    region: int
    predicted: int
    clipped: int
    missing: int
    unseen_levels: int
    outside_area: int
    without_maximum: int = 0


class Comparison(_Document):
    reference: str
    pixels: int
    scores: Scores


@dataclass(frozen=True)
class ReportData:
    """All that the page shows of a study, apart from its settings.

    Parameters
    ----------
    out_of_fold : design, fold, site_id, method, group, observed, predicted (target's unit)
    importance : feature, unit, group, mean_absolute_shap, share; the largest first
    sites : kept sites: site_id, longitude, latitude (degrees), method, group, split, target
    excluded : rows of the field table that were left out: row, site_id, reason, detail
    map_file, companion_file, flags_file : None where there is none of this model
    fingerprints : SHA-256 of model, samples and map, by name
    """

    manifest: Manifest
    validation: Validation
    selection: Selection
    out_of_fold: pd.DataFrame
    importance: pd.DataFrame
    sites: pd.DataFrame
    excluded: pd.DataFrame
    site_report: SiteReport
    covariates: CovariateReport | None
    map_file: Path | None
    companion_file: Path | None
    flags_file: Path | None
    counts: MapCounts | None
    comparison: Comparison | None
    fingerprints: dict[str, str]


def read_report_data(study: Study) -> ReportData:
    """Read what the steps of `study` wrote.

    Raises
    ------
    MissingStepError
        where a file of `alm90 sites` or `alm90 train` is not there.
    ExportError
        where a file cannot be read, with its path and the key or column at fault.
    """
    model, sites = study.model_folder, study.sites_folder
    for path, step in [
        (sites / "screened.csv", "sites"), (sites / "excluded.csv", "sites"),
        (sites / "report.json", "sites"), (model / "manifest.json", "train"),
        (model / "validation.json", "train"), (model / "out_of_fold.csv", "train"),
        (model / "selection.json", "train"), (model / "importance.csv", "train"),
    ]:  # fmt: skip
        if not path.exists():
            raise MissingStepError(f"{path} is not there; `alm90 {step} {study.folder}` makes it")
    manifest = _document(model / "manifest.json", Manifest)
    fingerprints = {
        "model": _sha256(model / "manifest.json"),
        "samples": manifest.samples_fingerprint,
    }
    map_file = _map_of(study, fingerprints["model"])
    if map_file is not None:
        fingerprints["map"] = _sha256(map_file)
    return ReportData(
        manifest=manifest,
        validation=_document(model / "validation.json", Validation),
        selection=_document(model / "selection.json", Selection),
        out_of_fold=_table(
            model / "out_of_fold.csv",
            text=("design", "site_id", "method", "group"),
            numbers=("fold", "observed", "predicted"),
        ),
        importance=_table(
            model / "importance.csv",
            text=("feature", "unit", "group"),
            numbers=("mean_absolute_shap", "share"),
        ),
        sites=_table(
            sites / "screened.csv",
            text=("site_id", "method", "group", "split"),
            numbers=("longitude", "latitude", "target"),
        ),
        excluded=_table(sites / "excluded.csv", text=("site_id", "reason", "detail"), numbers=()),
        site_report=_document(sites / "report.json", SiteReport),
        covariates=_optional(study.covariates_folder / "report.json", CovariateReport),
        map_file=map_file,
        companion_file=_beside_map(study, "companion") if map_file else None,
        flags_file=_beside_map(study, "flags") if map_file else None,
        counts=_optional(study.map_folder / "counts.json", MapCounts) if map_file else None,
        # Without a reference in the settings, a comparison that lies there is an old one.
        comparison=(
            _optional(study.map_folder / "comparison.json", Comparison)
            if study.settings.map.reference is not None and map_file
            else None
        ),
        fingerprints=fingerprints,
    )


def _map_of(study: Study, model: str) -> Path | None:
    """Return the map where it is of this model; one of an earlier model is an old one."""
    if not study.map_file.exists():
        return None
    of = read_info(study.map_file).tags.get("model_fingerprint", model)
    return study.map_file if of == model else None


def _beside_map(study: Study, kind: str) -> Path | None:
    """Return a file beside the map; one that the settings do not ask for is an old one."""
    path = study.map_file.with_name(f"{study.map_file.stem}_{kind}.tif")
    return path if study.settings.map.companion and path.exists() else None


_AnyDocument = TypeVar("_AnyDocument", bound=_Document)


def _optional(path: Path, kind: type[_AnyDocument]) -> _AnyDocument | None:
    return _document(path, kind) if path.exists() else None


def _document(path: Path, kind: type[_AnyDocument]) -> _AnyDocument:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return kind.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise ExportError(f"{path} is not as the report knows it: {faults}") from error
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error


def _table(path: Path, text: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    try:
        # A site called "NA" is a site, so only numbers have missing cells.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        absent = [name for name in (*text, *numbers) if name not in table]
        if absent:
            raise ExportError(f"{path} lacks the columns {', '.join(absent)}")
        for name in numbers:
            table[name] = pd.to_numeric(table[name].replace("", np.nan)).astype("float64")
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    return table


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
