"""What is measured in one world, and on one set of real data, as a line of plain values.

In: a world, or a table of real sites; settings. Out: a JSON document: scores of the map against
the truth, reported scores beside the true ones, coverage of the intervals.
"""

import time
from typing import Any

import numpy as np
from resumed import digest

from known_truth.contenders import Fitted, forest_corrected, stacking
from known_truth.flat import flat_selection
from known_truth.nested import Nested, nested
from known_truth.worlds import GENERATOR, World
from local_ml.domain import DomainSample
from local_ml.learning.learners import lighten
from local_ml.samples import SampleTable
from local_ml.scores.metrics import bias_by_fifths, r2, rmse, slope_observed_on_predicted
from local_ml.settings import (
    EnsembleSettings,
    LearningSettings,
    SelectionSettings,
    ValidationSettings,
)
from local_ml.validation.intervals import LEVELS, fit_interval_rule, interval_report

# The lighter setting: everything else is the product's default.
LIGHT = LearningSettings(
    selection=SelectionSettings(folds=3, trees=40, members=("xgboost",), drop_share=0.4),
    ensemble=lighten(EnsembleSettings(), 40),
    validation=ValidationSettings(workers=1),
)


def settings_key(settings: LearningSettings) -> str:
    """Return what a line of results depends on besides the world: settings and generator."""
    return digest({"generator": GENERATOR, "settings": settings.decisive()})


def score_world(world: World, settings: LearningSettings) -> dict[str, Any]:
    """Fit every contender on the sites and hold it against the truth.

    Returns
    -------
    document : ``map``, by contender against the true moisture; ``true``, by contender R² and RMSE
        against fresh measurements of it; ``reported``, by design those of our fusion;
        ``true_of_folds``, by design R² of the models fitted in the folds, on those measurements;
        ``held_out``, by design those of all contenders; ``flat``, and on noise ``flat_usual``, as
        `flat_selection` tells; ``coverage``, by the design that intervals are promised for, under
        each design and on the map
    """
    start = time.process_time()
    fitted = Fitted.on(world.table, settings, world.domain)
    maps = fitted.predict(world.values)
    for function in (stacking, forest_corrected):
        maps[function.__name__] = function(fitted, world.table, world.values, settings)
    fresh = world.values, world.measured
    designs = nested(world.table, settings, world.domain, fresh=fresh)
    document = {
        "features": len(fitted.pipeline.selection.chosen),
        "weights": list(fitted.rules["fusion"].weights),
        "slope": fitted.rules["fusion"].slope,
        "map": {name: map_scores(world.truth, value) for name, value in maps.items()},
        "true": {name: _brief(world.measured, value) for name, value in maps.items()},
        "reported": {name: reported(part) for name, part in designs.items()},
        "true_of_folds": {name: part.true_r2 for name, part in designs.items()},
        "held_out": held_out_scores(designs),
        "flat": flat_selection(world.table, world.values, world.measured, settings),
        "coverage": {
            promised: coverage(designs, promised, settings, fitted, world)
            for promised in ("grouped", "knndm")
        },
    }
    if world.is_noise:
        document["flat_usual"] = flat_selection(
            world.table, world.values, world.measured, settings, usual=True
        )
    return document | {"cpu_seconds": round(time.process_time() - start, 1)}


def score_table(
    table: SampleTable, settings: LearningSettings, domain: DomainSample | None = None
) -> dict[str, Any]:
    """Hold every contender against held-out rows of a real table, design by design."""
    start = time.process_time()
    designs = nested(table, settings, domain, others=True)
    document = {
        "n": table.n,
        "features": len(table.names),
        "reported": {name: reported(part) for name, part in designs.items()},
        "held_out": held_out_scores(designs),
        "coverage": {"grouped": coverage(designs, "grouped", settings)},
    }
    return document | {"cpu_seconds": round(time.process_time() - start, 1)}


def map_scores(truth: np.ndarray, value: np.ndarray) -> dict[str, Any]:
    """Return RMSE, slope of truth on map, bias by fifths of the map, and ratio of deviations."""
    spread = float(truth.std())
    return {
        "rmse": rmse(truth, value),
        "slope": _number(slope_observed_on_predicted(truth, value)),
        "bias_by_fifth": [
            _number(fifth["bias"]) for fifth in bias_by_fifths(truth, value, "prediction")
        ],
        "deviation_ratio": float(value.std()) / spread if spread > 1e-9 else None,
    }


def reported(part: Nested) -> dict[str, float]:
    """Return the scores of our fusion under a design, as ``validation.json`` has them."""
    held_out = part.held_out
    scored = held_out.scored
    weight = None if held_out.weight is None else held_out.weight[scored]
    return _brief(held_out.observed[scored], held_out.predicted[scored], weight)


def held_out_scores(designs: dict[str, Nested]) -> dict[str, dict[str, dict[str, float]]]:
    """Return by design and contender the scores on rows held out."""
    result = {}
    for design, part in designs.items():
        if part.held_out.borrowed_from is None:
            scored = part.held_out.scored
            result[design] = {
                name: _brief(part.held_out.observed[scored], values[scored])
                for name, values in part.predictions.items()
            }
    return result


def coverage(
    designs: dict[str, Nested],
    promised: str,
    settings: LearningSettings,
    fitted: Fitted | None = None,
    world: World | None = None,
) -> dict[str, dict[str, float | None]]:
    """Return by design, and on the map, the share of observations inside, by nominal level."""
    parts = {name: part.held_out for name, part in designs.items()}
    intervals = settings.intervals.model_copy(update={"design": promised})
    rule = fit_interval_rule(parts[promised], settings.target, intervals)
    told = interval_report(parts, None, rule, settings.target, intervals)
    result = {
        design: {str(entry["level"]): entry["picp"] for entry in report["levels"]}
        for design, report in told["designs"].items()
    }
    if fitted is None or world is None:
        return result
    calibrated = fitted.pipeline.predict_transformed(world.values)
    spread = fitted.pipeline.predict_spread(world.values)
    on_map: dict[str, float | None] = {}
    for level in LEVELS:
        at_level = intervals.model_copy(update={"level": level})
        rule = fit_interval_rule(parts[promised], settings.target, at_level)
        lower, upper = rule.bounds(calibrated, spread)
        inside = (lower <= world.measured) & (world.measured <= upper)
        on_map[str(level)] = float(inside.mean())
    return result | {"map": on_map}


def _brief(
    observed: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float]:
    return {"r2": r2(observed, predicted, weight), "rmse": rmse(observed, predicted, weight)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
