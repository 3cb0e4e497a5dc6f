"""`sample`: covariates at the sites and at random pixels → samples.csv, domain.csv."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd

from export.covariates.checks import SourceReport, check_source
from export.covariates.region import Region
from export.covariates.sampling import domain_sample, sample_at
from export.covariates.source import CovariateSource, open_source
from export.covariates.tiles import stack_fingerprint
from export.errors import ExportError, RasterError, StudyError
from export.steps.context import Context
from export.study.grid import study_region
from gee.grid import centres, grid_to_json
from local_ml.features import Feature
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.samples import write_samples
from local_ml.sites import flag_elevation

# Pixels at which each raster is looked at before it is used.
_LOOKED_AT = 1000


def sample_step(context: Context) -> None:
    """Sample the candidate covariates of a study."""
    study, settings = context.study, context.study.settings
    screened = context.require(study.sites_folder / "screened.csv", "sites")
    if not settings.covariates:
        raise StudyError(
            f"{study.folder / 'study.toml'} names no covariates; add [[covariates]] entries"
        )
    region = study_region(study)
    sources, faults = _open(context, region)
    if faults:
        raise RasterError("\n".join(faults))

    def work() -> tuple[list[Path], str]:
        return _sample(context, region, sources, screened)

    inputs = {
        "sites": context.journal.file_hash(screened),
        "stack": stack_fingerprint(sources, region, context.journal),
        "names": [[source.settings.group, source.settings.file] for source in sources],
        "target": settings.target,
        "domain": settings.domain,
        "seed": settings.seed,
        "elevation_tolerance_m": settings.sites.screening.elevation_tolerance_m,
        "tile_px": settings.grid.tile_px,
    }
    context.once("sample", inputs, work)
    report = json.loads((study.covariates_folder / "report.json").read_text(encoding="utf-8"))
    for warning in report["warnings"]:
        context.warn("sample", warning)


def _open(context: Context, region: Region) -> tuple[list[CovariateSource], list[str]]:
    """Open every raster; collect the faults of all, so that one run names them all."""
    sources, faults = [], []
    for covariate in context.study.settings.covariates:
        try:
            path = context.study.input(covariate.file)
            sources.append(open_source(covariate, path, region.geobox))
        except ExportError as error:
            faults.append(str(error))
    return sources, faults


def _sample(
    context: Context, region: Region, sources: Sequence[CovariateSource], screened: Path
) -> tuple[list[Path], str]:
    study, settings = context.study, context.study.settings
    tile_px, progress = settings.grid.tile_px, context.progress
    looked_at = domain_sample(region, tile_px, _LOOKED_AT, settings.seed, progress)
    if not looked_at[0].size:
        raise StudyError("the region holds no pixel: its mask and its edges do not meet")
    reports = _check(context, sources, looked_at)
    # Only an empty cell is missing: a site may be called "NA".
    words = {"site_id": str, "group": str, "campaign": str}
    sites = pd.read_csv(screened, dtype=words, keep_default_na=False, na_values=[""])
    rows, cols = sites["row"].to_numpy(), sites["col"].to_numpy()
    values = sample_at(sources, region.geobox, tile_px, rows, cols, progress)
    features = _features(sources, values, (sites["split"] == "train").to_numpy())
    stack = stack_fingerprint(sources, region, context.journal)
    target = settings.target
    frame = pd.concat(
        [
            sites.rename(columns={"target": target.name, "target_sd": f"{target.name}_sd"}),
            pd.DataFrame(values, columns=[feature.name for feature in features]),
        ],
        axis=1,
    )
    provenance = {
        "grid": grid_to_json(region.geobox),
        "covariate_stack": stack,
        "files": {source.name: source.settings.file for source in sources},
    }
    samples = write_samples(study.folder, frame, features, target, provenance)
    domain = _domain(context, region, sources)
    warnings = [f.text for report in reports for f in report.findings if f.severity == "warning"]
    warnings += _elevation_warnings(context, sites, features, values)
    missing = {
        feature.name: int(count)
        for feature, count in zip(features, np.isnan(values).sum(axis=0), strict=True)
        if count
    }
    report = study.covariates_folder / "report.json"
    write_whole(report, json_bytes(_report(reports, warnings, missing)))
    text = f"{len(sites)} sites × {len(features)} candidate covariates"
    if missing:
        listed = ", ".join(f"{name} at {count}" for name, count in missing.items())
        text += f"; missing: {listed}"
    return [samples, samples.with_suffix(".json"), domain, report], text


def _check(
    context: Context,
    sources: Sequence[CovariateSource],
    looked_at: tuple[np.ndarray, np.ndarray],
) -> list[SourceReport]:
    reports, faults = [], []
    with context.progress.task("looking at covariates", len(sources)) as task:
        for source in sources:
            try:
                reports.append(check_source(source, *looked_at))
            except RasterError as error:
                faults.append(str(error))
            task.advance()
    faults += [f.text for report in reports for f in report.findings if f.severity == "error"]
    if faults:
        raise RasterError("\n".join(faults))
    return reports


def _features(
    sources: Sequence[CovariateSource], values: np.ndarray, train: np.ndarray
) -> list[Feature]:
    features = []
    for column, source in enumerate(sources):
        levels: tuple[int, ...] | None = None
        if source.settings.categorical:
            present = values[:, column][~np.isnan(values[:, column])]
            if (present != np.round(present)).any():
                raise RasterError(
                    f"{source.path}: '{source.name}' is said to be categorical but holds values "
                    f"that are no whole numbers, such as {present[present % 1 != 0][0]:g}"
                )
            # A category of test sites alone is unknown to the model, as it would be in a pixel.
            learned = values[train, column]
            levels = tuple(int(level) for level in np.unique(learned[~np.isnan(learned)]))
        features.append(source.settings.feature(levels))
    return features


def _domain(context: Context, region: Region, sources: Sequence[CovariateSource]) -> Path:
    study, settings = context.study, context.study.settings
    rows, cols = domain_sample(
        region, settings.grid.tile_px, settings.domain.pixels, settings.seed, context.progress
    )
    values = sample_at(sources, region.geobox, settings.grid.tile_px, rows, cols, context.progress)
    longitude, latitude = centres(region.geobox, rows, cols)
    frame = pd.concat(
        [
            pd.DataFrame({"longitude": longitude, "latitude": latitude, "row": rows, "col": cols}),
            pd.DataFrame(values, columns=[source.name for source in sources]),
        ],
        axis=1,
    )
    write_whole(study.domain_file, csv_bytes(frame))
    return study.domain_file


def _elevation_warnings(
    context: Context, sites: pd.DataFrame, features: Sequence[Feature], values: np.ndarray
) -> list[str]:
    """Hold the stated elevations against the covariate called elevation, in metres."""
    for column, feature in enumerate(features):
        if feature.name == "elevation" and feature.unit == "m":
            tolerance = context.study.settings.sites.screening.elevation_tolerance_m
            found = flag_elevation(sites, values[:, column].astype(float), tolerance)
            return [finding.text for finding in found]
    return []


def _report(
    reports: Sequence[SourceReport], warnings: list[str], missing: dict[str, int]
) -> dict[str, object]:
    def plain(report: SourceReport) -> dict[str, object]:
        fields = asdict(report)
        for name in ("minimum", "maximum"):
            fields[name] = fields[name] if isfinite(fields[name]) else None
        return fields

    return {
        "schema_version": 1,
        "covariates": [plain(report) for report in reports],
        "missing_at_sites": missing,
        "warnings": warnings,
    }
