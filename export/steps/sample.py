"""`sample`: covariates at the sites and at random pixels → samples.csv, missing.csv, domain.csv."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from export.covariates.findings import covariate_report, missing_counts
from export.covariates.provider import CovariateStack, Missing
from export.covariates.region import Region
from export.covariates.sampling import domain_sample, sample_at
from export.covariates.tile_plans import stack_fingerprint
from export.errors import RasterError, StudyError
from export.steps import standing
from export.steps.context import Context
from export.study.covariates import sampled, study_covariates
from gee.grid import centres, grid_to_json
from local_ml.features import Feature
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.names import counted
from local_ml.samples import write_samples
from local_ml.sites import flag_elevation, read_screened

# Pixels at which each source is looked at before it is used.
_LOOKED_AT = 1000

_WITHOUT_MASK = (
    "no mask of the region is named (region.mask or region.mask_asset): the whole rectangle is "
    "sampled and mapped, with permafrost or without"
)


def sample_step(context: Context) -> None:
    """Sample the candidate covariates of a study."""
    study, settings = context.study, context.study.settings
    screened = context.require(study.sites_folder / "screened.csv", "sites")
    region = context.region()
    standing.require_current(context, "sample", "sites")
    stack = study_covariates(study, region.geobox, context.journal.file_hash)
    stack = sampled(stack, settings.target)
    context.warn_of_quota("sample")

    def work() -> tuple[list[Path], str]:
        return _sample(context, region, stack, screened)

    inputs = {
        "sites": context.journal.file_hash(screened),
        "stack": stack_fingerprint(stack, region, context.journal),
        "names": [
            [info.name, info.unit, info.missing, info.group, info.source, info.role]
            for info in stack.covariates
        ],
        "target": settings.target,
        "domain": settings.domain,
        "seed": settings.seed,
        "elevation_tolerance_m": settings.sites.screening.elevation_tolerance_m,
        "tile_px": settings.grid.tile_px,
    }
    context.once("sample", inputs, work)
    standing.note(context, "sample")
    report = json.loads((study.covariates_folder / "report.json").read_text(encoding="utf-8"))
    for warning in report["warnings"]:
        context.warn("sample", warning)


def _sample(
    context: Context, region: Region, stack: CovariateStack, screened: Path
) -> tuple[list[Path], str]:
    study, settings = context.study, context.study.settings
    tile_px, progress = settings.grid.tile_px, context.progress
    _tell_changes(context, stack)
    looked_at = domain_sample(region, tile_px, _LOOKED_AT, settings.seed, progress)
    if not looked_at[0].size:
        raise StudyError("the region holds no pixel: its mask and its edges do not meet")
    looks = stack.check(*looked_at, progress)
    sites = read_screened(screened)
    rows, cols = sites["row"].to_numpy(), sites["col"].to_numpy()
    values, missing = sample_at(stack, region.geobox, rows, cols, progress)
    described = _features(stack, values, (sites["split"] == "train").to_numpy())
    learned = {info.name for info in stack.covariates if info.role == "feature"}
    features = [one for one in described if one.name in learned]
    auxiliary = [one for one in described if one.name not in learned]
    target = settings.target
    named = {"target": target.name, "target_sd": f"{target.name}_sd"}
    # A target may take the name of a column that the site table fills otherwise, as thaw_depth_m.
    others = sites.drop(columns=set(named.values()) - set(named), errors="ignore")
    frame = pd.concat(
        [others.rename(columns=named), pd.DataFrame(values, columns=list(stack.names))], axis=1
    )
    samples = write_samples(
        study.folder, frame, features, target, _provenance(context, region, stack), auxiliary
    )
    reasons = _write_missing(study.missing_file, sites, missing)
    domain_values, domain_missing = _write_domain(context, region, stack)
    report = covariate_report(
        stack.covariates, looks, np.concatenate([values, domain_values]), missing, domain_missing
    )
    if region.mask is None:
        report["warnings"].append(_WITHOUT_MASK)
    report["warnings"] += _elevation_warnings(context, sites, described, values)
    path = study.covariates_folder / "report.json"
    write_whole(path, json_bytes(report))
    text = f"{counted(len(sites), 'site')} × {counted(len(features), 'candidate covariate')}"
    if auxiliary:
        text += f", and {', '.join(one.name for one in auxiliary)}, which bounds the target alone"
    if missing:
        text += f"; missing: {missing_counts(missing)}; each with its reason in {reasons.name}"
    if report["licences"]:
        names = Counter(licence["licence"] for licence in report["licences"])
        listed = ", ".join(f"{name} ({count})" for name, count in names.items())
        text += f"; datasets by licence: {listed}"
    files = [samples, samples.with_suffix(".json"), study.domain_file, reasons, path]
    return files, text


def _tell_changes(context: Context, stack: CovariateStack) -> None:
    """Say which covariates were sampled before, but are made from something else now."""
    described = context.study.samples_file.with_suffix(".json")
    if not described.exists():
        return
    provenance = json.loads(described.read_text(encoding="utf-8"))["provenance"]
    before = provenance["covariates"]
    changed = [
        name
        for name, made in stack.fingerprints().items()
        if name in before and before[name]["fingerprint"] != made
    ]
    for why, names in reasons_of(stack, changed, provenance).items():
        context.tell("sample", f"changed since they were sampled: {', '.join(names)} ({why})")


def reasons_of(
    stack: CovariateStack, changed: Iterable[str], provenance: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return why covariates are made from something else than when they were sampled.

    Parameters
    ----------
    changed : names of covariates of the stack
    provenance : of the samples

    Returns
    -------
    reason in words → the covariates that it holds for
    """
    found: dict[str, list[str]] = {}
    for name in changed:
        why = "; ".join(stack.reasons(name, provenance.get("made_from")))
        found.setdefault(why, []).append(name)
    return found


