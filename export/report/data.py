"""A study's result files → one frozen `ReportData`.

In: what the steps of a study wrote. Out: the same, read and checked; scores, SHAP values and
calibration in the units of the files (the target's unit, or its natural logarithm where the
members learned that). What an optional step has not made is None.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from export.advice import typed
from export.errors import ExportError, MissingStepError
from export.journal import file_sha256
from export.rasters.info import read_info
from export.report.documents import (
    Comparison,
    CovariateReport,
    Document,
    Manifest,
    MapCounts,
    Selection,
    SiteReport,
    Validation,
)
from export.study import Study


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
            raise MissingStepError(f"{path} is not there; {typed(step, study.folder)} makes it")
    manifest = _document(model / "manifest.json", Manifest)
    fingerprints = {
        "model": file_sha256(model / "manifest.json"),
        "samples": manifest.samples_fingerprint,
    }
    map_file = _map_of(study, fingerprints["model"])
    if map_file is not None:
        fingerprints["map"] = file_sha256(map_file)
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
        sites=read_sites(study),
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


def read_sites(study: Study) -> pd.DataFrame:
    """Return the kept sites, as `ReportData.sites` has them.

    Raises
    ------
    ExportError
        where `alm90 sites` has not written them, or the file cannot be read.
    """
    return _table(
        study.sites_folder / "screened.csv",
        text=("site_id", "method", "group", "split"),
        numbers=("longitude", "latitude", "target"),
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


AnyDocument = TypeVar("AnyDocument", bound=Document)


def _optional(path: Path, kind: type[AnyDocument]) -> AnyDocument | None:
    return _document(path, kind) if path.exists() else None


def _document(path: Path, kind: type[AnyDocument]) -> AnyDocument:
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
            # By this way the numbers are those that were written, to the last digit.
            table[name] = table[name].replace("", "nan").astype("float64")
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    return table
