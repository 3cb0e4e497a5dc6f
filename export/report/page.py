"""The page itself: a study's results, charts and sentences put into the template.

In: a study whose steps have run. Out: `report.html`, UTF-8, one self-contained file; the same
study gives the same bytes.
"""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from odc.geo.geobox import GeoBox

from export.rasters.info import read_info
from export.report import charts, evidence, fusion, text, words
from export.report.data import ReportData, read_report_data
from export.report.documents import Design, Fifth
from export.report.drawing import MARKERS
from export.report.map_figure import MapPicture, map_figure, read_picture
from export.report.map_files import companion_parts, flag_parts
from export.report.selected import kept_by_folds
from export.study import Study
from export.study.grid import region_text, study_geobox
from local_ml.files import write_whole

_MEMBERS = {
    "random_forest": "Random forest",
    "extra_trees": "Extremely randomised trees",
    "xgboost": "XGBoost",
    "catboost": "CatBoost",
}


def write_report(
    study: Study,
    path: Path,
    *,
    provenance: dict[str, str],
    holes: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> list[Path]:
    """Write the report of a study.

    Parameters
    ----------
    path : of the page
    provenance : what else the page is to say of its making, such as the software's version;
        no dates, lest the same study give another page
    holes : what could not be made although the run went on; each a sentence
    warnings : what is known of the study beyond its files, each a sentence

    Returns
    -------
    files : those written

    Raises
    ------
    MissingStepError
        where a step that the page cannot do without has not run.
    ExportError
        where a result file cannot be read; of the map or beside it, a `RasterError`.
    """
    data = read_report_data(study)
    context = _context(study, data, provenance) | _evidence(data)
    context |= {"holes": list(holes), "warnings": list(warnings)}
    page = _environment().get_template("template.html").render(context)
    write_whole(path, page.encode())
    return [path]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "integer": lambda value: _number(value, 0),
        "share": _share,
        "significant": _significant,
        "signed_share": lambda change: _exact(change, text.signed_share(change)),
        "unit": lambda unit: text.unit_text(unit) or "1",
        "count": text.count,
        "percent": text.percent,
    }
    return environment


def _number(value: float | None, decimals: int, *, sign: bool = False) -> Markup:
    return _exact(value, text.fixed(value, decimals, sign=sign))


def _share(value: float | None) -> Markup:
    return _exact(value, text.share(value))


def _significant(value: float | None, digits: int = 3) -> Markup:
    return _exact(value, text.significant(value, digits))


def _exact(value: float | None, shown: str) -> Markup:
    """Return a rounded number that carries the exact one for machines."""
    if value is None or not math.isfinite(value):
        return Markup("{}").format(shown)
    return Markup('<data value="{}">{}</data>').format(repr(value), shown)


def _context(study: Study, data: ReportData, provenance: dict[str, str]) -> dict[str, Any]:
    settings = study.settings
    reach = _largest_bias(data)
    target, unit = data.manifest.target.name, data.manifest.target.unit
    parts = data.validation.parts
    errors = [d.scores.mae for d in parts.values() if d.scores and d.scores.mae]
    decimals = text.decimals_for(min(errors, default=None))
    deciding = evidence.deciding_design(data)
    return {
        "study": settings,
        "folder": shlex.quote(study.folder.name),
        "data": data,
        "target": target,
        "unit": unit,
        "decimals": decimals,
        "in_unit": text.in_unit,
        "words": words,
        "fusion": fusion,
        "region_text": region_text(_grid(study, data)),
        "learned": _learned(data),
        "members": [
            (_MEMBERS.get(name, name), weight)
            for name, weight in zip(
                data.manifest.fusion.members, data.manifest.fusion.weights, strict=True
            )
        ],
        "skill_warnings": words.skill_warnings(data),
        "map": _map(data, target, unit),
        "score_rows": _score_rows(data),
        "coverage": _coverage(data),
        "map_files": _map_files(data),
        "lead": _lead_designs(data),
        "designs": [
            {
                "name": name,
                "label": words.design_label(name),
                "part": design,
                "scatter": _scatter(name, design, data, target, unit),
                "bias": charts.bias_by_fifths(f"bias-{name}", design, reach, unit)
                if design.scores
                else None,
            }
            for name, design in parts.items()
        ],
        "bias_reference": data.validation.designs[deciding].scores if deciding else None,
        "bias_levels": _bias_levels(data),
        "importance": charts.importance(
            "importance", data.importance, data.manifest.fusion, target, unit
        )
        if len(data.importance)
        else None,
        "path": charts.selection_path(
            "selection-path", data.selection, data.manifest.fusion, target, unit
        )
        if data.selection.path
        else None,
        "deciding": deciding,
        "kept_by_folds": kept_by_folds(data.selection, data.validation.designs, deciding),
        "fifth_names": charts.FIFTHS,
        "features_shown": charts.FEATURES_SHOWN,
        "features": _features(study, data),
        "frequency_designs": list(data.selection.frequency),
        "methods": _methods(data.sites),
        "covariates": _covariates(data),
        "provenance": provenance,
    }


