"""Tables of what stands behind the scores: methods, corrections, distances, groups of covariates.

In: `ReportData`. Out: rows for the template, numbers in the units of the files. A table that the
study gives nothing for is None, or has no rows.
"""

from typing import Any

from export.report import words
from export.report.data import ReportData
from local_ml.scores.skill import DECIDING


def deciding_design(data: ReportData) -> str | None:
    """Return the design that says most of the map as a whole; None where none was scored."""
    scored = [name for name, design in data.validation.designs.items() if design.scores]
    return next((name for name in (*DECIDING, *scored) if name in scored), None)


def method_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return for each method of measurement its scores under each design; none for one method."""
    designs = data.validation.designs
    methods = sorted({method for design in designs.values() for method in design.by_method})
    if len(methods) < 2:
        return []
    return [
        {"name": method, "label": words.design_label(name), "of": design.by_method[method]}
        for method in methods
        for name, design in designs.items()
        if design.borrowed_from is None and method in design.by_method
    ]


def correction_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return what each correction scores under the deciding design, beside what is delivered."""
    name = deciding_design(data)
    design = None if name is None else data.validation.designs[name]
    if design is None or design.scores is None or not design.corrections:
        return []
    delivered = design.scores.rmse
    return [
        {
            "name": correction,
            "scores": found.scores,
            "ratio": found.standard_deviation_ratio,
            "change": found.scores.rmse / delivered - 1
            if delivered and found.scores.rmse is not None
            else None,
        }
        for correction, found in design.corrections.items()
    ]


def distance_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return the distances to the nearest neighbour: of pixels, of sites, across the folds."""
    distances = data.validation.distances
    if distances is None:
        return []
    named = [("Pixels of the map, to the nearest site", distances.domain_to_sample)]
    named += [("Sites, to the nearest other site", distances.sample_to_sample)]
    named += [
        (f"{words.design_label(name)}: held-out, to the nearest training site", found)
        for name, found in distances.designs.items()
    ]
    levels = list(distances.quantile_levels)

    def at(quantiles: tuple[float, ...], level: float) -> float | None:
        return quantiles[levels.index(level)] if level in levels else None

    return [
        {
            "label": label,
            "of": found,
            "low": at(found.quantiles, 0.05),
            "median": at(found.quantiles, 0.5),
            "high": at(found.quantiles, 0.95),
        }
        for label, found in named
        if found is not None
    ]


def ablation_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return the groups of covariates, the one that is missed most first."""
    ablation = data.selection.ablation
    if ablation is None:
        return []
    rows = [{"group": group, "of": without} for group, without in ablation.without.items()]
    return sorted(
        rows,
        key=lambda row: (row["of"].rmse_change is None, -(row["of"].rmse_change or 0.0)),
    )