def _provenance(context: Context, region: Region, stack: CovariateStack) -> dict[str, Any]:
    made_from = stack.fingerprints()
    return {
        "grid": grid_to_json(region.geobox),
        "covariate_stack": stack_fingerprint(stack, region, context.journal),
        "covariates": {
            info.name: {
                "source": info.source,
                "fingerprint": made_from[info.name],
                "datasets": {licence.dataset: licence.name for licence in info.licences},
            }
            for info in stack.covariates
        },
        "made_from": stack.described(),
    }


def _features(stack: CovariateStack, values: np.ndarray, train: np.ndarray) -> list[Feature]:
    features = []
    for column, info in enumerate(stack.covariates):
        levels: tuple[int, ...] | None = None
        if info.categorical:
            present = values[:, column][~np.isnan(values[:, column])]
            if (present != np.round(present)).any():
                raise RasterError(
                    f"{info.source}: '{info.name}' is said to be categorical but holds values "
                    f"that are no whole numbers, such as {present[present % 1 != 0][0]:g}"
                )
            # A category of test sites alone is unknown to the model, as it would be in a pixel.
            learned = values[train, column]
            levels = tuple(int(level) for level in np.unique(learned[~np.isnan(learned)]))
        features.append(info.feature(levels))
    return features


def _write_missing(path: Path, sites: pd.DataFrame, missing: Sequence[Missing]) -> Path:
    """Write why a site has no value of a covariate, one row each."""
    names = sites["site_id"].to_numpy()
    rows = [(names[entry.pixel], entry.covariate, entry.reason) for entry in missing]
    table = pd.DataFrame(rows, columns=["site_id", "covariate", "reason"])
    write_whole(path, csv_bytes(table))
    return path


def _write_domain(
    context: Context, region: Region, stack: CovariateStack
) -> tuple[np.ndarray, Sequence[Missing]]:
    study, settings = context.study, context.study.settings
    rows, cols = domain_sample(
        region, settings.grid.tile_px, settings.domain.pixels, settings.seed, context.progress
    )
    values, missing = sample_at(stack, region.geobox, rows, cols, context.progress)
    longitude, latitude = centres(region.geobox, rows, cols)
    frame = pd.concat(
        [
            pd.DataFrame({"longitude": longitude, "latitude": latitude, "row": rows, "col": cols}),
            pd.DataFrame(values, columns=list(stack.names)),
        ],
        axis=1,
    )
    write_whole(study.domain_file, csv_bytes(frame))
    return values, missing


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