def _evidence(data: ReportData) -> dict[str, Any]:
    """Return what stands behind the scores; charts are None where there is nothing to draw."""
    unit = data.manifest.target.unit
    intervals = data.validation.intervals
    histogram = intervals.designs[intervals.promised_under].pit_histogram
    distances = evidence.distance_rows(data)
    ablated = evidence.ablation_rows(data)
    drawn = [row for row in ablated if row["of"].rmse_change is not None]
    return {
        "by_method": evidence.method_rows(data),
        "corrections": evidence.correction_rows(data),
        "distances": distances,
        "distances_chart": charts.nearest_neighbours(
            "distances", distances, data.validation.distances.unit
        )
        if distances and data.validation.distances
        else None,
        "pit": charts.probability_integral_transform("pit", histogram) if histogram else None,
        "ablated": ablated,
        "ablation_chart": charts.ablation("ablation", drawn, unit) if drawn else None,
    }


def _grid(study: Study, data: ReportData) -> GeoBox:
    """Return the grid of the map that is shown, which may be older than the settings."""
    if data.map_file is not None:
        shown = read_info(data.map_file).geobox
        if shown.crs is not None:
            return shown
    return study_geobox(study)


def _learned(data: ReportData) -> dict[str, int]:
    """Return how many sites and groups the model was learned from, by its own documents.

    The table of sites may be another by now.
    """
    learned = data.out_of_fold[data.out_of_fold["design"] != "test"]
    return {"sites": learned["site_id"].nunique(), "groups": learned["group"].nunique()}


def _largest_bias(data: ReportData) -> float:
    """Return the largest size of a bias, or of an end of its interval."""
    sizes = [
        abs(value)
        for fifth in _fifths(data)
        for value in (fifth.bias, *(fifth.interval or ()))
        if value is not None
    ]
    return max(sizes, default=0.0) or 1.0


def _bias_levels(data: ReportData) -> list[float]:
    """Return the levels of the intervals of the bias; none where it has no intervals."""
    if not any(fifth.interval for fifth in _fifths(data)):
        return []
    parts = data.validation.parts.values()
    return sorted({design.intervals.level for design in parts if design.intervals})


def _fifths(data: ReportData) -> list[Fifth]:
    return [
        fifth
        for design in data.validation.parts.values()
        for fifth in (*design.bias_by_fifth_of_prediction, *design.bias_by_fifth_of_observation)
    ]


def _map(data: ReportData, target: str, unit: str) -> dict[str, Any] | None:
    if data.map_file is None:
        return None
    picture: MapPicture = read_picture(data.map_file)
    low, high = picture.colour_limits
    return {
        "figure": map_figure("map", picture, data.sites, target, unit),
        "file": data.map_file.name,
        "shape": picture.shape,
        "decimated": picture.values.shape != picture.shape,
        "empty": not picture.present.size,
        "low": low,
        "high": high,
        "crs": picture.crs.name,
    }


def _score_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return the rows of the table of scores; a plain forest follows the design that it is of."""
    rows: list[dict[str, Any]] = []
    for name, design in data.validation.parts.items():
        own = {"label": words.design_label(name), "n": design.n, "plain": False}
        rows.append(own | {"scores": design.scores, "intervals": design.intervals})
        if design.baseline is not None:
            plain = {"label": "plain forest", "n": None, "plain": True}
            rows.append(plain | {"scores": design.baseline.scores, "intervals": None})
    if data.comparison is not None:
        reference = {"label": "Reference map", "n": data.comparison.pixels, "plain": False}
        rows.append(reference | {"scores": data.comparison.scores, "intervals": None})
    return rows


def _coverage(data: ReportData) -> dict[str, Any]:
    """Return the table of coverage: names of the designs; by level what was found under each."""
    intervals = data.validation.intervals
    levels = sorted({of.level for part in intervals.parts.values() for of in part.levels})
    found = [{of.level: of for of in part.levels} for part in intervals.parts.values()]
    promised = {of.level: of for of in intervals.designs[intervals.promised_under].levels}
    return {
        "names": list(intervals.parts),
        "rows": [
            {
                "level": level,
                "found": [part.get(level) for part in found],
                "width": promised[level].mean_width if level in promised else None,
            }
            for level in levels
        ],
    }


def _map_files(data: ReportData) -> list[dict[str, Any]]:
    """Return the files beside the map with their bands or bits."""
    files: list[dict[str, Any]] = []
    if data.companion_file is not None:
        parts = companion_parts(data.companion_file)
        files.append({"name": data.companion_file.name, "of": "Band", "parts": parts})
    if data.flags_file is not None:
        files.append(
            {"name": data.flags_file.name, "of": "Bit", "parts": flag_parts(data.flags_file)}
        )
    return files


def _lead_designs(data: ReportData) -> list[str]:
    """Return the one or two designs whose scores open the page: how near, how far it holds."""
    scored = [name for name, part in data.validation.parts.items() if part.scores]
    far = [name for name in ("knndm", "grouped", "block", "test") if name in scored]
    lead = [name for name in ("random", *far[:1]) if name in scored]
    return lead or scored[:1]


def _scatter(name: str, design: Design, data: ReportData, target: str, unit: str) -> Markup | None:
    every = data.out_of_fold.dropna(subset=["observed", "predicted"])
    rows = every[every["design"] == name]
    if design.scores is None or rows.empty:
        return None
    values = every[["observed", "predicted"]].to_numpy()
    # The most frequent first; those for which there is no mark of their own share the last.
    methods = list(data.out_of_fold["method"].value_counts(sort=False).sort_index().index)
    methods.sort(key=lambda method: -int((data.sites["method"] == method).sum()))
    if len(methods) > len(MARKERS):
        others = methods[len(MARKERS) - 1 :]
        rows = rows.assign(method=rows["method"].where(~rows["method"].isin(others), "others"))
        methods = [*methods[: len(MARKERS) - 1], "others"]
    return charts.observed_against_predicted(
        f"scatter-{name}", rows, design, methods, (float(values.min()), float(values.max())),
        target, unit,
    )  # fmt: skip


def _features(study: Study, data: ReportData) -> dict[str, list[dict[str, Any]]]:
    """Return the kept features, the most important first, and those that were not kept."""
    known = {covariate.name: covariate for covariate in study.settings.covariates}
    reasons = {dropped.name: dropped.reason for dropped in data.selection.dropped}

    def row(name: str, unit: str, group: str) -> dict[str, Any]:
        frequency = [shares.get(name, 0.0) for shares in data.selection.frequency.values()]
        return {
            "name": name, "unit": unit, "group": group, "frequency": frequency,
            "reason": reasons.get(name, ""),
        }  # fmt: skip

    kept = [
        row(record["feature"], record["unit"], record["group"])
        | {"shap": record["mean_absolute_shap"], "share": record["share"]}
        for record in data.importance.to_dict("records")
    ]
    names = {feature["name"] for feature in kept}
    dropped = [
        row(
            name,
            known[name].unit if name in known else "1",
            known[name].group if name in known else "",
        )
        for name in data.selection.candidates
        if name not in names
    ]
    dropped.sort(key=lambda feature: (-sum(feature["frequency"]), feature["name"]))
    return {"kept": kept, "dropped": dropped}


def _methods(sites: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each method the number of kept sites and what they measured."""
    return [
        {
            "name": method or "unnamed",
            "n": len(block),
            "mean": float(block["target"].mean()),
            "low": float(block["target"].min()),
            "high": float(block["target"].max()),
        }
        for method, block in sites.groupby("method", sort=True)
    ]


def _covariates(data: ReportData) -> list[dict[str, Any]]:
    """Return the covariates with what was found when they were sampled."""
    if data.covariates is None:
        return []
    checked = {entry.covariate: entry for entry in data.covariates.covariates}
    return [
        {
            "name": entry.name,
            "source": entry.source,
            "unit": entry.unit,
            "group": entry.group,
            "kept": entry.name in data.selection.chosen,
            "auxiliary": entry.role == "auxiliary",
            "checked": checked.get(entry.name),
            "missing": data.covariates.missing_at_sites.get(entry.name, 0),
        }
        for entry in data.covariates.sources
    ]
